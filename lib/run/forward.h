// A port of a container's private network that this machine can reach: a process of its own listens on the
// host's loopback address and carries bytes to and fro.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/container.h"

namespace testctr::run {

class Forward {
 public:
  /// @param inside the container's namespaces; only looked at here @param port inside, on its loopback
  /// address
  static Result<Forward> start(const sandbox::Container::Namespaces& inside, uint16_t port);
  Forward(Forward&& other) noexcept;
  Forward& operator=(Forward&& other) noexcept;
  ~Forward();

  /// On 127.0.0.1 of this machine.
  [[nodiscard]] uint16_t host_port() const { return host_port_; }

 private:
  Forward() = default;
  pid_t pid_ = -1;
  uint16_t host_port_ = 0;
};

}  // namespace testctr::run
