#include "script/convert_losses.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "script/fence.h"

namespace testctr::script {
namespace {

/// A key of a case, what of it Cram cannot say, and what one can do.
struct CaseKey {
  std::string_view name;
  bool (*is_lost)(const CaseConfig&);
  std::string_view advice;
};

constexpr int skip_code_of_cram = 80;

constexpr std::array<CaseKey, 14> case_keys = {{
    {"detached", [](const CaseConfig& c) { return c.detached.value_or(false); },
     "Cram waits for every command: start it with & and redirect what it prints"},
    {"detached_kill_signal", [](const CaseConfig& c) { return c.detached_kill_signal.has_value(); },
     "Cram has no detached cases"},
    {"environment", [](const CaseConfig& c) { return !c.environment.empty(); },
     "write NAME=value into the command"},
    {"fail_fast", [](const CaseConfig& c) { return c.fail_fast.value_or(false); },
     "Cram runs all commands of a document"},
    {"interpolated", [](const CaseConfig& c) { return c.interpolated.value_or(false); },
     "Cram's expectations hold no variables: write a glob"},
    {"keep_crlf", [](const CaseConfig& c) { return c.keep_crlf.has_value() && !*c.keep_crlf; },
     "Cram keeps carriage returns: write \\r and (esc) into what is expected"},
    {"mode", [](const CaseConfig& c) { return c.mode == Mode::jsonschema; }, "Cram compares lines only"},
    {"output_stream", [](const CaseConfig& c) { return c.stream && *c.stream != Stream::combined; },
     "Cram always looks at both streams: redirect the other one within the command"},
    {"skip_document_code",
     [](const CaseConfig& c) {
       return c.skip_document_code.value_or(skip_code_of_cram) != skip_code_of_cram;
     },
     "in Cram it is always 80"},
    {"stdin", [](const CaseConfig& c) { return c.input.has_value(); }, "redirect it within the command"},
    {"strip_ansi_escaping", [](const CaseConfig& c) { return c.strip_ansi_escaping.value_or(false); },
     "Cram leaves output as it is: let the command print no colours"},
    {"timeout", [](const CaseConfig& c) { return c.timeout_ns.has_value(); },
     "Cram has no time limit for a command: write `timeout` into it"},
    {"wait", [](const CaseConfig& c) { return c.wait.has_value(); }, "let the command wait"},
    {"where", [](const CaseConfig& c) { return c.where.has_value(); },
     "a Cram document runs in one place: sections of a manifest run several documents in several places"},
}};

bool is_shell_of_cram(const std::string& shell) { return shell == "/bin/sh" || shell == "sh"; }

class Finder {
 public:
  explicit Finder(const Document& document) : document_(document) {
    LineCursor cursor(document.source);
    front_ = read_front_matter(cursor);
  }

  Losses find() {
    of_document();
    for (size_t i = 0; i < document_.cases.size(); ++i) of_case(i);
    std::stable_sort(losses_.all.begin(), losses_.all.end(),
                     [](const auto& a, const auto& b) { return a.line < b.line; });
    return std::move(losses_);
  }

 private:
  void of_document() {
    const DocumentConfig& config = document_.config;
    if (config.shell && !is_shell_of_cram(*config.shell))
      in_front("shell", "Cram documents run in /bin/sh: name it with --shell when they run");
    if (config.total_timeout_ns)
      in_front("total_timeout", "Cram has no time limit in the document: give --timeout when it runs");
    for (const auto& [key, given] :
         {std::pair{"image", config.image.has_value()}, {"containers", !config.containers.empty()}}) {
      if (given)
        in_front(key, "a Cram document names no image: name it on the command line or in a manifest");
    }
    for (const auto& [key, list] : {std::pair{"append", &config.append}, {"prepend", &config.prepend}}) {
      if (!list->empty()) in_front(key, "Cram includes no other documents: copy the cases");
    }
    for (const CaseKey& key : case_keys) {
      bool counts = document_.cases.empty() ||
                    std::any_of(document_.cases.begin(), document_.cases.end(), [&](const Case& test) {
                      return key.is_lost(test.config.over(config.defaults));
                    });
      if (key.is_lost(config.defaults) && counts) in_front(key.name, key.advice);
    }
  }

