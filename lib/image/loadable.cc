#include "image/loadable.h"

#include <elf.h>
#include <fnmatch.h>

#include <charconv>
#include <deque>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "image/elf.h"

namespace testctr::image {
namespace {

constexpr size_t most_objects = 1000;
constexpr size_t most_conf_files = 200;
constexpr size_t largest_conf = size_t{256} << 10;
constexpr size_t shebang_size = 256;  // what the kernel looks at

std::string folder_of(const std::string& path) {
  return path.substr(0, std::max<size_t>(path.rfind('/'), 1));
}
std::string base_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::vector<std::string> paths_in(const std::string& text) {
  std::vector<std::string> paths;
  for (std::string& path : text::split(text, ':'))
    if (!path.empty()) paths.push_back(std::move(path));
  return paths;
}

// The folder of Debian's libraries of a machine, and the name that $PLATFORM stands for.
std::pair<std::string_view, std::string_view> names_of(const Elf& elf) {
  if (elf.machine == EM_X86_64) return {elf.is_64 ? "x86_64-linux-gnu" : "x86_64-linux-gnux32", "x86_64"};
  if (elf.machine == EM_AARCH64) return {"aarch64-linux-gnu", "aarch64"};
  return {"", ""};
}

// "GLIBC_2.34" -> {"GLIBC_", 2, 34}; only the name where no numbers follow.
std::pair<std::string, std::vector<unsigned>> parts_of(const std::string& version) {
  const size_t digits = version.find_first_of("0123456789");
  std::vector<unsigned> numbers;
  if (digits == std::string::npos) return {version, numbers};
  for (const std::string& part : text::split(version.substr(digits), '.')) {
    unsigned number = 0;
    std::from_chars(part.data(), part.data() + part.size(), number);
    numbers.push_back(number);
  }
  return {version.substr(0, digits), numbers};
}

bool older(const std::string& a, const std::string& b) { return parts_of(a) < parts_of(b); }

/// The folders that /etc/ld.so.conf names.
class LoaderConf {
 public:
  explicit LoaderConf(const MergedRoot& root) : root_(root) {}

  std::vector<std::string> read() {
    read_file("/etc/ld.so.conf", 0);
    return std::move(folders_);
  }

 private:
  void read_file(const std::string& path, int depth) {
    if (depth > 8 || ++files_ > most_conf_files) return;
    auto found = root_.find(path);
    if (!found.ok() || !found.value()) return;
    auto file = found.value()->open();
    if (!file.ok()) return;
    const auto text = sys::read_all(file.value().get(), largest_conf);
    if (!text.ok()) return;
    for (std::string_view line : text::lines(text.value())) {
      line = text::trim(line.substr(0, line.find('#')));
      const bool include = line.starts_with("include ") || line.starts_with("include\t");
      if (include) {
        for (const std::string& pattern : text::split(std::string(text::trim(line.substr(8))), ' '))
          if (!pattern.empty()) read_included(pattern.starts_with('/') ? pattern : "/etc/" + pattern, depth);
      } else if (line.starts_with('/')) {
        folders_.emplace_back(line.substr(0, line.find_first_of("= \t")));
      }
    }
  }

  void read_included(const std::string& pattern, int depth) {
    const std::string folder = folder_of(pattern), last = base_of(pattern);
    auto names = root_.list(folder);
    if (!names.ok()) return;
    for (const std::string& name : names.value())
      if (fnmatch(last.c_str(), name.c_str(), FNM_PERIOD) == 0) read_file(folder + "/" + name, depth + 1);
  }

  const MergedRoot& root_;
  size_t files_ = 0;
  std::vector<std::string> folders_;
};

/// Finds what a program loads, and tells what it does not find.
class Loading {
 public:
  Loading(const MergedRoot& root, Elf program, const std::string& path, const std::string& library_path)
      : root_(root), from_environment_(paths_in(library_path)) {
    objects_.push_back({std::move(program), path, SIZE_MAX});
    const std::string loader = base_of(objects_[0].elf.interpreter);
    musl_ = loader.starts_with("ld-musl-");
    known_ = musl_ || loader.starts_with("ld-linux") || loader.starts_with("ld.so") ||
             loader.starts_with("ld64.so");
  }

  std::vector<std::string> run() {
    find_loader();
    if (!known_) return std::move(missing_);  // what a loader that we do not know looks for, nobody can tell
    usual_ = usual_folders();
    for (size_t i = 0; i < objects_.size() && i < most_objects; ++i) {
      // The list grows, and what is in it moves.
      const std::vector<std::string> needed = objects_[i].elf.needed;
      for (const std::string& name : needed) load(name, i);
    }
    if (!libraries_.empty())
      missing_.push_back(
          fmt::format("{} {}", libraries_.size() == 1 ? "there is no library" : "there are no libraries",
                      text::join(libraries_, ", ")));
    if (!musl_) check_versions();
    return std::move(missing_);
  }

 private:
  struct Object {
    Elf elf;
    std::string path;      // by which it was found
    size_t loaded_by = 0;  // index
  };

