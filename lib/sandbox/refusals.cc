#include "sandbox/refusals.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/proc.h"

namespace testctr::sandbox {
namespace {

// The kernel's structures may grow: it says how far it writes only through another call, and never has grown
// beyond this.
template <class T>
union Roomy {
  T value;
  char room[512];
};

std::string program_of(uint32_t pid) {
  const proc::Place place = proc::place(std::to_string(pid) + "/comm");
  int fd = ::openat(place.directory, place.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "?";
  char name[64];
  ssize_t n = ::read(fd, name, sizeof name);
  ::close(fd);
  if (n > 0 && name[n - 1] == '\n') --n;
  return n > 0 ? std::string(name, static_cast<size_t>(n)) : "?";
}

std::string syscall_of(const seccomp_data& data) {
  char* name = seccomp_syscall_resolve_num_arch(data.arch, data.nr);
  std::string result = name != nullptr ? name : "system call " + std::to_string(data.nr);
  std::free(name);
  return result;
}

}  // namespace

void RefusalLog::add(const std::string& program, const std::string& syscall) {
  std::lock_guard lock(mutex_);
  std::tuple key(label_.load(), program, syscall);
  if (counts_.size() >= most && !counts_.contains(key)) key = {label_.load(), "(others)", "(others)"};
  ++counts_[std::move(key)];
}

std::vector<Refusal> RefusalLog::take() {
  // Nothing is allocated under the lock: memory may be refused by a filter that the other thread answers.
  decltype(counts_) taken;
  {
    std::lock_guard lock(mutex_);
    taken.swap(counts_);
  }
  std::vector<Refusal> result;
  for (const auto& [key, count] : taken) {
    result.push_back({.label = std::get<0>(key),
                      .program = std::get<1>(key),
                      .syscall = std::get<2>(key),
                      .count = count});
  }
  return result;
}

void answer_notification(int listener, RefusalLog& log) {
  Roomy<seccomp_notif> request{};
  memset(&request, 0, sizeof request);
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) return;  // who asked is gone
  log.add(program_of(request.value.pid), syscall_of(request.value.data));
  Roomy<seccomp_notif_resp> response;
  memset(&response, 0, sizeof response);
  response.value.id = request.value.id;
  response.value.error = -EPERM;
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

}  // namespace testctr::sandbox
