#include "run/native_place.h"

#include <poll.h>
#include <sys/socket.h>

#include "base/digest.h"
#include "base/sys.h"
#include "base/text.h"
#include "run/channel.h"
#include "run/inside.h"

namespace testctr::run {
namespace {

constexpr size_t turn = 1 << 20;  // bytes taken from one place before others get their turn
constexpr int64_t credit_step = window / 4;
constexpr size_t continuation_limit = size_t{256} << 20;

Error breach(std::string what) {
  return Error::infrastructure(fmt::format("the container broke the channel's protocol: {}", what))
      .hint("what ran inside cannot be trusted to have said the truth: the script counts as an error");
}

// The events that an interpreter inside may send; the rest are the outside's own.
bool from_inside(Event::Kind kind) {
  return kind != Event::Kind::script_started && kind != Event::Kind::script_ended;
}

class NativePlace : public Place {
 public:
  NativePlace(sandbox::Container container, Digest script)
      : container_(std::move(container)), script_(std::move(script)) {}

  Status send_assignment(const Assignment& assignment) {
    std::string bytes = json::to_cbor(to_wire(assignment));
    output_ = TRY(encode_frame(Json{{"t", "start"}, {"v", protocol_version}, {"size", bytes.size()}}));
    output_ += TRY(encode_data(bytes));
    return write_some();
  }

  int descriptor() const override { return container_.channel(); }
  short wanted() const override {
    return static_cast<short>(output_.size() > written_ ? POLLIN | POLLOUT : POLLIN);
  }

