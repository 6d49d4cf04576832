// What an engine says of itself, and whose containers are in it.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/api.h"

namespace testctr::engine {

/// Which limits it can keep, and as whom its containers run.
struct EngineInfo {
  std::string shown;  ///< "docker 20.10.24"
  bool memory = false, swap = false, pids = false, cpus = false;
  bool rootless = false;  ///< root inside is whoever runs the engine
};

/// Asks it. Errors: what answers is no engine.
Result<EngineInfo> ask_engine(Api& api);

/// A process of this machine, by which it is known whether a container still belongs to somebody.
struct Owner {
  /// This process.
  static Owner self();
  [[nodiscard]] std::string str() const;
  /// Whether the process that a text means is known to have ended: one of this boot of this machine, seen
  /// from where we see processes.
  static bool is_gone(const std::string& text);

  std::string boot, space, started;
  long pid = 0;
};

inline constexpr const char* owner_label = "org.testctr.owner";
inline constexpr const char* run_label = "org.testctr.run";

/// Removes containers of ours whose owner has ended. What cannot be removed stays; only a failure to ask is
/// an error.
Status remove_abandoned(Api& api);

}  // namespace testctr::engine
