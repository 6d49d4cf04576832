// A place where lines of a script are carried out: a container, later the host or an engine's container. The
// runner is one thread that waits on many places at once, so a place is started, advanced when its descriptor
// is ready, and finished.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/left.h"
#include "interpret/event.h"
#include "interpret/request.h"
#include "interpret/state.h"
#include "run/assignment.h"
#include "sandbox/container.h"

namespace testctr::run {

/// What is known once a place is gone.
struct PlaceEnding {
  uint64_t peak_memory = 0;  ///< bytes, 0: unknown
  uint64_t cpu_ns = 0;
  std::optional<Error>
      error;  ///< why it ended before it gave a Continuation back, or that it ended badly after
  std::optional<Error> lost;  ///< why something was not brought out of it that should have been
  bool limit_struck = false;  ///< a limit of the test ended it: the test failed
  bool killed = false;        ///< by `kill`
  /// A limit that was reached and ended nothing; empty: none. What failed may have failed by it.
  std::string limit_reached;
  bool limit_refused = false;  ///< and something was refused for it: what passed may have passed by that
  image::Left left;            ///< by a container's lines in its image, where that can be seen
};

/// What a place says beside events.
struct Said {
  enum class Kind : uint8_t {
    carried_out,    ///< its order: `continuation`
    request,        ///< it wants something of the program outside: `id`, `request`
    answer,         ///< to what it was asked: `id`, `reply`
    log,            ///< its service wrote `text`
    service_ended,  ///< its service has ended with `status` (128+N for signal N)
    finished,       ///< it is at its end: `outcome`
    shell_opened,   ///< `terminal`, and what there is to say of that: `text`
    shell_printed,  ///< `text`
    shell_ended,    ///< by itself
    shell_refused,  ///< there is none, since `text`
    prompt_opened,  ///< the user has the say
    prompt_asks,    ///< for a line; `text` stands before it
    prompt_shell,   ///< a shell has opened at the prompt: `terminal`, `text` as above
    prompt_back,    ///< it has ended, and the prompt is there again
    prompt_closed,  ///< the place goes on; `stepping`
  };
  Kind kind = Kind::carried_out;
  Continuation continuation;
  uint64_t id = 0;
  Request request;
  Reply reply;
  std::string text;
  int status = 0;
  Outcome outcome = Outcome::pass;
  bool terminal = false;
  bool stepping = false;  ///< the next line is to be stopped before
};

/// What the user's side sends to a shell in a place.
struct ShellInput {
  std::string bytes;
  bool end = false;   ///< nothing more comes
  bool line = false;  ///< the line that the prompt has asked for
  bool stop = false;  ///< nothing but this: what the last line does is to be stopped
  std::optional<interpret::WindowSize> window;
};

class Place {
 public:
  virtual ~Place() = default;
  /// The descriptor to poll and the events (poll(2)) to wait for.
  [[nodiscard]] virtual int descriptor() const = 0;
  [[nodiscard]] virtual short wanted() const = 0;
  /// Hands it an order, an answer to what it asked, a question of others, the news that the test is at its
  /// end. They are sent by `advance`.
  virtual Status order(const Order& order) = 0;
  virtual Status reply(uint64_t id, const Reply& reply) = 0;
  virtual Status ask(uint64_t id, const Request& request) = 0;
  /// @param artifacts whether it is to send what is expected of it
  virtual Status end(Outcome so_far, bool artifacts) = 0;
  /// It may bring these out of it from now on, and is to.
  virtual void expect(std::vector<plan::Artifacts> artifacts) = 0;
  /// For the shell that it has told of.
  virtual Status shell(const ShellInput& input) = 0;
  /// How many bytes it takes now.
  [[nodiscard]] virtual size_t shell_room() const = 0;
  /// Does what can be done without waiting. Events go to `events` as they come; they are not stamped yet.
  /// @return what else it said; nothing while it goes on. To be called until it says nothing. An error ends
  /// the place.
  virtual Result<std::optional<Said>> advance(EventSink& events) = 0;
  /// Whether it ended by itself: `finish` then knows the reason and need not be helped by `kill`.
  [[nodiscard]] virtual bool ended() const = 0;
  /// Whether the error that ended it is what it said of itself: not a breach of the protocol, not its
  /// silence.
  [[nodiscard]] virtual bool reported() const = 0;
  /// Of a container: its namespaces, for others to join; the call waits until it has set itself up.
  virtual Result<sandbox::Container::Namespaces> namespaces() {
    return Error::internal("a place without namespaces");
  }
  /// Of a container: what it has changed in its image, as an open folder that outlives it.
  virtual Result<Fd> changes() {
    return Error::infrastructure("what is changed here in an image cannot be kept")
        .hint("`--engine native` can");
  }
  /// Called about every 50 ms: limits that only we can watch.
  virtual void watch() = 0;
  /// Kills everything in it; `finish` is still to be called.
  virtual void kill() = 0;
  /// Waits until nothing of it is left.
  virtual PlaceEnding finish() = 0;
};

}  // namespace testctr::run
