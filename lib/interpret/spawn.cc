// clone, set-up and exec of a program.
#include "interpret/spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "base/sys.h"

namespace testctr::interpret {
namespace {

constexpr size_t stack_size = size_t{64} << 10;
constexpr int busy_tries = 100;
constexpr long busy_pause_ns = 10'000'000;

/// Everything the child needs, ready before it is made. It runs in our memory while this thread waits.
struct Plan {
  const char* path = nullptr;
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  const char* directory = nullptr;
  int descriptors[3] = {-1, -1, -1};
  bool terminal = false;
  int beside = -1;
  pid_t parent = -1;
  StartError error;
};

// Async-signal-safe: system calls only.
int child(void* argument) {
  Plan& plan = *static_cast<Plan*>(argument);
  auto fail = [&plan](StartError::Step step) {
    plan.error = {step, errno};
    return 127;
  };
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) (void)::sigaction(signal, &action, nullptr);
  (void)::setsid();
  if (plan.parent != 1) {
    // As the first process of a container our end is everybody's end; elsewhere this says so. The parent may
    // be gone already.
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != plan.parent) return 127;
  }
  if (::chdir(plan.directory) != 0) return fail(StartError::Step::directory);
  for (int i = 0; i < 3; ++i) {
    if (::dup2(plan.descriptors[i], i) < 0) return fail(StartError::Step::descriptors);
  }
  if (plan.terminal && ::ioctl(0, TIOCSCTTY, 0) != 0) return fail(StartError::Step::descriptors);
  if (plan.beside >= 0) {
    // Onto itself dup2(2) would do nothing, and leave it to be closed.
    const int moved = plan.beside == 3 ? ::fcntl(3, F_SETFD, 0) : ::dup2(plan.beside, 3);
    if (moved < 0 || ::ioctl(3, TIOCSCTTY, 0) != 0) return fail(StartError::Step::descriptors);
  }
  if (int result = sys::cloexec_from_raw(plan.beside >= 0 ? 4 : 3); result < 0) {
    errno = -result;
    return fail(StartError::Step::descriptors);
  }
  (void)::umask(022);
  sigset_t none;
  ::sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(plan.path, plan.arguments, plan.environment);
  return fail(StartError::Step::execute);
}

/// Memory for the child's stack.
class Stack {
 public:
  Stack()
      : address_(::mmap(nullptr, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK,
                        -1, 0)) {}
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  ~Stack() {
    if (valid()) ::munmap(address_, stack_size);
  }
  [[nodiscard]] bool valid() const { return address_ != MAP_FAILED; }
  [[nodiscard]] void* top() const { return static_cast<char*>(address_) + stack_size; }

 private:
  void* address_;
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> list;
  list.reserve(strings.size() + 1);
  for (const std::string& string : strings) list.push_back(const_cast<char*>(string.c_str()));
  list.push_back(nullptr);
  return list;
}

Started start_once(Plan& plan) {
  Stack stack;
  if (!stack.valid()) return {-1, {StartError::Step::clone, errno}};
  // No handler of ours may run in the child, which is us until it execs.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  plan.error = {};
  plan.parent = ::getpid();
  pid_t pid = ::clone(child, stack.top(), CLONE_VM | CLONE_VFORK | SIGCHLD, &plan);
  int number = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return {-1, {StartError::Step::clone, number}};
  if (plan.error.number == 0) return {pid, {}};
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return {-1, plan.error};
}

}  // namespace

Started start(const Program& program) {
  std::vector<char*> arguments = pointers(program.arguments);
  std::vector<char*> environment = pointers(program.environment);
  Plan plan;
  plan.path = program.path.c_str();
  plan.arguments = arguments.data();
  plan.environment = environment.data();
  plan.directory = program.directory.c_str();
  plan.descriptors[0] = program.input;
  plan.descriptors[1] = program.output;
  plan.descriptors[2] = program.error;
  plan.terminal = program.terminal;
  plan.beside = program.beside;
  for (int tries = 1;; ++tries) {
    Started started = start_once(plan);
    bool busy = started.error.step == StartError::Step::execute && started.error.number == ETXTBSY;
    if (!busy || tries == busy_tries) return started;
    timespec pause{0, busy_pause_ns};
    (void)::nanosleep(&pause, nullptr);
  }
}

Result<Fd> above_standard(Fd fd) {
  if (fd.get() > 2) return fd;
  int copy = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return Error::system("fcntl", "F_DUPFD_CLOEXEC");
  return Fd(copy);
}

}  // namespace testctr::interpret
