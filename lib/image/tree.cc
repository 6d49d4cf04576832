#include "image/tree.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::image {
namespace {

constexpr std::string_view ignore_file = ".testctrignore";
constexpr int deepest = 200;  // every level holds a descriptor

class Fingerprint {
 public:
  void add(std::string_view bytes) {
    for (char c : bytes) step(static_cast<unsigned char>(c));
    step(0x100);
  }
  void add(uint64_t number) { step(number); }
  [[nodiscard]] uint64_t value() const { return state_; }

 private:
  // FNV-1a, with whole numbers for bytes: it is to notice accidents, not attacks.
  void step(uint64_t x) { state_ = (state_ ^ x) * 0x100000001b3ULL; }
  uint64_t state_ = 0xcbf29ce484222325ULL;
};

void add_entry(Fingerprint& f, const std::string& path, const struct stat& st) {
  f.add(path);
  f.add(st.st_mode);
  f.add(st.st_ino);
  f.add(static_cast<uint64_t>(st.st_mtim.tv_sec));
  f.add(static_cast<uint64_t>(st.st_mtim.tv_nsec));
  // Owners and attributes have no other time.
  f.add(static_cast<uint64_t>(st.st_ctim.tv_sec));
  f.add(static_cast<uint64_t>(st.st_ctim.tv_nsec));
  if (!S_ISDIR(st.st_mode)) f.add(static_cast<uint64_t>(st.st_size));
}

// A file's attributes would be the overlay's own orders when the tree is mounted below it.
Status no_overlay_attributes(int parent, const std::string& name, const std::string& path) {
  std::string at = name.empty() ? fmt::format("/proc/self/fd/{}/.", parent)
                                : fmt::format("/proc/self/fd/{}/{}", parent, name);
  if (llistxattr(at.c_str(), nullptr, 0) <= 0) return {};
  std::string names(size_t{64} * 1024, '\0');
  ssize_t size = llistxattr(at.c_str(), names.data(), names.size());
  if (size <= 0) return {};
  names.resize(static_cast<size_t>(size));
  for (const std::string& attribute : text::split(names, '\0')) {
    if (!attribute.starts_with("user.overlay.")) continue;
    return Error(Error::infrastructure(
                     fmt::format("{} in the test tree has the attribute {}, which steers overlayfs",
                                 text::quoted(path.empty() ? "." : path), text::printable(attribute))))
        .hint(fmt::format("take it away (setfattr -x NAME FILE), or leave the file out by a line in {}",
                          ignore_file));
  }
  return {};
}

Status walk(int directory, const std::string& path, int depth, const std::set<std::string>& hidden,
            const std::function<Status(const TreeEntry&)>& visit) {
  if (depth > deepest)
    return Error::infrastructure(
        fmt::format("{} is nested more than {} folders deep", text::quoted(path), deepest));
  for (std::string& name : TRY(sys::list_dir(directory))) {
    TreeEntry entry{path.empty() ? name : path + "/" + name, directory, std::move(name)};
    if (hidden.count(entry.path) != 0) continue;
    auto st = TRY(sys::stat_at(directory, entry.name));
    if (!st)
      return Error::infrastructure(
          fmt::format("{} vanished while the tree was read", text::quoted(entry.path)));
    entry.st = *st;
    CHECK_OK(visit(entry));
    if (!S_ISDIR(entry.st.st_mode)) continue;
    auto sub = sys::open_at(directory, entry.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!sub.ok())
      return std::move(sub)
          .error()
          .in(fmt::format("the folder {} in the test tree cannot be read", text::quoted(entry.path)))
          .hint(fmt::format("make it readable, or leave it out: add the line {} to {}", entry.path,
                            ignore_file));
    CHECK_OK(walk(sub.value().get(), entry.path, depth + 1, hidden, visit));
  }
  return {};
}

Result<std::vector<std::string>> ignored(int root, const std::string& shown) {
  auto text = sys::read_file_at(root, std::string(ignore_file), size_t{1} << 20);
  if (!text.ok()) {
    if (text.error().number() == ENOENT) return std::vector<std::string>();
    return std::move(text).error();
  }
  return parse_ignore(text.value(), shown + "/" + std::string(ignore_file));
}

Status check_root(const std::string& real, const std::string& written) {
  std::string home = getenv("HOME") != nullptr ? getenv("HOME") : "";
  std::unique_ptr<char, decltype(&free)> real_home(home.empty() ? nullptr : realpath(home.c_str(), nullptr),
                                                   &free);
  bool is_home = real_home && real == real_home.get();
  if (real != "/" && !is_home) return {};
  return Error(Error::usage(fmt::format("{} cannot be the test tree: it is {}", written,
                                        real == "/" ? "the root" : "your home directory")))
      .hint("put the script into a folder of its own, or name one with --tree DIR");
}

/// Whether a folder above it is among these: it is hidden with that.
bool lies_in_one_of(const std::string& path, const std::set<std::string>& folders) {
  for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (folders.contains(path.substr(0, slash))) return true;
  }
  return false;
}

