#include "engine/chroot_engine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "base/sys.h"
#include "base/text.h"
#include "engine/chroot_root.h"
#include "engine/plain_place.h"
#include "run/resident.h"
#include "run/scope.h"
#include "sandbox/confined.h"

namespace testctr::engine {
namespace {

constexpr const char* elsewhere = "the engines native, docker and podman can: `testctr-script help engines`";

bool may_chroot() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2]{};
  return syscall(SYS_capget, &header, data) == 0 && (data[0].effective >> CAP_SYS_CHROOT & 1) != 0;
}

// Nothing that leads out of a chroot: no second one, no devices (which containers never have).
uint64_t kept_in_a_chroot() { return sandbox::kept_capabilities() & ~(uint64_t{1} << CAP_SYS_CHROOT); }

class ChrootEngine : public run::Engine {
 public:
  [[nodiscard]] std::string shown() const override { return "chroot"; }
  [[nodiscard]] std::vector<std::string> lacks() const override {
    return {
        "engine chroot: no namespaces: network, processes and users are those of this machine; no /proc and "
        "/sys; nothing bounds what is written; memory and processes are watched, not enforced"};
  }
  Status check(const plan::Job& job) override;
  Result<std::unique_ptr<run::Place>> start(const run::PlaceRequest& request) override;

 private:
  /// The test whose $WORK a place has already.
  std::map<std::string, std::string> working_;
};

Status ChrootEngine::check(const plan::Job& job) {
  if (job.error) return {};  // that is said first
  if (job.image == "hostfs") {
    return Error::usage("the engine chroot cannot show this machine's own root: it would have to copy it")
        .hint("--engine here runs in it as it is; or name another image");
  }
  for (const plan::Mount& mount : job.mounts) {
    if (mount.read_only) continue;
    return Error::usage(fmt::format("the engine chroot cannot mount {} to be written to: it can only copy",
                                    text::quoted(mount.source)))
        .hint(fmt::format("--mount SRC:DST:ro gives it a copy; {}", elsewhere));
  }
  if (!job.documents.work_directory.empty())
    return Error::usage("the engine chroot cannot carry out cases in a folder outside (--work-directory)")
        .hint(elsewhere);
  const unsigned there = std::thread::hardware_concurrency();
  if (job.limits.cpus > 0 && (there == 0 || job.limits.cpus < there))
    return Error::usage("the engine chroot cannot limit processors (--cpus)").hint(elsewhere);
  const auto scope = run::Scope::of(job);
  if (scope.ok() && scope.value().host())
    return Error::usage("the engine chroot has no $WORK that lines of the host and of a container share")
        .hint(elsewhere);
  return {};
}

Result<std::unique_ptr<run::Place>> ChrootEngine::start(const run::PlaceRequest& request) {
  const sandbox::Spec& spec = request.spec;
  if (!request.what.service) {
    const auto [first, fresh] = working_.try_emplace(request.test, request.what.name);
    if (!fresh) {
      return Error::usage(fmt::format("the engine chroot has no $WORK that lines in {} and in {} share",
                                      text::printable(first->second), text::printable(request.what.name)))
          .hint(elsewhere);
    }
  }
  // The network is the machine's, and so are its sockets without a file.
  run::Assignment assignment = request.assignment;
  if (assignment.socket.starts_with('@')) {
    assignment.socket = chroot_socket;
    assignment.environment["TESTCTR_SOCKET"] = chroot_socket;
    if (assignment.service) assignment.service->environment["TESTCTR_SOCKET"] = chroot_socket;
  }
  const pid_t runner = ::getpid();
  const run::HostBody body = [&spec, runner](int channel, const std::string& folder) -> int {
    sandbox::ConfinedSpec confined;
    auto proc = sys::open("/proc", O_PATH | O_DIRECTORY);
    if (Status read = read_profile(spec.seccomp, confined); !read.ok()) {
      run::tell_failure(channel, read.error());
      return 1;
    }
    if (Status entered = enter_copy(spec, folder + "/root", confined.notes); !entered.ok()) {
      run::tell_failure(channel, std::move(entered).error().in("making the chroot"));
      return 1;
    }
    if (proc.ok()) confined.proc = proc.value().get();
    confined.user = spec.user.empty() ? "0" : spec.user;
    confined.capabilities = kept_in_a_chroot();
    reside_confined(channel, std::move(confined), runner, /*closed=*/true);
  };
  return start_plain_place(shown(), TRY(run::Guardian::start(body, spec.tree)), request, assignment);
}

}  // namespace

Result<std::unique_ptr<run::Engine>> open_chroot() {
  if (!may_chroot()) {
    return Error::infrastructure(::geteuid() == 0 ? "chroot is not allowed here (CAP_SYS_CHROOT)"
                                                  : "only root may chroot")
        .hint(
            "--engine docker or podman uses an engine of this machine; --engine here runs in this root as "
            "it is");
  }
  return std::unique_ptr<run::Engine>(std::make_unique<ChrootEngine>());
}

}  // namespace testctr::engine
