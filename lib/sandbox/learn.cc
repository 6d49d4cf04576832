#include "sandbox/learn.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/json.h"
#include "base/sys.h"
#include "sandbox/confine.h"
#include "sandbox/filter.h"
#include "sandbox/path_calls.h"

namespace testctr::sandbox {
namespace {

struct Seen {
  uint32_t architecture, number;
};

// The kernel's structures may grow.
template <class T>
union Roomy {
  T value;
  char room[512];
};

}  // namespace

Result<Fd> install_learning(const std::vector<sock_filter>& profile, bool unconfined, bool fake) {
  CHECK_OK(can_let_calls_go_on());
  const sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const std::span<const sock_filter> silent = unconfined        ? std::span<const sock_filter>(all)
                                              : profile.empty() ? default_filter(false, fake)
                                                                : std::span<const sock_filter>(profile);
  std::vector<sock_filter> program(silent.begin(), silent.end());
  for (sock_filter& step : program) {
    if (step.code == (BPF_RET | BPF_K) && step.k == SECCOMP_RET_ALLOW) step.k = SECCOMP_RET_USER_NOTIF;
  }
  // From here on each of our own calls waits until the listener is known: none may be made before that.
  auto listener = install_filter(program, true, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
  if (!listener.ok() && listener.error().number() == EINVAL) listener = install_filter(program, true);
  if (listener.ok() || listener.error().number() != EBUSY) return listener;
  return Error::infrastructure(
             "system calls cannot be noted here: the container around us listens for its own")
      .hint("run outside of it");
}

void Learner::answer(int listener) {
  Roomy<seccomp_notif> request;
  memset(&request, 0, sizeof request);
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) return;  // who asked is gone
  const seccomp_data& data = request.value.data;
  auto& known = known_[data.arch == AUDIT_ARCH_I386 ? 1 : 0];
  const auto number = static_cast<uint32_t>(data.nr);
  if (number < most_ && !known[number]) {
    const Seen seen{data.arch, number};
    // A record that cannot be written is too short, which the profile's test shows.
    known[number] = ::write(out_, &seen, sizeof seen) == sizeof seen;
  }
  Roomy<seccomp_notif_resp> response;
  memset(&response, 0, sizeof response);
  response.value.id = request.value.id;
  response.value.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

Result<std::set<std::string>> read_learned(int record) {
  if (lseek(record, 0, SEEK_SET) != 0) return Error::system("lseek", "the record of system calls");
  const std::string bytes = TRY(sys::read_all(record, size_t{16} << 20));
  // What depends on timing alone, and is there or not from run to run.
  std::set<std::string> names = {
      "clock_nanosleep", "exit",        "exit_group", "futex",   "madvise", "mremap", "ppoll", "rt_sigreturn",
      "restart_syscall", "sched_yield", "statfs",     "fstatfs", "tgkill"};
  for (size_t at = 0; at + sizeof(Seen) <= bytes.size(); at += sizeof(Seen)) {
    Seen seen{};
    memcpy(&seen, bytes.data() + at, sizeof seen);
    char* name = seccomp_syscall_resolve_num_arch(seen.architecture, static_cast<int>(seen.number));
    if (name != nullptr) names.insert(name);
    std::free(name);
  }
  return names;
}

std::string profile_of(const std::set<std::string>& calls) {
  nlohmann::ordered_json profile;
  profile["defaultAction"] = "SCMP_ACT_ERRNO";
  profile["defaultErrnoRet"] = 1;
  profile["architectures"] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  nlohmann::ordered_json allowed;
  allowed["names"] = calls;
  allowed["action"] = "SCMP_ACT_ALLOW";
  profile["syscalls"] = nlohmann::ordered_json::array({allowed});
  return profile.dump(2) + "\n";
}

}  // namespace testctr::sandbox
