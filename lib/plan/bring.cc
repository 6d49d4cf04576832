#include "plan/bring.h"

#include "base/sys.h"
#include "base/text.h"
#include "plan/checks.h"

namespace testctr::plan {
namespace {

std::string below(const std::string& folder, const std::string& path) {
  return path.starts_with('/') ? path : folder + path;
}

/// Without `.`, `..` and repeated slashes.
std::string normal(const std::string& path) {
  std::vector<std::string> parts;
  for (const std::string& part : text::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  return "/" + text::join(parts, "/");
}

/// What a container cannot do without, or what is ours in it.
bool is_taken(const std::string& target) {
  for (const std::string_view root : {"/proc", "/sys", "/dev", "/testctr"}) {
    if (target == root || target.starts_with(std::string(root) + "/")) return true;
  }
  return target == "/" || target == "/work";
}

}  // namespace

Result<HostProgram> host_program(const std::string& word, const std::string& folder) {
  const size_t equals = word.rfind('=');
  const std::string written = word.substr(0, equals);
  if (written.empty()) return Error::usage(fmt::format("{} names no program", text::quoted(word)));
  HostProgram program;
  program.name =
      equals == std::string::npos ? written.substr(written.rfind('/') + 1) : word.substr(equals + 1);
  if (program.name.empty() || program.name == "." || program.name == ".." ||
      program.name.find('/') != std::string::npos)
    return Error::usage(fmt::format("{} cannot be the name of a program", text::quoted(program.name)));
  const std::string path = below(folder, written);
  const auto found = TRY(sys::stat_at(AT_FDCWD, path, 0));
  if (!found) return Error::usage(fmt::format("{}: no such program", text::printable(path)));
  if (!S_ISREG(found->st_mode))
    return Error::usage(fmt::format("{} is not a regular file", text::printable(path)));
  if ((found->st_mode & 0111) == 0) {
    return Error::usage(fmt::format("{} is not executable", text::printable(path)))
        .hint(fmt::format("`chmod +x {}`", text::shell_quoted(path)));
  }
  program.path = TRY(real_path(path));
  return program;
}

Result<Mount> mount_of(const std::string& word, const std::string& folder) {
  std::vector<std::string> parts = text::split(word, ':');
  Mount mount;
  if (parts.size() == 3 && parts[2] == "ro") {
    mount.read_only = true;
    parts.pop_back();
  }
  if (parts.size() != 2 || parts[0].empty() || !parts[1].starts_with('/'))
    return Error::usage(
        fmt::format("{} is not SRC:DST or SRC:DST:ro with an absolute DST", text::quoted(word)));
  mount.target = normal(parts[1]);
  if (is_taken(mount.target))
    return Error::usage(
        fmt::format("nothing can be mounted at {}: the container itself needs it", mount.target));
  const std::string path = below(folder, parts[0]);
  if (!TRY(sys::stat_at(AT_FDCWD, path, 0)))
    return Error::usage(fmt::format("{}: no such file or folder", text::printable(path)));
  mount.source = TRY(real_path(path));
  return mount;
}

Result<Artifacts> artifacts_of(const std::string& word, const std::string& folder) {
  const size_t equals = word.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == word.size())
    return Error::usage(fmt::format("{} is not GLOB=DIR", text::quoted(word)));
  Artifacts artifacts;
  artifacts.pattern = word.substr(0, equals);
  std::string directory = below(folder, word.substr(equals + 1));
  if (!directory.starts_with('/')) directory = TRY(real_path(".")) + "/" + directory;
  artifacts.directory = normal(directory);
  return artifacts;
}

}  // namespace testctr::plan
