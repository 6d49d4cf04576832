#include "sandbox/spawner.h"

#include <fcntl.h>
#include <malloc.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

#include "base/sys.h"
#include "sandbox/confine.h"
#include "sandbox/filter.h"
#include "sandbox/path_calls.h"
#include "sandbox/support.h"

namespace testctr::sandbox {
namespace {

bool has_own_network(const Plan& plan) {
  return plan.spec.network == Network::none && plan.spec.join_network < 0;
}

Status raise_loopback() {
  Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return Error::system("socket", "AF_INET");
  struct ifreq request {};
  memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP;
  if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return Error::system("ioctl", "SIOCSIFFLAGS, lo");
  return {};
}

}  // namespace

void fail_for_filter(const Plan& plan, const ChildEnds& ends) {
  fail(ends, Error::infrastructure(
                 fmt::format("the system call filter {} kills the runner itself", plan.spec.seccomp))
                 .hint("it must allow what carries a script out: clone, execve, wait4, pipe2, poll, openat, "
                       "futex and their kin"));
}

Spawner::Spawner(const Plan& plan, const Body& body, const ChildEnds& ends)
    : plan_(plan), body_(body), ends_(ends), inside_(ends.channel.get(), plan.account) {}

Status Spawner::start() {
  // Two threads that hardly ever allocate at the same time: an arena for each costs more than it saves.
  mallopt(M_ARENA_MAX, 1);
  try {
    thread_ = std::thread([this] { live(); });
  } catch (const std::system_error& e) {
    return Error::system("pthread_create", "", e.code().value())
        .hint("--pids N allows more processes and threads");
  }
  return {};
}

void Spawner::live() {
  if (Status made = make_network(); !made.ok()) fail(ends_, made.error());
  proc_mounted_.acquire();
  // The first thread, which did the same, has seen to it that there are ids to become.
  if (plan_.rank != Plan::Rank::single) {
    if (Status became = become_root(); !became.ok()) fail(ends_, became.error());
  }
  if (Status mounted = mount_kernel_views(plan_); !mounted.ok()) fail(ends_, mounted.error());
  mounted_.release();
  if (Status dropped = drop_privileges(plan_); !dropped.ok())
    fail(ends_, std::move(dropped).error().in("giving up privileges"));
  auto listening = filter_this_thread();
  if (!listening.ok()) fail(ends_, std::move(listening).error().in("installing the system call filter"));
  listener_ = listening.value().release();
  filtered_.release();
  begin_.acquire();
  // What still runs inside when the body ends dies with us: the kernel kills it.
  _exit(body_(inside_));
}

Status Spawner::make_network() {
  if (!has_own_network(plan_)) return {};
  if (unshare(CLONE_NEWNET) != 0) return namespace_error(errno, "unshare");
  CHECK_OK(raise_loopback().in("bringing the loopback interface up"));
  network_ = TRY(sys::open("/proc/thread-self/ns/net", O_RDONLY));
  return {};
}

Status Spawner::finish() {
  mounted_.acquire();
  if (!network_.valid()) return {};
  if (setns(network_.get(), CLONE_NEWNET) != 0) return Error::system("setns", "the container's network");
  network_.reset();
  return {};
}

// @return the listener, or none.
Result<Fd> Spawner::filter_this_thread() {
  const bool following = plan_.spec.follow >= 0;
  if (plan_.spec.seccomp == "unconfined")
    return following ? install_following(TRY(following_filters({}, {}))) : Fd();
  std::vector<sock_filter> reporting;
  std::span<const sock_filter> notify = default_filter(true, plan_.fake_success),
                               silent = default_filter(false, plan_.fake_success);
  if (!plan_.profile.empty()) {
    reporting = with_notifications(plan_.profile);
    notify = reporting;
    silent = plan_.profile;
  }
  if (following) return install_following(TRY(following_filters(notify, silent)));
  auto listening = install_filter(notify, true);
  if (listening.ok()) return listening;
  int reason = listening.error().number();
  // EBUSY: whoever runs us listens already. EINVAL: Linux before 5.0.
  if (reason != EBUSY && reason != EINVAL) return listening;
  note_ = reason == EBUSY
              ? "denied system calls are not recorded: the container around us listens for its own"
              : "denied system calls are not recorded: that needs Linux 5.0";
  return install_filter(silent, false);
}

void Spawner::await_filter() {
  // A thread that its own filter has killed may not have been able to wake us.
  while (!filtered_.try_acquire_for(std::chrono::milliseconds(100)) && listener_ == unknown_) {
    if (has_ended()) fail_for_filter(plan_, ends_);
  }
}

void Spawner::begin(std::vector<std::string> notes) {
  inside_.all_notes = std::move(notes);
  if (!note_.empty()) inside_.all_notes.push_back(note_);
  begin_.release();
}

bool Spawner::has_ended() { return pthread_tryjoin_np(thread_.native_handle(), nullptr) == 0; }

}  // namespace testctr::sandbox
