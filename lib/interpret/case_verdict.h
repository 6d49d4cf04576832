// Whether a case of a document did what it was to do, and what to say when it did not.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "interpret/event.h"
#include "interpret/shell.h"
#include "script/compare.h"
#include "script/document.h"

namespace testctr::interpret {

/// A case's output as it is compared.
struct CaseOutput {
  std::string_view compared;                   ///< of the stream that is compared, normalised
  std::unique_ptr<const std::string> changed;  ///< holds `compared` where that is not as it came
};

struct CaseVerdict {
  bool passed = false;
  uint32_t line = 0;  ///< of what does not hold
  Failure failure;    ///< when not passed
  script::Variables captures;
};

struct CaseView {
  const script::Document& document;
  const script::Case& test;
  script::CaseConfig config;  ///< with all defaults
  script::Compat compat = script::Compat::none;
  const script::Variables* variables = nullptr;  ///< null: not interpolated
};

/// The configuration of a case with the document's and the dialect's defaults.
script::CaseConfig effective_config(const script::Document& document, const script::Case& test,
                                    const script::CaseConfig& defaults, const script::CaseConfig& overrides);

/// Judges code and output. Errors (usage): an expectation that cannot be matched, with its line.
Result<CaseVerdict> judge_case(const CaseView& view, const CaseOutput& output, std::optional<int> code,
                               const std::string& described);

/// The names that expectations of an interpolated case refer to.
std::vector<std::string> names_in(const script::Case& test);

}  // namespace testctr::interpret
