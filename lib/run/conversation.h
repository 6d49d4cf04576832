// The outside's half of the channel's protocol, without the socket: bytes from a container in, events and
// finally a Continuation out. Every byte is hostile; what an honest interpreter would not send is a breach,
// and a breach ends the conversation.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "interpret/event.h"
#include "interpret/state.h"
#include "run/assignment.h"
#include "run/channel.h"

namespace testctr::run {

class Conversation {
 public:
  /// Queues the assignment for sending.
  static Result<Conversation> begin(const Assignment& assignment);

  /// Takes bytes that the container sent; events go to `events` at once.
  /// @return an error when the container broke the protocol or reported an error itself.
  Status take(std::string_view bytes, EventSink& events);
  /// The result, once there; moves it out.
  std::optional<Continuation> result() { return std::exchange(finished_, std::nullopt); }

  /// What is to be sent next; `sent(n)` removes what was.
  [[nodiscard]] std::string_view outgoing() const { return std::string_view(output_).substr(written_); }
  void sent(size_t count);

 private:
  explicit Conversation(Digest script) : script_(std::move(script)) {}
  Status take_frame(const Json& frame, EventSink& events);
  Status take_hello(const std::string& type, const Json& frame);
  Status take_event(const Json& frame, EventSink& events);
  Status take_data(const std::string& type, const Json& frame);
  static Error take_error(const Json& frame);

  Digest script_;
  FrameReader reader_;
  std::string output_;
  size_t written_ = 0;
  bool greeted_ = false;
  std::optional<size_t> result_size_;
  std::string result_;
  std::optional<Continuation> finished_;
};

}  // namespace testctr::run
