#include "recipe/entries.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <climits>
#include <cstdio>
#include <cstdlib>

#include "base/resolve.h"
#include "base/sys.h"
#include "base/text.h"
#include "image/tree.h"

namespace testctr::recipe {
namespace {

constexpr size_t largest_input = size_t{64} << 20;
constexpr size_t most_entries = 1'000'000;

Result<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), &free);
  if (!real) return Error::system("realpath", path);
  return std::string(real.get());
}

mode_t mode_of(const FileSpec& file, mode_t usual) { return file.mode.value_or(usual); }

// A program stays one; everything else of a mode is how somebody's umask was.
mode_t usual_mode(const struct stat& st) { return (st.st_mode & S_IXUSR) != 0 ? 0755 : 0644; }

class Gatherer {
 public:
  Gatherer(const Recipe& recipe, const Rules& rules)
      : recipe_(recipe), rules_(rules), mistakes_(recipe.mistakes) {}

  Result<Entries> run() {
    for (const FileSpec& file : recipe_.files) {
      const Status done = add_file(file);
      if (!done.ok()) wrong(file.place, done.error());
    }
    for (const LinksSpec& links : recipe_.links) {
      const Status done = add_links(links);
      if (!done.ok()) wrong(links.place, done.error());
    }
    if (mistakes_.any()) return mistakes_.error();
    return std::move(entries_);
  }

 private:
  void wrong(Place place, const Error& error) {
    mistakes_.add(
        place, error.hint().empty() ? error.message() : fmt::format("{}; {}", error.message(), error.hint()));
  }

  /// Adds an entry and the folders above it.
  Status add(const std::string& path, Entry entry) {
    if (entries_.size() > most_entries)
      return Error::usage(fmt::format("the recipe has more than {} entries", most_entries));
    for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      const auto [above, added] =
          entries_.try_emplace(path.substr(0, slash), Entry{Entry::Kind::directory, 0755, 0, 0, ""});
      if (above->second.kind != Entry::Kind::directory)
        return Error::usage(
            fmt::format("{} lies in {}, which is no folder", text::quoted(path), text::quoted(above->first)));
    }
    const auto known = entries_.find(path);
    if (known != entries_.end() && known->second.kind == Entry::Kind::directory &&
        entry.kind != Entry::Kind::directory) {
      const auto next = entries_.upper_bound(path + "/");
      if (next != entries_.end() && next->first.starts_with(path + "/"))
        return Error::usage(fmt::format("{} is a folder with entries above", text::quoted(path)));
    }
    entries_[path] = std::move(entry);
    return {};
  }

  Entry made(const FileSpec& file, Entry::Kind kind, mode_t usual, std::string content) const {
    return {kind, mode_of(file, usual), file.uid, file.gid, std::move(content)};
  }

  Status may_run() const {
    if (rules_.whole_machine) return {};
    return Error::usage(
        "output-of, from-output and packages-of take what this machine has, and are for images "
        "of the project alone");
  }

  Status add_file(const FileSpec& file) {
    switch (file.what) {
      case FileSpec::What::directory:
        return add(file.path, made(file, Entry::Kind::directory, 0755, ""));
      case FileSpec::What::text:
        return add(file.path, made(file, Entry::Kind::file, 0644, file.value.value));
      case FileSpec::What::link:
        // A link has no mode of its own.
        return add(file.path, {Entry::Kind::link, 0777, file.uid, file.gid, file.value.value});
      case FileSpec::What::from:
        return add_from(file);
      case FileSpec::What::output_of:
        CHECK_OK(may_run());
        return add(file.path, made(file, Entry::Kind::file, 0644, TRY(output_of(file.words))));
      case FileSpec::What::packages_of:
        CHECK_OK(may_run());
        for (const std::string& package : file.words) {
          const std::string path = "usr/share/doc/" + package + "/copyright";
          std::string notice = TRY(sys::read_file("/" + path, largest_input));
          CHECK_OK(add(path, {Entry::Kind::file, 0644, 0, 0, std::move(notice)}));
        }
        return {};
    }
    return Error::internal("an unknown kind of entry");
  }

  Status add_from(const FileSpec& file) {
    const std::string& source = file.value.value;
    const Fd opened = TRY(open_source_file(recipe_, rules_, source, O_RDONLY | O_NONBLOCK));
    struct stat st {};
    if (fstat(opened.get(), &st) != 0) return Error::system("fstat", source);
    if (S_ISREG(st.st_mode)) return add(file.path, from_file(file, source, st));
    if (!S_ISDIR(st.st_mode))
      return Error::usage(fmt::format("from: {} is neither a file nor a folder", text::quoted(source)));
    CHECK_OK(add(file.path, made(file, Entry::Kind::directory, 0755, "")));
    return image::walk_tree(opened.get(), {}, [&](const image::TreeEntry& found) -> Status {
      const std::string path = file.path + "/" + found.path, from = source + "/" + found.path;
      if (S_ISDIR(found.st.st_mode)) return add(path, {Entry::Kind::directory, 0755, file.uid, file.gid, ""});
      if (S_ISLNK(found.st.st_mode))
        return add(path, {Entry::Kind::link, 0777, file.uid, file.gid,
                          TRY(sys::read_link_at(found.parent, found.name))});
      if (!S_ISREG(found.st.st_mode))
        return Error::usage(
            fmt::format("from: {} is neither a file nor a folder nor a link", text::quoted(from)));
      return add(path, from_file(file, from, found.st));
    });
  }

  // `mode` of a folder is its own; files in it are as they are.
  Entry from_file(const FileSpec& file, const std::string& from, const struct stat& st) const {
    const bool whole = from == file.value.value;
    Entry entry = made(file, Entry::Kind::file, usual_mode(st), "");
    if (!whole) entry.mode = usual_mode(st);
    entry.from = from;
    entry.size = static_cast<uint64_t>(st.st_size);
    return entry;
  }

  Status add_links(const LinksSpec& links) {
    CHECK_OK(may_run());
    const std::string names = TRY(output_of(links.command));
    for (const std::string_view line : text::lines(names)) {
      const std::string path = (links.dir.empty() ? "" : links.dir + "/") + std::string(text::trim(line));
      for (const std::string& part : text::split(path, '/'))
        if (part.empty() || part == "." || part == "..")
          return Error::usage("not a plain relative path: " + text::quoted(path));
      if (!entries_.contains(path)) CHECK_OK(add(path, {Entry::Kind::link, 0777, 0, 0, links.to}));
    }
    return {};
  }

  const Recipe& recipe_;
  Rules rules_;
  plan::Mistakes mistakes_;
  Entries entries_;
};

}  // namespace

