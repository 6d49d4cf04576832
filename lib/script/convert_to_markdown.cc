// Cram as Markdown. What is written is read again and converted back before it is handed out: the same bytes,
// or nothing.
#include <algorithm>

#include "base/text.h"
#include "script/case_lines.h"
#include "script/convert.h"
#include "script/convert_lines.h"
#include "script/convert_losses.h"
#include "script/expectation.h"
#include "script/fence.h"

namespace testctr::script {
namespace {

bool is_rule(std::string_view line) { return line.starts_with("---") && text::trim(line.substr(3)).empty(); }

/// A line of text that does not belong to a case.
struct TextLine {
  Line line;
  std::string_view text;  ///< as Markdown has it, if nothing speaks against it
};

class MarkdownWriter {
 public:
  MarkdownWriter(const Document& document, size_t indent)
      : document_(document),
        source_(document.source),
        indent_(indent, ' '),
        end_(usual_end(document.source)),
        cursor_(document.source) {}

  Converted write() {
    out_ = byte_order_mark(source_);
    const std::string front_matter = front_matter_of_cram(indent_.size());
    for (std::string_view line : text::lines(front_matter)) add(line.substr(0, line.size() - 1), end_);
    for (const Case& test : document_.cases) {
      gather_text(test.block.begin);
      std::vector<TextLine> comments = take_comments();
      write_text();
      write_case(test, comments);
      if (&test != &document_.cases.back() && may_end_shell(test))
        notes_.push_back({test.line,
                          "this may end the shell: in Cram no later case runs then, in Markdown it ends "
                          "this one alone"});
    }
    gather_text(source_.size());
    write_text();
    return {std::move(out_), std::move(notes_)};
  }

 private:
  void add(std::string_view text, std::string_view end) {
    out_ += text;
    out_ += end;
  }

  // ---- text

  void gather_text(size_t until) {
    text_.clear();
    while (true) {
      LineCursor ahead = cursor_;
      auto line = ahead.next();
      if (!line || line->whole.begin >= until) return;
      cursor_ = ahead;
      // It was put there because the line is indented.
      bool marked = line->text.starts_with('\\') && is_indented(line->text, indent_);
      text_.push_back({*line, line->text.substr(marked ? 1 : 0)});
    }
  }

  /// The lines directly above a command that are comments of its block.
  std::vector<TextLine> take_comments() {
    auto is_comment = [](const TextLine& text) {
      std::string_view line = text.line.text;
      if (!line.starts_with(comment_mark)) return false;
      line.remove_prefix(comment_mark.size());
      return line.starts_with('#') && !read_hint(line);
    };
    size_t begin = text_.size();
    while (begin > 0 && is_comment(text_[begin - 1])) --begin;
    std::vector<TextLine> comments(text_.begin() + static_cast<std::ptrdiff_t>(begin), text_.end());
    text_.resize(begin);
    return comments;
  }

  void write_text() {
    // Fences of so many backticks, or tildes, and more are known to be closed by nothing.
    size_t unclosed_backticks = std::string_view::npos, unclosed_tildes = std::string_view::npos;
    for (size_t i = 0; i < text_.size(); ++i) {
      auto fence = opening_fence(text_[i].text);
      if (!fence) {
        write_line(text_[i]);
        continue;
      }
      size_t& unclosed = fence->kind == '`' ? unclosed_backticks : unclosed_tildes;
      size_t last = fence->is_test() || fence->length >= unclosed ? i : end_of_block(*fence, i);
      if (last == i) {
        if (!fence->is_test()) unclosed = std::min(unclosed, fence->length);
        add(hide_text(text_[i].line.text), end_of(source_, text_[i].line));
        has_content_ = true;
        continue;
      }
      for (; i < last; ++i) write_line(text_[i]);
      write_line(text_[last]);
    }
    text_.clear();
  }

  /// Where the block of code ends that begins at `begin`; `begin` itself if it does not.
  [[nodiscard]] size_t end_of_block(const Fence& fence, size_t begin) const {
    for (size_t i = begin + 1; i < text_.size(); ++i) {
      if (closes(fence, text_[i].text)) return i;
    }
    return begin;
  }

  void write_line(const TextLine& text) {
    bool special = hidden_text(text.text) || (!has_content_ && is_rule(text.text));
    add(special ? hide_text(text.line.text) : std::string(text.text), end_of(source_, text.line));
    has_content_ = has_content_ || !text::trim(text.text).empty();
  }

  // ---- cases

  /// A line of a case as Markdown has it.
  struct BlockLine {
    std::string text;
    std::string_view end;
  };

