// Events on their way out of a place.
#pragma once

#include "interpret/event.h"
#include "run/channel.h"

namespace testctr::run {

/// What a program that met a full scratch space rarely says.
extern const char* const scratch_hint;

/// Sends events; what does not fit a frame is sent in parts (output) or cut with a mark (all else).
class ChannelSink : public EventSink {
 public:
  explicit ChannelSink(InnerChannel& channel) : channel_(channel) {}
  void take(const Event& event) override;
  /// Whether all could be sent.
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  void send(const Event& event);
  InnerChannel& channel_;
  Status status_;
};

}  // namespace testctr::run
