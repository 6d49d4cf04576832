#include "plan/host_paths.h"

#include <climits>
#include <cstdlib>
#include <map>
#include <set>

#include <sys/statvfs.h>

#include "base/sys.h"
#include "base/text.h"
#include "script/path_glob.h"

namespace testctr::plan {
namespace {

constexpr size_t longest_name = 200;

Error bad(const WordPlace& where, std::string_view what) {
  return Error::usage(fmt::format("{}: {}", where.shown, what));
}

bool lies_in(std::string_view path, std::string_view folder) {
  return folder == "/" || path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

std::string from_folder(const std::string& path, const WordPlace& where) {
  return path.starts_with('/') || where.folder.empty() ? path : where.folder + "/" + path;
}

/// The path without links; that it is there is for the caller to see.
Result<std::string> real_path(const std::string& written, const WordPlace& where) {
  char buffer[PATH_MAX];
  if (written.find('\0') != std::string::npos) return bad(where, "a path holds a null byte");
  if (::realpath(from_folder(written, where).c_str(), buffer) != nullptr) return std::string(buffer);
  if (errno == ENOENT || errno == ENOTDIR)
    return bad(where, fmt::format("there is no {}", text::quoted(written)));
  return Error::system("realpath", text::printable(written)).as(Fault::usage).in(where.shown);
}

Result<struct stat> status_of(const std::string& path, const WordPlace& where) {
  const auto found = TRY_IN(sys::stat_at(AT_FDCWD, path, 0), where.shown);
  if (!found) return bad(where, fmt::format("there is no {}", text::quoted(path)));
  return *found;
}

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view("._+-@%,:~^").find(c) != std::string_view::npos;
}

Status check_name(const std::string& name, const WordPlace& where) {
  if (name.empty()) return bad(where, "the name behind `=` is empty");
  const bool good = std::all_of(name.begin(), name.end(), is_name_character);
  if (!good || name == "." || name == ".." || name.starts_with('-') || name.size() > longest_name) {
    return Error(bad(where, fmt::format("{} cannot be the name of a program", text::quoted(name))))
        .hint("letters, digits and . _ + - @ % , : ~ ^; `PATH=NAME` gives it another");
  }
  if (name == "testctr" || name == "testctr-script")
    return Error(bad(where, fmt::format("{} is this program's own name inside", name)))
        .hint("`PATH=NAME` gives it another");
  return {};
}

/// A path inside without doubled and trailing slashes.
Result<std::string> clean_target(const std::string& written, const WordPlace& where) {
  if (!written.starts_with('/'))
    return Error(bad(where, fmt::format("{} is not an absolute path inside", text::quoted(written))))
        .hint("SRC:DST[:ro], for example ./data:/data:ro");
  std::string path;
  for (const std::string& part : text::split(written, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return bad(where, fmt::format("{} has .. in it", text::quoted(written)));
    path += "/" + part;
  }
  if (path.empty()) path = "/";
  bool ours = path == "/" || path == "/work";
  for (std::string_view own : {"/proc", "/sys", "/dev", "/testctr"}) ours = ours || lies_in(path, own);
  if (ours)
    return Error(bad(where, fmt::format("nothing may be mounted at {}", text::quoted(path))))
        .hint("choose another path inside, such as /data, or one below $WORK");
  return path;
}

/// An absolute path whose folders need not be there yet: the part that is, without links.
Result<std::string> output_folder(const std::string& written, const WordPlace& where) {
  std::string path = from_folder(written, where), missing;
  char buffer[PATH_MAX];
  while (::realpath(path.empty() ? "." : path.c_str(), buffer) == nullptr) {
    if (errno != ENOENT)
      return Error::system("realpath", text::printable(path)).as(Fault::usage).in(where.shown);
    while (path.ends_with('/')) path.pop_back();
    const size_t slash = path.rfind('/');
    const std::string last = path.substr(slash == std::string::npos ? 0 : slash + 1);
    if (last == "..")
      return bad(where, fmt::format("{}: there is no such folder to go up from", text::quoted(written)));
    struct stat st {};
    if (::lstat(path.c_str(), &st) == 0)
      return bad(where, fmt::format("{} is a link that leads nowhere", text::quoted(path)));
    if (last != ".") missing = "/" + last + missing;
    path = slash == std::string::npos ? "" : slash == 0 ? "/" : path.substr(0, slash);
  }
  if (!S_ISDIR(TRY(status_of(buffer, where)).st_mode))
    return bad(where, fmt::format("{} is not a folder", text::quoted(buffer)));
  const std::string real = buffer;
  return real == "/" && !missing.empty() ? missing : real + missing;
}

/// A job's name as a path that stays where it is put.
std::string folder_of(const std::string& name) {
  std::vector<std::string> parts;
  for (std::string& part : text::split(name, '/')) {
    if (part.empty() || part == ".") continue;
    parts.push_back(part == ".." ? "up" : std::move(part));
  }
  return text::join(parts, "/");
}

}  // namespace

Status add_program(std::vector<HostProgram>& all, const std::string& word, const WordPlace& where) {
  const size_t equals = word.rfind('=');
  const bool named = equals != std::string::npos && word.find('/', equals) == std::string::npos;
  const std::string path = named ? word.substr(0, equals) : word;
  if (path.empty()) return bad(where, "no program is named").hint("PATH[=NAME]");
  HostProgram program;
  program.path = TRY(real_path(path, where));
  const struct stat st = TRY(status_of(program.path, where));
  if (!S_ISREG(st.st_mode)) return bad(where, fmt::format("{} is not a regular file", text::quoted(path)));
  if ((st.st_mode & 0111) == 0)
    return bad(where, fmt::format("{} is not executable", text::quoted(path)))
        .hint(fmt::format("chmod +x {}", text::shell_quoted(path)));
  struct statvfs system {};
  if (::statvfs(program.path.c_str(), &system) == 0 && (system.f_flag & ST_NOEXEC) != 0)
    return bad(where, fmt::format("{} lies on a file system from which nothing may be run (noexec)",
                                  text::quoted(path)))
        .hint("copy it to another");
  program.name = named ? word.substr(equals + 1) : path.substr(path.rfind('/') + 1);
  CHECK_OK(check_name(program.name, where));
  for (const HostProgram& other : all) {
    if (other.name == program.name)
      return bad(where, fmt::format("two programs are called {}: {} and {}", program.name,
                                    text::printable(other.path), text::printable(program.path)))
          .hint("`PATH=NAME` gives one of them another name");
  }
  all.push_back(std::move(program));
  return {};
}

Status add_mount(std::vector<Mount>& all, const std::string& word, const WordPlace& where) {
  Mount mount;
  std::string rest = word;
  if (rest.ends_with(":ro")) {
    mount.read_only = true;
    rest.resize(rest.size() - 3);
  }
  const size_t colon = rest.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == rest.size())
    return bad(where, fmt::format("{} is not SRC:DST[:ro]", text::quoted(word)))
        .hint("for example ./data:/data:ro");
  const std::string written = rest.substr(0, colon), target = rest.substr(colon + 1);
  if (!target.starts_with('/') && !mount.read_only && written.find(":/") != std::string::npos)
    return bad(where, fmt::format("{} is no option of a mount", text::quoted(target)))
        .hint("`:ro` makes it read-only; without it, it is writable");
  mount.target = TRY(clean_target(target, where));
  mount.source = TRY(real_path(written, where));
  const struct stat st = TRY(status_of(mount.source, where));
  if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
    return bad(where, fmt::format("{} is neither a folder nor a regular file", text::quoted(written)));
  WordPlace anywhere = where;
  anywhere.folder.clear();
  const auto home = where.home.empty() ? Result<std::string>("") : real_path(where.home, anywhere);
  const bool holds_home = home.ok() && !home.value().empty() && lies_in(home.value(), mount.source);
  if (mount.source == "/" || holds_home)
    return bad(where, fmt::format("{} {}, which is never handed to a test", text::quoted(written),
                                  mount.source == "/"            ? "is the root of this machine"
                                  : home.value() == mount.source ? "is your home folder"
                                                                 : "holds your home folder"))
        .hint("mount the folder in it that the test needs");
  for (const Mount& other : all) {
    if (other.target == mount.target)
      return bad(where, fmt::format("two mounts at {}", text::quoted(mount.target)));
  }
  const auto behind = std::find_if(all.begin(), all.end(),
                                   [&](const Mount& other) { return lies_in(other.target, mount.target); });
  all.insert(behind, std::move(mount));
  return {};
}

Status add_artifacts(std::vector<Artifacts>& all, const std::string& word, const WordPlace& where) {
  const size_t equals = word.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == word.size())
    return bad(where, fmt::format("{} is not GLOB=DIR", text::quoted(word)))
        .hint("for example 'out/*.xml=reports'");
  Artifacts artifacts;
  artifacts.pattern = word.substr(0, equals);
  const auto glob = TRY_IN(script::PathGlob::make(artifacts.pattern), where.shown);
  if (glob.absolute()) {
    const std::string first = !glob.base().empty()    ? glob.base()[0]
                              : glob.parts()[0].plain ? glob.parts()[0].text
                                                      : "";
    if (first == "proc" || first == "sys" || first == "dev")
      return bad(where, fmt::format("nothing is brought out of /{}", first))
          .hint("let the test write what it needs to a file in $WORK");
  }
  artifacts.directory = TRY(output_folder(word.substr(equals + 1), where));
  all.push_back(std::move(artifacts));
  return {};
}

