// The prompt at which a test stands still (`run --debug`): where it stops, and what can be asked there. What
// a line of a script or a case of a document is, its carrier knows (`Debugged`).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpret/console.h"
#include "interpret/event.h"
#include "interpret/session.h"

namespace testctr::interpret {

/// What stands still.
class Debugged {
 public:
  virtual ~Debugged() = default;
  /// What a shell there would see.
  virtual Standpoint stands() = 0;
  /// Carries out what was typed; what it tells goes to the debugger. @return what to say of it: whether it
  /// held
  virtual std::string carry_out_typed(const std::string& line) = 0;
  /// Whether a line that begins with `word` is nothing that could be carried out.
  [[nodiscard]] virtual bool is_unknown(const std::string& word) const = 0;
  /// The words that lines begin with; empty: any program's name.
  [[nodiscard]] virtual std::vector<std::string> first_words() const = 0;
};

/// Where it stands.
struct Stop {
  enum class Why : uint8_t {
    failed,  ///< the line has failed
    held,    ///< it has, and held when it was run again
    before,  ///< the line is the next one
    end,     ///< there is no line any more
    late,    ///< something of that line failed that is judged when nothing more is carried out
  };
  Why why = Why::failed;
  std::string file;
  std::string_view source;
  uint32_t line = 0;
};

/// Stands between the lines and who is told of them: in front of everything else that hears what happens.
class Debugger : public EventSink {
 public:
  enum class Go : uint8_t { next, on, again, quit };

  /// All are borrowed. Without a console in `setting` it only passes events on.
  Debugger(const Setting& setting, EventSink& next) : setting_(setting), next_(next) {}

  [[nodiscard]] bool on() const { return setting_.console != nullptr; }
  /// Whether a line is to be stopped before.
  [[nodiscard]] bool stops_before(const std::string& file, uint32_t line) const;
  /// The last answer was `next`.
  [[nodiscard]] bool stepping() const { return stepping_; }
  void step(bool stepping) { stepping_ = stepping; }
  /// Whether a line has failed here that was gone on from.
  [[nodiscard]] bool passed_over() const { return passed_over_; }
  /// A line is carried out now: the failures that it tells are its carrier's to stop at.
  void begin_line();
  void end_line() { in_line_ = false; }

  /// The user has the say. @return what to do with the line; `again` and `next` only where that has a meaning
  Go stop(Session& session, Debugged& here, const Stop& at);
  /// A failure that no line stands at any more, unless `begin_line` says otherwise.
  void stop_late(Session& session, Debugged& here, Stop at);

  /// While `apart` events are shown at the prompt and told to nobody else.
  void set_apart(bool apart) { apart_ = apart; }
  [[nodiscard]] bool apart() const { return apart_; }
  void take(const Event& event) override;

 private:
  struct Prompt;
  void show(const Event& event);
  void say(std::string_view text);
  void tell_stop(const Stop& at);

  const Setting& setting_;
  EventSink& next_;
  bool stepping_ = false, passed_over_ = false, in_line_ = false, apart_ = false;
  bool open_ = false;     ///< the user has the say
  bool left_ = false;     ///< and does not want it any more
  bool helped_ = false;   ///< he knows of `help`
  std::string failures_;  ///< of the line that is carried out, as they are shown
  std::string pending_;   ///< to be shown at the next stop
};

}  // namespace testctr::interpret
