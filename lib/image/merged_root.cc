#include "image/merged_root.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <deque>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "image/overlay_marks.h"

namespace testctr::image {
namespace {

constexpr int most_links = 40;
constexpr size_t deepest = 256;
constexpr int as_directory = O_PATH | O_DIRECTORY | O_NOFOLLOW;

void push_components(std::deque<std::string>& todo, const std::string& path) {
  auto parts = text::split(path, '/');
  for (auto it = parts.rbegin(); it != parts.rend(); ++it) {
    if (!it->empty() && *it != ".") todo.push_front(std::move(*it));
  }
}

}  // namespace

bool is_whiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0); }

bool is_opaque(int directory) {
  char value[2];
  return getxattr(fmt::format("/proc/self/fd/{}/.", directory).c_str(), "user.overlay.opaque", value,
                  sizeof value) == 1 &&
         value[0] == 'y';
}

Result<Fd> MergedRoot::Found::open() const {
  if (!S_ISREG(st.st_mode))
    return Error::infrastructure(fmt::format("{} is no regular file", text::quoted(path)));
  return sys::open(fmt::format("/proc/self/fd/{}", fd.get()), O_RDONLY | O_NOCTTY);
}

Result<MergedRoot> MergedRoot::open(const std::vector<std::string>& layers) {
  MergedRoot root;
  for (auto it = layers.rbegin(); it != layers.rend(); ++it)
    root.layers_.push_back(TRY(sys::open(*it, O_PATH | O_DIRECTORY)));
  return root;
}

Status MergedRoot::mount(const std::string& target, const std::string& source) {
  const size_t slash = target.rfind('/');
  auto parent = find(target.substr(0, slash));
  std::string path = target;
  if (parent.ok() && parent.value() && parent.value()->path != "/")
    path = parent.value()->path + target.substr(slash);
  mounts_.insert_or_assign(path, TRY(sys::open(source, O_PATH)));
  return {};
}

Result<MergedRoot::Directory> MergedRoot::root() const {
  Directory directory;
  for (const Fd& layer : layers_) {
    directory.parts.push_back(TRY(sys::duplicate(layer.get())));
    if (is_opaque(layer.get())) break;
  }
  return directory;
}

Result<std::optional<MergedRoot::Step>> MergedRoot::step(const Directory& in, const std::string& name) const {
  Step result;
  result.found.path = in.path + "/" + name;
  Directory below;
  below.path = result.found.path;
  const auto mounted = mounts_.find(below.path);
  if (mounted != mounts_.end()) {
    result.found.fd = TRY(sys::duplicate(mounted->second.get()));
    if (::fstat(result.found.fd.get(), &result.found.st) != 0) return Error::system("fstat", below.path);
    if (S_ISDIR(result.found.st.st_mode)) {
      below.parts.push_back(TRY(sys::duplicate(mounted->second.get())));
      result.directory = std::move(below);
    }
    return std::optional(std::move(result));
  }
  bool there = false;
  for (const Fd& part : in.parts) {
    const auto st = TRY(sys::stat_at(part.get(), name));
    if (!st) continue;
    if (is_whiteout(*st)) break;
    const bool is_directory = S_ISDIR(st->st_mode);
    if (there && !is_directory) break;
    Fd fd = TRY(sys::open_at(part.get(), name, is_directory ? as_directory : O_PATH | O_NOFOLLOW));
    if (!there) {
      there = true;
      result.found.st = *st;
      result.found.fd = is_directory ? TRY(sys::duplicate(fd.get())) : std::move(fd);
      if (!is_directory) break;
    }
    const bool last = is_opaque(fd.get());
    below.parts.push_back(std::move(fd));
    if (last) break;
  }
  // The folders above a mount are made where they are missing.
  const auto next = mounts_.lower_bound(below.path + "/");
  const bool above = next != mounts_.end() && next->first.starts_with(below.path + "/");
  if (!there && !above) return std::optional<Step>();
  if (!there) result.found.st.st_mode = S_IFDIR | 0755;
  if (S_ISDIR(result.found.st.st_mode)) result.directory = std::move(below);
  return std::optional(std::move(result));
}

