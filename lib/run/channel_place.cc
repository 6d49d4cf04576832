#include "run/channel_place.h"

#include <poll.h>
#include <sys/socket.h>

namespace testctr::run {
namespace {

constexpr size_t buffer_size = 64 << 10;
constexpr size_t turn = 1 << 20;  // bytes taken from one place before others get their turn

}  // namespace

short ChannelPlace::wanted() const {
  return static_cast<short>(conversation_.outgoing().empty() ? POLLIN : POLLIN | POLLOUT);
}

Result<std::optional<Said>> ChannelPlace::advance(EventSink& events) {
  if (auto said = conversation_.next()) return said;
  CHECK_OK(send_some());
  // Not a vector: that would be filled with zeros.
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(buffer_size);
  for (size_t taken = 0; taken < turn;) {
    ssize_t n = ::recv(channel_, buffer_.get(), buffer_size, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::optional<Said>();
    if (n < 0 && errno != ECONNRESET) return Error::system("recv", "channel");
    if (n <= 0) {
      ended_ = true;
      return ended_early();
    }
    taken += static_cast<size_t>(n);
    CHECK_OK(conversation_.take({buffer_.get(), static_cast<size_t>(n)}, events));
    if (auto said = conversation_.next()) return said;
  }
  return std::optional<Said>();
}

Status ChannelPlace::send_some() {
  while (!conversation_.outgoing().empty()) {
    std::string_view data = conversation_.outgoing();
    ssize_t n = ::send(channel_, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
      conversation_.sent(data.size());
      return {};
    }
    if (n < 0) return Error::system("send", "channel");
    conversation_.sent(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace testctr::run
