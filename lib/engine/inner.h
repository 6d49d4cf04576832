// The first process of an engine's container: this program, called by a hidden command. It speaks with the
// outside by its standard streams, prepares what needs root, and lets a process below it carry lines out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace testctr::engine {

/// The word that calls it.
inline constexpr const char* inner_command = "inside-an-engine";

/// The exit status of a first process that could not prepare what it has to; its standard error tells why: a
/// line, and a hint behind it.
inline constexpr int setup_failed = 117;

/// What the outside tells it first, before the channel's bytes begin.
struct InnerSetup {
  /// A file or folder of this machine as it must be seen inside.
  struct Seen {
    std::string path;
    uint64_t device = 0, inode = 0;
    bool operator==(const Seen&) const = default;
  };
  std::string user;                 ///< the image's
  std::string working_dir;          ///< the image's, made where it is missing
  std::string seccomp = "default";  ///< "default", "unconfined", or the text of a profile
  std::vector<std::string> names;   ///< that mean this machine
  std::string work;                 ///< $WORK; empty: a service has none
  bool shared_work = false;         ///< it is a folder of the host's
  uint32_t work_owner = 0;          ///< the id inside that what was left there is given to at the end
  std::vector<Seen> seen;
  std::vector<std::string> notes;  ///< to be told
  bool operator==(const InnerSetup&) const = default;
};

/// As it is sent: its length in four bytes, and itself.
std::string encode(const InnerSetup& setup);
/// From what stands behind the length.
Result<InnerSetup> decode_setup(std::string_view bytes);

/// What the first process tells at its end on its standard error, where its container's control group says
/// it.
struct InnerUsage {
  bool out_of_memory = false;  ///< the kernel killed something for the memory limit
  bool pids_refused = false;   ///< and refused a process
  uint64_t peak_memory = 0;    ///< bytes, 0: unknown
  uint64_t cpu_ns = 0;
  bool operator==(const InnerUsage&) const = default;
};
std::string encode(const InnerUsage& usage);
/// @return nothing where the text is none.
std::optional<InnerUsage> decode_usage(std::string_view text);

/// Is that process. @return its exit status: that of who carried the lines out, 1: it could not
int be_first_process();

}  // namespace testctr::engine
