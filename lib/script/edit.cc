// Writes what a case printed in place of what no longer holds. What was written is read again and compared
// before it is handed out: lines mean something else at another place (a first "> x", a last "[1]").
#include "script/edit.h"

#include <algorithm>

#include "base/text.h"
#include "script/interpolate.h"

namespace testctr::script {
namespace {

bool before(const Edit& a, const Edit& b) {
  return a.span.begin != b.span.begin ? a.span.begin < b.span.begin : a.span.end < b.span.end;
}

/// Sorted, and with those that touch made one: to people they are one change.
std::vector<Edit> merged(std::vector<Edit> edits) {
  std::stable_sort(edits.begin(), edits.end(), before);
  std::vector<Edit> result;
  for (Edit& edit : edits) {
    if (!result.empty() && result.back().span.end == edit.span.begin) {
      result.back().span.end = edit.span.end;
      result.back().text += edit.text;
    } else {
      result.push_back(std::move(edit));
    }
  }
  return result;
}

class Editor {
 public:
  Editor(const Document& document, const Case& test, const Observed& observed, const CompareOptions& options)
      : document_(document),
        source_(document.source),
        test_(test),
        observed_(observed),
        options_(options),
        schema_(test.config.over(document.config.defaults).mode == Mode::jsonschema) {}

  Result<std::vector<Edit>> run() {
    Comparison comparison = TRY(compared(test_));
    // Cram never finds lines equal that have text before them.
    bool in_place = options_.compat != Compat::cram || !test_.scattered;
    bool same_code = (test_.code ? test_.code->value : 0) == observed_.code;
    if (comparison.equal && in_place && same_code) return std::vector<Edit>{};
    if (in_place) {
      std::vector<Edit> edits;
      if (!comparison.equal) edits = edits_by(comparison.steps);
      if (!same_code) edits.push_back(code_edit());
      edits = at_end_of_source(merged(std::move(edits)));
      if (TRY(holds(edits))) return edits;
    }
    if (!schema_) {
      std::vector<Edit> edits = at_end_of_source(merged(all_anew()));
      if (TRY(holds(edits))) return edits;
    }
    return Error::internal(
        fmt::format("{}:{}: no way was found to write what the case printed", document_.name, test_.line));
  }

 private:
  Result<Comparison> compared(const Case& test) const {
    if (!schema_) return TRY_IN(compare(test.expectations, observed_.output, options_), document_.name);
    std::string schema;
    for (const Expectation& line : test.expectations) schema += line.text + "\n";
    std::string wrong =
        TRY_IN(check_json_schema(schema, observed_.output), fmt::format("{}:{}", document_.name, test_.line));
    if (wrong.empty()) return Comparison{true, {}, {}};
    return Error::usage(
               fmt::format("{}:{}: the output does not fit the JSON schema, which is not changed: {}",
                           document_.name, test_.line, wrong))
        .hint("mend the schema, or the program");
  }

  /// As if nothing had matched: all lines go behind the command, and the code behind them.
  [[nodiscard]] std::vector<Edit> all_anew() const {
    std::vector<Step> steps;
    size_t lines = output_lines(observed_.output, options_).size();
    if (lines != 0) steps.push_back({Step::Kind::unexpected, 0, 0, lines});
    for (size_t i = 0; i < test_.expectations.size(); ++i) steps.push_back({Step::Kind::missing, i, 0, 0});
    std::vector<Edit> edits = edits_by(steps);
    if (test_.code) edits.push_back({line_of(test_.code->span), ""});
    if (observed_.code != 0) edits.push_back(new_code(test_.command.end));
    return edits;
  }

  [[nodiscard]] Span line_of(Span span) const {
    size_t begin = span.begin == 0 ? std::string_view::npos : source_.rfind('\n', span.begin - 1);
    size_t end = source_.find('\n', span.end);
    return {begin == std::string_view::npos ? 0 : begin + 1,
            end == std::string_view::npos ? source_.size() : end + 1};
  }

  /// The line end of the case's lines.
  [[nodiscard]] std::string_view line_end() const {
    size_t end = source_.find('\n', test_.command.begin);
    if (end == std::string_view::npos) end = source_.find('\n');
    return end != std::string_view::npos && end != 0 && source_[end - 1] == '\r' ? "\r\n" : "\n";
  }