  void in_front(std::string_view key, std::string_view advice) {
    losses_.in_front_matter = true;
    uint32_t last = front_->first +
                    static_cast<uint32_t>(std::count(
                        document_.source.begin() + static_cast<std::ptrdiff_t>(front_->inside.begin),
                        document_.source.begin() + static_cast<std::ptrdiff_t>(front_->inside.end), '\n'));
    LineCursor cursor(document_.source);
    while (auto line = cursor.next()) {
      if (line->number >= last) break;
      if (line->number >= front_->first && names(line->text, key))
        return lost(line->number, std::string(key), advice);
    }
    lost(front_->line, std::string(key), advice);
  }

  void of_case(size_t index) {
    const Case& test = document_.cases[index];
    for (const CaseKey& key : case_keys) {
      if (!key.is_lost(test.config)) continue;
      losses_.cases.insert(index);
      lost(line_of(test, key.name), std::string(key.name), key.advice);
    }
    for (const Expectation& e : test.expectations) {
      if (e.rule == Rule::json) lost(e.line, "(json)", "Cram compares lines only: write the line");
      if (e.multi)
        lost(e.line, fmt::format("the quantifier {}", e.optional ? '*' : '+'),
             "a line of Cram stands for one line at most: write as many as there are");
    }
  }

  /// Of the key in the block: behind its fence or on a `%` line before the command.
  [[nodiscard]] uint32_t line_of(const Case& test, std::string_view key) const {
    std::string_view head =
        std::string_view(document_.source).substr(test.block.begin, test.command.begin - test.block.begin);
    auto number = test.line - static_cast<uint32_t>(std::count(head.begin(), head.end(), '\n'));
    const uint32_t first = number;
    for (std::string_view line : text::lines(head)) {
      // `%` lines count more than the fence.
      if (number != first && text::trim(line).starts_with('%') && names(line, key)) return number;
      ++number;
    }
    return first;
  }

  /// Whether "key:" stands in the line, perhaps in quotes.
  static bool names(std::string_view line, std::string_view key) {
    if (text::trim(line).starts_with('#')) return false;
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz_";
    for (size_t at = line.find(key); at != std::string_view::npos; at = line.find(key, at + 1)) {
      if (at > 0 && letters.find(line[at - 1]) != std::string_view::npos) continue;
      const size_t behind = line.find_first_not_of(" \t\"'", at + key.size());
      if (behind != std::string_view::npos && line[behind] == ':') return true;
    }
    return false;
  }

  void lost(uint32_t line, std::string what, std::string_view advice) {
    losses_.all.push_back({line, std::move(what), std::string(advice)});
  }

  const Document& document_;
  std::optional<FrontMatter> front_;
  Losses losses_;
};

}  // namespace

Losses find_losses(const Document& document) { return Finder(document).find(); }

bool may_end_shell(const Case& test) {
  static const RE2 leaves("(?m)^[ \\t]*(exit|exec|logout|return)([ \\t;]|$)|^[ \\t]*set +-[a-z]*e");
  return RE2::PartialMatch(test.expression, leaves);
}

std::vector<Remark> notes_to_cram(const Document& document) {
  std::vector<Remark> notes;
  if (document.cases.empty()) return notes;
  const auto first_without = [&](auto is_said) -> const Case* {
    for (const Case& test : document.cases) {
      if (!is_said(test.config.over(document.config.defaults))) return &test;
    }
    return nullptr;
  };
  if (!document.config.shell)
    notes.push_back({document.cases[0].line,
                     "from now on /bin/sh runs the commands in place of bash, one shell for all of them"});
  if (const Case* test = first_without([](const CaseConfig& c) { return c.stream.has_value(); }))
    notes.push_back(
        {test->line, "no output_stream is set: from now on what is printed on standard error counts too"});
  if (const Case* test = first_without([](const CaseConfig& c) { return c.keep_crlf.has_value(); }))
    notes.push_back({test->line, "no keep_crlf is set: from now on carriage returns in the output count"});
  for (const Case& test : document.cases) {
    if (may_end_shell(test))
      notes.push_back(
          {test.line,
           "this may end the shell, which in Cram runs the rest of the document too: put it in ( )"});
  }
  return notes;
}

}  // namespace testctr::script