  void write_case(const Case& test, const std::vector<TextLine>& comments) {
    comments_.clear();
    lines_.clear();
    for (const TextLine& comment : comments)
      comments_.push_back(
          {std::string(comment.line.text.substr(comment_mark.size())), end_of(source_, comment.line)});
    auto expectation = test.expectations.begin();
    size_t index = 0, scattered = 0;
    while (true) {
      LineCursor ahead = cursor_;
      auto line = ahead.next();
      if (!line || line->whole.begin >= test.block.end) break;
      cursor_ = ahead;
      bool is_text = !line->text.starts_with(indent_);
      if (is_text) {
        comments_.push_back({write_hint({Hint::Kind::text, index, line->text}), end_of(source_, *line)});
        scattered = index + 1;
        continue;
      }
      std::string_view content = line->text.substr(indent_.size());
      std::string text(content);
      if (line->whole.begin >= test.body.begin) {
        bool is_expected = expectation != test.expectations.end() && expectation->line == line->number;
        bool is_last = line->whole.end == test.block.end;
        if (is_expected) text = expected(*expectation++, index, scattered == index + 1, is_last);
        ++index;
      }
      lines_.push_back({std::move(text), end_of(source_, *line)});
    }
    write_block();
  }

  /// @param apart whether text stands before it in Cram
  std::string expected(const Expectation& expectation, size_t index, bool apart, bool is_last) {
    note_rendering(expectation);
    std::string text = in_markdown(expectation, index == 0);
    Expectation read = parse_expectation(text, Dialect::markdown);
    if (in_cram(read, index == 0 && !apart, is_last) != expectation.text)
      comments_.push_back(
          {write_hint({Hint::Kind::line, index, expectation.text}), end_behind(expectation.text, end_)});
    return text;
  }

  /// Cram holds patterns against what it would write, too.
  void note_rendering(const Expectation& expectation) {
    const std::string& pattern = expectation.pattern;
    if (expectation.rule != Rule::regex && expectation.rule != Rule::glob) return;
    if (pattern.find("(esc") == std::string::npos && pattern.find("no-eol") == std::string::npos) return;
    notes_.push_back({expectation.line,
                      "Cram holds this pattern against the line as Cram writes it, with (esc) and (no-eol); "
                      "Markdown's is held against the line itself alone"});
  }

  void write_block() {
    std::string fence(fence_length(), '`');
    add(fence + "scrut", end_);
    for (const BlockLine& comment : comments_) add(comment.text, comment.end);
    std::string_view last_end = lines_.back().end;
    if (!last_end.ends_with('\n')) lines_.back().end = end_behind(lines_.back().text, end_);
    for (const BlockLine& line : lines_) add(line.text, line.end);
    add(fence, last_end);
    has_content_ = true;
  }

  /// Longer than any run of backticks that a line of the block begins with: for Scrut each of them closes it.
  [[nodiscard]] size_t fence_length() const {
    size_t longest = 2;
    for (const BlockLine& line : lines_) {
      size_t begin = std::min(line.text.find_first_not_of(' '), line.text.size());
      size_t end = std::min(line.text.find_first_not_of('`', begin), line.text.size());
      longest = std::max(longest, end - begin);
    }
    return longest + 1;
  }

  const Document& document_;
  std::string_view source_;
  std::string indent_;
  std::string_view end_;
  LineCursor cursor_;
  std::string out_;
  std::vector<Remark> notes_;
  std::vector<TextLine> text_;
  std::vector<BlockLine> comments_, lines_;  ///< of the case at hand
  bool has_content_ = false;                 ///< whether "---" can no longer be front matter
};

int code_of(const Case& test) { return test.code ? test.code->value : 0; }

bool same_cases(const Document& a, const Document& b) {
  return std::equal(a.cases.begin(), a.cases.end(), b.cases.begin(), b.cases.end(),
                    [](const Case& x, const Case& y) {
                      return x.expression == y.expression && code_of(x) == code_of(y) &&
                             x.expectations.size() == y.expectations.size();
                    });
}

}  // namespace

Result<Converted> to_markdown(const Document& document, size_t indent) {
  if (document.dialect != Dialect::cram)
    return Error::internal(fmt::format("{} is no Cram document", document.name));
  if (indent == 0)
    return Error::usage(
        fmt::format("{}:1: without an indentation text cannot be told from output", document.name));
  Converted converted = MarkdownWriter(document, indent).write();
  const auto lost = [&](std::string_view why) {
    return Error::internal(fmt::format("{}: its Markdown would not be the same: {}", document.name, why));
  };
  auto read = read_markdown(document.name, converted.text);
  if (!read.ok()) return lost(read.error().message());
  if (!same_cases(document, read.value())) return lost("other cases");
  auto back = to_cram(read.value());
  if (!back.ok()) return lost(back.error().message());
  if (back.value().text != document.source) {
    auto [a, b] = std::mismatch(back.value().text.begin(), back.value().text.end(), document.source.begin(),
                                document.source.end());
    return lost(fmt::format("other bytes from line {} on", 1 + std::count(document.source.begin(), b, '\n')));
  }
  return converted;
}

}  // namespace testctr::script
