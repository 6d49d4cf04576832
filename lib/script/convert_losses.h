// What a Markdown document says that Cram has no words for.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "script/defects.h"
#include "script/document.h"

namespace testctr::script {

struct Losses {
  struct Loss {
    uint32_t line = 0;
    std::string what;    ///< the key or the quantifier
    std::string advice;  ///< what to do about it
  };
  std::vector<Loss> all;  ///< by line
  bool in_front_matter = false;
  std::set<size_t> cases;  ///< indices of those whose own configuration is in `all`
};

Losses find_losses(const Document& document);

/// Whether a command ends its shell by all appearances (or may, as `set -e` does).
bool may_end_shell(const Case& test);

/// What is in force without having been said, and is something else in Cram.
std::vector<Remark> notes_to_cram(const Document& document);

}  // namespace testctr::script