/// Sets root and, from .testctrignore and `apart`, what is hidden. @return the root
Result<Fd> open_tree(Tree& tree, const std::string& directory) {
  std::unique_ptr<char, decltype(&free)> real(realpath(directory.c_str(), nullptr), &free);
  if (!real) return Error::system("realpath", directory).in("the test tree");
  tree.root = real.get();
  CHECK_OK(check_root(tree.root, directory));
  Fd root = TRY_IN(sys::open(tree.root, O_RDONLY | O_DIRECTORY), "the test tree");
  std::vector<std::string> listed = TRY(ignored(root.get(), directory));
  for (const std::string& path : tree.apart)
    if (path.starts_with(tree.root + "/")) listed.push_back(path.substr(tree.root.size() + 1));
  const std::set<std::string> all(listed.begin(), listed.end());
  for (const std::string& path : listed)
    if (!lies_in_one_of(path, all) && TRY(sys::stat_at(root.get(), path))) tree.hidden.push_back(path);
  return root;
}

}  // namespace

Result<std::vector<std::string>> parse_ignore(std::string_view text, const std::string& shown) {
  std::vector<std::string> paths;
  size_t number = 0;
  for (std::string_view raw : text::lines(text)) {
    ++number;
    std::string_view line = raw;
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    if (text::trim(line).empty() || line.starts_with('#')) continue;
    auto bad = [&](std::string_view why) {
      return Error(Error::usage(fmt::format("{}:{}: {} {}", shown, number, text::quoted(line), why)))
          .hint("it takes one path a line, as it lies in the tree: `build/out`");
    };
    if (line.find_first_of("*?[") != std::string_view::npos || line.starts_with('!'))
      return bad("is a pattern; only paths are taken");
    std::vector<std::string> parts;
    for (std::string& part : text::split(line, '/')) {
      if (part.empty() || part == ".") continue;
      if (part == "..") return bad("leads out of the tree");
      parts.push_back(std::move(part));
    }
    if (parts.empty()) return bad("would leave out the whole tree");
    paths.push_back(text::join(parts, "/"));
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

Status walk_tree(int root, const std::set<std::string>& hidden,
                 const std::function<Status(const TreeEntry&)>& visit) {
  return walk(root, "", 0, hidden, visit);
}

bool can_be_packed(mode_t mode) { return !S_ISSOCK(mode) && !S_ISCHR(mode) && !S_ISBLK(mode); }

Result<Tree> tree_to_pack(const std::string& directory) {
  Tree tree;
  (void)TRY(open_tree(tree, directory));
  return tree;
}

namespace {

/// @param again what was found usable before is so unless the fingerprint says that it has changed
Result<Tree> scan(const std::string& directory, const std::vector<std::string>& apart, bool again,
                  const OnFolder& on_folder) {
  Tree tree;
  tree.apart = apart;
  Fd root = TRY(open_tree(tree, directory));
  if (on_folder) on_folder(root.get(), "");
  const std::set<std::string> hidden(tree.hidden.begin(), tree.hidden.end());
  Fingerprint fingerprint;
  struct stat st {};
  if (fstat(root.get(), &st) != 0) return Error::system("fstat", tree.root);
  CHECK_OK(no_overlay_attributes(root.get(), "", ""));
  add_entry(fingerprint, "", st);
  tree.owners.insert(st.st_uid);
  tree.groups.insert(st.st_gid);
  CHECK_OK(walk_tree(root.get(), hidden, [&](const TreeEntry& entry) -> Status {
    if (!can_be_packed(entry.st.st_mode)) {
      tree.hidden.push_back(entry.path);
      tree.notes.push_back(fmt::format("{} in the test tree is {}: it is left out",
                                       text::printable(entry.path),
                                       S_ISSOCK(entry.st.st_mode) ? "a socket" : "a device node"));
      return {};
    }
    if (!again && S_ISREG(entry.st.st_mode) &&
        faccessat(entry.parent, entry.name.c_str(), R_OK, AT_EACCESS) != 0)
      return Error(Error::system("open", entry.path).in("the test tree cannot be read"))
          .hint(fmt::format("make it readable, or leave it out: add the line {} to {}/{}", entry.path,
                            directory, ignore_file));
    if (!again && (S_ISREG(entry.st.st_mode) || S_ISDIR(entry.st.st_mode)))
      CHECK_OK(no_overlay_attributes(entry.parent, entry.name, entry.path));
    if (on_folder && S_ISDIR(entry.st.st_mode)) on_folder(entry.parent, entry.name);
    add_entry(fingerprint, entry.path, entry.st);
    tree.owners.insert(entry.st.st_uid);
    tree.groups.insert(entry.st.st_gid);
    ++tree.entries;
    if (S_ISREG(entry.st.st_mode)) tree.bytes += static_cast<uint64_t>(entry.st.st_size);
    return {};
  }));
  std::sort(tree.hidden.begin(), tree.hidden.end());
  tree.fingerprint = fingerprint.value();
  return tree;
}

}  // namespace

Result<Tree> scan_tree(const std::string& directory, const std::vector<std::string>& apart) {
  return scan(directory, apart, /*again=*/false, {});
}

bool same_tree(const Tree& tree, const OnFolder& on_folder) {
  auto now = scan(tree.root, tree.apart, /*again=*/true, on_folder);
  return now.ok() && now.value().fingerprint == tree.fingerprint && now.value().hidden == tree.hidden;
}

}  // namespace testctr::image
