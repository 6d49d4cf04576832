// Markdown as Cram, as far as Cram can say it.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "script/case_lines.h"
#include "script/convert.h"
#include "script/convert_lines.h"
#include "script/convert_losses.h"
#include "script/expectation.h"
#include "script/fence.h"

namespace testctr::script {
namespace {

class CramWriter {
 public:
  /// @param hints whether what Cram's words were is taken from the comments that say it
  CramWriter(const Document& document, const Losses& losses, std::string indent, bool hints)
      : document_(document),
        source_(document.source),
        losses_(losses),
        indent_(std::move(indent)),
        hints_(hints),
        cursor_(document.source) {}

  std::string write() {
    out_ = byte_order_mark(source_);
    front_matter();
    for (size_t i = 0; i < document_.cases.size(); ++i) {
      text_until(document_.cases[i].block.begin);
      write_case(i);
    }
    text_until(source_.size());
    return std::move(out_);
  }

 private:
  void add(std::string_view text, std::string_view end) {
    out_ += text;
    out_ += end;
  }

  std::optional<Line> next(size_t until) {
    LineCursor ahead = cursor_;
    auto line = ahead.next();
    if (!line || line->whole.begin >= until) return std::nullopt;
    cursor_ = ahead;
    return line;
  }

  // ---- text

  void front_matter() {
    auto matter = read_front_matter(cursor_);
    if (!matter) return;
    bool is_ours = false;
    LineCursor lines(source_.substr(0, matter->inside.end));
    while (auto line = lines.next()) {
      if (line->number < matter->first || text::trim(line->text).empty()) continue;
      if (indent_of_front_matter(line->text)) {
        is_ours = true;
      } else if (text::trim(line->text).starts_with('#')) {
        add(fmt::format("{}{}", comment_mark, text::trim(line->text)), usual_end(source_));
      } else if (losses_.in_front_matter) {
        add_lost(line->text);
      }
    }
    LineCursor ahead = cursor_;
    auto blank = ahead.next();
    if (is_ours && blank && blank->text.empty()) cursor_ = ahead;
  }

  void add_lost(std::string_view text) { add(fmt::format("#lost {}", text), usual_end(source_)); }

  void text_until(size_t until) {
    while (auto line = next(until)) add_text(line->text, end_of(source_, *line));
  }

  void add_text(std::string_view text, std::string_view end) {
    if (auto hidden = hidden_text(text); hidden && !hidden->starts_with(indent_)) return add(*hidden, end);
    if (is_indented(text, indent_)) out_ += '\\';
    add(text, end);
  }

  // ---- cases

  struct OutLine {
    std::string text;  ///< with its indentation
    std::string_view end;
  };

  void write_case(size_t index) {
    const Case& test = document_.cases[index];
    test_ = &test;
    line_hints_.clear();
    text_hints_.clear();
    lines_.clear();
    auto opening = next(test.command.begin);
    if (losses_.cases.count(index) != 0) lost_fence(opening->text);
    while (auto line = next(test.command.begin)) before_command(*line, index);
    lost_expectations(test);
    command(test);
    body(test);
    auto closing = next(test.block.end);
    lines_.back().end = end_behind(lines_.back().text, end_of(source_, *closing));
    for (const OutLine& line : lines_) add(line.text, line.end);
  }

  void lost_fence(std::string_view line) {
    auto fence = opening_fence(line);
    if (fence && !fence->rest.empty()) add_lost(fence->rest);
  }

  void lost_expectations(const Case& test) {
    for (const Expectation& e : test.expectations) {
      if (e.multi || e.rule == Rule::json) add_lost(e.text);
    }
  }

  /// The line without the indentation of its fence.
  [[nodiscard]] std::string_view content(const Line& line) const {
    std::string_view text = line.text;
    const size_t most = test_->indent.size();
    const size_t blanks = std::min(text.find_first_not_of(' '), text.size());
    text.remove_prefix(std::min(blanks, most));
    return text;
  }

  void before_command(const Line& line, size_t index) {
    std::string_view text = content(line);
    if (text.starts_with('%')) {
      if (losses_.cases.count(index) != 0) add_lost(text);
      return;
    }
    auto hint = read_hint(text);
    if (!hint) return add(fmt::format("{}{}", comment_mark, text), end_of(source_, line));
    if (hint->kind == Hint::Kind::line) {
      line_hints_.push_back(*hint);
    } else {
      std::string words(hint->words);
      if (words.starts_with(indent_)) words.insert(0, "\\");
      text_hints_.push_back({hint->index, {std::move(words), end_of(source_, line)}});
    }
  }

  void command(const Case& test) {
    while (auto line = next(test.command.end))
      lines_.push_back({indent_ + std::string(content(*line)), end_of(source_, *line)});
    // A ">" alone is a line of output to Cram unless a whole one comes behind it.
    bool is_inside = false;
    for (size_t i = lines_.size(); i-- > 1;) {
      bool is_alone = lines_[i].text.size() == indent_.size() + 1;
      if (is_alone && !is_inside) lines_[i].text += ' ';
      is_inside = true;
    }
    command_lines_ = lines_.size();
  }

