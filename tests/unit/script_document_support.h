// What the tests of readers share: reading with a readable error, and whether every span holds what it says.
#pragma once

#include <string>

#include "base/text.h"
#include "script/document.h"

namespace testctr::script {

inline std::string error_of(const Result<Document>& read) {
  return read.ok() ? "no error" : read.error().message();
}

/// Empty when all places of `document` are true, else what is not.
inline std::string false_place(const Document& document) {
  const std::string_view source = document.source;
  auto at = [&](Span span) { return source.substr(span.begin, span.end - span.begin); };
  auto within = [](Span inner, Span outer) {
    return outer.begin <= inner.begin && inner.begin <= inner.end && inner.end <= outer.end;
  };
  auto whole = [&](Span span) {
    return (span.begin == 0 || span.begin == source.size() || source[span.begin - 1] == '\n') &&
           (span.end == source.size() || span.end == span.begin || source[span.end - 1] == '\n');
  };
  size_t counted = 0;
  uint32_t line = 1;  // of the byte `counted`
  auto stands_in = [&](size_t offset, uint32_t number) {
    for (; counted < offset; ++counted) line += source[counted] == '\n' ? 1 : 0;
    return counted == offset && line == number;
  };
  size_t end = 0;
  for (const Case& test : document.cases) {
    std::string here = std::to_string(test.line) + ": ";
    if (test.block.begin < end) return here + "overlaps";
    end = test.block.end;
    if (!whole(test.block) || !whole(test.command) || !whole(test.body)) return here + "not whole lines";
    if (!within(test.block, {0, source.size()}) || !within(test.command, test.block) ||
        !within(test.body, test.block) || test.command.end != test.body.begin || test.command.size() == 0)
      return here + "not within";
    if (!stands_in(test.command.begin, test.line)) return here + "command in another line";
    if (at(test.command).find("$ " + test.expression.substr(0, test.expression.find('\n'))) ==
        std::string_view::npos)
      return here + "another command";
    size_t last = test.body.begin;
    const ExpectedCode* code = test.code ? &*test.code : nullptr;
    auto check_code = [&](size_t until) {
      if (code == nullptr || code->span.begin >= until) return true;
      bool good = within(code->span, test.body) && stands_in(code->span.begin, code->line) &&
                  code->span.begin >= last && at(code->span).starts_with('[') &&
                  at(code->span).ends_with(']');
      last = code->span.end;
      code = nullptr;
      return good;
    };
    for (const Expectation& expectation : test.expectations) {
      if (!check_code(expectation.span.begin)) return here + "code";
      if (!within(expectation.span, test.body) || expectation.span.begin < last) return here + "expectation";
      if (at(expectation.span) != expectation.text) return here + "text";
      if (!stands_in(expectation.span.begin, expectation.line)) return here + "line";
      if (expectation.text.find('\n') != std::string::npos) return here + "more than a line";
      last = expectation.span.end;
    }
    if (!check_code(source.size() + 1)) return here + "code";
  }
  return {};
}

/// What a case expects, as it is written.
inline std::vector<std::string> texts(const Case& test) {
  std::vector<std::string> result;
  for (const Expectation& expectation : test.expectations) result.push_back(expectation.text);
  return result;
}
using Texts = std::vector<std::string>;

}  // namespace testctr::script
