#include "base/program_output.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/sys.h"
#include "base/text.h"

extern "C" char** environ;

namespace testctr::sys {
namespace {

// The program in a process group of its own, so that whatever it starts can be ended with it.
Result<pid_t> start(const std::string& program, std::vector<std::string>& words, int input, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = -1;
  int failed = 0;
  // Another thread's fork may still hold a file that was just written.
  for (int tries = 0; tries < 20; ++tries) {
    failed = posix_spawn(&pid, program.c_str(), &actions, &attributes, arguments.data(), environ);
    if (failed != ETXTBSY) break;
    usleep(50'000);
  }
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return Error::system("posix_spawn", program, failed);
  return pid;
}

// All that the program prints, until it closes its output, the time is over or it is too much.
void read_output(int output, size_t most, uint64_t deadline, ProgramOutput& answer) {
  char buffer[4096];
  while (true) {
    const uint64_t now = monotonic_ns();
    if (now >= deadline) {
      answer.late = true;
      return;
    }
    pollfd wait{output, POLLIN, 0};
    const int ready = poll(&wait, 1, static_cast<int>((deadline - now) / 1'000'000 + 1));
    if (ready <= 0) continue;
    const ssize_t n = read(output, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    answer.output.append(buffer, static_cast<size_t>(n));
    if (answer.output.size() > most) {
      answer.too_much = true;
      return;
    }
  }
}

// The end of a program that has closed its output, or is to be ended.
void await_end(pid_t pid, uint64_t deadline, ProgramOutput& answer) {
  while (true) {
    if (!answer.too_much && monotonic_ns() >= deadline) answer.late = true;
    const bool over = answer.late || answer.too_much;
    if (over) kill(-pid, SIGKILL);
    const pid_t ended = waitpid(pid, &answer.status, over ? 0 : WNOHANG);
    if (ended == pid || (ended < 0 && errno != EINTR)) return;
    if (!over) usleep(5000);
  }
}

}  // namespace

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  for (const std::string& folder : text::split(path == nullptr ? "" : path, ':')) {
    const std::string candidate = folder + "/" + name;
    if (folder.starts_with('/') && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

Result<ProgramOutput> run_program(const std::string& path, std::vector<std::string> arguments,
                                  const std::string& input, size_t most, int64_t limit_ns) {
  // A memory file is an input that nobody has to write while the other reads.
  Fd given = TRY(memory_file("input"));
  CHECK_OK(write_full(given.get(), input));
  if (lseek(given.get(), 0, SEEK_SET) != 0) return Error::system("lseek", "the program's input");
  auto [output, write_end] = TRY(pipe());
  const uint64_t deadline = monotonic_ns() + static_cast<uint64_t>(limit_ns);
  ProgramOutput answer;
  const pid_t pid = TRY(start(path, arguments, given.get(), write_end.get()));
  write_end.reset();
  read_output(output.get(), most, deadline, answer);
  await_end(pid, deadline, answer);
  return answer;
}

}  // namespace testctr::sys