  std::vector<Edit> edits_by(const std::vector<Step>& steps) const {
    std::vector<Edit> edits;
    std::vector<std::string_view> lines = output_lines(observed_.output, options_);
    size_t at = test_.command.end;  // where unexpected lines go
    bool behind_command = true;
    for (const Step& step : steps) {
      if (step.kind == Step::Kind::unexpected) {
        std::string text;
        for (size_t i = step.line; i < step.line + step.lines; ++i) {
          const std::string line = expectation_for(lines[i], document_.dialect, behind_command);
          text += test_.indent + (options_.variables != nullptr ? quote_interpolation(line) : line);
          text += line_end();
          behind_command = false;
        }
        edits.push_back({{at, at}, std::move(text)});
        continue;
      }
      Span line = line_of(test_.expectations[step.expectation].span);
      if (step.kind == Step::Kind::missing) {
        edits.push_back({line, ""});
      } else {
        behind_command = false;
      }
      at = line.end;
    }
    return edits;
  }

  [[nodiscard]] Edit new_code(size_t at) const {
    return {{at, at}, fmt::format("{}[{}]{}", test_.indent, observed_.code, line_end())};
  }

  [[nodiscard]] Edit code_edit() const {
    if (!test_.code) return new_code(test_.body.end);
    if (observed_.code == 0) return {line_of(test_.code->span), ""};
    return {test_.code->span, fmt::format("[{}]", observed_.code)};
  }

  /// A last line without its end stays one.
  std::vector<Edit> at_end_of_source(std::vector<Edit> edits) const {
    if (edits.empty() || edits.back().span.end != source_.size() || source_.ends_with('\n')) return edits;
    Edit& last = edits.back();
    std::string end(line_end());
    // A "\r" that stands there already is half of one.
    if (last.span.size() == 0) last.text = (source_.ends_with('\r') ? "\n" : end) + last.text;
    if (last.text.ends_with(end)) last.text.resize(last.text.size() - end.size());
    return edits;
  }

  /// Whether the case, written so, is the same case and holds.
  Result<bool> holds(std::vector<Edit> edits) const {
    if (schema_) return true;  // only its code was changed
    for (Edit& edit : edits) {
      if (edit.span.begin < test_.block.begin || edit.span.end > test_.block.end) return false;
      edit.span.begin -= test_.block.begin;
      edit.span.end -= test_.block.begin;
    }
    std::string_view block = source_.substr(test_.block.begin, test_.block.size());
    std::string written = TRY(with_edits(block, std::move(edits)));
    auto read =
        read_document(document_.dialect, document_.name, written, {options_.compat, test_.indent.size()});
    if (!read.ok() || read.value().cases.size() != 1) return false;
    const Case& again = read.value().cases[0];
    if (again.expression != test_.expression || (again.code ? again.code->value : 0) != observed_.code ||
        (again.scattered && options_.compat == Compat::cram))
      return false;
    return TRY(compared(again)).equal;
  }

  const Document& document_;
  std::string_view source_;
  const Case& test_;
  const Observed& observed_;
  const CompareOptions& options_;
  bool schema_;
};

}  // namespace

Result<std::vector<Edit>> edits_for(const Document& document, const Case& test, const Observed& observed,
                                    const CompareOptions& options) {
  return Editor(document, test, observed, options).run();
}

Result<std::string> with_edits(std::string_view source, std::vector<Edit> edits) {
  std::stable_sort(edits.begin(), edits.end(), before);
  std::string result;
  size_t at = 0;
  for (const Edit& edit : edits) {
    if (edit.span.begin < at || edit.span.end < edit.span.begin || edit.span.end > source.size()) {
      return Error::internal(
          fmt::format("edits overlap or lie outside the source: bytes {} to {} behind byte {}",
                      edit.span.begin, edit.span.end, at));
    }
    result += source.substr(at, edit.span.begin - at);
    result += edit.text;
    at = edit.span.end;
  }
  result += source.substr(at);
  return result;
}

}  // namespace testctr::script