Result<Entries> gather(const Recipe& recipe, const Rules& rules) { return Gatherer(recipe, rules).run(); }

Result<Fd> open_source_file(const Recipe& recipe, const Rules& rules, const std::string& path, int flags) {
  if (path.empty()) return Error::usage("from: a path is wanted");
  if (path.starts_with('/')) {
    if (rules.whole_machine) return sys::open(path, flags);
    return Error::usage(
        fmt::format("from: {} is absolute: sources are named from the recipe's folder, and lie in it",
                    text::quoted(path)));
  }
  const Fd folder = TRY(sys::open(recipe.folder, O_RDONLY | O_DIRECTORY));
  auto opened = sys::open_beneath(folder.get(), TRY(real_path(recipe.folder)), path, flags);
  if (opened.ok() || (opened.error().number() != EXDEV && opened.error().number() != ELOOP)) return opened;
  return Error(Error::usage(fmt::format("from: {} leads out of the recipe's folder", text::quoted(path))))
      .hint("an image is made of what lies beside its recipe");
}

Result<std::string> output_of(const std::vector<std::string>& command) {
  if (command.empty()) return Error::usage("no command");
  std::string line;
  for (const auto& word : command) line += (line.empty() ? "" : " ") + text::shell_quoted(word);
  FILE* pipe = ::popen(line.c_str(), "re");
  if (pipe == nullptr) return Error::system("popen", line);
  std::string output;
  std::array<char, 65536> buffer;
  for (size_t got = 0; (got = ::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    output.append(buffer.data(), got);
  const int status = ::pclose(pipe);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return Error::infrastructure(line + ": did not end with 0");
  return output;
}

}  // namespace testctr::recipe
