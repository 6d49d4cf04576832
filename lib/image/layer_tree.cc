#include "image/layer_tree.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::image {
namespace {

constexpr int as_directory = O_PATH | O_DIRECTORY | O_NOFOLLOW;
constexpr size_t longest_name = 255;
constexpr size_t longest_path = 4096;
constexpr int most_links = 40;
constexpr size_t cached_directories = 64;

std::string join(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "/" + name;
}

bool is_whiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0); }

// Attributes of something named relative to a descriptor: the path through /proc also serves O_PATH
// descriptors and links.
std::string proc_path(int parent, const std::string& name) {
  return name.empty() ? fmt::format("/proc/self/fd/{}/.", parent)
                      : fmt::format("/proc/self/fd/{}/{}", parent, name);
}

bool has_opaque_mark(int directory) {
  char value[2];
  return getxattr(proc_path(directory, "").c_str(), "user.overlay.opaque", value, sizeof value) == 1 &&
         value[0] == 'y';
}

Attributes attributes_of(const struct stat& st) {
  return {.mode = st.st_mode & 07777U,
          .uid = st.st_uid,
          .gid = st.st_gid,
          .seconds = st.st_mtim.tv_sec,
          .nanoseconds = st.st_mtim.tv_nsec};
}

void copy_attributes(const std::string& from, int to_parent, const std::string& to_name) {
  std::string names(size_t{64} * 1024, '\0');
  ssize_t size = llistxattr(from.c_str(), names.data(), names.size());
  if (size <= 0) return;
  names.resize(static_cast<size_t>(size));
  std::string value(size_t{64} * 1024, '\0');
  for (const std::string& name : text::split(names, '\0')) {
    if (name.empty()) continue;
    ssize_t n = lgetxattr(from.c_str(), name.c_str(), value.data(), value.size());
    if (n >= 0) LayerTree::set_attribute(to_parent, to_name, {name, value.substr(0, static_cast<size_t>(n))});
  }
}

}  // namespace

LayerTree::LayerTree(const Options& options) : options_(options) {}

