#include "sandbox/spawner.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/sys.h"
#include "sandbox/confine.h"
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

Spawner::Spawner(const Plan& plan, const Body& body, const ChildEnds& ends)
    : plan_(plan),
      thread_({plan.spec.seccomp, plan.profile, plan.fake_success, plan.spec.follow, plan.spec.learn},
              plan.account, ends.channel.get(), body, [&ends](const Error& error) { fail(ends, error); }) {}

Status Spawner::start() {
  return thread_.start([this] { return prepare(); });
}

Status Spawner::prepare() {
  CHECK_OK(make_network());
  proc_mounted_.acquire();
  // The first thread, which did the same, has seen to it that there are ids to become.
  if (plan_.rank != Plan::Rank::single) CHECK_OK(become_root());
  CHECK_OK(mount_kernel_views(plan_));
  mounted_.release();
  return drop_privileges(plan_).in("giving up privileges");
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

}  // namespace testctr::sandbox
