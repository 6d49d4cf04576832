#include "engine/choose.h"

#include <sched.h>
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

// Whether there may be a reason to look more closely. It is asked at each start, and takes microseconds.
bool is_in_doubt() {
  if (::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0) return true;
  auto most = sys::read_file("/proc/sys/user/max_user_namespaces", 64);
  return most.ok() && text::trim(most.value()) == "0";
}

int end_at_once(void*) { ::_exit(0); }

// 0, or why a user namespace is not to be had.
int try_user_namespace() {
  alignas(16) static char stack[16384];
  const pid_t pid =
      ::clone(end_at_once, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_NEWUSER | SIGCHLD, nullptr);
  if (pid < 0) return errno;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return 0;
}

Result<Chosen> choose_what_works() {
  if (!is_in_doubt()) return Chosen();
  const int refused = try_user_namespace();
  if (refused == 0) return Chosen();
  const std::string why = "user namespaces are not allowed here: " + sandbox::namespace_hint(refused);
  for (const auto& open : {open_docker, open_podman, open_chroot}) {
    auto engine = open();
    if (!engine.ok()) continue;
    Chosen chosen;
    chosen.owned = std::move(engine).value();
    chosen.note =
        fmt::format("the engine is {}, since native containers cannot be: {}", chosen.owned->shown(), why);
    return chosen;
  }
  return Chosen();
}

Result<Chosen> owned(Result<std::unique_ptr<run::Engine>> engine) {
  Chosen chosen;
  chosen.owned = TRY(std::move(engine));
  return chosen;
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

}  // namespace testctr::engine
