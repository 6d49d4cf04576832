// A place where lines of a script are carried out: a container, later the host or an engine's container. The
// runner is one thread that waits on many places at once, so a place is started, advanced when its descriptor
// is ready, and finished.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "interpret/event.h"
#include "interpret/state.h"

namespace testctr::run {

/// What is known once a place is gone.
struct PlaceEnding {
  uint64_t peak_memory = 0;  ///< bytes, 0: unknown
  uint64_t cpu_ns = 0;
  std::optional<Error>
      error;  ///< why it ended before it gave a Continuation back, or that it ended badly after
  bool limit_struck = false;  ///< a limit of the test ended it: the test failed
  bool killed = false;        ///< by `kill`
  /// A limit that was reached and ended nothing; empty: none. What failed may have failed by it.
  std::string limit_reached;
  bool limit_refused = false;  ///< and something was refused for it: what passed may have passed by that
};

class Place {
 public:
  virtual ~Place() = default;
  /// The descriptor to poll and the events (poll(2)) to wait for.
  [[nodiscard]] virtual int descriptor() const = 0;
  [[nodiscard]] virtual short wanted() const = 0;
  /// Does what can be done without waiting. Events go to `events` as they come; they are not stamped yet.
  /// @return the Continuation when the place has carried out its part; nothing while it goes on. An error
  /// ends the place.
  virtual Result<std::optional<Continuation>> advance(EventSink& events) = 0;
  /// Whether it ended by itself: `finish` then knows the reason and need not be helped by `kill`.
  [[nodiscard]] virtual bool ended() const = 0;
  /// Called about every 50 ms: limits that only we can watch.
  virtual void watch() = 0;
  /// Kills everything in it; `finish` is still to be called.
  virtual void kill() = 0;
  /// Waits until nothing of it is left.
  virtual PlaceEnding finish() = 0;
};

}  // namespace testctr::run