Status add_host_paths(Job& job, const RunRequest& request, const Surroundings& here) {
  for (const std::string& word : request.programs)
    CHECK_OK(add_program(job.programs, word, {"--bin", "", here.home}));
  for (const std::string& word : request.mounts)
    CHECK_OK(add_mount(job.mounts, word, {"--mount", "", here.home}));
  for (const std::string& word : request.artifacts)
    CHECK_OK(add_artifacts(job.artifacts, word, {"--artifacts", "", here.home}));
  return {};
}

Status settle_artifacts(std::vector<Job>& jobs) {
  std::map<std::string, std::set<const Job*>> users;
  for (const Job& job : jobs) {
    for (const Artifacts& artifacts : job.artifacts) users[artifacts.directory].insert(&job);
  }
  for (Job& job : jobs) {
    if (!job.tree.empty() && users.contains(job.tree))
      return Error::usage(fmt::format("artifacts: {} is the test tree of {}, which must stay as it is",
                                      text::quoted(job.tree), text::printable(job.name)))
          .hint("name a folder in it, which the test then does not see, or one elsewhere");
    for (Artifacts& artifacts : job.artifacts) {
      if (users[artifacts.directory].size() > 1) artifacts.below = folder_of(job.name);
    }
  }
  return {};
}

}  // namespace testctr::plan
