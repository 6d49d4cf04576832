// The inside of artifacts: walks what programs under test have left behind, which may be full of traps.
#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/sys.h"
#include "base/text.h"
#include "run/artifacts.h"

namespace testctr::run {
namespace {

constexpr size_t chunk = 512 << 10;
constexpr int deepest = 100;  // every level holds a descriptor
constexpr uint64_t most_looked_at = 1'000'000;
constexpr size_t most_told = 20;

constexpr int as_folder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

// File systems that are no files.
bool is_view_of_kernel(int folder) {
  struct statfs system {};
  return ::fstatfs(folder, &system) == 0 &&
         (system.f_type == PROC_SUPER_MAGIC || system.f_type == SYSFS_MAGIC ||
          system.f_type == DEVPTS_SUPER_MAGIC);
}

std::string_view kind_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

class Sender {
 public:
  Sender(const std::function<Status(const Json&)>& send, const std::function<void(std::string)>& tell,
         const ArtifactLimits& limits)
      : send_(send), tell_(tell), limits_(limits) {}

  Status send_pattern(size_t index, const std::string& pattern, const std::string& work) {
    glob_ = TRY(script::PathGlob::make(pattern));
    index_ = index;
    shown_ = glob_.absolute() ? "" : work;
    const uint64_t before = found_;
    std::string start = glob_.absolute() ? "/" : work;
    auto folder = sys::open(start, as_folder);
    for (const std::string& part : glob_.base()) {
      if (!folder.ok()) break;
      shown_ += "/" + part;
      const auto st = sys::stat_at(folder.value().get(), part);
      if (st.ok() && st.value() && S_ISLNK(st.value()->st_mode)) {
        leave_out("", "is a symbolic link, which is not followed");
        ++found_;
        return {};
      }
      folder = sys::open_at(folder.value().get(), part, as_folder);
    }
    if (folder.ok()) {
      CHECK_OK(walk(folder.value().get(), "", glob_.begin(), /*whole=*/false, 0));
    } else if (folder.error().number() != ENOENT && folder.error().number() != ENOTDIR) {
      leave_out("", fmt::format("cannot be read ({})", strerrordesc_np(folder.error().number())));
    }
    if (found_ == before) tell_(fmt::format("artifacts: nothing matches {}", text::printable(pattern)));
    return {};
  }

  /// All that lies in $WORK, but for what is ours.
  Status send_all(size_t index, const std::string& work) {
    index_ = index;
    shown_ = work;
    all_ = true;
    const auto folder = sys::open(work, as_folder);
    if (!folder.ok()) return {};
    return walk(folder.value().get(), "", {}, /*whole=*/true, 0);
  }

  void finish() {
    if (told_ > most_told) tell_(fmt::format("artifacts: {} more were left out", told_ - most_told));
    if (beyond_ != 0)
      tell_(fmt::format("artifacts: {} files were left out: a script may bring out {} files and {}", beyond_,
                        limits_.files, text::human_size(limits_.bytes)));
    if (looked_at_ > most_looked_at)
      tell_(fmt::format("artifacts: the search ended after {} names", most_looked_at));
  }

 private:
  void leave_out(const std::string& name, std::string_view why) {
    if (++told_ > most_told) return;
    tell_(fmt::format("artifacts: {}{}{} {}", text::printable(shown_), name.empty() ? "" : "/",
                      text::printable(name), why));
  }

  Status walk(int folder, const std::string& path, const script::PathGlob::State& state, bool whole,
              int depth) {
    if (is_view_of_kernel(folder)) return {};
    auto names = sys::list_dir(folder);
    if (!names.ok()) {
      leave_out(path, fmt::format("cannot be read ({})", strerrordesc_np(names.error().number())));
      return {};
    }
    for (const std::string& name : names.value()) {
      if (++looked_at_ > most_looked_at) return {};
      if (all_ && depth == 0 && name == ".shell") continue;
      CHECK_OK(look(folder, path.empty() ? name : path + "/" + name, name, state, whole, depth));
    }
    return {};
  }

