// The configuration in a document: YAML in its front matter, on its fences and in its "%" lines.
#pragma once

#include <string>
#include <vector>

#include "script/defects.h"
#include "script/document.h"

namespace testctr::script {

/// YAML with the places of its lines in the document.
struct ConfigText {
  struct Origin {
    uint32_t line = 0;  ///< 1-based
    size_t column = 0;  ///< bytes of the document's line before this one's text
  };
  std::string yaml;
  std::vector<Origin> origins;  ///< of each line of `yaml`

  /// Adds a line (without its end).
  void add(std::string_view line, Origin origin);
};

/// Reads the keys of a case. What is wrong - no YAML, unknown, repeated or ill-typed keys - goes to `defects`
/// with line and column; the rest is read nevertheless.
CaseConfig read_case_config(const ConfigText& text, Defects& defects);

/// Reads front matter in the same way.
DocumentConfig read_document_config(const ConfigText& text, Defects& defects);

}  // namespace testctr::script
