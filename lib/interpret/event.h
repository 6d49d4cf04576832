// What happens while a script is carried out, as plain values. The interpreter makes them, wherever it runs;
// the program outside stamps them (script, place, sequence, time) and hands them to lib/report. Everything in
// an event that came from inside is hostile bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace testctr {

/// How a script ended.
enum class Outcome : uint8_t {
  pass,
  fail,     ///< an expectation was not met
  error,    ///< infrastructure, or the script could not be understood
  skip,     ///< it said `skip`; the reason is in the text
  not_run,  ///< never started (interrupted, time limit of the run)
  // What only the outside can say of a test:
  flaky,  ///< it passed, after attempts that had not
  xfail,  ///< it failed, as the manifest expects
  xpass,  ///< it passed, although the manifest expects it to fail
};
std::string_view to_string(Outcome outcome);
/// Any of them. Errors (infrastructure): no outcome has that name.
Result<Outcome> outcome_from_string(std::string_view text);
/// Whether nothing is wrong with a test that ends so.
constexpr bool is_good(Outcome outcome) {
  return outcome == Outcome::pass || outcome == Outcome::skip || outcome == Outcome::flaky ||
         outcome == Outcome::xfail;
}

/// How `script_ended` names whose fault an error is: "usage", "infrastructure", "internal".
std::string_view to_string(Fault fault);

/// A refused system call, as seen by the filter.
struct Denial {
  uint32_t line = 0;    ///< the script's line that was being carried out
  std::string program;  ///< the process's name (comm), hostile bytes
  std::string syscall;  ///< "mount", or "syscall_425" when unknown by name
  uint64_t count = 1;
  auto operator<=>(const Denial&) const = default;
};

/// What a comparison wants of a file that stands in the script (`--update`).
struct Wanted {
  std::string member;   ///< the file's name as its marker has it
  bool quoted = false;  ///< it stands there quoted, and the script has unquoted it
  bool equal = false;   ///< that it stays as it is: the comparison holds
  bool more = false;    ///< the content goes on in the next event
};

/// What a test has left in the images of its containers, outside of $WORK.
struct Leftovers {
  uint64_t count = 0;  ///< of paths
  bool more = false;   ///< not all was looked at, or could be
  /// A few of them, "HOW\0PLACE\0PATH\0...": HOW is created, changed, removed or replaced, PATH is absolute
  /// inside (hostile bytes), a folder's ends with "/".
  std::string paths;
  [[nodiscard]] bool any() const { return count != 0 || more; }
};
/// How many of the paths an event names.
inline constexpr size_t most_leftovers_named = 10;

/// Why a line failed.
struct Failure {
  std::string command;   ///< the command with its expanded arguments
  std::string reason;    ///< "no match for `x` in stdout"
  std::string expected;  ///< what was wanted, where that can be shown apart
  std::string actual;    ///< what there was
  std::string diff;      ///< unified; expected is "-", actual is "+"
  std::string hint;      ///< one line, or empty
};

struct Event {
  enum class Kind : uint8_t {
    script_started,  ///< outside only: text = name, detail = image; file where that has another name
    phase,           ///< a `#` section begins: line, text = title
    command,         ///< a line is carried out: line, text = the line as written
    note,    ///< log text under the current command: "[exit status 1]", "[condition not met]", "matched: ..."
    output,  ///< stream, text = bytes
    denied,  ///< denial
    failure,       ///< line, failure
    script_ended,  ///< outcome, text = reason (skip, error), line where known, duration_ns
    log,           ///< message of the runner about this script (limits that fell back, leaked processes)
    compared,      ///< line, compared, text = the content that the file is to have, or the next piece of it;
                   ///< told where it was asked for alone
    case_ended,    ///< a case of a document: line of its `$`, text = title, outcome, detail = reason, code,
                   ///< duration_ns
  };
  Kind kind = Kind::note;
  uint32_t line = 0;
  std::string file;  ///< whose line it is, where it is not the script's own (a document that it includes)
  std::string text;
  std::string detail;
  std::optional<int>
      code;  ///< of a case: exit status, or 128+N for signal N; nothing: it was not run to its end
  bool shell_ended = false;  ///< of a case: and with it the document's shell, before it could say the code
  std::string values;        ///< of a case: what its expectations were interpolated with, "NAME=VALUE\0..."
  std::string stream;  ///< "stdout" or "stderr"; of a case's failure: which of them the failure shows, if any
  Failure failure;
  Denial denial;
  Wanted compared;
  Outcome outcome = Outcome::pass;
  int64_t duration_ns = 0;
  uint64_t peak_memory = 0;  ///< bytes, 0: unknown
  int64_t cpu_ns = 0;        ///< 0: unknown
  Leftovers left;            ///< of `script_ended`

  // Stamped outside; never taken from the channel.
  uint32_t script = 0;   ///< index in the Plan
  uint32_t attempt = 0;  ///< from 0
  bool last = true;      ///< of `script_ended`: no other attempt follows
  std::string place;     ///< "container", "host", a name
  uint64_t sequence = 0;
  int64_t time_ns = 0;  ///< since the run began
};

std::string_view to_string(Event::Kind kind);
/// For the channel (CBOR, byte strings): everything but the stamps.
Json to_wire(const Event& event);
/// The reverse, for hostile input: unknown kinds, wrong types, absurd sizes are errors.
Result<Event> event_from_wire(const Json& wire);

/// Takes events in order. Implementations do not fail; one that cannot go on says so by itself.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void take(const Event& event) = 0;
};

}  // namespace testctr