Result<std::vector<std::string>> LayerTree::components(std::string_view name) {
  if (name.empty()) return Error::infrastructure("its name is empty");
  if (name.front() == '/') return Error::infrastructure("its name is absolute");
  if (name.size() > longest_path)
    return Error::infrastructure(fmt::format("its name is longer than {} bytes", longest_path));
  std::vector<std::string> parts;
  for (std::string& part : text::split(name, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return Error::infrastructure("its name contains \"..\"");
    if (part.size() > longest_name)
      return Error::infrastructure(fmt::format("a part of its name is longer than {} bytes", longest_name));
    parts.push_back(std::move(part));
  }
  if (parts.size() > deepest)
    return Error::infrastructure(fmt::format("its name is more than {} folders deep", deepest));
  return parts;
}

// A directory that was made: counted, because a short name implies many.
Status LayerTree::remember(const std::string& path, const Attributes& attributes) {
  auto [it, is_new] = directories_.insert_or_assign(path, attributes);
  if (!is_new) return {};
  names_ += path.size();
  if (++made_ > options_.most_made)
    return Error::infrastructure(
        fmt::format("the layer makes more than {} folders, said or implied: refused", options_.most_made));
  if (names_ > options_.most_names)
    return Error::infrastructure(
        fmt::format("the paths of the layer's folders are longer than {} together: refused",
                    text::human_size(options_.most_names)));
  return {};
}

bool LayerTree::hidden_below(const std::string& path) const {
  if (opaque_.empty()) return false;
  if (opaque_.count("") != 0) return true;
  for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
    if (opaque_.count(path.substr(0, slash)) != 0) return true;
  return false;
}

// What the layers below show at a path whose parents are no links there.
Result<std::optional<LayerTree::Below>> LayerTree::look_below(const std::string& path) {
  // Also without lower layers: above others, the same archive would unpack otherwise.
  dependent_ = true;
  if (hidden_below(path)) return std::optional<Below>();
  std::vector<std::string> parts = text::split(path, '/');
  for (int layer : options_.lowers) {
    Fd current;
    bool stop = false;
    for (size_t i = 0; i < parts.size(); ++i) {
      int at = i == 0 ? layer : current.get();
      struct stat st {};
      if (fstatat(at, parts[i].c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) break;
        return Error::system("fstatat", path + " in a lower layer");
      }
      if (is_whiteout(st)) return std::optional<Below>();
      if (i + 1 == parts.size()) {
        Below below{layer, st, {}};
        if (S_ISLNK(st.st_mode)) below.link = TRY(sys::read_link_at(at, parts[i]));
        return std::optional<Below>(std::move(below));
      }
      if (!S_ISDIR(st.st_mode)) return std::optional<Below>();
      current = TRY_IN(sys::open_at(at, parts[i], as_directory), "looking into a lower layer");
      stop = stop || has_opaque_mark(current.get());
    }
    if (stop) break;
  }
  return std::optional<Below>();
}

Result<Fd> LayerTree::make_parent(int parent, const std::string& path, const std::string& name,
                                  const std::optional<Below>& below) {
  if (mkdirat(parent, name.c_str(), 0700) != 0) return Error::system("mkdirat", path);
  Fd fd = TRY(sys::open_at(parent, name, as_directory));
  Attributes attributes;
  if (below) {
    attributes = attributes_of(below->st);
    copy_attributes(proc_path(below->layer, path), fd.get(), "");
  }
  if (options_.keep_owners && fchownat(fd.get(), "", static_cast<uid_t>(attributes.uid),
                                       static_cast<gid_t>(attributes.gid), AT_EMPTY_PATH) != 0)
    return Error::system("fchownat", path);
  CHECK_OK(remember(path, attributes));
  return fd;
}

// Component by component from the layer's root. What this layer lacks is looked up below; links from below
// restart the walk with their target in the place of what was walked, so that a link can never lead anywhere
// but into the merged root.
Result<LayerTree::Walk> LayerTree::walk(std::vector<std::string> parts, Make make) {
  std::deque<std::string> pending(parts.begin(), parts.end());
  std::vector<std::string> done;
  Walk w;
  w.fd = TRY(sys::open_at(options_.directory, ".", as_directory));
  int links = 0;
  auto restart = [&](std::vector<std::string> from) -> Status {
    pending.insert(pending.begin(), from.begin(), from.end());
    done.clear();
    w.path.clear();
    w.fd = TRY(sys::open_at(options_.directory, ".", as_directory));
    return {};
  };
  while (!pending.empty()) {
    std::string name = std::move(pending.front());
    pending.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      if (!done.empty()) done.pop_back();
      CHECK_OK(restart(done));
      continue;
    }
    if (w.path.size() + name.size() > longest_path)
      return Error(Fault::infrastructure, "its name leads too deep", ENAMETOOLONG);
    std::string path = join(w.path, name);
    struct stat st {};
    bool own = w.fd.valid() && fstatat(w.fd.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (w.fd.valid() && !own && errno != ENOENT) return Error::system("fstatat", path);
    if (own && S_ISDIR(st.st_mode)) {
      w.fd = TRY(sys::open_at(w.fd.get(), name, as_directory));
    } else if (own) {
      bool replaceable = is_whiteout(st) || S_ISLNK(st.st_mode);
      if (!replaceable)
        return Error::infrastructure(fmt::format("{} is a file, not a directory", text::quoted(path)));
      if (make == Make::no) {
        w.found = false;
        return w;
      }
      if (unlinkat(w.fd.get(), name.c_str(), 0) != 0) return Error::system("unlinkat", path);
      whiteouts_.erase(path);
      cache_.clear();
      Fd made = TRY(make_parent(w.fd.get(), path, name, std::nullopt));
      CHECK_OK(mark_opaque(w.fd.get(), name, path));
      w.fd = std::move(made);
    } else {
      std::optional<Below> below = TRY(look_below(path));
      if (below && S_ISLNK(below->st.st_mode)) {
        followed_.insert(path);
        if (++links > most_links)
          return Error(Fault::infrastructure, fmt::format("{} in lower layers", text::quoted(path)), ELOOP);
        std::vector<std::string> target = below->link.starts_with('/') ? std::vector<std::string>() : done;
        for (std::string& part : text::split(below->link, '/')) target.push_back(std::move(part));
        CHECK_OK(restart(std::move(target)));
        continue;
      }
      if (below && !S_ISDIR(below->st.st_mode))
        return Error::infrastructure(
            fmt::format("{} is a file in a lower layer, not a directory", text::quoted(path)));
      if (make == Make::no) {
        if (!below) {
          w.found = false;
          return w;
        }
        w.fd.reset();
      } else {
        w.fd = TRY(make_parent(w.fd.get(), path, name, below));
      }
    }
    done.push_back(name);
    if (done.size() > deepest)
      return Error::infrastructure(fmt::format("its name leads more than {} folders deep", deepest));
    w.path = std::move(path);
  }
  return w;
}

Result<int> LayerTree::cached_parent(const std::vector<std::string>& parts, std::string& path) {
  std::string key = text::join(std::span(parts.data(), parts.size() - 1), "/");
  auto it = cache_.find(key);
  if (it == cache_.end()) {
    Walk w = TRY(walk({parts.begin(), parts.end() - 1}, Make::yes));
    if (cache_.size() >= cached_directories) {
      auto oldest = std::min_element(cache_.begin(), cache_.end(), [](const auto& a, const auto& b) {
        return a.second.used < b.second.used;
      });
      cache_.erase(oldest);
    }
    it = cache_.emplace(std::move(key), CachedDirectory{std::move(w.fd), std::move(w.path), 0}).first;
  }
  it->second.used = ++clock_;
  path = it->second.path;
  return it->second.fd.get();
}

Result<LayerTree::Place> LayerTree::place(const std::vector<std::string>& parts) {
  Place p;
  p.parent = TRY(cached_parent(parts, p.parent_path));
  p.name = parts.back();
  if (followed_.count(p.path()) != 0) {
    // A link of a lower layer that was followed is about to be hidden by an entry of this one.
    cache_.clear();
    followed_.clear();
    p.parent = TRY(cached_parent(parts, p.parent_path));
  }
  return p;
}

// Everything that is remembered about a directory of this layer and below, before it goes.
void LayerTree::forget(const std::string& path) {
  auto erase = [&](auto& collection, auto key) {
    auto it = collection.lower_bound(path);
    while (it != collection.end() && key(*it).starts_with(path)) {
      const std::string& k = key(*it);
      bool inside = k.size() == path.size() || k[path.size()] == '/';
      it = inside ? collection.erase(it) : std::next(it);
    }
  };
  erase(directories_, [](const auto& e) -> const std::string& { return e.first; });
  erase(opaque_, [](const auto& e) -> const std::string& { return e; });
  erase(whiteouts_, [](const auto& e) -> const std::string& { return e; });
  // The parent may be on the way to the caller: only what was below goes.
  for (auto it = cache_.begin(); it != cache_.end();)
    it =
        it->second.path.starts_with(path + "/") || it->second.path == path ? cache_.erase(it) : std::next(it);
}

Result<LayerTree::Replaced> LayerTree::clear(const Place& place) {
  struct stat st {};
  if (fstatat(place.parent, place.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return Replaced::nothing;
    return Error::system("fstatat", place.path());
  }
  if (S_ISDIR(st.st_mode)) {
    CHECK_OK(sys::remove_tree_at(place.parent, place.name));
    forget(place.path());
    ++repeated_;
    return Replaced::entry;
  }
  if (unlinkat(place.parent, place.name.c_str(), 0) != 0) return Error::system("unlinkat", place.path());
  if (whiteouts_.erase(place.path()) != 0) return Replaced::whiteout;
  ++repeated_;
  return Replaced::entry;
}

Result<std::string> LayerTree::directory(const std::vector<std::string>& parts,
                                         const Attributes& attributes) {
  if (parts.empty()) {
    directories_[""] = attributes;
    if (options_.keep_owners && fchownat(options_.directory, "", static_cast<uid_t>(attributes.uid),
                                         static_cast<gid_t>(attributes.gid), AT_EMPTY_PATH) != 0)
      return Error::system("fchownat", "/");
    return std::string();
  }
  Place p = TRY(place(parts));
  std::string path = p.path();
  if (mkdirat(p.parent, p.name.c_str(), 0700) != 0) {
    if (errno != EEXIST) return Error::system("mkdirat", path);
    struct stat st {};
    if (fstatat(p.parent, p.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
      return Error::system("fstatat", path);
    if (!S_ISDIR(st.st_mode)) {
      (void)TRY(clear(p));
      if (mkdirat(p.parent, p.name.c_str(), 0700) != 0) return Error::system("mkdirat", path);
      CHECK_OK(mark_opaque(p.parent, p.name, path));
    }
  }
  if (options_.keep_owners && fchownat(p.parent, p.name.c_str(), static_cast<uid_t>(attributes.uid),
                                       static_cast<gid_t>(attributes.gid), AT_SYMLINK_NOFOLLOW) != 0)
    return Error::system("fchownat", path);
  CHECK_OK(remember(path, attributes));
  return path;
}

Status LayerTree::mark_opaque(int parent, const std::string& name, const std::string& path) {
  if (lsetxattr(proc_path(parent, name).c_str(), "user.overlay.opaque", "y", 1, 0) != 0)
    return Error(Error::system("setxattr", path + ", user.overlay.opaque"))
        .hint(
            "the store's file system must support user attributes: set TESTCTR_HOME to a folder on another "
            "one");
  opaque_.insert(path);
  // Whiteouts below an opaque directory hide nothing, and would be listed by readdir.
  std::string prefix = path.empty() ? "" : path + "/";
  for (auto it = whiteouts_.lower_bound(prefix); it != whiteouts_.end() && it->starts_with(prefix);
       it = whiteouts_.erase(it))
    if (unlinkat(options_.directory, it->c_str(), 0) != 0) return Error::system("unlinkat", *it);
  return {};
}

Status LayerTree::opaque(const std::vector<std::string>& parts) {
  if (parts.empty()) return mark_opaque(options_.directory, "", "");
  Walk where = TRY(walk(parts, Make::no));
  if (!where.found) return {};
  Walk w = TRY(walk(parts, Make::yes));
  return mark_opaque(w.fd.get(), "", w.path);
}

Status LayerTree::whiteout(const std::vector<std::string>& parts) {
  dependent_ = true;
  Walk parent = TRY(walk({parts.begin(), parts.end() - 1}, Make::no));
  if (!parent.found) return {};
  const std::string& name = parts.back();
  std::string path = join(parent.path, name);
  struct stat st {};
  if (parent.fd.valid() && fstatat(parent.fd.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
    // Whiteouts are about the layers below: what this one has stays, cut off from them.
    return S_ISDIR(st.st_mode) ? mark_opaque(parent.fd.get(), name, path) : Status();
  }
  if (!TRY(look_below(path))) return {};
  Walk made = TRY(walk({parts.begin(), parts.end() - 1}, Make::yes));
  if (mknodat(made.fd.get(), name.c_str(), S_IFCHR, makedev(0, 0)) != 0)
    return Error(Error::system("mknodat", path + ", a whiteout"))
        .hint("whiteouts need Linux 5.8, and a file system that has device nodes");
  whiteouts_.insert(path);
  return {};
}

// Holes stay holes: a file may be far longer than what it holds.
Status LayerTree::copy_content(int from, int to, uint64_t size, const std::string& path) {
  std::string buffer(size_t{256} * 1024, '\0');
  auto end = static_cast<off_t>(size);
  for (off_t at = 0; at < end;) {
    at = lseek(from, at, SEEK_DATA);
    if (at < 0 && errno == ENXIO) break;  // only a hole is left
    if (at < 0) return Error::system("lseek", path);
    off_t hole = std::min(end, lseek(from, at, SEEK_HOLE));
    if (hole <= at) return Error::system("lseek", path);
    while (at < hole) {
      size_t wanted = std::min<size_t>(buffer.size(), static_cast<size_t>(hole - at));
      ssize_t n = pread(from, buffer.data(), wanted, at);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Error::system("read", path);
      if (n == 0) return Error::infrastructure("its target in a lower layer became shorter");
      copied_ += static_cast<uint64_t>(n);
      if (copied_ > options_.most_copied)
        return Error::infrastructure(fmt::format("hard links copy more than {} from lower layers: refused",
                                                 text::human_size(options_.most_copied)));
      if (lseek(to, at, SEEK_SET) < 0) return Error::system("lseek", path);
      CHECK_OK(sys::write_full(to, {buffer.data(), static_cast<size_t>(n)}).in(path));
      at += n;
    }
  }
  if (ftruncate(to, end) != 0) return Error::system("ftruncate", path);
  return {};
}

// A file of a lower layer, made again in this one with all that belongs to it.
Status LayerTree::copy_up(const Below& below, const std::string& path, const Place& p) {
  if (S_ISLNK(below.st.st_mode)) {
    if (symlinkat(below.link.c_str(), p.parent, p.name.c_str()) != 0) return Error::system("symlinkat", path);
    CHECK_OK(set_owner(p, -1, attributes_of(below.st)));
    return set_attributes(p, -1, attributes_of(below.st), true);
  }
  if (S_ISDIR(below.st.st_mode)) return Error::infrastructure("its target is a directory");
  if (!S_ISREG(below.st.st_mode)) {
    if (mknodat(p.parent, p.name.c_str(), below.st.st_mode, 0) != 0) return Error::system("mknodat", path);
    CHECK_OK(set_owner(p, -1, attributes_of(below.st)));
    return set_attributes(p, -1, attributes_of(below.st), false);
  }
  Fd from = TRY_IN(sys::open_in_root(below.layer, path, O_RDONLY | O_NOFOLLOW),
                   "copying a hard link's target from a lower layer");
  Fd to = TRY(sys::open_at(p.parent, p.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  CHECK_OK(copy_content(from.get(), to.get(), static_cast<uint64_t>(below.st.st_size), path));
  CHECK_OK(set_owner(p, to.get(), attributes_of(below.st)));
  copy_attributes(proc_path(below.layer, path), p.parent, p.name);
  return set_attributes(p, to.get(), attributes_of(below.st), false);
}

Status LayerTree::hard_link(const std::vector<std::string>& parts, const std::vector<std::string>& target) {
  if (target.empty()) return Error::infrastructure("it is a hard link to the root");
  if (parts == target) return Error::infrastructure("it is a hard link to itself");
  Walk where = TRY_IN(walk({target.begin(), target.end() - 1}, Make::no), "its target");
  std::string path = join(where.path, target.back());
  auto missing = [&] {
    return Error::infrastructure(
        fmt::format("it is a hard link to {}, which does not exist", text::quoted(text::join(target, "/"))));
  };
  if (!where.found) return missing();
  struct stat st {};
  bool own =
      where.fd.valid() && fstatat(where.fd.get(), target.back().c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
  if (own && is_whiteout(st)) return missing();
  if (own && S_ISDIR(st.st_mode))
    return Error::infrastructure(fmt::format("it is a hard link to {}, a directory", text::quoted(path)));
  if (!own) {
    std::optional<Below> below = TRY(look_below(path));
    if (!below) return missing();
    Walk parent = TRY(walk({target.begin(), target.end() - 1}, Make::yes));
    Place to{parent.fd.get(), parent.path, target.back()};
    CHECK_OK(copy_up(*below, path, to));
    where = std::move(parent);
  }
  Fd target_parent = std::move(where.fd);
  Place p = TRY(place(parts));
  if (p.path() == path) return {};
  (void)TRY(clear(p));
  if (linkat(target_parent.get(), target.back().c_str(), p.parent, p.name.c_str(), 0) != 0)
    return Error::system("linkat", p.path());
  return {};
}

bool LayerTree::set_attribute(int parent, const std::string& name, const ExtendedAttribute& attribute) {
  const std::string& key = attribute.name;
  if (key.starts_with("user.overlay.") || key.starts_with("trusted.")) return false;
  if (!key.starts_with("user.") && key != "security.capability" && !key.starts_with("system.posix_acl_"))
    return false;
  return lsetxattr(proc_path(parent, name).c_str(), key.c_str(), attribute.value.data(),
                   attribute.value.size(), 0) == 0;
}

Status LayerTree::set_owner(const Place& place, int fd, const Attributes& a) const {
  if (!options_.keep_owners) return {};
  auto uid = static_cast<uid_t>(a.uid);
  auto gid = static_cast<gid_t>(a.gid);
  int r = fd >= 0 ? fchown(fd, uid, gid)
                  : fchownat(place.parent, place.name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW);
  if (r != 0) return Error::system("chown", fmt::format("{}, {}, {}", place.path(), a.uid, a.gid));
  return {};
}

Status LayerTree::set_attributes(const Place& place, int fd, const Attributes& a, bool is_link) {
  if (!is_link) {
    int r = fd >= 0 ? fchmod(fd, a.mode & 07777U)
                    : fchmodat(place.parent, place.name.c_str(), a.mode & 07777U, 0);
    if (r != 0) return Error::system("chmod", place.path());
  }
  struct timespec times[2] = {{a.seconds, a.nanoseconds}, {a.seconds, a.nanoseconds}};
  int r =
      fd >= 0 ? futimens(fd, times) : utimensat(place.parent, place.name.c_str(), times, AT_SYMLINK_NOFOLLOW);
  if (r != 0) return Error::system("utimensat", place.path());
  return {};
}

Status LayerTree::finish() {
  cache_.clear();
  // Backwards: what lies in a directory before the directory itself.
  for (auto it = directories_.rbegin(); it != directories_.rend(); ++it) {
    const std::string& path = it->first;
    const Attributes& a = it->second;
    std::string relative = path.empty() ? "." : path;
    Fd fd = TRY(sys::open_in_root(options_.directory, relative, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (fchmod(fd.get(), a.mode & 07777U) != 0) return Error::system("fchmod", relative);
    struct timespec times[2] = {{a.seconds, a.nanoseconds}, {a.seconds, a.nanoseconds}};
    if (futimens(fd.get(), times) != 0) return Error::system("futimens", relative);
  }
  return {};
}

std::optional<Attributes> LayerTree::root_attributes() const {
  auto it = directories_.find("");
  return it == directories_.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace testctr::image
