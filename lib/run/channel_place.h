// What all places have in common that speak the channel's protocol over a socket.
#pragma once

#include <memory>
#include <optional>

#include "run/conversation.h"
#include "run/place.h"

namespace testctr::run {

class ChannelPlace : public Place {
 public:
  /// @param channel a connected stream socket, borrowed
  ChannelPlace(Conversation conversation, int channel)
      : conversation_(std::move(conversation)), channel_(channel) {}

  [[nodiscard]] int descriptor() const override { return channel_; }
  [[nodiscard]] short wanted() const override;
  Status order(const Order& order) override { return conversation_.order(order); }
  Status reply(uint64_t id, const Reply& reply) override { return conversation_.reply(id, reply); }
  Status ask(uint64_t id, const Request& request) override { return conversation_.ask(id, request); }
  Status end(Outcome so_far, bool artifacts) override { return conversation_.finish(so_far, artifacts); }
  Status shell(const ShellInput& input) override { return conversation_.shell(input); }
  [[nodiscard]] size_t shell_room() const override { return conversation_.shell_room(); }
  void expect(std::vector<plan::Artifacts> artifacts) override { conversation_.expect(std::move(artifacts)); }
  Result<std::optional<Said>> advance(EventSink& events) override;
  [[nodiscard]] bool ended() const override { return ended_; }
  [[nodiscard]] bool reported() const override { return conversation_.reported(); }

  /// What is said when the channel ends before the script does.
  [[nodiscard]] virtual Error ended_early() const {
    return Error::infrastructure("the container ended before the script did");
  }
  /// Sends what is queued, without waiting. When the place is gone, the reason is found by reading.
  Status send_some();

 protected:
  [[nodiscard]] std::optional<Error> lost() const { return conversation_.lost(); }

 private:
  Conversation conversation_;
  int channel_;
  std::unique_ptr<char[]> buffer_;
  bool ended_ = false;  ///< the channel: the place is on its way out
};

}  // namespace testctr::run
