#include "sandbox/subordinate.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"

extern "C" char** environ;

namespace testctr::sandbox {
namespace {

Result<std::string> find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  auto folders = text::split(path != nullptr ? path : "", ':');
  folders.emplace_back("/usr/bin");
  folders.emplace_back("/bin");
  for (const std::string& folder : folders) {
    if (!folder.starts_with('/')) continue;
    std::string candidate = folder + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return Error::infrastructure(
             fmt::format("{} is not installed: it maps an ordinary user's subordinate ids", name))
      .hint("as root: apt-get install uidmap; or leave out --ids range");
}

// Runs a program to its end, its output kept for the error.
Status run_program(std::vector<std::string> words) {
  auto [reader, writer] = TRY(sys::pipe());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, writer.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, writer.get(), 2);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, words[0].c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  writer.reset();
  if (failed != 0) {
    errno = failed;
    return Error::system("posix_spawn", words[0]);
  }
  auto output = sys::read_all(reader.get(), size_t{64} << 10);
  reader.reset();
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  std::string said(text::trim(output.ok() ? output.value() : ""));
  return Error::infrastructure(
             fmt::format("{} refused: {}", words[0], said.empty() ? "it said nothing" : text::quoted(said)))
      .hint(
          "the ids have to be the user's in /etc/subuid and /etc/subgid, and the program set-user-id root or "
          "with file capabilities (in a container: no no_new_privs); or leave out --ids range");
}

Status map_with(const std::string& name, pid_t pid, const IdMap& map) {
  std::vector<std::string> words{TRY(find_program(name)), std::to_string(pid)};
  for (const Extent& e : map) {
    for (uint32_t value : {e.inside, e.outside, e.count}) words.push_back(std::to_string(value));
  }
  return run_program(std::move(words));
}

}  // namespace

IdMap subordinate_map(uint32_t caller, const IdMap& ranges) {
  IdMap map{{0, caller, 1}};
  uint32_t next = 1;
  auto add = [&](uint64_t first, uint64_t end) {
    const auto count = static_cast<uint32_t>(std::min<uint64_t>(end - first, range_size - next));
    // newuidmap and the kernel take some 340 lines; nobody has more than a few.
    if (first >= end || count == 0 || map.size() >= 300) return;
    map.push_back({next, static_cast<uint32_t>(first), count});
    next += count;
  };
  for (const Extent& range : ranges) {
    const uint64_t first = range.outside, end = std::min<uint64_t>(first + range.count, UINT32_MAX);
    if (caller >= first && caller < end) {
      add(first, caller);
      add(uint64_t{caller} + 1, end);
    } else {
      add(first, end);
    }
  }
  return map;
}

Status write_subordinate_maps(pid_t pid, const IdMap& uids, const IdMap& gids) {
  CHECK_OK(map_with("newuidmap", pid, uids));
  return map_with("newgidmap", pid, gids);
}

}  // namespace testctr::sandbox