  Status look(int folder, const std::string& path, const std::string& name,
              const script::PathGlob::State& state, bool whole, int depth) {
    bool matched = whole;
    script::PathGlob::State next;
    if (!whole) next = glob_.step(state, name, matched);
    if (!matched && next.empty()) return {};
    const auto st = sys::stat_at(folder, name);
    if (!st.ok() || !st.value()) return {};
    const mode_t mode = st.value()->st_mode;
    if (matched) ++found_;
    if (S_ISDIR(mode)) {
      if (depth == deepest) {
        leave_out(path, fmt::format("is more than {} folders deep", deepest));
        return {};
      }
      auto below = sys::open_at(folder, name, as_folder);
      if (below.ok()) return walk(below.value().get(), path, next, matched, depth + 1);
      leave_out(path, fmt::format("cannot be read ({})", strerrordesc_np(below.error().number())));
    } else if (matched && S_ISREG(mode)) {
      return send_file(folder, path, name);
    } else if (matched || (S_ISLNK(mode) && is_meant(next))) {
      leave_out(path, fmt::format("is {}: it is left out", kind_of(mode)));
    }
    return {};
  }

  // Whether something else than `**` led here: then a link is one that somebody expects to be followed.
  [[nodiscard]] bool is_meant(const script::PathGlob::State& state) const {
    return std::any_of(state.begin(), state.end(),
                       [&](size_t at) { return at > 0 && !glob_.parts()[at - 1].any_depth; });
  }

  Status send_file(int folder, const std::string& path, const std::string& name) {
    auto file = sys::open_at(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat st {};
    if (!file.ok() || ::fstat(file.value().get(), &st) != 0 || !S_ISREG(st.st_mode)) {
      leave_out(path, fmt::format("cannot be read ({})", file.ok() ? "it is no file any more"
                                                                   : strerrordesc_np(file.error().number())));
      return {};
    }
    const auto size = static_cast<uint64_t>(st.st_size);
    if (files_ >= limits_.files || size > limits_.bytes - bytes_) {
      ++beyond_;
      return {};
    }
    ++files_;
    bytes_ += size;
    CHECK_OK(send_(Json{{"t", "artifact"},
                        {"i", index_},
                        {"n", json::binary(path)},
                        {"m", st.st_mode & 07777U},
                        {"s", size}}));
    return send_content(file.value().get(), path, size);
  }

  Status send_content(int file, const std::string& path, uint64_t size) {
    std::string buffer(std::min<uint64_t>(size, chunk), '\0');
    while (size > 0) {
      auto got = sys::read_full(file, buffer.data(), std::min<uint64_t>(size, buffer.size()));
      if (!got.ok() || got.value() == 0) {
        leave_out(path, "could not be read to its end");
        return send_(Json{{"t", "artifact_end"}});
      }
      CHECK_OK(
          send_(Json{{"t", "data"}, {"d", json::binary(std::string_view(buffer).substr(0, got.value()))}}));
      size -= got.value();
    }
    return {};
  }

  const std::function<Status(const Json&)>& send_;
  const std::function<void(std::string)>& tell_;
  ArtifactLimits limits_;
  script::PathGlob glob_;
  size_t index_ = 0;
  std::string shown_;  // what names are below, for people
  uint64_t found_ = 0, files_ = 0, bytes_ = 0, beyond_ = 0, looked_at_ = 0;
  size_t told_ = 0;
  bool all_ = false;
};

}  // namespace

Status send_artifacts(const std::vector<std::string>& patterns, const std::string& work,
                      const std::function<Status(const Json&)>& send,
                      const std::function<void(std::string)>& tell, const ArtifactLimits& limits) {
  Sender sender(send, tell, limits);
  if (patterns.empty()) return {};
  for (size_t i = 0; i < patterns.size(); ++i)
    if (patterns[i] == whole_work) {
      CHECK_OK(sender.send_all(i, work));
    } else if (!patterns[i].empty()) {
      CHECK_OK(sender.send_pattern(i, patterns[i], work));
    }
  sender.finish();
  return send(Json{{"t", "artifacts_done"}});
}

}  // namespace testctr::run
