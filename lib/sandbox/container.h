// A container made by this process: namespaces, id map, root, limits, filter; and our own code as its first
// process (a clone that does not exec, so that no program of the image ever runs unconfined). The sandbox
// does not know what a script is.
//
//   auto c = TRY(sandbox::Container::start(spec, [](sandbox::Inside& in) { ... return 0; }));
//   ... speak over c.channel() until it ends ...
//   Ending e = TRY(c.finish());
//
// The calling process must be single-threaded while it starts containers (the clone runs on, and allocates).
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::sandbox {

enum class IdMode : uint8_t {
  automatic,  ///< root: range; others: one
  one,        ///< the caller is 0 (or the image's user) inside
  range,      ///< newuidmap and subordinate ids, or as root a high range
};
enum class Network : uint8_t { none, host };

struct Limits {
  uint64_t memory = 0;  ///< bytes; 0: no limit
  uint64_t pids = 1024;
  uint64_t scratch = uint64_t{4} << 30;
  double cpus = 0;  ///< 0: no limit
  /// Somebody asked for this limit: it is an error where nothing can make it hold, and what makes it hold is
  /// told. `cpus` has no default, and so is always asked for.
  bool memory_asked = false, pids_asked = false;
};

struct Bind {
  std::string source;  ///< on the host, absolute
  std::string target;  ///< inside, absolute; made when missing
  bool read_only = true;
  bool ours = false;  ///< not the user's: may lie below /testctr
};

/// Where the root comes from.
struct Root {
  enum class Kind : uint8_t { layers, hostfs };
  Kind kind = Kind::layers;
  std::vector<std::string>
      layers;                  ///< absolute directories, lowest first; owned by the ids of the store's map
  std::optional<mode_t> mode;  ///< of the root directory itself; nothing: the top layer's
};

class Copies;  // shifted.h

struct Spec {
  Root root;
  /// Where root without id-mapped mounts keeps what it has to copy, for all containers that are given the
  /// same one; null: each copies for itself. What they are made of must not change while there is one.
  std::shared_ptr<Copies> copies;
  std::string hostname = "testctr";
  std::vector<std::string>
      names;            ///< that also mean this machine inside: those of containers in the same network
  std::string program;  ///< our own binary, bound read-only to /testctr/bin/testctr-script
  std::string tree;     ///< host directory shown (copy on write) at /testctr/tree; empty: none
  std::vector<std::string> tree_hidden;  ///< anchored paths in the tree that are hidden by whiteouts
  std::vector<Bind> binds;
  /// The tree is copied into the scratch space instead of overlaid: where files of several owners, or other
  /// mounts, lie in it.
  bool copy_tree = false;
  /// Who owns the tree's files on the host, used as root: a single owner is shown as root inside, and a copy
  /// may read the files of all of them. Empty: the tree's top directory tells.
  std::set<uid_t> tree_owners;
  std::set<gid_t> tree_groups;
  std::string user;  ///< the image's User ("", "1000", "1000:1000", "name")
  /// The image's WorkingDir, made when it is missing, as container engines do it; empty: none.
  std::string working_dir;
  IdMode ids = IdMode::automatic;
  Network network = Network::none;
  Limits limits;
  /// "default", "unconfined", or the path of a Docker/OCI profile.
  std::string seccomp = "default";
  /// Descriptors (the locks on layers) that PID 1 keeps open until it ends; close-on-exec, nothing inside can
  /// reach them.
  std::vector<int> keep_open;
  /// Namespaces to join instead of making new ones (descriptors of /proc/PID/ns/user and net of a container
  /// of the same pod, which was started by the same user with the same `ids`); -1: new. A network can be
  /// joined only together with the user namespace.
  int join_user = -1, join_network = -1;
  /// What the container's programs touch is appended here (follow.h); -1: nothing is followed. Borrowed.
  /// Every call that names a file then takes some tens of microseconds longer. An error where it cannot be.
  int follow = -1;
  /// Which system calls the container's programs make is appended here (learn.h); -1: nobody wants to know.
  /// Not with `follow`. Borrowed.
  int learn = -1;
  std::optional<bool>
      fake_success;  ///< chown and its kin succeed without effect; default: only where one id is mapped
};

/// A refused system call.
struct Refusal {
  uint32_t label = 0;  ///< what `Inside::set_label` said last
  std::string program;
  std::string syscall;
  uint64_t count = 1;
};

/// What the first process is given.
class Inside {
 public:
  virtual ~Inside() = default;
  virtual int channel() const = 0;             ///< a connected stream socket to the outside
  virtual void set_label(uint32_t label) = 0;  ///< shown in refusals; any thread
  virtual std::vector<Refusal> take_refusals() = 0;
  /// Things that did not go as asked and are to be told ("limits: rlimits only", "denials not recorded").
  virtual const std::vector<std::string>& notes() const = 0;
  virtual uid_t user() const = 0;  ///< the uid inside that programs run as
  virtual const std::string& home()
      const = 0;  ///< that user's home from the image's /etc/passwd ("/" when unknown)
};

/// Runs under the filter in a thread of PID 1, with no_new_privs and dropped capabilities; its value becomes
/// PID 1's exit status.
using Body = std::function<int(Inside&)>;

struct Ending {
  int exit_status = -1;  ///< of PID 1; -1 when it died by a signal
  int signal = 0;
  bool memory_exceeded = false;      ///< the limit struck at least once
  bool pids_exceeded = false;        ///< it was at its limit of processes
  bool pids_refused = false;         ///< and the control group refused it one more
  std::optional<Error> setup_error;  ///< the container never came up
  uint64_t peak_memory = 0;          ///< bytes, 0 when unknown
  uint64_t cpu_ns = 0;
};

class Container {
 public:
  /// Clones PID 1, writes its maps, hands in what it needs, and returns while it still sets itself up; a
  /// failure of that shows as the channel's end and `Ending::setup_error`.
  static Result<Container> start(const Spec& spec, Body body);
  Container(Container&&) noexcept;
  Container& operator=(Container&&) noexcept;
  /// Kills what still runs.
  ~Container();

  /// Our end of the channel; owned by the container.
  [[nodiscard]] int channel() const;
  [[nodiscard]] pid_t pid() const;
  /// Descriptors of its user and network namespaces, for `Spec::join_user` and `join_network` of others;
  /// owned by the container. Waits until the container has set itself up; an error when that failed.
  struct Namespaces {
    int user = -1, network = -1;
  };
  Result<Namespaces> namespaces();
  /// The upper directory of the root's overlay, open: what the container has changed in its image. It stays
  /// when the container is gone. Errors: it has not set itself up; its root is this machine's (hostfs).
  Result<Fd> changes();
  /// Of a file in the same file system, made when the container had set itself up: what is in `changes` and
  /// has a smaller inode number was there before any program of the image ran. Errors: as there.
  Result<struct stat> mark();
  /// SIGKILL to PID 1, and with it everything inside.
  void kill();
  /// The watch that replaces a memory cgroup where there is none; call about every 50 ms. Kills PID 1 when
  /// over the limit.
  void check_limits();
  /// Waits for PID 1, removes its cgroups, reads what it used.
  Result<Ending> finish();

 private:
  struct Impl;
  explicit Container(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace testctr::sandbox
