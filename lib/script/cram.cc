// Reads Cram: indentation alone decides what is a command, its output, or text.
#include <algorithm>

#include "base/text.h"
#include "script/case_lines.h"
#include "script/lines.h"

namespace testctr::script {
namespace {

/// A title is repeated for each case below it.
constexpr size_t longest_title = 200;

std::string title_of(std::string_view line) {
  line = text::trim(line);
  if (line.size() <= longest_title) return std::string(line);
  size_t end = longest_title;
  while (end > longest_title - 4 && (static_cast<uint8_t>(line[end]) & 0xc0) == 0x80) --end;
  return std::string(line.substr(0, end)) + "...";
}

class CramReader {
 public:
  CramReader(Document& document, const ReadOptions& options, Defects& defects)
      : document_(document),
        options_(options),
        defects_(defects),
        indent_(options.indent, ' '),
        cursor_(document.source) {}

  void read() {
    while (auto line = cursor_.next()) {
      const bool marked = options_.compat == Compat::cram && line->place.begin != line->whole.begin;
      if (marked || !line->text.starts_with(indent_)) {
        text(*line);
      } else if (std::string_view content = line->text.substr(indent_.size()); content.starts_with("$ ")) {
        end_case();
        command(*line);
      } else if (open_ && is_late_continuation(content)) {
        open_->expression += '\n';
        open_->expression += command_text(*line);
        open_->scattered = true;
      } else if (open_) {
        body_.push_back(*line);
      } else {
        orphan(*line);
      }
    }
    end_case();
  }

 private:
  void text(const Line& line) {
    // Text does not end the output of a command; only that it stands between is kept.
    // For Scrut it does.
    if (line.text.starts_with('#')) return;
    if (options_.compat == Compat::scrut) end_case();
    if (!text::trim(line.text).empty()) title_ = title_of(line.text);
  }

  /// Cram hands every "> " to its shell, wherever it stands. (It never finds such a test equal.)
  [[nodiscard]] bool is_late_continuation(std::string_view content) const {
    return options_.compat == Compat::cram && content.starts_with("> ");
  }

  /// What a "$ " or "> " line gives to the shell; Cram does not take "\r\n" for one line end.
  [[nodiscard]] std::string_view command_text(const Line& line) const {
    if (options_.compat != Compat::cram) return content(line).substr(2);
    std::string_view text = std::string_view(document_.source).substr(line.whole.begin, line.whole.size());
    if (text.ends_with('\n')) text.remove_suffix(1);
    return text.substr(indent_.size() + 2);
  }

  void orphan(const Line& line) {
    // Cram finds the test different.
    if (options_.compat == Compat::cram && !content(line).starts_with("> ")) {
      document_.remarks.push_back({line.number, "an indented line before the first command"});
      return;
    }
    defects_.add(line.number,
                 fmt::format("an indented line before the first command is output of none: begin the "
                             "command with \"{}$ \", or the text without indentation",
                             indent_));
  }

  [[nodiscard]] std::string_view content(const Line& line) const { return line.text.substr(indent_.size()); }

  /// Whether `line` continues a command. A lone ">" is a line of output to Cram; within a command it can only
  /// be a line whose last blank was lost.
  std::optional<std::string_view> more(const Line& line) {
    if (!line.text.starts_with(indent_)) return std::nullopt;
    auto part = continuation(content(line));
    if (!part || content(line) != ">" || options_.compat == Compat::scrut) return part;
    if (options_.compat == Compat::cram) return std::nullopt;
    if (line.number < lone_until_) return part;
    LineCursor ahead = cursor_;
    (void)ahead.next();
    auto next = ahead.next();
    while (next && next->text == line.text) next = ahead.next();
    if (!next || !next->text.starts_with(indent_) || !content(*next).starts_with("> ")) return std::nullopt;
    lone_until_ = next->number;
    return part;
  }

  void command(const Line& line) {
    Case test;
    test.line = line.number;
    test.title = title_;
    test.indent = indent_;
    test.command = line.whole;
    test.expression = command_text(line);
    while (true) {
      LineCursor ahead = cursor_;
      auto next = ahead.next();
      auto part = next ? more(*next) : std::nullopt;
      if (!part) break;
      test.expression += '\n';
      test.expression += options_.compat == Compat::cram ? command_text(*next) : *part;
      test.command.end = next->whole.end;
      cursor_ = ahead;
    }
    test.block = test.command;
    test.body = {test.command.end, test.command.end};
    body_.clear();
    open_ = std::move(test);
  }

  /// "[N]" is an exit code where it can be one: in the last line and as Cram writes it. Scrut takes it
  /// anywhere.
  [[nodiscard]] std::optional<int> code(const Line& line) const {
    auto value = exit_code_line(content(line));
    if (!value || options_.compat == Compat::scrut) return value;
    bool as_written = content(line) == fmt::format("[{}]", *value);
    return line.number == body_.back().number && as_written && *value > 0 && *value < 256 ? value
                                                                                          : std::nullopt;
  }

  void end_case() {
    if (!open_) return;
    Case test = *std::move(open_);
    open_.reset();
    size_t end = test.command.end;
    for (const Line& line : body_) {
      test.scattered |= line.whole.begin != end;
      end = line.whole.end;
      Span span{line.place.begin + indent_.size(), line.place.end};
      if (auto value = code(line)) {
        add_code(test, {*value, line.number, span}, defects_);
      } else {
        test.expectations.push_back(
            read_expectation(content(line), line.number, span, document_.dialect, options_.compat, defects_));
      }
    }
    test.body.end = test.block.end = end;
    body_.clear();
    document_.cases.push_back(std::move(test));
  }

  Document& document_;
  const ReadOptions& options_;
  Defects& defects_;
  std::string indent_;
  LineCursor cursor_;
  std::string title_;
  std::optional<Case> open_;
  std::vector<Line> body_;   ///< of the open case
  uint32_t lone_until_ = 0;  ///< lone ">" before this line continue a command
};

}  // namespace

Result<Document> read_cram(std::string name, std::string_view source, const ReadOptions& options) {
  Document document{std::move(name), std::string(source), Dialect::cram, {}, {}, {}};
  Defects defects(document.name);
  CHECK_OK(check_size(document.name, source));
  constexpr size_t widest_indent = 100;
  if (options.indent > widest_indent)
    return Error::usage(fmt::format("{}:1: an indentation of {} is more than {}", document.name,
                                    options.indent, widest_indent));
  CramReader(document, options, defects).read();
  if (defects.any()) return defects.error();
  return document;
}

}  // namespace testctr::script
