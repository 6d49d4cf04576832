#include "sandbox/support.h"

#include <cerrno>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::sandbox {
namespace {

std::string setting(const char* path) {
  auto content = sys::read_file(path, 4096);
  return content.ok() ? std::string(text::trim(content.value())) : "";
}

constexpr const char* engines = "; or let an engine do it: --engine docker|podman|chroot|here";

}  // namespace

std::string namespace_hint(int number) {
  if (setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1") {
    return std::string(
               "AppArmor forbids user namespaces here: sudo sysctl -w "
               "kernel.apparmor_restrict_unprivileged_userns=0 "
               "(or the profile that `testctr-script doctor` prints)") +
           engines;
  }
  if (setting("/proc/sys/kernel/unprivileged_userns_clone") == "0")
    return std::string("sudo sysctl -w kernel.unprivileged_userns_clone=1") + engines;
  if (setting("/proc/sys/user/max_user_namespaces") == "0")
    return std::string("sudo sysctl -w user.max_user_namespaces=15000") + engines;
  if (number == ENOSPC)
    return std::string("the limit of namespaces is reached: sudo sysctl -w user.max_user_namespaces=15000") +
           engines;
  if (number == EINVAL) return std::string("this kernel was built without one of the namespaces") + engines;
  return std::string(
             "a container or a chroot around us forbids user namespaces: docker run --security-opt "
             "seccomp=unconfined "
             "--security-opt systempaths=unconfined allows them") +
         engines;
}

Error namespace_error(int number, const std::string& call) {
  return Error::system(call, "new user, mount, PID, network, IPC, UTS and cgroup namespaces", number)
      .hint(namespace_hint(number));
}

}  // namespace testctr::sandbox
