// The channel between the program outside and its first process in a container: a stream socket that carries
// frames, each a 32-bit little-endian length and that many bytes of CBOR. The outside treats every byte as
// hostile; the inside trusts the outside.
//
// Frames, by their key "t"; one with a `size` is followed by "data" {d: bytes} frames until that many bytes
// have come:
//   outside -> inside   "start" {v, size} an Assignment, once; "go" {size} an Order; "reply" {id, size} the
//   Reply to a
//                       request; "do" {id, size} a Request that concerns this container; "finish" {outcome,
//                       artifacts: whether it is to send them}
//   inside -> outside   "hello" {v}; "took" {digest} of the source of each fresh order; "event" {e}; "error"
//   {fault,
//                       message, hint}; "done" {size} a Continuation, for each order; "request" {id, size};
//                       "shell" {state: open, ended, refused; terminal, text} where the assignment asks for
//                       one; "answer" {id, size} the Reply to a "do"; "log" {d} what the service writes;
//                       "service" {status} it has ended; "finished" {outcome} What run/artifacts.h says,
//                       before the last "done" or "finished".
//   while a shell is open: both ways "tty" {d}: bytes of a terminal; from outside with `end` where nothing
//                       more comes, from inside with `taken`: how many bytes of what came from outside the
//                       shell has been given since, which bounds what is on its way; outside -> inside
//                       "window" {rows, columns}
//   with a prompt        inside -> outside "shell" {state: prompt, asks (text: what stands before the line),
//                       open and ended of a shell there, closed (stepping)}, and "tty" of what it prints;
//                       outside -> inside "line" {d, end: there will be none any more} for each that it asks
//                       for, "interrupt": what that has begun is to be stopped
// A flood cannot pile up outside: the socket holds a few hundred kilobytes, and the outside takes a bounded
// part of it at a turn. (A window of credit on top of that was tried and dropped: who reads at once has
// nothing left that credit could bound.)
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace testctr::run {

inline constexpr int protocol_version = 3;
inline constexpr uint32_t max_frame = 1U << 20;  ///< bytes of CBOR in one frame

/// The frame's bytes on the wire. An error (internal) when `message` is larger than a frame may be.
Result<std::string> encode_frame(const Json& message);

/// `bytes` as "data" frames, one after the other.
Result<std::string> encode_data(std::string_view bytes);

/// Cuts a hostile byte stream into frames. Holds at most one frame and what one read brought.
class FrameReader {
 public:
  /// Takes bytes as they came.
  void feed(std::string_view bytes) { buffer_ += bytes; }
  /// The next whole frame, nothing when more bytes are needed; an error on a length or a body that no honest
  /// peer writes. After an error the reader is of no further use.
  Result<std::optional<Json>> next();
  /// Whether the stream stands between two frames.
  [[nodiscard]] bool at_border() const { return buffer_.size() == offset_; }

 private:
  std::string buffer_;
  size_t offset_ = 0;
};

/// The inside's end: blocking, used by one thread.
class InnerChannel {
 public:
  /// @param fd a connected stream socket, borrowed.
  explicit InnerChannel(int fd) : fd_(fd) {}
  /// Waits for a frame from outside. The channel's end is an error.
  Result<Json> receive();
  /// A frame that has come, without waiting; nothing where there is none yet. The channel's end is an error.
  Result<std::optional<Json>> receive_now();
  [[nodiscard]] int descriptor() const { return fd_; }
  /// Waits for "data" frames until `size` bytes have come.
  Result<std::string> receive_data(size_t size);
  /// Sends a frame; waits while the outside is behind.
  Status send(const Json& message);
  /// Sends `message`, and `bytes` after it as "data" frames. In one piece where they are few: the outside is
  /// woken once.
  Status send_with_data(const Json& message, std::string_view bytes);

 private:
  Status put(std::string_view frames);
  Result<bool> read_some(int flags);
  int fd_;
  FrameReader reader_;
};

}  // namespace testctr::run
