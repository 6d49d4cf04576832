#include "engine/choose.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "base/sys.h"
#include "base/text.h"
#include "engine/api_engines.h"
#include "engine/chroot_engine.h"
#include "engine/here_engine.h"
#include "sandbox/support.h"

namespace testctr::engine {
namespace {

constexpr std::array<std::pair<std::string_view, Kind>, 6> kinds{{{"auto", Kind::automatic},
                                                                  {"native", Kind::native},
                                                                  {"docker", Kind::docker},
                                                                  {"podman", Kind::podman},
                                                                  {"chroot", Kind::chroot},
                                                                  {"here", Kind::here}}};

std::string setting(const char* path) {
  auto text = sys::read_file(path, 4096);
  return text.ok() ? std::string(text::trim(text.value())) : "";
}

// Whether there may be a reason to look more closely. It is asked at each start, and takes microseconds.
bool is_in_doubt() {
  if (::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0) return true;
  if (setting("/proc/sys/user/max_user_namespaces") == "0") return true;
  if (setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1") return true;
  const std::string profile = setting("/proc/self/attr/current");  // AppArmor's; engines have one
  return profile.ends_with("(enforce)");
}

// In a process that shares our memory while we wait: nothing but system calls.
int try_mount(void*) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(errno & 127);
  ::_exit(0);
}

// Why native containers cannot be; empty where they can, as far as that shows in a moment.
std::string reason_against_native() {
  alignas(16) static char stack[16384];
  const int saved = errno;
  const pid_t pid = ::clone(try_mount, stack + sizeof stack,
                            CLONE_VM | CLONE_VFORK | CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD, nullptr);
  if (pid < 0) return "user namespaces are not allowed here: " + sandbox::namespace_hint(errno);
  errno = saved;
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  return "nothing may be mounted in a user namespace here: an AppArmor profile or the like forbids it; "
         "docker run "
         "--security-opt apparmor=unconfined --security-opt systempaths=unconfined allows it";
}

Result<Chosen> choose_what_works() {
  if (!is_in_doubt()) return Chosen();
  const std::string why = reason_against_native();
  if (why.empty()) return Chosen();
  Chosen chosen;
  for (const auto& open : {open_docker, open_podman, open_chroot}) {
    auto engine = open();
    if (!engine.ok()) continue;
    chosen.owned = std::move(engine).value();
    chosen.note =
        fmt::format("the engine is {}, since native containers cannot be: {}", chosen.owned->shown(), why);
    return chosen;
  }
  chosen.note =
      "native containers cannot be here, neither Docker nor Podman answers, and only root may chroot; "
      "--engine here "
      "would run scripts in this root as it is (`testctr-script help engines`)";
  return chosen;
}

Result<Chosen> owned(Result<std::unique_ptr<run::Engine>> engine) {
  Chosen chosen;
  chosen.owned = TRY(std::move(engine));
  return chosen;
}

Candidate candidate(std::string name, Result<std::string> described) {
  Candidate one;
  one.name = std::move(name);
  one.usable = described.ok();
  one.detail = described.ok() ? std::move(described).value() : described.error().message();
  if (!one.usable) one.mend = described.error().hint();
  return one;
}

Result<std::string> describe_chroot() {
  (void)TRY(open_chroot());
  return std::string("a private copy of the image's root, without namespaces");
}

}  // namespace

std::optional<Kind> kind_from_string(std::string_view text) {
  for (const auto& [name, kind] : kinds) {
    if (name == text) return kind;
  }
  return std::nullopt;
}

Result<Chosen> choose(Kind kind, const plan::Plan& plan) {
  switch (kind) {
    case Kind::automatic: {
      // What runs on the host alone needs no containers.
      const bool none = std::all_of(plan.jobs.begin(), plan.jobs.end(), [](const plan::Job& job) {
        return job.image.empty() && job.containers.empty() && job.images.empty();
      });
      return none ? Chosen() : choose_what_works();
    }
    case Kind::native:
      return Chosen();
    case Kind::docker:
      return owned(open_docker());
    case Kind::podman:
      return owned(open_podman());
    case Kind::chroot:
      return owned(open_chroot());
    case Kind::here:
      return owned(open_here());
  }
  return Chosen();
}

std::vector<Candidate> other_engines() {
  return {candidate("docker", describe_docker()), candidate("podman", describe_podman()),
          candidate("chroot", describe_chroot())};
}

}  // namespace testctr::engine
