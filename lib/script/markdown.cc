// Reads Scrut's Markdown: fences decide what is a test, and within one the first line with a "$".
#include <re2/re2.h>

#include <algorithm>

#include "base/text.h"
#include "script/case_lines.h"
#include "script/config.h"
#include "script/fence.h"

namespace testctr::script {
namespace {

/// A line of a test block, without what belongs to the fence's indentation.
struct ContentLine {
  Line line;
  Span span;
  std::string_view text;
};

/// A code block from fence to fence.
struct Block {
  Line opening;
  Fence fence;
  std::vector<ContentLine> lines;  ///< of tests only
  std::optional<Line> closing;
};

/// The text of a heading or of a line of a paragraph, for titles; nothing for other lines.
std::optional<std::string_view> title_line(std::string_view line) {
  line = text::trim(line);
  if (line.empty()) return std::nullopt;
  auto c = static_cast<uint8_t>(line[0]);
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return line;
  if (c == '#') {
    size_t marks = line.find_first_not_of('#');
    if (marks == std::string_view::npos || (line[marks] != ' ' && line[marks] != '\t')) return std::nullopt;
    return text::trim(line.substr(marks));
  }
  if (c < 0x80) return std::nullopt;
  static const RE2 letter("^\\p{L}");
  constexpr size_t longest_letter = 4;
  std::string_view first = line.substr(0, longest_letter);
  while (!first.empty() && !text::is_utf8(first)) first.remove_suffix(1);
  if (!RE2::PartialMatch(re2::StringPiece(first.data(), first.size()), letter)) return std::nullopt;
  return line;
}

class MarkdownReader {
 public:
  MarkdownReader(Document& document, const ReadOptions& options, Defects& defects)
      : document_(document), options_(options), defects_(defects), cursor_(document.source) {}

  void read() {
    front_matter();
    while (auto line = cursor_.next()) {
      if (auto fence = opening_fence(line->text)) {
        end_paragraph();
        code_block(*line, *fence);
      } else {
        prose(*line);
      }
    }
  }

 private:
  void front_matter() {
    auto matter = read_front_matter(cursor_);
    if (!matter) return;
    if (!matter->closed) {
      return defects_.add(matter->line,
                          "the front matter is never closed: write --- on a line of its own behind it");
    }
    ConfigText text;
    LineCursor lines(std::string_view(document_.source).substr(0, matter->inside.end));
    while (auto line = lines.next()) {
      if (line->number >= matter->first) text.add(line->text, {line->number, 0});
    }
    document_.config = read_document_config(text, defects_);
  }

  void prose(const Line& line) {
    if (auto part = title_line(line.text)) {
      if (!paragraph_.empty()) paragraph_ += '\n';
      paragraph_ += *part;
      return;
    }
    end_paragraph();
    warn_of_deep_fence(line);
  }

  /// The title stays until the next test, whatever stands between.
  void end_paragraph() {
    if (!paragraph_.empty()) title_ = std::move(paragraph_);
    paragraph_.clear();
  }

  void remark(const Line& line, std::string text) {
    document_.remarks.push_back({line.number, std::move(text)});
  }

  /// In lists and quotes Markdown sees a block where a reader of lines does not.
  void warn_of_deep_fence(const Line& line) {
    std::string_view text = line.text;
    size_t start = std::min(text.find_first_not_of(" \t>-*+0123456789.)"), text.size());
    auto fence = opening_fence(text.substr(start));
    if (!fence || !fence->is_test()) return;
    remark(line, "no test: only blanks, and at most three, may stand before its fence");
  }

  void code_block(const Line& opening, const Fence& fence) {
    Block block{opening, fence, {}, {}};
    uint32_t hidden = 0;
    while (auto line = cursor_.next()) {
      if (closes(fence, line->text)) {
        block.closing = line;
        break;
      }
      if (hides_test(fence, line->text)) {
        if (hidden == 0) hidden = line->number;
        remark(*line, fmt::format("no test: it stands in the block that begins in line {}", opening.number));
      }
      if (!fence.is_test()) continue;
      size_t indent = fence_indentation(fence, line->text);
      block.lines.push_back(
          {*line, {line->place.begin + indent, line->place.end}, line->text.substr(indent)});
    }
    if (!block.closing) {
      std::string mend = fmt::format("is never closed: write {} on a line of its own behind it",
                                     std::string(std::min<size_t>(fence.length, 16), fence.kind));
      if (fence.is_test()) return defects_.add(opening.number, "the test block " + mend);
      // Markdown closes it at the end of the document, which is fine where no test is lost by it.
      if (hidden != 0)
        defects_.add(opening.number,
                     fmt::format("the code block, which hides a test in line {}, ", hidden) + mend);
      return;
    }
    if (fence.is_test()) test_block(block);
  }

