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

}  // namespace

std::string namespace_hint(int number) {
  if (setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1") {
    return "AppArmor forbids user namespaces here: sudo sysctl -w "
           "kernel.apparmor_restrict_unprivileged_userns=0 "
           "(or the profile that `testctr-script doctor` prints)";
  }
  if (setting("/proc/sys/kernel/unprivileged_userns_clone") == "0")
    return "sudo sysctl -w kernel.unprivileged_userns_clone=1";
  if (setting("/proc/sys/user/max_user_namespaces") == "0")
    return "sudo sysctl -w user.max_user_namespaces=15000";
  if (number == ENOSPC)
    return "the limit of namespaces is reached: sudo sysctl -w user.max_user_namespaces=15000";
  if (number == EINVAL) return "this kernel was built without one of the namespaces";
  return "a container or a chroot around us forbids user namespaces: docker run --security-opt "
         "seccomp=unconfined "
         "--security-opt systempaths=unconfined allows them";
}

Error namespace_error(int number, const std::string& call) {
  if (number == ENOSPC)  // its usual words are of disks
    return Error::infrastructure(call + ": no more user namespaces are allowed here")
        .hint(namespace_hint(number));
  return Error::system(call, "new user, mount, PID, network, IPC, UTS and cgroup namespaces", number)
      .hint(namespace_hint(number));
}

}  // namespace testctr::sandbox
