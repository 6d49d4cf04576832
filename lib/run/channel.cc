#include "run/channel.h"

#include <sys/socket.h>

#include "base/sys.h"

namespace testctr::run {
namespace {

constexpr size_t header = 4;
constexpr size_t data_chunk = 512 << 10;

Json data_frame(std::string_view bytes) { return Json{{"t", "data"}, {"d", json::binary(bytes)}}; }

}  // namespace

Result<std::string> encode_frame(const Json& message) {
  std::string body = json::to_cbor(message);
  if (body.size() > max_frame)
    return Error::internal(fmt::format("a frame of {} bytes does not fit the channel", body.size()));
  std::string frame(header, '\0');
  for (size_t i = 0; i < header; ++i) frame[i] = static_cast<char>(body.size() >> (8 * i) & 255);
  return frame + body;
}

Result<std::string> encode_data(std::string_view bytes) {
  std::string out;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), data_chunk))) {
    out += TRY(encode_frame(data_frame(bytes.substr(0, data_chunk))));
  }
  return out;
}

Result<std::optional<Json>> FrameReader::next() {
  size_t have = buffer_.size() - offset_;
  if (have < header) return std::optional<Json>();
  uint32_t length = 0;
  for (size_t i = 0; i < header; ++i)
    length |= static_cast<uint32_t>(static_cast<uint8_t>(buffer_[offset_ + i])) << (8 * i);
  if (length == 0 || length > max_frame) {
    return Error::infrastructure(
        fmt::format("the channel carries a frame of {} bytes (at most {})", length, max_frame));
  }
  if (have < header + length) {
    if (offset_ > 0) {
      buffer_.erase(0, offset_);
      offset_ = 0;
    }
    return std::optional<Json>();
  }
  Json message = TRY_IN(json::from_cbor(std::string_view(buffer_).substr(offset_ + header, length)),
                        "the channel carries a bad frame");
  offset_ += header + length;
  if (offset_ == buffer_.size()) {
    buffer_.clear();
    offset_ = 0;
  }
  if (!message.is_object()) return Error::infrastructure("the channel carries a frame that is not a map");
  return std::optional(std::move(message));
}

Result<Json> InnerChannel::receive() {
  while (true) {
    if (auto frame = TRY(reader_.next())) return std::move(*frame);
    (void)TRY(read_some(0));
  }
}

Result<std::optional<Json>> InnerChannel::receive_now() {
  while (true) {
    if (auto frame = TRY(reader_.next())) return frame;
    if (!TRY(read_some(MSG_DONTWAIT))) return std::optional<Json>();
  }
}

// @return whether something came.
Result<bool> InnerChannel::read_some(int flags) {
  std::array<char, 65536> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  while (true) {
    ssize_t n = ::recv(fd_, chunk.data(), chunk.size(), flags);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (n < 0) return Error::system("recv", "channel");
    if (n == 0) return Error::infrastructure("the channel has ended");
    reader_.feed({chunk.data(), static_cast<size_t>(n)});
    return true;
  }
}

Status InnerChannel::put(std::string_view frames) {
  while (!frames.empty()) {
    ssize_t n = ::send(fd_, frames.data(), frames.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::system("send", "channel");
    frames.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Status InnerChannel::send(const Json& message) { return put(TRY(encode_frame(message))); }

Result<std::string> InnerChannel::receive_data(size_t size) {
  std::string out;
  while (out.size() < size) {
    Json frame = TRY(receive());
    if (TRY(json::get_string(frame, "t")) != "data") return Error::internal("expected data on the channel");
    out += TRY(json::get_string(frame, "d"));
  }
  if (out.size() != size) return Error::internal("more data on the channel than was announced");
  return out;
}

Status InnerChannel::send_with_data(const Json& message, std::string_view bytes) {
  std::string frames = TRY(encode_frame(message));
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), data_chunk))) {
    frames += TRY(encode_frame(data_frame(bytes.substr(0, data_chunk))));
    if (frames.size() < data_chunk) continue;
    CHECK_OK(put(frames));
    frames.clear();
  }
  return put(frames);
}

}  // namespace testctr::run
