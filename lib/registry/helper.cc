#include "registry/helper.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "registry/places.h"

extern "C" char** environ;

namespace testctr::registry {
namespace {

constexpr size_t largest_answer = size_t{64} << 10;

struct Answer {
  int status = 0;      // as waitpid has it
  std::string output;  // its standard output
  bool late = false, long_winded = false;
};

std::string find_program(const std::string& name) {
  for (const std::string& folder : text::split(variable("PATH"), ':')) {
    const std::string candidate = folder + "/" + name;
    if (folder.starts_with('/') && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

// The program in a process group of its own, so that whatever it starts can be ended with it.
Result<pid_t> start(const std::string& program, int input, int output) {
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
  std::string path = program, get = "get";
  char* arguments[] = {path.data(), get.data(), nullptr};
  pid_t pid = -1;
  int failed = 0;
  // Another thread's fork may still hold a file that was just written.
  for (int tries = 0; tries < 20; ++tries) {
    failed = posix_spawn(&pid, path.c_str(), &actions, &attributes, arguments, environ);
    if (failed != ETXTBSY) break;
    usleep(50'000);
  }
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return Error::system("posix_spawn", program, failed);
  return pid;
}

// All that the program prints, until it closes its output, the time is over or it is too much.
void read_answer(int output, uint64_t deadline, Answer& answer) {
  char buffer[4096];
  while (true) {
    const uint64_t now = sys::monotonic_ns();
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
    if (answer.output.size() > largest_answer) {
      answer.long_winded = true;
      return;
    }
  }
}

// The end of a program that has closed its output, or is to be ended.
void await_end(pid_t pid, uint64_t deadline, Answer& answer) {
  while (true) {
    if (!answer.long_winded && sys::monotonic_ns() >= deadline) answer.late = true;
    const bool over = answer.late || answer.long_winded;
    if (over) kill(-pid, SIGKILL);
    const pid_t ended = waitpid(pid, &answer.status, over ? 0 : WNOHANG);
    if (ended == pid || (ended < 0 && errno != EINTR)) return;
    if (!over) usleep(5000);
  }
}

Result<Answer> run(const std::string& program, const std::string& server, int64_t limit_ns) {
  // A memory file is an input that nobody has to write while the other reads.
  Fd input = TRY(sys::memory_file("server"));
  CHECK_OK(sys::write_full(input.get(), server));
  if (lseek(input.get(), 0, SEEK_SET) != 0) return Error::system("lseek", "the helper's input");
  auto [output, write_end] = TRY(sys::pipe());
  const uint64_t deadline = sys::monotonic_ns() + static_cast<uint64_t>(limit_ns);
  Answer answer;
  const pid_t pid = TRY(start(program, input.get(), write_end.get()));
  write_end.reset();
  read_answer(output.get(), deadline, answer);
  await_end(pid, deadline, answer);
  return answer;
}

bool knows_none(std::string_view said) {
  for (std::string_view words : {"credentials not found", "no credentials"})
    if (said.find(words) != std::string_view::npos) return true;
  return false;
}

}  // namespace

Result<std::optional<Credentials>> ask_helper(const std::string& name, const std::string& server,
                                              const std::string& named_by, int64_t limit_ns) {
  const std::string program_name = "docker-credential-" + name;
  const std::string told = fmt::format("{} (named by {})", text::printable(program_name), named_by);
  if (name.empty() || name.find('/') != std::string::npos || name.find('\0') != std::string::npos)
    return Error::usage(fmt::format("{}: {} is no credential helper's name", named_by, text::quoted(name)));
  const std::string program = find_program(program_name);
  if (program.empty())
    return Error(Error::infrastructure(fmt::format("the credential helper {} is not installed", told)))
        .hint(fmt::format("install it into a folder of PATH, or take it out of {}", named_by));
  Answer answer = TRY_IN(run(program, server, limit_ns), told);
  if (answer.late)
    return Error::infrastructure(
        fmt::format("the credential helper {} did not end within {}", told, text::format_duration(limit_ns)));
  if (answer.long_winded)
    return Error::infrastructure(fmt::format("the credential helper {} says too much", told));
  if (!WIFEXITED(answer.status) || WEXITSTATUS(answer.status) != 0) {
    const std::string said = text::printable(text::trim(answer.output)).substr(0, 300);
    if (knows_none(said)) return std::optional<Credentials>();
    return Error::infrastructure(
        fmt::format("the credential helper {} failed: {}", told, said.empty() ? "it said nothing" : said));
  }
  auto parsed = json::parse(answer.output);
  auto user = parsed.ok() ? json::get_string(parsed.value(), "Username") : Result<std::string>(std::string());
  auto secret = parsed.ok() ? json::get_string(parsed.value(), "Secret") : Result<std::string>(std::string());
  if (!parsed.ok() || !user.ok() || !secret.ok())
    return Error::infrastructure(fmt::format("the credential helper {} gave no Username and Secret", told));
  if (user.value().empty() && secret.value().empty()) return std::optional<Credentials>();
  Credentials credentials;
  credentials.from = fmt::format("{}, named by {}", program_name, named_by);
  if (user.value() == "<token>") {
    credentials.identity_token = secret.value();
  } else {
    credentials.user = user.value();
    credentials.password = secret.value();
  }
  return std::optional<Credentials>(std::move(credentials));
}

}  // namespace testctr::registry
