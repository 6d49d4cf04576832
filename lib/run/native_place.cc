#include "run/native_place.h"

#include <poll.h>
#include <sys/socket.h>

#include "run/conversation.h"
#include "run/inside.h"

namespace testctr::run {
namespace {

constexpr size_t buffer_size = 64 << 10;
constexpr size_t turn = 1 << 20;  // bytes taken from one place before others get their turn

// Why a container is gone, where that was not what it said itself.
void explain(const sandbox::Ending& ending, PlaceEnding& result) {
  if (ending.pids_exceeded)
    result.limit_reached = "the container was at its limit of processes: --pids N allows more";
  result.limit_refused = ending.pids_refused;
  if (ending.setup_error) {
    result.error = *ending.setup_error;
  } else if (ending.memory_exceeded) {
    result.limit_struck = true;
    result.error =
        Error::infrastructure("the container went over its memory limit").hint("--memory SIZE allows more");
  } else if (ending.signal != 0) {
    result.error = Error::infrastructure(
        fmt::format("the container's first process was killed (signal {})", ending.signal));
  } else if (ending.exit_status != 0) {
    result.error = Error::infrastructure(
        fmt::format("the container's first process ended with status {}", ending.exit_status));
  }
}

class NativePlace : public Place {
 public:
  NativePlace(sandbox::Container container, Conversation conversation)
      : container_(std::move(container)), conversation_(std::move(conversation)) {}

  int descriptor() const override { return container_.channel(); }
  short wanted() const override {
    return static_cast<short>(conversation_.outgoing().empty() ? POLLIN : POLLIN | POLLOUT);
  }

  Result<std::optional<Continuation>> advance(EventSink& events) override {
    CHECK_OK(send_some());
    // Not a vector: that would be filled with zeros.
    if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(buffer_size);
    for (size_t taken = 0; taken < turn;) {
      ssize_t n = ::recv(container_.channel(), buffer_.get(), buffer_size, MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::optional<Continuation>();
      if (n < 0 && errno != ECONNRESET) return Error::system("recv", "channel");
      if (n <= 0) {
        ended_ = true;
        return Error::infrastructure("the container ended before the script did");
      }
      taken += static_cast<size_t>(n);
      CHECK_OK(conversation_.take({buffer_.get(), static_cast<size_t>(n)}, events));
      if (auto result = conversation_.result()) return result;
    }
    return std::optional<Continuation>();
  }

  void watch() override { container_.check_limits(); }
  bool ended() const override { return ended_; }
  void kill() override { container_.kill(); }

  PlaceEnding finish() override {
    PlaceEnding result;
    auto ending = container_.finish();
    if (!ending.ok()) {
      result.error = std::move(ending).error();
      return result;
    }
    result.peak_memory = ending.value().peak_memory;
    result.cpu_ns = ending.value().cpu_ns;
    explain(ending.value(), result);
    return result;
  }

  // Sends without waiting. When the container is gone, the reason is found by reading.
  Status send_some() {
    while (!conversation_.outgoing().empty()) {
      std::string_view data = conversation_.outgoing();
      ssize_t n = ::send(container_.channel(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
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

 private:
  sandbox::Container container_;
  Conversation conversation_;
  std::unique_ptr<char[]> buffer_;
  bool ended_ = false;  // the channel: PID 1 is on its way out
};

}  // namespace

Result<std::unique_ptr<Place>> start_native_place(const sandbox::Spec& spec, const Assignment& assignment) {
  auto conversation = TRY(Conversation::begin(assignment));
  auto container = TRY(sandbox::Container::start(spec, carry_out_inside));
  auto place = std::make_unique<NativePlace>(std::move(container), std::move(conversation));
  CHECK_OK(place->send_some());
  return std::unique_ptr<Place>(std::move(place));
}

}  // namespace testctr::run
