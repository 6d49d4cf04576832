#include "run/guardian.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "base/sys.h"
#include "interpret/process_table.h"
#include "sandbox/confine.h"

namespace testctr::run {
namespace {

constexpr uint64_t patience_ns = 5'000'000'000;

void reap() {
  while (::waitpid(-1, nullptr, WNOHANG | __WALL) > 0) {
  }
}

// Killing and forking race; what was missed is found in the next round.
void kill_below() {
  const uint64_t until = sys::monotonic_ns() + patience_ns;
  while (sys::monotonic_ns() < until) {
    reap();
    const auto below = interpret::descendants();
    if (!below || below->empty()) return;
    for (const interpret::Process& process : *below) (void)::kill(process.pid, SIGKILL);
    ::usleep(1000);
  }
}

// Containers that die with the runner may write until they have died.
int remove_folder(const std::string& folder) {
  const uint64_t until = sys::monotonic_ns() + patience_ns;
  Status removed = sys::remove_tree(folder);
  while (!removed.ok() && sys::monotonic_ns() < until && removed.error().number() == ENOTEMPTY) {
    ::usleep(10'000);
    removed = sys::remove_tree(folder);
  }
  return removed.ok() ? 0 : 1;
}

// A folder for a test, its path without links: those would make `$WORK` another path than pwd's.
Result<std::string> make_folder(const std::string& tree) {
  std::string last;
  int number = ENOENT;
  for (const std::string& parent : sys::temporary_folders({tree})) {
    std::string folder = parent + "/testctr-XXXXXX";
    if (::mkdtemp(folder.data()) != nullptr) return folder;
    number = errno;
    last = folder;
  }
  return Error::system("mkdtemp", last, number)
      .hint(
          "TMPDIR names a folder, outside the test tree, in which the work directory of a test can be made");
}

[[noreturn]] void run_body(const HostBody& body, int channel, const std::string& folder, pid_t guardian) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != guardian) ::_exit(1);
  if (!sandbox::close_all_but({0, 1, 2, channel}).ok()) ::_exit(1);
  ::_exit(body(channel, folder));
}

[[noreturn]] void guard(const std::string& folder, const HostBody& body, Fd control, Fd channel) {
  sandbox::reset_signals();
  ::setsid();
  ::prctl(PR_SET_NAME, "testctr-guard");
  for (int fd = 0; fd < 3; ++fd) {
    auto null = sys::open("/dev/null", O_RDWR);
    if (!null.ok() || ::dup2(null.value().get(), fd) < 0) ::_exit(1);
  }
  std::vector<int> keep{0, 1, 2, control.get()};
  if (channel.valid()) keep.push_back(channel.get());
  if (!sandbox::close_all_but(keep).ok()) ::_exit(1);
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  if (body) {
    const pid_t self = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) run_body(body, channel.get(), folder, self);
    channel.reset();  // the body's end alone tells the runner that it has ended
    if (child < 0) ::_exit(1);
  }
  // A byte: the body is to die now. The end: of the test, or of the runner.
  for (;;) {
    char byte = 0;
    const ssize_t got = ::read(control.get(), &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    kill_below();
    if (got <= 0) break;
  }
  ::_exit(remove_folder(folder));
}

}  // namespace

Result<std::unique_ptr<Guardian>> Guardian::start(HostBody body, const std::string& tree) {
  std::unique_ptr<Guardian> guardian(new Guardian());
  guardian->folder_ = TRY(make_folder(tree));
  guardian->work_ = guardian->folder_ + "/work";
  struct Undo {
    const std::string* folder;
    ~Undo() {
      if (folder != nullptr) (void)sys::remove_tree(*folder);
    }
  } undo{&guardian->folder_};
  CHECK_OK(sys::make_dir_at(AT_FDCWD, guardian->work_, 0755));
  CHECK_OK(sys::make_dir_at(AT_FDCWD, guardian->folder_ + "/tmp", 0700));
  // As root, the images' users are others than ours; nobody else comes past the folder above.
  if (::geteuid() == 0 && ::chmod(guardian->work_.c_str(), 0777) != 0)
    return Error::system("chmod", guardian->work_);
  auto [ours, theirs] = TRY(sys::socket_pair(SOCK_STREAM));
  Fd near, far;
  if (body) std::tie(near, far) = TRY(sys::socket_pair(SOCK_STREAM));
  const pid_t pid = ::fork();
  if (pid < 0) return Error::system("fork", "");
  if (pid == 0) {
    ours.reset();
    near.reset();
    guard(guardian->folder_, body, std::move(theirs), std::move(far));
  }
  undo.folder = nullptr;
  guardian->pid_ = pid;
  guardian->control_ = std::move(ours);
  guardian->channel_ = std::move(near);
  return guardian;
}

void Guardian::kill() {
  const char byte = 'k';
  (void)!::send(control_.get(), &byte, 1, MSG_NOSIGNAL);
}

Status Guardian::finish() {
  if (pid_ < 0) return {};
  control_.reset();
  int status = 0;
  struct rusage usage {};
  while (::wait4(pid_, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  cpu_ns_ = static_cast<uint64_t>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000'000 +
            static_cast<uint64_t>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  // It was killed, or could not remove all: once more, for the reason.
  Status removed = sys::remove_tree(folder_);
  if (!removed.ok()) return std::move(removed).error().in("removing the test's work directory");
  return {};
}

Guardian::~Guardian() { (void)finish(); }

}  // namespace testctr::run
