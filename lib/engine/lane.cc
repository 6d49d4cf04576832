#include "engine/lane.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace testctr::engine {
namespace {

constexpr size_t piece = size_t{64} << 10;
constexpr int pieces_at_once = 16;

}  // namespace

Status Lane::feed(std::string_view bytes) {
  if (filter_) return filter_(bytes, held_);
  held_ += bytes;
  return {};
}

Status Lane::move() {
  write();
  const auto buffer = std::make_unique_for_overwrite<char[]>(piece);
  for (int i = 0; i < pieces_at_once && reads(); ++i) {
    const ssize_t n = ::read(from_, buffer.get(), piece);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    // A peer that is gone is an end like others.
    if (n <= 0) {
      ended_ = true;
      break;
    }
    CHECK_OK(feed({buffer.get(), static_cast<size_t>(n)}));
    write();
  }
  return {};
}

void Lane::write() {
  while (!broken_ && written_ < held_.size()) {
    const ssize_t n = ::write(to_, held_.data() + written_, held_.size() - written_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) {
      broken_ = true;
      break;
    }
    written_ += static_cast<size_t>(n);
  }
  if (broken_ || written_ == held_.size()) {
    held_.clear();
    written_ = 0;
  } else if (written_ >= piece) {
    held_.erase(0, written_);
    written_ = 0;
  }
}

Status do_not_block(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return Error::system("fcntl", "O_NONBLOCK");
  return {};
}

}  // namespace testctr::engine
