#include "image/left.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <utility>

#include "base/fd.h"
#include "image/overlay_marks.h"

namespace testctr::image {
namespace {

constexpr size_t most_entries = 4000;    // that are looked at
constexpr size_t most_of_folder = 1000;  // of one, so that others come to their turn
constexpr size_t deepest = 32;
constexpr const char* created = "created";
constexpr std::array<std::string_view, 6> passed_over{"dev", "proc", "sys", "testctr", "tmp", "work"};

bool is_later(const struct timespec& a, const struct timespec& b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/// errno says why it is not valid.
Fd open_folder(int in, const char* name, int how) {
  while (true) {
    Fd fd(::openat(in, name, how | O_DIRECTORY | O_CLOEXEC));
    if (fd.valid() || errno != EINTR) return fd;
  }
}

/// A folder of the container's root.
struct Folder {
  Folder* above = nullptr;
  std::string name;
  std::string path;  ///< with "/" at its end
  Fd upper;
  bool fresh = false;     ///< nothing of the image shows in it
  bool opened = false;    ///< and so is `lower`, which is done when it is needed
  std::vector<Fd> lower;  ///< what the layers have of it, highest first
};

class Looker {
 public:
  Looker(const struct stat& mark, const struct stat& root, const std::vector<std::string>& layers)
      : mark_(mark), root_(root), layers_(layers) {}

  void folder(Folder& at, size_t depth) {
    for (const std::string& name : names_in(at)) {
      if (room_ == 0) {
        left_.more = true;
        return;
      }
      --room_;
      struct stat st {};
      if (::fstatat(at.upper.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (depth == 0 && S_ISDIR(st.st_mode) &&
          std::find(passed_over.begin(), passed_over.end(), name) != passed_over.end())
        continue;
      entry(at, name, st, depth);
    }
  }

  [[nodiscard]] Left take() {
    for (std::string& path : created_) {
      if (left_.paths.size() < named_paths) left_.paths.push_back(std::move(path));
    }
    return std::move(left_);
  }

 private:
  // Those that the kernel gives first, where there are too many.
  std::set<std::string> names_in(const Folder& at) {
    std::set<std::string> names;
    alignas(struct dirent64) std::array<char, 8192> buffer;
    while (true) {
      const ssize_t size = ::getdents64(at.upper.get(), buffer.data(), buffer.size());
      if (size <= 0) break;
      for (ssize_t from = 0; from < size;) {
        const auto* raw = reinterpret_cast<const struct dirent64*>(buffer.data() + from);
        from += raw->d_reclen;
        const std::string_view name(static_cast<const char*>(raw->d_name));
        if (name != "." && name != "..") names.emplace(name);
      }
      if (names.size() <= most_of_folder) continue;
      left_.more = true;
      break;
    }
    return names;
  }

  void entry(Folder& in, const std::string& name, const struct stat& st, size_t depth) {
    const std::string path = in.path + name;
    if (is_whiteout(st)) return tell(path, "removed");
    const bool ours = st.st_ino < mark_.st_ino;
    const bool touched = !ours || is_later(st.st_ctim, mark_.st_ctim);
    if (S_ISDIR(st.st_mode)) return sub_folder(in, name, st, ours, touched, depth);
    if (!touched) return;
    struct stat before {};
    if (!below(in, name, before)) return tell(path, ours ? "changed" : created);
    if ((before.st_mode & S_IFMT) != (st.st_mode & S_IFMT)) return tell(path, "replaced");
    if (ours || !is_same(before, st) || before.st_size != st.st_size ||
        is_later(st.st_mtim, before.st_mtim) || is_later(before.st_mtim, st.st_mtim))
      tell(path, "changed");
  }

  void sub_folder(Folder& in, const std::string& name, const struct stat& st, bool ours, bool touched,
                  size_t depth) {
    Folder sub;
    sub.above = &in;
    sub.name = name;
    sub.path = in.path + name + "/";
    sub.upper = open_folder(in.upper.get(), name.c_str(), O_RDONLY | O_NOFOLLOW);
    const uint64_t told = left_.count;
    // What we have made there ourselves, and nobody has touched, needs no look into the image.
    struct stat before {};
    const bool known = touched && below(in, name, before);
    sub.fresh = in.fresh;
    if (touched)
      sub.fresh = !known || !S_ISDIR(before.st_mode) || (sub.upper.valid() && is_opaque(sub.upper.get()));
    if (known && sub.fresh) {
      tell(sub.path, "replaced");
    } else if (known && !is_same(before, st)) {
      tell(sub.path, "changed");
    }
    if (!sub.upper.valid() || depth >= deepest) {
      left_.more = true;
    } else {
      folder(sub, depth + 1);
    }
    if (!ours && !known && left_.count == told) tell(sub.path, created);
  }

  void tell(const std::string& path, const char* how) {
    ++left_.count;
    std::vector<std::string>& known = how == created ? created_ : left_.paths;
    if (known.size() < named_paths) known.push_back(how + (" " + path));
  }

  /// Mode and owner. The container's root is whoever owns the upper directory, the image's whoever unpacked
  /// it.
  [[nodiscard]] bool is_same(const struct stat& before, const struct stat& now) const {
    return before.st_mode == now.st_mode && before.st_uid - ::geteuid() == now.st_uid - root_.st_uid &&
           before.st_gid - ::getegid() == now.st_gid - root_.st_gid;
  }

  // As overlayfs sees it: the highest layer that has the name at all.
  bool below(Folder& in, const std::string& name, struct stat& st) {
    if (in.fresh) return false;
    open_lower(in);
    for (const Fd& part : in.lower) {
      if (::fstatat(part.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return !is_whiteout(st);
      if (errno != ENOENT) return false;
    }
    return false;
  }

  void open_lower(Folder& of) {
    if (std::exchange(of.opened, true) || of.fresh) return;
    if (of.above != nullptr) open_lower(*of.above);
    const size_t parts = of.above == nullptr ? layers_.size() : of.above->lower.size();
    for (size_t i = 0; i < parts; ++i) {
      Fd part = of.above == nullptr
                    ? open_folder(AT_FDCWD, layers_[parts - 1 - i].c_str(), O_PATH)
                    : open_folder(of.above->lower[i].get(), of.name.c_str(), O_PATH | O_NOFOLLOW);
      // A layer that has it not says nothing; one that has something else there hides what is below.
      if (!part.valid() && errno == ENOENT) continue;
      if (!part.valid()) return;
      of.lower.push_back(std::move(part));
      if (is_opaque(of.lower.back().get())) return;
    }
  }

  const struct stat& mark_;
  const struct stat& root_;
  const std::vector<std::string>& layers_;
  size_t room_ = most_entries;
  Left left_;
  std::vector<std::string> created_;
};

}  // namespace

Left left_in(int upper, const struct stat& mark, const std::vector<std::string>& layers) {
  Folder root;
  root.path = "/";
  root.upper = open_folder(upper, ".", O_RDONLY);
  struct stat st {};
  if (!root.upper.valid() || ::fstat(root.upper.get(), &st) != 0) {
    Left unknown;
    unknown.more = true;
    return unknown;
  }
  Looker looker(mark, st, layers);
  looker.folder(root, 0);
  return looker.take();
}

}  // namespace testctr::image
