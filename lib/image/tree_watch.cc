#include "image/tree_watch.h"

#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::image {
namespace {

// Making and ending the watches of a few folders takes as long.
constexpr uint64_t worthwhile_ns = 30'000'000;
constexpr uint64_t seldom = 20;
constexpr size_t most_folders = 20'000;  // each takes a kilobyte of the kernel's
constexpr uint32_t all_changes = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE |
                                 IN_DELETE_SELF | IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF;

// Where nobody else than this kernel writes.
bool is_local(const std::string& path) {
  constexpr std::array<uint32_t, 5> local = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
                                             TMPFS_MAGIC, OVERLAYFS_SUPER_MAGIC};
  struct statfs where {};
  return ::statfs(path.c_str(), &where) == 0 &&
         std::find(local.begin(), local.end(), static_cast<uint32_t>(where.f_type)) != local.end();
}

}  // namespace

bool TreeWatch::look(const OnFolder& on_folder) {
  const uint64_t began = sys::monotonic_ns();
  const bool same = same_tree(tree_, on_folder);
  looked_at_ns_ = sys::monotonic_ns();
  last_ns_ = looked_at_ns_ - began;
  spent_ns_ += last_ns_;
  stale_ = !same;
  return same;
}

void TreeWatch::follow(int parent, const std::string& name) {
  if (!events_.valid()) return;
  const std::string path = fmt::format("/proc/self/fd/{}/{}", parent, name.empty() ? "." : name);
  struct stat st {};
  const bool is = ::stat(path.c_str(), &st) == 0;
  if (name.empty()) device_ = st.st_dev;
  // What is mounted within may be anything.
  if (!is || st.st_dev != device_ || ++followed_ > most_folders ||
      ::inotify_add_watch(events_.get(), path.c_str(), all_changes | IN_ONLYDIR | IN_EXCL_UNLINK) < 0)
    events_.reset();
}

void TreeWatch::begin() {
  tried_ = true;
  if (is_local(tree_.root)) events_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
}

// Takes what was told since the last time.
bool TreeWatch::heard() {
  std::array<char, size_t{16} << 10> buffer{};
  bool any = false;
  while (true) {
    const ssize_t got = ::read(events_.get(), buffer.data(), buffer.size());
    if (got > 0) {
      any = true;
    } else if (got < 0 && errno == EAGAIN) {
      return any;
    } else if (got == 0 || errno != EINTR) {
      events_.reset();
      return true;
    }
  }
}

bool TreeWatch::same() {
  if (!tried_ && spent_ns_ > worthwhile_ns) {
    begin();
    return look([this](int parent, const std::string& name) { follow(parent, name); });
  }
  if (!events_.valid()) return look({});
  stale_ = heard() || stale_;
  if (!stale_ && sys::monotonic_ns() - looked_at_ns_ < seldom * last_ns_) return true;
  return look({});
}

bool TreeWatch::same_since(uint64_t generation) {
  if (generation == generation_ && same()) return true;
  if (generation != generation_) return false;
  if (auto again = scan_tree(tree_.root, tree_.apart); again.ok()) {
    tree_ = std::move(again).value();
    events_.reset();
    followed_ = 0;
    tried_ = stale_ = false;
    ++generation_;
  }
  return false;
}

}  // namespace testctr::image