  void body(const Case& test) {
    std::stable_sort(text_hints_.begin(), text_hints_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    auto text = text_hints_.begin();
    auto hint = line_hints_.begin();
    std::optional<OutLine> code;
    auto expectation = test.expectations.begin();
    size_t left = test.expectations.size();
    for (size_t index = 0;; ++index) {
      auto line = next(test.body.end);
      for (; text != text_hints_.end() && (!line || text->first <= index); ++text)
        lines_.push_back(std::move(text->second));
      if (!line) break;
      while (hint != line_hints_.end() && hint->index < index) ++hint;
      if (expectation == test.expectations.end() || expectation->line != line->number) {
        code = {indent_ + std::string(content(*line)), end_of(source_, *line)};
        continue;
      }
      bool is_last = --left == 0 && !has_code(test);
      std::string words = expected(*expectation++, is_last);
      if (hint != line_hints_.end() && hint->index == index)
        words = kept(*hint, content(*line), index, words);
      lines_.push_back({indent_ + words, end_of(source_, *line)});
    }
    if (code && has_code(test))
      lines_.push_back({fmt::format("{}[{}]", indent_, test.code->value), code->end});
  }

  static bool has_code(const Case& test) { return test.code && test.code->value != 0; }

  [[nodiscard]] std::string expected(const Expectation& expectation, bool is_last) const {
    const bool behind_command = lines_.size() == command_lines_;
    return in_cram(expectation, behind_command, is_last);
  }

  /// What a comment says the line was, as long as it would become that line.
  [[nodiscard]] std::string kept(const Hint& hint, std::string_view text, size_t index,
                                 const std::string& otherwise) const {
    if (!hints_) return otherwise;
    const Expectation was = parse_expectation(hint.words, Dialect::cram);
    if (!check(was, Dialect::cram, Compat::none).ok() || in_markdown(was, index == 0) != text)
      return otherwise;
    return std::string(hint.words);
  }

  const Document& document_;
  std::string_view source_;
  const Losses& losses_;
  std::string indent_;
  bool hints_;
  LineCursor cursor_;
  std::string out_;
  const Case* test_ = nullptr;  ///< the case at hand, and its
  std::vector<OutLine> lines_;
  size_t command_lines_ = 0;
  std::vector<Hint> line_hints_;
  std::vector<std::pair<size_t, OutLine>> text_hints_;
};

/// The indentation that front matter of ours tells.
std::optional<size_t> told_indent(std::string_view source) {
  LineCursor cursor(source);
  auto matter = read_front_matter(cursor);
  if (!matter) return std::nullopt;
  LineCursor lines(source.substr(0, matter->inside.end));
  while (auto line = lines.next()) {
    if (line->number < matter->first) continue;
    if (auto indent = indent_of_front_matter(line->text)) return indent;
  }
  return std::nullopt;
}

int code_of(const Case& test) { return test.code ? test.code->value : 0; }

/// The line of the first case that is not the same in both; nothing when all are.
std::optional<uint32_t> first_other(const Document& markdown, const Document& cram) {
  for (size_t i = 0; i < markdown.cases.size(); ++i) {
    const Case& want = markdown.cases[i];
    if (i >= cram.cases.size()) return want.line;
    const Case& have = cram.cases[i];
    const bool same = have.expression == want.expression && code_of(have) == code_of(want) &&
                      have.expectations.size() == want.expectations.size() &&
                      std::equal(have.expectations.begin(), have.expectations.end(),
                                 want.expectations.begin(), [](const Expectation& a, const Expectation& b) {
                                   return b.rule == Rule::json || a.optional == b.optional;
                                 });
    if (!same) return want.line;
  }
  if (cram.cases.size() == markdown.cases.size()) return std::nullopt;
  return markdown.cases.empty() ? 1 : markdown.cases.back().line;
}

Error losses_error(const Document& document, const Losses& losses) {
  Defects defects(document.name);
  for (const Losses::Loss& loss : losses.all)
    defects.add(loss.line, fmt::format("{}: {}", loss.what, loss.advice));
  return defects.error().hint("`--lossy` leaves a comment in place of each");
}

}  // namespace

Result<Converted> to_cram(const Document& document, const ToCram& options) {
  if (document.dialect != Dialect::markdown)
    return Error::internal(fmt::format("{} is no Markdown document", document.name));
  const std::optional<size_t> told = told_indent(document.source);
  const size_t indent = options.indent.value_or(told.value_or(2));
  if (indent == 0)
    return Error::usage(
        fmt::format("{}:1: Cram needs an indentation to tell commands from text", document.name));
  const Losses losses = find_losses(document);
  if (!losses.all.empty() && !options.lossy) return losses_error(document, losses);
  Converted converted;
  if (!told) converted.notes = notes_to_cram(document);
  for (const Losses::Loss& loss : losses.all) converted.notes.push_back({loss.line, loss.what + ": lost"});
  std::optional<uint32_t> other;
  for (bool hints : {true, false}) {
    converted.text = CramWriter(document, losses, std::string(indent, ' '), hints).write();
    auto read = read_cram(document.name, converted.text, {Compat::none, indent});
    other = 1;
    if (read.ok()) other = first_other(document, read.value());
    if (!other) return converted;
  }
  return Error::usage(fmt::format("{}:{}: there is no way to say the same in Cram", document.name, *other));
}

}  // namespace testctr::script