  void find_loader() {
    const std::string& path = objects_[0].elf.interpreter;
    auto found = root_.find(path);
    if (!found.ok()) return;
    if (!found.value()) {
      missing_.push_back(fmt::format("there is no loader {}", text::printable(path)));
      return;
    }
    auto elf = read(*found.value());
    if (!elf) return;
    if (!elf->same_kind(objects_[0].elf)) {
      missing_.push_back(fmt::format("the loader {} is for {}", text::printable(path), machine_name(*elf)));
      return;
    }
    by_name_[elf->soname.empty() ? base_of(path) : elf->soname] = objects_.size();
    by_name_.emplace(base_of(path), objects_.size());
    objects_.push_back({std::move(*elf), path, 0});
  }

  static std::optional<Elf> read(const MergedRoot::Found& found) {
    auto file = found.open();
    if (!file.ok()) return std::nullopt;
    auto elf = read_elf(reader_of(file.value().get()));
    return elf.ok() ? std::optional(std::move(elf).value()) : std::nullopt;
  }

  std::vector<std::string> usual_folders() {
    const Elf& program = objects_[0].elf;
    if (musl_) {
      std::string name = base_of(program.interpreter);
      name = name.substr(0, name.find(".so"));
      if (auto found = root_.find("/etc/" + name + ".path"); found.ok() && found.value()) {
        auto file = found.value()->open();
        auto text = file.ok() ? sys::read_all(file.value().get(), largest_conf) : file.error();
        if (text.ok()) {
          std::string listed = text.value();
          std::replace(listed.begin(), listed.end(), '\n', ':');
          return paths_in(listed);
        }
      }
      return {"/lib", "/usr/local/lib", "/usr/lib"};
    }
    std::vector<std::string> folders = LoaderConf(root_).read();
    const std::string multiarch(names_of(program).first);
    if (!multiarch.empty()) {
      folders.push_back("/lib/" + multiarch);
      folders.push_back("/usr/lib/" + multiarch);
    }
    for (const char* folder : {"/lib64", "/usr/lib64", "/lib", "/usr/lib"}) folders.emplace_back(folder);
    return folders;
  }

  // musl's loader is the C library, under all these names.
  static bool is_musl_itself(std::string_view name) {
    if (!name.starts_with("lib")) return false;
    for (std::string_view part : {"c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."})
      if (name.substr(3).starts_with(part)) return true;
    return false;
  }

  void load(const std::string& name, size_t by) {
    if (by_name_.contains(name) || !asked_.insert(name).second || (musl_ && is_musl_itself(name))) return;
    bool uncertain = false;
    for (const std::string& folder : folders_for(name, by)) {
      const std::string path = name.find('/') != std::string::npos ? name : folder + "/" + name;
      auto found = root_.find(path);
      uncertain = uncertain || !found.ok();
      if (!found.ok() || !found.value()) continue;
      auto elf = read(*found.value());
      if (!elf) {
        uncertain = true;
        continue;
      }
      if (!elf->same_kind(objects_[0].elf)) continue;
      by_name_[name] = objects_.size();
      if (!elf->soname.empty()) by_name_.emplace(elf->soname, objects_.size());
      objects_.push_back({std::move(*elf), path, by});
      return;
    }
    if (uncertain) return;
    libraries_.push_back(by == 0 ? text::printable(name)
                                 : fmt::format("{} (for {})", text::printable(name), objects_[by].path));
  }

  std::vector<std::string> folders_for(const std::string& name, size_t by) {
    if (name.find('/') != std::string::npos) return {""};
    std::vector<std::string> all;
    if (objects_[by].elf.runpath.empty()) {
      for (size_t at = by; at != SIZE_MAX; at = objects_[at].loaded_by)
        if (objects_[at].elf.runpath.empty()) add_paths(all, objects_[at].elf.rpath, objects_[at].path);
    }
    add_paths(all, from_environment_, objects_[0].path);
    add_paths(all, objects_[by].elf.runpath, objects_[by].path);
    all.insert(all.end(), usual_.begin(), usual_.end());
    return all;
  }

  // With what stands for $ORIGIN and its kin; $LIB is another thing in every distribution.
  void add_paths(std::vector<std::string>& all, const std::vector<std::string>& paths,
                 const std::string& object) {
    const auto [multiarch, platform] = names_of(objects_[0].elf);
    for (const std::string& path : paths) {
      for (const std::string& lib :
           {"lib/" + std::string(multiarch), std::string("lib64"), std::string("lib")}) {
        const std::string full = replaced(replaced(replaced(path, "ORIGIN", folder_of(object)), "LIB", lib),
                                          "PLATFORM", std::string(platform));
        if (full.starts_with('/')) all.push_back(full);
        if (full == replaced(path, "ORIGIN", folder_of(object))) break;
      }
    }
  }

  static std::string replaced(std::string text, const std::string& name, const std::string& value) {
    for (const std::string& token : {"${" + name + "}", "$" + name}) {
      for (size_t at = text.find(token); at != std::string::npos; at = text.find(token, at + value.size()))
        text.replace(at, token.size(), value);
    }
    return text;
  }

