// The outside's half of the channel's protocol, without the socket: bytes from a place in, events and what
// else it says out. Every byte is hostile; what an honest place would not send is a breach, and a breach ends
// the conversation.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "interpret/event.h"
#include "interpret/request.h"
#include "interpret/state.h"
#include "run/artifacts.h"
#include "run/assignment.h"
#include "run/channel.h"
#include "run/place.h"

namespace testctr::run {

class Conversation {
 public:
  /// Queues the assignment for sending.
  static Result<Conversation> begin(const Assignment& assignment);

  /// Queue what is to be said. Errors (internal): it does not fit the channel.
  Status order(const Order& order);
  Status reply(uint64_t id, const Reply& reply);
  Status ask(uint64_t id, const Request& request);
  Status finish(Outcome so_far, bool artifacts);
  /// To the shell that it has opened. At most `shell_room()` bytes.
  Status shell(const ShellInput& input);
  [[nodiscard]] size_t shell_room() const;

  /// From now on the place may send these.
  void expect(std::vector<plan::Artifacts> artifacts) { artifacts_ = ArtifactTaker(std::move(artifacts)); }
  /// Why some of them were not brought out.
  [[nodiscard]] std::optional<Error> lost() const { return artifacts_.lost(); }

  /// Takes bytes that the place sent; events go to `events` at once, the rest waits for `next`.
  /// @return an error when the place broke the protocol or reported an error itself.
  Status take(std::string_view bytes, EventSink& events);
  /// Whether the error that `take` returned last is what an honest place said of itself.
  [[nodiscard]] bool reported() const { return reported_; }
  /// What it said next; moves it out.
  std::optional<Said> next();

  /// What is to be sent next; `sent(n)` removes what was.
  [[nodiscard]] std::string_view outgoing() const { return std::string_view(output_).substr(written_); }
  void sent(size_t count);

 private:
  /// A frame whose data have not all come yet.
  struct Open {
    std::string type;
    uint64_t id = 0;
    size_t size = 0;
    std::string data;
  };

  explicit Conversation(uint64_t max_output) : most_data_(2 * max_output + (size_t{16} << 20)) {}
  Status put(Json header, const Json& body);
  Status take_frame(const Json& frame, EventSink& events);
  Status take_hello(const std::string& type, const Json& frame);
  Status take_event(const Json& frame, EventSink& events);
  Status open(const std::string& type, const Json& frame);
  Status take_data(const std::string& type, const Json& frame);
  Status close(Open whole);
  Status take_small(const std::string& type, const Json& frame, EventSink& events);
  Status take_shell(const Json& frame);
  Status take_prompt(const std::string& state, Said& said);
  [[nodiscard]] bool in_shell() const {
    return shell_ == ShellState::open || shell_ == ShellState::at_prompt;
  }
  Status take_tty(const Json& frame);
  Error take_error(const Json& frame);

  size_t most_data_;
  FrameReader reader_;
  std::string output_;
  size_t written_ = 0;
  bool updates_ = false;  ///< comparisons are to be told
  bool greeted_ = false;
  bool finished_ = false;
  bool reported_ = false;
  std::optional<Digest> untaken_;  ///< of the source that it was sent last and has not acknowledged
  bool at_work_ = false;           ///< it has an order that it has not answered
  std::optional<Open> open_;
  /// A shell, if one was asked for at all, is opened once; a prompt as often as there is a reason, and a
  /// shell at it.
  enum class ShellState : uint8_t { unwanted, wanted, open, over, closed, prompt, asking, at_prompt };
  ShellState shell_ = ShellState::unwanted;
  size_t untyped_ = 0;  ///< bytes that it has been sent and has not given to the shell
  std::deque<Said> said_;
  ArtifactTaker artifacts_;
};

}  // namespace testctr::run
