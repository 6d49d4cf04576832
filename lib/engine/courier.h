// A process beside the runner that has one container made by an engine, carries the channel's bytes between
// the two, and takes the container away - also when the runner is gone, however that came.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"
#include "engine/api.h"

namespace testctr::engine {

/// What it is to do.
struct Errand {
  Maker maker = Maker::docker;
  Endpoint endpoint;
  std::string name;  ///< the container's, chosen by us
  Json create;       ///< the body by which it is made
  Write tree;        ///< writes a tar stream that is unpacked at its /; empty: nothing is
  bool gentle =
      false;          ///< its first process is asked to end before it is killed: it has something to tidy up
  std::string setup;  ///< what its first process is told before the channel's bytes
};

/// How a container ended.
struct CourierReport {
  std::optional<Error> error;  ///< why it did not come up, or could not be followed
  int exit_code = -1;          ///< of its first process
  bool out_of_memory = false;  ///< its memory limit struck
  bool killed = false;         ///< because we asked for it
  bool deserted = false;       ///< the courier is gone: whether the container is, nobody knows
  std::string written;         ///< what its first process wrote last to its standard error
};

/// Sees to it that there is no such container, as far as the engine lets us.
/// @param in_doubt the engine may still be making it
void remove_container(Api& api, const std::string& name, bool in_doubt = false);

class Courier {
 public:
  /// Forks. The calling process must be single-threaded.
  static Result<std::unique_ptr<Courier>> start(Errand errand);
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;
  /// Asks it to end, and does not wait for that.
  ~Courier();

  /// Our end of the channel; owned here.
  [[nodiscard]] int channel() const { return channel_.get(); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// The container is to die now.
  void kill();
  /// Waits until the container has ended. It is removed meanwhile or later, by the courier.
  CourierReport finish();
  /// Waits until it runs. An error where it never will.
  Status await_start();

 private:
  Courier() = default;
  Result<Json> next_packet(int64_t patience_ns);
  void take(const Json& packet);

  std::string name_;
  Fd channel_, control_;
  pid_t pid_ = -1;
  bool started_ = false;
  std::optional<CourierReport> report_;
};

}  // namespace testctr::engine
