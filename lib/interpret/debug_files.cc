#include "interpret/debug_files.h"

#include <fnmatch.h>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::interpret {
namespace {

constexpr size_t most_names = 1000;
constexpr size_t most_looked_at = 100'000;
constexpr int deepest = 50;  // every level holds a descriptor
constexpr size_t most_shown = size_t{256} << 10;
constexpr int as_folder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

std::string line_of(int folder, const std::string& name, const std::string& shown, const struct stat& st) {
  const std::string path = text::printable(shown);
  if (S_ISDIR(st.st_mode)) return fmt::format("{:>12}  {}/\n", "", path);
  if (S_ISLNK(st.st_mode)) {
    const auto to = sys::read_link_at(folder, name);
    return fmt::format("{:>12}  {} -> {}\n", "link", path, to.ok() ? text::printable(to.value()) : "?");
  }
  if (S_ISREG(st.st_mode))
    return fmt::format("{:>12}  {}{}\n", static_cast<uint64_t>(st.st_size), path,
                       (st.st_mode & 0111U) != 0 ? "*" : "");
  return fmt::format("{:>12}  {}\n",
                     S_ISFIFO(st.st_mode)   ? "fifo"
                     : S_ISSOCK(st.st_mode) ? "socket"
                                            : "device",
                     path);
}

class Lister {
 public:
  /// @param hidden a folder at the top that is not to be seen
  explicit Lister(const std::string& pattern, std::string hidden = "")
      : pattern_(pattern), hidden_(std::move(hidden)) {}

  void walk(int folder, const std::string& path, bool below, int depth) {
    const auto names = sys::list_dir(folder);
    if (!names.ok()) {
      text_ += fmt::format("{}: {}\n", text::printable(path), strerrordesc_np(names.error().number()));
      return;
    }
    for (const std::string& name : names.value()) {
      if (shown_ >= most_names || ++looked_at_ > most_looked_at) return;
      const std::string whole = path.empty() ? name : path + "/" + name;
      const auto st = sys::stat_at(folder, name);
      if (!st.ok() || !st.value() || whole == hidden_) continue;
      if (fits(whole, name)) {
        text_ += line_of(folder, name, whole, *st.value());
        ++shown_;
      }
      if (!below || !S_ISDIR(st.value()->st_mode) || depth == deepest) continue;
      const auto next = sys::open_at(folder, name, as_folder);
      if (next.ok()) walk(next.value().get(), whole, below, depth + 1);
    }
  }

  std::string text() {
    if (shown_ >= most_names || looked_at_ > most_looked_at)
      text_ += "[there is more; a pattern shows less]\n";
    return text_.empty() ? "[nothing]\n" : std::move(text_);
  }

 private:
  [[nodiscard]] bool fits(const std::string& whole, const std::string& name) const {
    return pattern_.empty() || ::fnmatch(pattern_.c_str(), whole.c_str(), 0) == 0 ||
           ::fnmatch(pattern_.c_str(), name.c_str(), 0) == 0;
  }

  const std::string& pattern_;
  std::string hidden_;
  std::string text_;
  size_t shown_ = 0, looked_at_ = 0;
};

std::string absolute(const std::string& directory, const std::string& name) {
  if (name.empty()) return directory;
  return name.starts_with('/') ? name : directory + "/" + name;
}

}  // namespace

std::string list_files(const Session& session, const std::string& pattern) {
  const auto work = sys::open(session.setting.work, as_folder);
  if (!work.ok()) return work.error().message() + "\n";
  // Where a document's shell keeps what is ours.
  Lister lister(pattern, ".shell");
  lister.walk(work.value().get(), "", /*below=*/true, 0);
  return lister.text();
}

std::string list_folder(const Session& session, const std::string& directory, const std::string& name) {
  const std::string path = absolute(directory, name);
  const auto folder = session.open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
  if (!folder.ok()) return Session::describe(name.empty() ? path : name, folder.error()) + "\n";
  const std::string all;
  Lister lister(all);
  lister.walk(folder.value().get(), "", /*below=*/false, 0);
  return lister.text();
}

std::string show_file(const Session& session, const std::string& directory, const std::string& name) {
  // O_NONBLOCK: opening a named pipe must not wait for its other end.
  const auto file = session.open(absolute(directory, name), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file.ok()) return Session::describe(name, file.error()) + "\n";
  struct stat st {};
  if (::fstat(file.value().get(), &st) != 0 || !S_ISREG(st.st_mode))
    return fmt::format("{}: {}\n", text::printable(name),
                       S_ISDIR(st.st_mode) ? "is a folder: `ls`" : "not a regular file");
  std::string content(most_shown + 1, '\0');
  const auto size = sys::read_full(file.value().get(), content.data(), content.size());
  if (!size.ok()) return fmt::format("{}: {}\n", text::printable(name), size.error().message());
  content.resize(size.value());
  if (content.empty()) return "[empty]\n";
  const bool more = content.size() > most_shown;
  if (more) content.resize(most_shown);
  if (!content.ends_with('\n')) content += more ? "\n" : "\n[no line end]\n";
  if (more) content += fmt::format("[{} bytes in all]\n", static_cast<uint64_t>(st.st_size));
  return content;
}

}  // namespace testctr::interpret
