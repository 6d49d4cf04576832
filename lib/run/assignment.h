// What the program outside tells its first process in a container: the script, where to go on, and the
// setting to do it in. A value that crosses the channel as CBOR.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/json.h"
#include "base/result.h"
#include "interpret/documents.h"
#include "interpret/state.h"
#include "plan/plan.h"

namespace testctr::run {

/// What a place needs to know of a document, beside what a script needs.
struct DocumentAssignment {
  script::Dialect dialect = script::Dialect::markdown;
  std::vector<plan::DocumentPart> parts;
  uint32_t main = 0;
  script::ReadOptions reading;
  interpret::DocumentSetting setting;
  bool operator==(const DocumentAssignment&) const = default;
};

struct Assignment {
  std::string place = "container";
  std::string name;                            ///< of the script, for messages
  std::string source;                          ///< its bytes
  std::optional<DocumentAssignment> document;  ///< it is none where it is a script
  Continuation from;
  std::map<std::string, std::string> environment;  ///< the place's base; HOME is added inside when absent
  std::string work = "/work";
  std::string tree;  ///< $TREE inside; empty: none
  int64_t case_timeout_ns = 0;
  uint64_t max_output = 0;
  bool network = false;  ///< whether the place has one: [net]
  bool operator==(const Assignment&) const = default;
};

Json to_wire(const Assignment& assignment);
Result<Assignment> assignment_from_wire(const Json& wire);

}  // namespace testctr::run
