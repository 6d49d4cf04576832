#include "man.h"

#include "base/text.h"
#include "plan/manifest.h"
#include "plan/user_config.h"

namespace testctr::cmd {
namespace {

constexpr size_t longest_line = 78;

/// Text in a page: what roff would read otherwise is escaped, and hyphens are those of options.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

/// A line that roff takes for text, whatever it begins with.
std::string text_line(std::string_view text) {
  const std::string line = escaped(text);
  return (line.starts_with('.') || line.starts_with('\'') ? "\\&" : "") + line + "\n";
}

/// Lines of a paragraph, broken anew where words end: roff fills them anyway.
std::string filled(std::string_view paragraph) {
  std::string out, line;
  for (const std::string& word : text::split(paragraph, ' ')) {
    if (word.empty()) continue;
    if (!line.empty() && line.size() + word.size() >= longest_line) {
      out += text_line(line);
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return line.empty() ? out : out + text_line(line);
}

std::string as_it_is(std::string_view lines) {
  std::string out = ".nf\n";
  for (std::string_view line : text::lines(lines)) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    out += line.empty() ? "\\&\n" : text_line(line);
  }
  return out + ".fi\n";
}

/// The paragraphs of a help text: indented lines stay as they are, others are filled. The first heading or
/// paragraph follows a heading of the page's own.
std::string paragraphs(std::string_view text) {
  std::string out, block;
  bool indented = false, first = true;
  const auto end_block = [&] {
    if (block.empty()) return;
    if (!first) out += ".PP\n";
    first = false;
    out += indented ? as_it_is(block) : filled(block);
    block.clear();
  };
  for (std::string_view line : text::lines(text)) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    const bool blank = text::trim(line).empty();
    const bool now_indented = line.starts_with("  ");
    if (blank || (!block.empty() && now_indented != indented)) end_block();
    if (blank) continue;
    indented = now_indented;
    // Filled lines are joined by a blank, the others stay lines.
    block += std::string(line) + (indented ? "\n" : " ");
  }
  end_block();
  return out;
}

std::string heading(std::string_view title) { return fmt::format(".SH {}\n", title); }

/// @param section of the manual
std::string page(std::string_view name, int section, std::string_view summary) {
  std::string upper(name);
  for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  std::string out = fmt::format(".TH {} {} 2026-01-01 \"testctr\\-script {}\" \"testctr\\-script\"\n",
                                escaped(upper), section, TESTCTR_VERSION);
  out += heading("NAME") + filled(fmt::format("{} - {}", name, summary));
  return out;
}

std::string option_item(const Option& option) {
  std::string names;
  for (const std::string& name : text::split(option.names, ',')) {
    names += (names.empty() ? "" : ", ") + fmt::format("\\fB{}\\fR", escaped(name));
  }
  if (!option.value.empty()) names += fmt::format(" \\fI{}\\fR", escaped(option.value));
  std::string help(option.help);
  for (char& c : help) c = c == '\n' ? ' ' : c;
  if (option.repeats) help += "; may be given several times";
  return fmt::format(".TP\n{}\n{}", names, filled(help));
}

std::string see_also(std::string_view but) {
  std::string out = heading("SEE ALSO") + fmt::format(".BR testctr\\-script (1),\n");
  std::string last;
  for (const Topic& topic : topics()) {
    if (topic.name == but) continue;
    out += last.empty() ? "" : last + ",\n";
    last = fmt::format(".BR {} (7)", escaped(man_name(topic.name)));
  }
  return out + last + "\n";
}

}  // namespace

std::string man_name(std::string_view name) {
  std::string out = "testctr-script";
  if (!name.empty()) out += "-" + std::string(name);
  for (char& c : out) c = c == ' ' ? '-' : c;
  return out;
}

std::string text_of(const Topic& topic) {
  if (topic.name == "config") return std::string(topic.text) + "\nKeys:\n" + plan::config_keys_text();
  if (topic.name != "manifest") return std::string(topic.text);
  return std::string(topic.text) + "\n" + plan::manifest_keys_text();
}

std::string man_of(const Command& command) {
  std::string out = page(man_name(command.name), 1, command.summary);
  out += heading("SYNOPSIS");
  out += fmt::format("\\fBtestctr\\-script {}\\fR [options] {}\n", escaped(command.name),
                     escaped(command.synopsis));
  if (!command.examples.empty()) out += heading("EXAMPLES") + as_it_is(command.examples);
  if (!command.text.empty()) out += heading("DESCRIPTION") + paragraphs(command.text);
  out += heading("OPTIONS");
  for (const Option& option : command.options) out += option_item(option);
  out += option_item({.names = "-h,--help", .help = "the same as help"});
  return out + see_also("");
}

std::string man_of(const Topic& topic, std::string_view text) {
  std::string out = page(man_name(topic.name), 7, topic.summary);
  // A topic's first line is its title.
  const size_t title = text.find("\n\n");
  out += heading("DESCRIPTION") + paragraphs(title == std::string_view::npos ? text : text.substr(title + 2));
  return out + see_also(topic.name);
}

std::string man_of_program() {
  std::string out =
      page(man_name(""), 1, "runs test scripts in containers, with no engine, no daemon and no root");
  out += heading("SYNOPSIS") + "\\fBtestctr\\-script\\fR \\fICOMMAND\\fR [options] [arguments]\n.br\n";
  out += "\\fBtestctr\\-script\\fR \\fB\\-\\-help\\fR|\\fB\\-\\-version\\fR\n";
  out += heading("DESCRIPTION") + paragraphs(program_examples());
  out += heading("COMMANDS");
  for (const Command* command : commands()) {
    out += fmt::format(".TP\n.BR {} (1)\n{}", escaped(man_name(command->name)),
                       filled(fmt::format("{}: {}", command->name, command->summary)));
  }
  out += heading("TOPICS");
  for (const Topic& topic : topics()) {
    out += fmt::format(".TP\n.BR {} (7)\n{}", escaped(man_name(topic.name)), filled(topic.summary));
  }
  return out;
}

}  // namespace testctr::cmd
