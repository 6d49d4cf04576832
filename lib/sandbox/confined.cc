#include "sandbox/confined.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <csignal>
#include <numeric>

#include "base/proc.h"
#include "base/sanitizer.h"
#include "base/sys.h"
#include "sandbox/filtered.h"
#include "sandbox/ids.h"

namespace testctr::sandbox {
namespace {

std::string read_or_nothing(const char* path) {
  auto file = sys::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat st {};
  if (!file.ok() || fstat(file.value().get(), &st) != 0 || !S_ISREG(st.st_mode)) return "";
  auto content = sys::read_all(file.value().get(), size_t{1} << 20);
  return content.ok() ? std::move(content).value() : "";
}

std::string user_of(const ConfinedSpec& spec) {
  if (!spec.user.empty()) return spec.user;
  return fmt::format("{}:{}", getuid(), getgid());
}

Result<Account> account_of(const ConfinedSpec& spec) {
  return resolve_user(user_of(spec), read_or_nothing("/etc/passwd"), read_or_nothing("/etc/group"));
}

// Whether there is but one id, so that giving a file to anybody must seem to succeed.
bool has_one_id() {
  const proc::Place map = proc::place("self/uid_map");
  auto text = sys::read_file_at(map.directory, map.path, 65536);
  if (!text.ok()) return false;
  const IdMap ids = parse_map(text.value());
  return std::accumulate(ids.begin(), ids.end(), uint64_t{0},
                         [](uint64_t sum, const Extent& extent) { return sum + extent.count; }) == 1;
}

// Standard streams lead nowhere. In a root without the null device they lead to an empty file of their own.
Status close_inherited(const ConfinedSpec& spec) {
  std::vector<int> keep = spec.keep_open;
  for (int fd : {spec.channel, spec.proc, spec.null}) {
    if (fd >= 0) keep.push_back(fd);
  }
  CHECK_OK(close_all_but(std::move(keep)));
  Fd null(spec.null);
  if (!null.valid()) {
    auto opened = sys::open("/dev/null", O_RDWR);
    struct stat st {};
    if (opened.ok() && fstat(opened.value().get(), &st) == 0 && S_ISCHR(st.st_mode) &&
        st.st_rdev == makedev(1, 3)) {
      null = std::move(opened).value();
    } else {
      null = TRY(sys::memory_file("nothing"));
    }
  }
  const int led = sanitized ? 2 : 3;  // a sanitizer's reports are to be seen
  for (int fd = 0; fd < led; ++fd) {
    if (dup2(null.get(), fd) < 0) return Error::system("dup2", "/dev/null");
  }
  return {};
}

// For the calling thread alone, as all of this.
Status give_up(const ConfinedSpec& spec, const Account& account) {
  if (account.uid != getuid() || account.gid != getgid() || !spec.user.empty()) {
    Status became = become(account.uid, account.gid, &account.groups);
    const bool the_same = account.uid == getuid() && account.gid == getgid();
    // Who may not change his groups keeps those that he has.
    if (!became.ok() && !(the_same && became.error().number() == EPERM)) {
      return std::move(became)
          .error()
          .in(fmt::format("becoming the user {}", user_of(spec)))
          .hint(
              "that needs the capabilities SETUID and SETGID, which a container engine gives root unless it "
              "was "
              "told not to");
    }
  }
  CHECK_OK(drop_capabilities(account.uid == 0 ? spec.capabilities : 0));
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error::system("prctl", "PR_SET_NO_NEW_PRIVS");
  return {};
}

Status confine(const ConfinedSpec& spec, const Account& account, FilteredThread& thread) {
  // Without the right to, nothing is lost: with no_new_privs nobody gets back what he has given up.
  Status limited = limit_bounding_set(account.uid == 0 ? spec.capabilities : 0);
  if (!limited.ok() && limited.error().number() != EPERM) return limited;
  CHECK_OK(set_limits(spec.pids));
  CHECK_OK(thread.start([&] { return give_up(spec, account); }));
  CHECK_OK(give_up(spec, account));
  thread.await_filter();
  // After the last change of ids by either thread: those reset both.
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return Error::system("prctl", "PR_SET_DUMPABLE");
  if (spec.dies_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
    return Error::system("prctl", "PR_SET_PDEATHSIG");
  return thread.filter_supervisor();
}

Result<Filter> filter_of(const ConfinedSpec& spec, std::vector<std::string>& notes) {
  Filter filter{.name = spec.seccomp, .profile = {}};
  filter.fake_success = spec.fake_success.value_or(has_one_id());
  filter.may_lack = spec.seccomp == "default";
  if (spec.seccomp == "default" || spec.seccomp == "unconfined") return filter;
  std::string text = spec.profile;
  if (text.empty())
    text = TRY_IN(sys::read_file(spec.seccomp, size_t{4} << 20), "reading the system call profile");
  CHECK_OK(compile_into(filter, text, notes));
  return filter;
}

Status begin(const ConfinedSpec& spec, const Body& body, const FilteredThread::Fail& fail,
             std::optional<Account>& account, std::optional<FilteredThread>& thread) {
  std::vector<std::string> notes = spec.notes;
  if (spec.proc >= 0) proc::use(spec.proc);
  CHECK_OK(close_inherited(spec).in("closing inherited descriptors"));
  Filter filter = TRY(filter_of(spec, notes));
  account = TRY(account_of(spec));
  thread.emplace(std::move(filter), *account, spec.channel, body, fail);
  CHECK_OK(confine(spec, *account, *thread).in("giving up privileges"));
  thread->begin(std::move(notes));
  return {};
}

}  // namespace

void run_confined(const ConfinedSpec& spec, const Body& body) {
  reset_signals();
  umask(022);
  const FilteredThread::Fail fail = [&](const Error& error) {
    if (spec.failed) spec.failed(error);
    _exit(1);
  };
  std::optional<Account> account;
  std::optional<FilteredThread> thread;
  if (Status begun = begin(spec, body, fail, account, thread); !begun.ok()) fail(begun.error());
  thread->supervise();
}

}  // namespace testctr::sandbox
