// Extraction with descriptors, one directory at a time.
#include "interpret/extract.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <map>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/rules.h"

namespace testctr::interpret {
namespace {

/// The directory of `name` below `root`, made as far as it is missing. Each step is one name, and no step is
/// a link.
Result<Fd> parent_of(int root, const std::string& name) {
  Fd at = TRY(sys::duplicate(root));
  std::vector<std::string> parts = text::split(name, '/');
  parts.pop_back();
  for (const std::string& part : parts) {
    if (::mkdirat(at.get(), part.c_str(), 0777) != 0 && errno != EEXIST)
      return Error::system("mkdirat", part);
    at = TRY(sys::open_at(at.get(), part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  }
  return at;
}

Status write_file(int root, const std::string& name, const std::string& data) {
  Fd parent = TRY(parent_of(root, name));
  std::string last = name.substr(name.rfind('/') + 1);
  Fd file = TRY(sys::open_at(parent.get(), last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666));
  return sys::write_full(file.get(), data);
}

/// Where a file of another dialect's script lies: below the directory that the script begins in, or anywhere
/// where that is allowed.
Result<std::string> free_name(const Session& session, const std::string& name) {
  if (name.empty() || name.find('\0') != std::string::npos)
    return Error::usage(fmt::format("{} is no name of a file", text::quoted(name)));
  std::string path = clean_path(session.path(name));
  const bool allowed = session.rules->free_names && !session.setting.guarded;
  if (!allowed && !path.starts_with(session.setting.work + "/")) {
    return Error::usage(fmt::format("the file {} is outside the working directory", text::quoted(name)))
        .hint("names of files are relative to $WORK");
  }
  return path;
}

/// The files of a script in a dialect where later ones replace earlier ones of the same name.
Status extract_freely(const script::Script& script, const Session& session) {
  for (const script::File& file : script.files) {
    const std::string place = fmt::format("{}:{}:4", script.name, file.line);
    const std::string expanded =
        TRY_IN(expand(
                   file.name,
                   [&](std::string_view name) {
                     return session.rules->bare_names ? std::nullopt : session.lookup(name);
                   },
                   false, session.rules->expansion),
               place);
    const std::string path = TRY_IN(free_name(session, expanded), place);
    Status written = make_script_directories(session, path.substr(0, std::max<size_t>(1, path.rfind('/'))));
    if (written.ok()) written = write_script_file(session, path, 0666, file.data);
    if (!written.ok())
      return std::move(written).error().in(
          fmt::format("{}: writing the file {}", place, text::quoted(expanded)));
  }
  return {};
}

}  // namespace

Result<std::string> normal_name(std::string_view name, std::string_view work) {
  std::string shown = text::quoted(name);
  std::string_view rest = name;
  if (rest.starts_with(work) && rest.substr(work.size()).starts_with('/')) {
    rest.remove_prefix(work.size());
    rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
  }
  if (rest.starts_with('/'))
    return Error::usage(fmt::format("the file {} has an absolute name", shown))
        .hint("names of files are relative to $WORK");
  if (rest.find('\0') != std::string_view::npos)
    return Error::usage(fmt::format("the file {} has a NUL byte in its name", shown));
  std::vector<std::string> parts;
  for (std::string& part : text::split(rest, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(std::move(part));
    } else if (parts.empty()) {
      return Error::usage(fmt::format("the file {} would lie outside $WORK", shown))
          .hint("names of files are relative to $WORK");
    } else {
      parts.pop_back();
    }
  }
  if (parts.empty()) return Error::usage(fmt::format("the file {} has no name", shown));
  return text::join(parts, "/");
}

Status extract(const script::Script& script, const Session& session) {
  if (script.files.empty()) return {};
  if (script.language != script::Language::testctr) return extract_freely(script, session);
  const std::string& work = session.setting.work;
  const Lookup lookup = [&](std::string_view name) { return session.lookup(name); };
  mode_t before = ::umask(022);
  struct Restore {
    mode_t mask;
    ~Restore() { ::umask(mask); }
  } restore{before};
  Fd root = TRY(sys::open(work, O_RDONLY | O_DIRECTORY));
  std::map<std::string, uint32_t> lines;
  for (const script::File& file : script.files) {
    std::string place = fmt::format("{}:{}:4", script.name, file.line);
    const Expansion how{.strict = session.setting.strict_env};
    std::string expanded = TRY_IN(expand(file.name, lookup, false, how), place);
    std::string name = TRY_IN(normal_name(expanded, work), place);
    auto [known, fresh] = lines.emplace(name, file.line);
    if (!fresh) {
      return Error::usage(fmt::format("{}: the file {} is in line {} already", place, text::quoted(name),
                                      known->second))
          .hint("each file of a script has a name of its own");
    }
    auto written = write_file(root.get(), name, file.data);
    if (written.ok()) continue;
    int number = written.error().number();
    if (number == EEXIST || number == ENOTDIR || number == ELOOP) {
      return Error::usage(fmt::format(
          "{}: the file {} cannot be written: another file or directory of the script is in its way", place,
          text::quoted(name)));
    }
    return std::move(written).error().in(fmt::format("{}: writing the file {}", place, text::quoted(name)));
  }
  return {};
}

}  // namespace testctr::interpret