Result<std::optional<MergedRoot::Step>> MergedRoot::walk(const std::string& path, bool follow) const {
  std::deque<std::string> todo;
  push_components(todo, path);
  std::vector<Directory> above;
  above.push_back(TRY(root()));
  int links = 0;
  std::optional<Step> at;
  while (!todo.empty()) {
    const std::string name = std::move(todo.front());
    todo.pop_front();
    if (name == "..") {
      if (above.size() > 1) above.pop_back();
      continue;
    }
    at = TRY(step(above.back(), name));
    if (!at) return at;
    if (S_ISLNK(at->found.st.st_mode) && (follow || !todo.empty())) {
      if (++links > most_links) return Error::system("open", text::printable(path), ELOOP);
      const std::string target = TRY(sys::read_link_at(at->found.fd.get(), ""));
      if (target.starts_with('/')) above.resize(1);
      push_components(todo, target);
      continue;
    }
    if (!at->directory) {
      if (!todo.empty()) return std::optional<Step>();
      return at;
    }
    above.push_back(std::move(*at->directory));
  }
  // A directory, perhaps by way of "..".
  Step result;
  result.directory = std::move(above.back());
  result.found.path = result.directory->path.empty() ? "/" : result.directory->path;
  result.found.st.st_mode = S_IFDIR | 0755;
  if (!result.directory->parts.empty()) {
    result.found.fd = TRY(sys::duplicate(result.directory->parts.front().get()));
    if (::fstat(result.found.fd.get(), &result.found.st) != 0) return Error::system("fstat", path);
  }
  return std::optional(std::move(result));
}

Result<std::optional<MergedRoot::Found>> MergedRoot::find(const std::string& path, bool follow) const {
  std::optional<Step> found = TRY(walk(path, follow));
  if (!found) return std::optional<Found>();
  return std::optional(std::move(found->found));
}

Result<std::vector<std::string>> MergedRoot::list(const std::string& path) const {
  const std::optional<Step> found = TRY(walk(path, true));
  if (!found || !found->directory) return std::vector<std::string>();
  return list(*found->directory);
}

Result<std::vector<std::string>> MergedRoot::list(const Directory& directory) {
  std::set<std::string> names, hidden;
  for (const Fd& part : directory.parts) {
    Fd readable = TRY(sys::open_at(part.get(), ".", O_RDONLY | O_DIRECTORY));
    std::set<std::string> hidden_below;
    for (std::string& name : TRY(sys::list_dir(readable.get()))) {
      const auto st = TRY(sys::stat_at(part.get(), name));
      if (st && is_whiteout(*st))
        hidden_below.insert(name);
      else if (!hidden.contains(name))
        names.insert(std::move(name));
    }
    hidden.merge(hidden_below);
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Status MergedRoot::visit(const std::function<Status(const Found&)>& see,
                         const std::function<void(const std::string& path)>& forbidden) const {
  return visit(TRY(root()), 0, see, forbidden);
}

Status MergedRoot::visit(const Directory& directory, size_t depth,
                         const std::function<Status(const Found&)>& see,
                         const std::function<void(const std::string& path)>& forbidden) const {
  // Unpacking makes none that are deeper; a folder named by `dir:` may hold anything.
  if (depth > deepest)
    return Error::infrastructure(fmt::format("its folders are more than {} deep", deepest));
  auto names = list(directory);
  if (!names.ok() && names.error().number() == EACCES) {
    forbidden(directory.path);
    return {};
  }
  for (const std::string& name : TRY_IN(std::move(names), text::quoted(directory.path))) {
    auto at = step(directory, name);
    if (!at.ok() && at.error().number() == EACCES) {
      forbidden(directory.path + "/" + name);
      continue;
    }
    const std::optional<Step> found = TRY(std::move(at));
    if (!found) continue;
    CHECK_OK(see(found->found));
    if (found->directory) CHECK_OK(visit(*found->directory, depth + 1, see, forbidden));
  }
  return {};
}

}  // namespace testctr::image
