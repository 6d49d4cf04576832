#include "sandbox/tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/entry_copy.h"

namespace testctr::sandbox {
namespace {

std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> result;
  for (std::string& part : text::split(path, '/')) {
    if (!part.empty() && part != ".") result.push_back(std::move(part));
  }
  return result;
}

Status hide_path(int tree, int upper, const std::string& path) {
  auto parts = components(path);
  if (parts.empty()) return {};
  Fd from = TRY(sys::duplicate(tree)), to = TRY(sys::duplicate(upper));
  std::vector<std::pair<Fd, Fd>> above;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    auto next = sys::open_at(from.get(), parts[i], O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!next.ok()) return {};  // not in the tree
    CHECK_OK(sys::make_dir_at(to.get(), parts[i], 0700));
    Fd made = TRY(sys::open_at(to.get(), parts[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    above.emplace_back(std::move(next).value(), std::move(made));
    from = TRY(sys::duplicate(above.back().first.get()));
    to = TRY(sys::duplicate(above.back().second.get()));
  }
  if (!TRY(sys::stat_at(from.get(), parts.back()))) return {};
  if (mknodat(to.get(), parts.back().c_str(), S_IFCHR, makedev(0, 0)) != 0 && errno != EEXIST)
    return Error::system("mknodat", "a whiteout for " + path);
  for (auto& [source, made] : above) CHECK_OK(copy_metadata(source.get(), made.get()));
  return {};
}

/// Whose the copies become.
struct Owners {
  uint32_t base = 0;  ///< of the shifted ids; 0: the caller's
  bool one = false;   ///< all are base
  [[nodiscard]] bool shifted() const { return base != 0; }
};

class Copier : public EntryCopy {
 public:
  // A layer's marks (of opaque folders) are kept; in a tree they mean nothing.
  Copier(int top, const std::vector<std::string>& hidden, std::vector<std::string>& skipped,
         Owners owners = {})
      : EntryCopy(top, /* marks= */ owners.shifted() && !owners.one), skipped_(skipped), owners_(owners) {
    for (const std::string& path : hidden) hidden_.insert(text::join(components(path), "/"));
  }

  Status directory(int from, int to, const std::string& where) {
    Fd listing = TRY(sys::open_at(from, ".", O_RDONLY | O_DIRECTORY).in(where));
    for (const std::string& name : TRY(sys::list_dir(listing.get()))) {
      const std::string path = where.empty() ? name : where + "/" + name;
      if (!hidden_.contains(path)) CHECK_OK(entry(listing.get(), to, name, path));
    }
    return finish(listing.get(), to, where);
  }

 private:
  Status own(int to, const std::string& name, const struct stat& st) override {
    if (!owners_.shifted()) return {};
    const uid_t uid = owners_.base + (owners_.one ? 0 : st.st_uid);
    const gid_t gid = owners_.base + (owners_.one ? 0 : st.st_gid);
    if (fchownat(to, name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0)
      return Error::system("fchownat", name);
    return {};
  }

  Status entry(int from, int to, const std::string& name, const std::string& path) {
    const auto found = TRY(sys::stat_at(from, name));
    if (!found)
      return Error::infrastructure(fmt::format("{} went away while the tree was copied", text::quoted(path)));
    const struct stat& st = *found;
    if (S_ISDIR(st.st_mode)) {
      CHECK_OK(sys::make_dir_at(to, name, 0700));
      Fd below = TRY(sys::open_at(from, name, O_PATH | O_DIRECTORY | O_NOFOLLOW).in(path));
      Fd made = TRY(sys::open_at(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      return directory(below.get(), made.get(), path);
    }
    auto copied = copy(from, to, name, path, st);
    if (!copied.ok() && !owners_.shifted() && copied.error().number() == ENOSPC)
      return std::move(copied).error().hint("--scratch SIZE gives the copy more room");
    if (TRY(std::move(copied))) return {};
    if (owners_.shifted() && S_ISCHR(st.st_mode) && st.st_rdev == 0) {
      if (mknodat(to, name.c_str(), S_IFCHR, 0) != 0) return Error::system("mknodat", path);
      return {};
    }
    skipped_.push_back(path);
    return {};
  }

  std::set<std::string> hidden_;
  std::vector<std::string>& skipped_;
  Owners owners_;
};

}  // namespace

Status copy_metadata(int from, int to) {
  struct stat st {};
  if (fstat(from, &st) != 0) return Error::system("fstat", "");
  Fd readable = TRY(sys::open_at(from, ".", O_RDONLY | O_DIRECTORY));
  CHECK_OK(copy_attributes(readable.get(), to, /* marks= */ false));
  if (fchmod(to, st.st_mode & 07777) != 0) return Error::system("fchmod", "");
  const timespec both[2] = {st.st_atim, st.st_mtim};
  if (futimens(to, both) != 0) return Error::system("futimens", "");
  return {};
}

Status hide_paths(int tree, int upper, const std::vector<std::string>& hidden) {
  for (const std::string& path : hidden)
    CHECK_OK(hide_path(tree, upper, path).in(fmt::format("hiding {}", text::quoted(path))));
  return {};
}

Status copy_below(int from, int to, const std::vector<std::string>& hidden,
                  std::vector<std::string>& skipped) {
  return Copier(to, hidden, skipped).directory(from, to, "");
}

Status copy_shifted(int from, int to, uint32_t base, bool one_owner) {
  std::vector<std::string> skipped;
  return Copier(to, {}, skipped, {base, one_owner}).directory(from, to, "");
}

}  // namespace testctr::sandbox
