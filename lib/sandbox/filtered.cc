#include "sandbox/filtered.h"

#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "base/text.h"
#include "sandbox/confine.h"
#include "sandbox/filter.h"
#include "sandbox/follow.h"
#include "sandbox/learn.h"
#include "sandbox/path_calls.h"
#include "sandbox/profile.h"

namespace testctr::sandbox {

Status compile_into(Filter& filter, const std::string& text, std::vector<std::string>& notes) {
  struct utsname system {};
  uname(&system);
  CompiledProfile profile = TRY(compile_profile(text, filter.name, system.release));
  filter.profile = std::move(profile.program);
  if (!profile.unknown_calls.empty()) {
    notes.push_back(fmt::format("system calls of the profile that are unknown here: {}",
                                text::join(profile.unknown_calls, " ")));
  }
  return {};
}

Status FilteredThread::start(std::function<Status()> prepare) {
  // Two threads that hardly ever allocate at the same time: an arena for each costs more than it saves.
  mallopt(M_ARENA_MAX, 1);
  try {
    thread_ = std::thread([this, prepare = std::move(prepare)] {
      if (Status prepared = prepare(); !prepared.ok()) fail(prepared.error());
      auto listening = filter_this_thread();
      if (!listening.ok()) fail(std::move(listening).error().in("installing the system call filter"));
      listener_ = listening.value().release();
      filtered_.release();
      begin_.acquire();
      // What still runs inside when the body ends dies with us: the kernel kills it.
      _exit(body_(inside_));
    });
  } catch (const std::system_error& e) {
    return Error::system("pthread_create", "", e.code().value())
        .hint("--pids N allows more processes and threads");
  }
  return {};
}

// @return the listener, or none.
Result<Fd> FilteredThread::filter_this_thread() {
  const bool following = filter_.follow >= 0;
  if (filter_.learn >= 0)
    return install_learning(filter_.profile, filter_.name == "unconfined", filter_.fake_success);
  if (filter_.name == "unconfined")
    return following ? install_following(TRY(following_filters({}, {}))) : Fd();
  std::vector<sock_filter> reporting;
  std::span<const sock_filter> notify = default_filter(true, filter_.fake_success),
                               silent = default_filter(false, filter_.fake_success);
  if (!filter_.profile.empty()) {
    reporting = with_notifications(filter_.profile);
    notify = reporting;
    silent = filter_.profile;
  }
  if (following) return install_following(TRY(following_filters(notify, silent)));
  auto listening = install_filter(notify, true);
  if (listening.ok()) return listening;
  int reason = listening.error().number();
  // EBUSY: whoever runs us listens already. EINVAL: Linux before 5.0.
  if (reason != EBUSY && reason != EINVAL && !filter_.may_lack) return listening;
  note_ = reason == EBUSY
              ? "denied system calls are not recorded: the container around us listens for its own"
              : "denied system calls are not recorded: that needs Linux 5.0";
  auto installed = install_filter(silent, false);
  if (installed.ok() || !filter_.may_lack || !filter_.profile.empty()) return installed;
  note_ = fmt::format("system calls are not filtered: {}", installed.error().message());
  return Fd();
}

void FilteredThread::await_filter() {
  // A thread that its own filter has killed may not have been able to wake us.
  while (!filtered_.try_acquire_for(std::chrono::milliseconds(100)) && listener_ == unknown_) {
    if (has_ended()) fail_for_filter();
  }
}

Status FilteredThread::filter_supervisor() {
  if (filter_.name == "unconfined") return {};
  auto own = install_filter(supervisor_filter(filter_.follow >= 0), false);
  if (own.ok() || filter_.may_lack) return {};
  return std::move(own).error().in("installing the supervisor's filter");
}

void FilteredThread::begin(std::vector<std::string> notes) {
  inside_.all_notes = std::move(notes);
  if (!note_.empty()) inside_.all_notes.push_back(note_);
  begin_.release();
}

bool FilteredThread::has_ended() { return pthread_tryjoin_np(thread_.native_handle(), nullptr) == 0; }

void FilteredThread::supervise() {
  // The parent-death signal is bound to what it was when it was set; the channel's end tells of a runner that
  // died before that, too.
  std::array<pollfd, 2> watched{pollfd{.fd = inside_.channel(), .events = POLLRDHUP, .revents = 0},
                                pollfd{.fd = listener_, .events = POLLIN, .revents = 0}};
  std::optional<Follower> follower;
  std::optional<Learner> learner;
  if (filter_.learn >= 0) learner.emplace(filter_.learn);
  if (filter_.follow >= 0) follower.emplace(filter_.follow);
  const bool foreign = filter_.name != "default" && filter_.name != "unconfined";
  while (true) {
    int ready = poll(watched.data(), watched.size(), foreign ? 500 : -1);
    if (foreign && ready <= 0 && has_ended()) fail_for_filter();
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) fail(Error::system("poll", "what the system call filter asks"));
    if ((watched[1].revents & POLLIN) != 0) {
      if (learner) {
        learner->answer(listener_);
      } else {
        answer_notification(listener_, inside_.log, follower ? &*follower : nullptr);
      }
    }
    // Nobody is under the filter any more: its thread is dead, but did not end the process.
    if ((watched[1].revents & POLLHUP) != 0) fail_for_filter();
    if (watched[0].revents != 0) _exit(1);
  }
}

void FilteredThread::fail_for_filter() {
  fail(
      Error::infrastructure(fmt::format("the system call filter {} kills the runner itself", filter_.name))
          .hint(
              "it must allow what carries a script out: clone, execve, wait4, pipe2, poll, openat, futex and "
              "their kin"));
}

void FilteredThread::fail(const Error& error) {
  fail_(error);
  _exit(1);
}

}  // namespace testctr::sandbox
