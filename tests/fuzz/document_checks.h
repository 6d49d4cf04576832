// What holds for every document that a reader takes, and for every one that it refuses.
#pragma once

#include <cstdlib>

#include "../unit/script_document_support.h"
#include "script/document.h"
#include "script/edit.h"

namespace testctr::script {

/// Writes hostile output into the first case: it must then hold, and need no second update.
inline void check_update(const Document& document, const ReadOptions& options) {
  if (document.cases.empty()) return;
  const Case& test = document.cases[0];
  if (test.config.over(document.config.defaults).mode == Mode::jsonschema) return;
  constexpr size_t most = 2000;
  Observed observed{document.source.substr(test.block.begin, std::min(test.block.size(), most)), 1};
  CompareOptions compare_options{document.dialect, options.compat, nullptr, options.indent};
  auto edits = edits_for(document, test, observed, compare_options);
  if (!edits.ok()) {
    if (edits.error().fault() != Fault::usage) std::abort();
    return;
  }
  auto written = with_edits(document.source, std::move(edits).value());
  if (!written.ok()) std::abort();
  auto again = read_document(document.dialect, "f", written.value(), options);
  if (!again.ok() || again.value().cases.size() != document.cases.size()) std::abort();
  auto more = edits_for(again.value(), again.value().cases[0], observed, compare_options);
  if (!more.ok() || !more.value().empty()) std::abort();
}

inline void check_document(Dialect dialect, const std::string& source, const ReadOptions& options) {
  auto read = read_document(dialect, "f", source, options);
  if (!read.ok()) {
    const Error& error = read.error();
    if (error.fault() != Fault::usage || !error.message().starts_with("f:")) std::abort();
    return;
  }
  const Document& document = read.value();
  if (document.source != source || !false_place(document).empty()) std::abort();
  if (dialect == Dialect::markdown && !document.cases.empty() && !has_test_fence(source)) std::abort();
  auto same = with_edits(source, {});
  if (!same.ok() || same.value() != source) std::abort();
  check_update(document, options);
}

}  // namespace testctr::script
