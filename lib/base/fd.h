// A file descriptor that closes itself. Move-only, never converted to bool or int by accident.
#pragma once

#include <unistd.h>

#include <utility>

namespace testctr {

class Fd {
 public:
  Fd() = default;
  /// Takes ownership of `fd`; -1 is "none".
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  /// Gives up ownership.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  /// Closes; errors of close(2) are not reported (use `close_checked` in sys.h where a write must be known to
  /// be whole).
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

}  // namespace testctr