  void check_versions() {
    struct Lack {
      std::set<std::string, decltype(&older)> versions{&older};
      std::set<std::string> wanting;
    };
    std::map<size_t, Lack> lacks;
    for (const Object& object : objects_) {
      for (const Elf::Wanted& wanted : object.elf.wanted) {
        const auto library = by_name_.find(wanted.library);
        if (library == by_name_.end()) continue;
        const std::vector<std::string>& defined = objects_[library->second].elf.defined;
        if (defined.empty()) continue;  // the loader takes it with a warning
        for (const std::string& version : wanted.versions) {
          if (std::find(defined.begin(), defined.end(), version) != defined.end()) continue;
          lacks[library->second].versions.insert(version);
          if (&object != &objects_[0]) lacks[library->second].wanting.insert(object.path);
        }
      }
    }
    for (const auto& [index, lack] : lacks) {
      const Object& library = objects_[index];
      const std::vector<std::string> versions(lack.versions.begin(), lack.versions.end());
      std::string sentence =
          fmt::format("{} is without {}", library.path, text::printable(text::join(versions, ", ")));
      if (const std::string newest = newest_like(library.elf.defined, versions.back()); !newest.empty())
        sentence += fmt::format(" (its newest is {})", text::printable(newest));
      const std::vector<std::string> wanting(lack.wanting.begin(), lack.wanting.end());
      if (!wanting.empty()) sentence += fmt::format(", which {} wants", text::join(wanting, ", "));
      missing_.push_back(std::move(sentence));
    }
  }

  // The newest of the versions that are called like another.
  static std::string newest_like(const std::vector<std::string>& versions, const std::string& other) {
    std::string newest;
    for (const std::string& version : versions) {
      const auto [name, numbers] = parts_of(version);
      if (name == parts_of(other).first && !numbers.empty() && (newest.empty() || older(newest, version)))
        newest = version;
    }
    return newest;
  }

  const MergedRoot& root_;
  std::vector<Object> objects_;  // the program first
  std::vector<std::string> from_environment_, usual_, missing_, libraries_;
  std::map<std::string, size_t> by_name_;
  std::set<std::string> asked_;
  bool musl_ = false, known_ = false;
};

bool on_path(const MergedRoot& root, const std::string& name, const std::string& path) {
  for (const std::string& folder : paths_in(path)) {
    if (!folder.starts_with('/')) return true;  // nobody knows where that is
    auto found = root.find(folder + "/" + name);
    if (!found.ok() || (found.value() && !S_ISDIR(found.value()->st.st_mode))) return true;
  }
  return false;
}

// What `env` in a first line will start; empty: that is not plain.
std::string started_by_env(std::string_view arguments) {
  for (const std::string& word : text::split(std::string(arguments), ' ')) {
    if (word.empty() || word == "-S" || word == "-i" || word == "-" || word.find('=') != std::string::npos)
      continue;
    return word.starts_with('-') ? "" : word;
  }
  return "";
}

std::vector<std::string> missing_for_script(const MergedRoot& root, std::string_view line,
                                            const std::string& path) {
  line = text::trim(line.substr(2, line.find('\n') - 2));
  const size_t blank = std::min(line.find_first_of(" \t"), line.size());
  const std::string interpreter(line.substr(0, blank));
  const std::string_view arguments = text::trim(line.substr(blank));
  if (!interpreter.starts_with('/')) return {};
  auto found = root.find(interpreter);
  if (!found.ok()) return {};
  if (!found.value())
    return {fmt::format("there is no {}, its interpreter (first line)", text::printable(interpreter))};
  const std::string name = base_of(interpreter) == "env" ? started_by_env(arguments) : "";
  if (name.empty() || name.find('/') != std::string::npos || on_path(root, name, path)) return {};
  return {
      fmt::format("{} is not on $PATH, which {} is to start (first line)", text::quoted(name), interpreter)};
}

}  // namespace

Result<std::vector<std::string>> missing_for(const MergedRoot& root, const std::string& program,
                                             const std::map<std::string, std::string>& environment) {
  using Missing = std::vector<std::string>;
  auto value = [&](const char* name) {
    const auto it = environment.find(name);
    return it == environment.end() ? "" : it->second;
  };
  const auto found = TRY(root.find(program));
  if (!found) return Missing{fmt::format("there is no {}", program)};
  const Fd file = TRY(found->open());
  const ReadAt read = reader_of(file.get());
  const std::string beginning = TRY(read(0, shebang_size));
  if (beginning.starts_with("#!")) return missing_for_script(root, beginning, value("PATH"));
  if (!is_elf(beginning)) return Missing{"it is neither an ELF program nor a script that begins with #!"};
  auto parsed = read_elf(read);
  if (!parsed.ok()) return Missing{parsed.error().message()};
  Elf elf = std::move(parsed).value();
  if (!runs_here(elf)) return Missing{fmt::format("it is for another machine ({})", machine_name(elf))};
  if (elf.interpreter.empty()) return Missing();
  return Loading(root, std::move(elf), program, value("LD_LIBRARY_PATH")).run();
}

}  // namespace testctr::image