  Result<std::optional<Continuation>> advance(EventSink& events) override {
    if (auto s = write_some(); !s.ok()) return std::move(s).error();
    if (buffer_.empty()) buffer_.resize(64 << 10);
    for (size_t taken = 0; taken < turn;) {
      ssize_t n = ::recv(container_.channel(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (n < 0 && errno != ECONNRESET) return Error::system("recv", "channel");
      if (n <= 0) {
        ended_ = true;
        break;
      }
      taken += static_cast<size_t>(n);
      reader_.feed({buffer_.data(), static_cast<size_t>(n)});
      while (auto frame = TRY(reader_.next())) CHECK_OK(take_frame(*frame, events));
      if (finished_) return std::optional(std::move(*finished_));
    }
    if (ended_) return died();
    return std::optional<Continuation>();
  }

  void watch() override { container_.check_limits(); }
  void kill() override {
    killed_ = true;
    container_.kill();
  }

  PlaceEnding finish() override {
    PlaceEnding result;
    auto ending = container_.finish();
    if (!ending.ok()) {
      result.error = std::move(ending).error();
      return result;
    }
    const sandbox::Ending& e = ending.value();
    result.peak_memory = e.peak_memory;
    result.cpu_ns = e.cpu_ns;
    result.killed = killed_;
    if (e.setup_error) {
      result.error = *e.setup_error;
    } else if (e.memory_exceeded && (e.signal != 0 || e.exit_status != 0)) {
      result.limit_struck = true;
      result.error =
          Error::infrastructure("the container went over its memory limit").hint("--memory SIZE allows more");
    } else if (e.signal != 0) {
      result.error = Error::infrastructure(
          fmt::format("the container's first process was killed (signal {})", e.signal));
    } else if (e.exit_status != 0) {
      result.error = Error::infrastructure(
          fmt::format("the container's first process ended with status {}", e.exit_status));
    }
    return result;
  }

 private:
  Status write_some() {
    while (written_ < output_.size()) {
      ssize_t n = ::send(container_.channel(), output_.data() + written_, output_.size() - written_,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
      if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) break;  // the end of it is read, with its reason
      if (n < 0) return Error::system("send", "channel");
      written_ += static_cast<size_t>(n);
    }
    output_.clear();
    written_ = 0;
    return {};
  }

  Status take_frame(const Json& frame, EventSink& events) {
    budget_ -= reader_.last_size();
    if (budget_ < 0) return breach("it sent more than it was given credit for");
    consumed_ += reader_.last_size();
    std::string type = TRY(json::get_string(frame, "t"));
    if (!greeted_) return take_hello(type, frame);
    if (result_size_) return take_data(type, frame);
    if (type == "event") {
      const Json* wire = json::find(frame, "e", Json::value_t::object);
      if (wire == nullptr) return breach("an event frame without an event");
      auto event = event_from_wire(*wire);
      if (!event.ok()) return breach(event.error().message());
      if (!from_inside(event.value().kind)) return breach("an event of a kind that only the outside makes");
      events.take(event.value());
    } else if (type == "done") {
      int64_t size = TRY(json::get_int(frame, "size"));
      if (size <= 0 || static_cast<uint64_t>(size) > continuation_limit)
        return breach("a result of absurd size");
      result_size_ = static_cast<size_t>(size);
    } else if (type == "error") {
      return take_error(frame);
    } else {
      return breach(fmt::format("a frame of the unknown type {}", text::quoted(type)));
    }
    return give_credit();
  }

  Status take_hello(const std::string& type, const Json& frame) {
    if (type == "error") return take_error(frame);
    if (type != "hello") return breach("it did not say hello first");
    if (TRY(json::get_int(frame, "v")) != protocol_version) return breach("it speaks another version");
    if (TRY(json::get_string(frame, "digest")) != script_.str()) return breach("it was given another script");
    greeted_ = true;
    return {};
  }

  Status take_data(const std::string& type, const Json& frame) {
    if (type != "data") return breach("it sent something within its result");
    result_ += TRY(json::get_string(frame, "d"));
    if (result_.size() > *result_size_) return breach("its result is longer than it said");
    if (result_.size() < *result_size_) return give_credit();
    auto wire = json::from_cbor(result_);
    if (!wire.ok()) return breach(wire.error().message());
    auto continuation = continuation_from_wire(wire.value());
    if (!continuation.ok()) return breach(continuation.error().message());
    finished_ = std::move(continuation).value();
    return {};
  }

  // An error as a value from inside: its fault can be no worse than what it says, its text is shown as bytes.
  Status take_error(const Json& frame) {
    int64_t fault = TRY(json::get_int(frame, "fault", 3));
    std::string message = TRY(json::get_string(frame, "message", ""));
    std::string hint = TRY(json::get_string(frame, "hint", ""));
    Fault kind = fault == 2 ? Fault::usage : fault == 5 ? Fault::internal : Fault::infrastructure;
    Error error(kind, text::printable(message, true));
    return hint.empty() ? std::move(error) : std::move(error).hint(text::printable(hint));
  }

  Status give_credit() {
    if (consumed_ < credit_step) return {};
    output_ += TRY(encode_frame(Json{{"t", "credit"}, {"n", consumed_}}));
    budget_ += consumed_;
    consumed_ = 0;
    return write_some();
  }

  // The channel ended before a result: `finish` knows why.
  static Error died() { return Error::infrastructure("the container ended before the script did"); }

  sandbox::Container container_;
  Digest script_;
  FrameReader reader_;
  std::vector<char> buffer_;
  std::string output_;
  size_t written_ = 0;
  int64_t budget_ = window;
  int64_t consumed_ = 0;
  bool greeted_ = false;
  bool ended_ = false;
  bool killed_ = false;
  std::optional<size_t> result_size_;
  std::string result_;
  std::optional<Continuation> finished_;
};

}  // namespace

Result<std::unique_ptr<Place>> start_native_place(const sandbox::Spec& spec, const Assignment& assignment) {
  auto container = TRY(sandbox::Container::start(spec, carry_out_inside));
  auto place = std::make_unique<NativePlace>(std::move(container), Digest::of(assignment.source));
  CHECK_OK(place->send_assignment(assignment));
  return std::unique_ptr<Place>(std::move(place));
}

}  // namespace testctr::run
