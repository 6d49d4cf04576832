// What holds for every document that is converted: told by the unit tests and the fuzzer alike.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "script/compare.h"
#include "script/convert.h"
#include "script/document.h"

namespace testctr::script {

/// Whether both match the same of some outputs: themselves as they are written, and what the caller adds.
/// Outputs end in "\n": Markdown's patterns do not ask for it, Cram's do.
inline bool match_alike(const Document& a, const Document& b, const std::vector<std::string>& outputs) {
  for (size_t i = 0; i < a.cases.size(); ++i) {
    std::vector<std::string> all = outputs;
    for (const Document* document : {&a, &b}) {
      std::string written, patterns;
      for (const Expectation& e : document->cases[i].expectations) {
        // Where a line was written in other words, only one of them has it for a name.
        if (e.rule != Rule::equal) continue;
        patterns += e.pattern + "\n";
      }
      all.push_back(patterns);
    }
    for (const std::string& output : all) {
      // Cram's patterns also see such a line as Cram writes it, in escapes.
      if (std::any_of(output.begin(), output.end(), [](char c) { return (c < ' ' && c != '\n') || c > '~'; }))
        continue;
      auto one = compare(a.cases[i].expectations, output, {a.dialect, Compat::none, nullptr});
      auto two = compare(b.cases[i].expectations, output, {b.dialect, Compat::none, nullptr});
      if (one.ok() && two.ok() && one.value().equal != two.value().equal) return false;
    }
  }
  return true;
}

/// Empty when the cases are the same in both, else what is not.
inline std::string other_cases(const Document& a, const Document& b) {
  if (a.cases.size() != b.cases.size())
    return fmt::format("{} cases, and {}", a.cases.size(), b.cases.size());
  for (size_t i = 0; i < a.cases.size(); ++i) {
    const Case &x = a.cases[i], &y = b.cases[i];
    std::string here = fmt::format("line {} and {}: ", x.line, y.line);
    if (x.expression != y.expression) return here + "other commands";
    if ((x.code ? x.code->value : 0) != (y.code ? y.code->value : 0)) return here + "other codes";
    if (x.expectations.size() != y.expectations.size()) return here + "other expectations";
  }
  return {};
}

/// Empty when the Cram document is refused, or is the same to the byte after having been Markdown.
inline std::string lost_by_cram(const std::string& source, size_t indent) {
  auto cram = read_cram("f", source, {Compat::none, indent});
  if (!cram.ok()) return {};
  auto made = to_markdown(cram.value(), indent);
  if (!made.ok()) return made.error().message();
  auto markdown = read_markdown("f", made.value().text);
  if (!markdown.ok()) return markdown.error().message();
  if (std::string other = other_cases(cram.value(), markdown.value()); !other.empty()) return other;
  if (!match_alike(cram.value(), markdown.value(), {})) return "other matches: " + made.value().text;
  auto back = to_cram(markdown.value());
  if (!back.ok()) return back.error().message();
  if (back.value().text != source) return "other bytes: " + back.value().text;
  return {};
}

/// Empty when the Markdown document is refused, or has the same cases as Cram and as Markdown again.
inline std::string lost_by_markdown(const std::string& source, bool lossy) {
  auto markdown = read_markdown("f", source);
  if (!markdown.ok()) return {};
  auto made = to_cram(markdown.value(), {std::nullopt, lossy});
  if (!made.ok()) {
    if (made.error().fault() != Fault::usage || !made.error().message().starts_with("f:"))
      return made.error().message();
    return {};
  }
  const std::string front = source.substr(0, std::min<size_t>(source.size(), 1000));
  size_t indent = 2;
  if (size_t at = front.find("# From Cram, indentation "); at != std::string::npos) {
    indent = static_cast<size_t>(std::atoi(front.c_str() + at + 25));  // a wrong one only makes us skip it
    auto probe = to_cram(markdown.value(), {indent, lossy});
    if (indent == 0 || indent > 100 || !probe.ok() || probe.value().text != made.value().text) return {};
  }
  auto cram = read_cram("f", made.value().text, {Compat::none, indent});
  if (!cram.ok()) return cram.error().message();
  if (std::string other = other_cases(markdown.value(), cram.value()); !other.empty()) return other;
  if (!lossy && !match_alike(markdown.value(), cram.value(), {}))
    return "other matches: " + made.value().text;
  return lost_by_cram(made.value().text, indent);
}

}  // namespace testctr::script
