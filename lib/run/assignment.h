// What the program outside tells the process that carries lines out in a place: the setting, and then which
// lines, from where on. Values that cross the channel as CBOR.
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
#include "interpret/terminal_session.h"
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

/// A program that runs beside the test in a container of its own.
struct ServiceAssignment {
  std::vector<std::string> words;
  std::map<std::string, std::string> environment;
  std::string directory;
  bool operator==(const ServiceAssignment&) const = default;
};

/// Where a place is to open a shell for the user.
enum class ShellAt : uint8_t {
  none,
  failure,  ///< at the first line that fails
  begin,    ///< before the first line, which is then not carried out
  line,     ///< before the first of `breaks` that comes, which is then not carried out
  prompt,   ///< none: where a line fails and before `breaks` the user is asked what to do
};

/// The shell that a place is to open.
struct ShellWish {
  ShellAt at = ShellAt::none;
  bool terminal = false;  ///< on a terminal of its own, else on pipes
  interpret::WindowSize window;
  std::string term;   ///< the user's $TERM
  std::string spare;  ///< where the image has no shell; empty: none
  std::vector<interpret::Break> breaks;
  bool operator==(const ShellWish&) const = default;
};

/// What a place is told once, when it begins.
struct Assignment {
  std::string place = "container";
  std::map<std::string, std::string> environment;  ///< the place's base; HOME is added inside when absent
  std::string work = "/work";
  std::string tree;  ///< $TREE inside; empty: none
  std::string
      control;  ///< where a document's shell keeps its files: not in a $WORK that others share; empty: there
  std::vector<std::string> programs;  ///< names that are commands
  plan::ScriptOptions scripts;
  /// Patterns of the files that are sent at the end, where that is asked for; empty ones are not for this
  /// place.
  std::vector<std::string> artifacts;
  bool keeps_failed = false;  ///< the last of them is for a test that fails
  int64_t case_timeout_ns = 0;
  uint64_t max_output = 0;
  bool network = false;  ///< whether the place has one: [net]
  bool guarded = false;  ///< as in interpret::Setting
  bool update = false;   ///< as in interpret::Setting
  std::string socket;    ///< where programs inside reach it as `testctr`: a path, or "@NAME"; empty: nowhere
  std::optional<ServiceAssignment> service;
  ShellWish shell;
  bool operator==(const Assignment&) const = default;
};

/// A part of a step that a place is to carry out.
struct Order {
  bool fresh = true;   ///< the place has not been told of this step yet: what follows is there
  std::string name;    ///< of the script, for messages
  std::string source;  ///< its bytes
  script::Language language = script::Language::testctr;
  std::optional<DocumentAssignment> document;  ///< it is none where it is a script
  Continuation from;
  std::vector<std::string> definitions;  ///< as in interpret::DocumentSetting
  /// Nobody else has a part in the test: when the step's end is reached, it ends.
  bool last = false;
  bool stepping = false;  ///< the first line is to be stopped before
  bool operator==(const Order&) const = default;
};

Json to_wire(const Assignment& assignment);
/// From its keys "rows" and "columns".
Result<interpret::WindowSize> window_from_wire(const Json& wire);
Result<Assignment> assignment_from_wire(const Json& wire);
Json to_wire(const Order& order);
Result<Order> order_from_wire(const Json& wire);

}  // namespace testctr::run
