#include "file_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::cmd {
namespace {

constexpr uint32_t mask = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                          IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK;
// Below a folder that somebody names by mistake, such as /, the search has to end.
constexpr int max_depth = 64;

std::string joined(const std::string& folder, std::string_view name) {
  return (folder == "/" ? "" : folder) + "/" + std::string(name);
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// What editors and version control write beside the files that people mean.
bool is_aside(std::string_view name) {
  return name.starts_with('.') || name.ends_with('~') || name == "4913" ||
         (name.starts_with('#') && name.ends_with('#'));
}

}  // namespace

bool lies_in(const std::string& path, const std::string& folder) {
  return path == folder || folder == "/" || (path.starts_with(folder) && path[folder.size()] == '/');
}

Result<FileWatch> FileWatch::create() {
  Fd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!fd.valid()) {
    return Error::system("inotify_init1", "")
        .hint("sysctl fs.inotify.max_user_instances says how many programs may follow files at a time");
  }
  return FileWatch(std::move(fd));
}

void FileWatch::add(const std::string& folder, std::vector<std::string>& problems) {
  if (!known_.insert(folder).second) return;
  const int watch = ::inotify_add_watch(fd_.get(), folder.c_str(), mask);
  if (watch >= 0) {
    paths_[watch] = folder;
    return;
  }
  const int number = errno;
  if (number == ENOENT || number == ENOTDIR) return;  // gone meanwhile: its folder tells of that
  if (number == ENOSPC) {
    if (!std::exchange(told_limit_, true))
      problems.push_back(
          fmt::format("{} and other folders are not followed: fs.inotify.max_user_watches are all in use; "
                      "`sudo sysctl fs.inotify.max_user_watches=524288` allows more",
                      text::printable(folder)));
    return;
  }
  problems.push_back(fmt::format(
      "not followed: {}", Error::system("inotify_add_watch", text::printable(folder), number).message()));
}

void FileWatch::add_below(const std::string& folder, std::vector<std::string>& problems,
                          std::set<std::string>* found) {
  std::vector<std::pair<std::string, int>> open{{folder, 0}};
  while (!open.empty()) {
    const auto [path, depth] = open.back();
    open.pop_back();
    if (!counts(path) || told_limit_) continue;
    add(path, problems);  // before it is read, so that nothing is missed in between
    const Result<Fd> dir = sys::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!dir.ok()) continue;
    const Result<std::vector<std::string>> names = sys::list_dir(dir.value().get());
    if (!names.ok()) continue;
    for (const std::string& name : names.value()) {
      const auto status = sys::stat_at(dir.value().get(), name);
      const bool is_folder = status.ok() && status.value() && S_ISDIR(status.value()->st_mode);
      const std::string below = joined(path, name);
      if (is_folder && depth < max_depth && !is_aside(name)) open.emplace_back(below, depth + 1);
      if (!is_folder && found != nullptr && counts(below)) found->insert(below);
    }
  }
}

bool FileWatch::counts(const std::string& path) const {
  return std::none_of(followed_.ours.begin(), followed_.ours.end(), [&](const std::string& one) {
    // Files that appear whole are written under a name beside theirs: sys::write_file_atomic.
    const bool beside = path.starts_with(one + ".") && path.ends_with(".tmp");
    return beside || lies_in(path, one);
  });
}

bool FileWatch::is_below_followed(const std::string& folder) const {
  return std::any_of(followed_.folders.begin(), followed_.folders.end(),
                     [&](const std::string& one) { return lies_in(folder, one); });
}

std::vector<std::string> FileWatch::follow(const Followed& what) {
  std::vector<std::string> problems;
  followed_ = what;
  told_limit_ = false;
  // What is followed already stays, so that no event is lost; what is of no interest any more is not told.
  known_.clear();
  for (const auto& [watch, path] : paths_) known_.insert(path);
  for (const std::string& file : what.files) add(folder_of(file), problems);
  for (const std::string& folder : what.folders) add_below(folder, problems, nullptr);
  return problems;
}

std::set<std::string> FileWatch::changed(bool& lost) {
  std::set<std::string> paths;
  std::vector<std::string> ignored;
  alignas(inotify_event) char buffer[16 << 10];
  while (true) {
    const ssize_t size = ::read(fd_.get(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return paths;
    for (const char* at = buffer; at < buffer + size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof(inotify_event) + event->len;
      if ((event->mask & IN_Q_OVERFLOW) != 0) lost = true;
      const auto watch = paths_.find(event->wd);
      if (watch == paths_.end()) continue;
      const std::string folder = watch->second;
      if ((event->mask & IN_IGNORED) != 0) {
        known_.erase(folder);
        paths_.erase(watch);
        continue;
      }
      if ((event->mask & IN_MOVE_SELF) != 0) {  // by that name there is another one, or none
        ::inotify_rm_watch(fd_.get(), event->wd);
        if (is_below_followed(folder) && counts(folder)) paths.insert(folder);
        continue;
      }
      if (event->len == 0) {
        if ((event->mask & IN_DELETE_SELF) != 0 && is_below_followed(folder) && counts(folder))
          paths.insert(folder);
        continue;
      }
      const std::string_view name(event->name);
      const std::string path = joined(folder, name);
      const bool named = followed_.files.count(path) > 0;
      if (!named && (is_aside(name) || !is_below_followed(folder))) continue;
      if (!counts(path)) continue;
      const bool is_folder = (event->mask & IN_ISDIR) != 0;
      if (is_folder && (event->mask & (IN_CREATE | IN_MOVED_TO)) != 0) add_below(path, ignored, &paths);
      paths.insert(path);
    }
  }
}

}  // namespace testctr::cmd