  void test_block(const Block& block) {
    Case test;
    test.title = std::exchange(title_, {});
    test.block = {block.opening.whole.begin, block.closing->whole.end};
    test.indent = std::string(block.fence.indent, ' ');
    if (block.fence.language == Language::odd_test) {
      remark(block.opening, fmt::format("{} is taken for a test: write it in small letters",
                                        text::quoted(block.fence.word)));
    }
    CaseConfig of_fence = fence_config(block);
    ConfigText percent;
    auto at = block.lines.begin();
    if (!find_command(block, at, percent)) return;
    CaseConfig of_lines = percent.origins.empty() ? CaseConfig{} : read_case_config(percent, defects_);
    test.config = of_lines.over(of_fence);
    command(test, at, block.lines.end());
    body(test, at, block.lines.end());
    test.body = {test.command.end, block.closing->whole.begin};
    document_.cases.push_back(std::move(test));
  }

  CaseConfig fence_config(const Block& block) {
    const Fence& fence = block.fence;
    const Line& line = block.opening;
    auto column = [&](size_t offset) {
      return static_cast<size_t>(fence.rest.data() - line.text.data()) + offset;
    };
    if (fence.broken) {
      defects_.add(
          line.number,
          "Markdown allows no backtick on this line and takes it for text: begin the block with ~~~");
      return {};
    }
    size_t brace = std::min(fence.rest.find('{'), fence.rest.size());
    if (std::string_view words = text::trim(fence.rest.substr(0, brace)); !words.empty())
      remark(line, fmt::format("{} behind the language means nothing", text::quoted(words)));
    if (brace == fence.rest.size()) return {};
    if (!fence.rest.ends_with('}')) {
      defects_.add(line.number, column(brace) + 1,
                   "the configuration is not closed by a } at the end of the line");
      return {};
    }
    ConfigText text;
    text.add(fence.rest.substr(brace), {line.number, column(brace)});
    return read_case_config(text, defects_);
  }

  /// Goes to the first command line; what stands before it is comments and configuration.
  bool find_command(const Block& block, std::vector<ContentLine>::const_iterator& at, ConfigText& percent) {
    auto is_command = [](const ContentLine& line) { return line.text.starts_with("$ "); };
    auto is_text = [](const ContentLine& line) { return !text::trim(line.text).empty(); };
    auto command = std::find_if(block.lines.begin(), block.lines.end(), is_command);
    if (command == block.lines.end()) {
      bool empty = std::none_of(block.lines.begin(), block.lines.end(), is_text);
      defects_.add(block.opening.number, empty ? "the test block is empty: write its command behind \"$ \""
                                               : "the test block has no command: write it behind \"$ \"");
      return false;
    }
    for (; at != command; ++at) {
      if (at->text.starts_with('#')) continue;
      size_t before = at->span.begin - at->line.whole.begin;
      if (at->text == "%") {
        percent.add("", {at->line.number, before + 1});
      } else if (at->text.starts_with("% ")) {
        percent.add(at->text.substr(2), {at->line.number, before + 2});
      } else if (at->text.starts_with('%')) {
        defects_.add(at->line.number, before + 1, "write a blank between the % and the configuration");
      } else {
        defects_.add(
            at->line.number,
            "before the command there are only comments (#) and configuration (%): write what is expected "
            "behind it");
      }
    }
    return true;
  }

  static void command(Case& test, std::vector<ContentLine>::const_iterator& at,
                      std::vector<ContentLine>::const_iterator end) {
    test.line = at->line.number;
    test.command = at->line.whole;
    test.expression = at->text.substr(2);
    for (++at; at != end; ++at) {
      auto more = continuation(at->text);
      if (!more) break;
      test.expression += '\n';
      test.expression += *more;
      test.command.end = at->line.whole.end;
    }
  }

  void body(Case& test, std::vector<ContentLine>::const_iterator at,
            std::vector<ContentLine>::const_iterator end) {
    bool schema = test.config.over(document_.config.defaults).mode == Mode::jsonschema;
    for (; at != end; ++at) {
      if (auto code = exit_code_line(at->text)) {
        add_code(test, {*code, at->line.number, at->span}, defects_);
      } else if (schema) {
        test.expectations.push_back(plain_expectation(at->text, at->line.number, at->span));
      } else {
        test.expectations.push_back(read_expectation(at->text, at->line.number, at->span, document_.dialect,
                                                     options_.compat, defects_));
      }
    }
  }

  Document& document_;
  const ReadOptions& options_;
  Defects& defects_;
  LineCursor cursor_;
  std::string paragraph_, title_;
};

}  // namespace

Result<Document> read_markdown(std::string name, std::string_view source, const ReadOptions& options) {
  Document document{std::move(name), std::string(source), Dialect::markdown, {}, {}, {}};
  Defects defects(document.name);
  CHECK_OK(check_size(document.name, source));
  MarkdownReader(document, options, defects).read();
  if (defects.any()) return defects.error();
  return document;
}

bool has_test_fence(std::string_view source) {
  LineCursor cursor(source);
  (void)read_front_matter(cursor);
  while (auto line = cursor.next()) {
    auto fence = opening_fence(line->text);
    if (!fence) continue;
    if (fence->is_test()) return true;
    bool closed = false, hidden = false;
    while (!closed && (line = cursor.next())) {
      closed = closes(*fence, line->text);
      hidden |= hides_test(*fence, line->text);
    }
    if (!closed) return hidden;
  }
  return false;
}

}  // namespace testctr::script
