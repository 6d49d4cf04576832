#include "image/slim.h"

#include <fcntl.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "image/elf.h"
#include "image/merged_root.h"
#include "image/tar_out.h"

namespace testctr::image {
namespace {

constexpr int most_links = 40;
constexpr int most_interpreters = 5;
constexpr size_t most_notes = 20;

// What programs and their libraries look for whoever they are, and what a container is made with.
constexpr const char* always[] = {"/etc/passwd",
                                  "/etc/group",
                                  "/etc/nsswitch.conf",
                                  "/etc/ld.so.cache",
                                  "/etc/ld.so.conf",
                                  "/etc/ld.so.conf.d/",
                                  "/etc/localtime",
                                  "/etc/hosts",
                                  "/etc/resolv.conf",
                                  "/etc/hostname",
                                  "/tmp",
                                  "/var/tmp",
                                  "/root",
                                  "/run",
                                  "/var/run",
                                  "/"};

std::string join(const std::string& directory, const std::string& name) {
  return directory == "/" ? directory + name : directory + "/" + name;
}

bool is_carried(std::string_view attribute) {
  return (attribute.starts_with("user.") && !attribute.starts_with("user.overlay.")) ||
         attribute == "security.capability";
}

class Slimmer {
 public:
  Slimmer(const RootFilesystem& root, MergedRoot merged) : root_(root), merged_(std::move(merged)) {}

  Result<SlimLayer> write(std::unique_ptr<TarOut> tar, const std::vector<std::string>& touched) {
    for (const char* name : always) CHECK_OK(touch(name));
    if (root_.config.working_dir.starts_with('/')) CHECK_OK(touch(root_.config.working_dir));
    for (const std::string& name : touched) CHECK_OK(touch(name));
    CHECK_OK(add_interpreters());
    CHECK_OK(add_lists());
    CHECK_OK(write_root(*tar));
    CHECK_OK(merged_.visit(
        [&](const MergedRoot::Found& found) -> Status {
          const bool kept = kept_.contains(found.path) && TRY(write_entry(*tar, found));
          count(found.st, kept);
          return {};
        },
        [&](const std::string& path) { note(fmt::format("{} cannot be read", text::quoted(path))); }));
    CHECK_OK(tar->close());
    count_links();
    result_.diff_id = tar->digest();
    result_.size = tar->size();
    return std::move(result_);
  }

 private:
  Status touch(const std::string& name);
  /// What is at a path without links on its way, which is kept from now on. @return nothing: there is nothing
  Result<std::optional<mode_t>> keep(const std::string& path);
  Result<std::optional<std::string>> resolve(const std::string& name);
  Status add_interpreters();
  Result<std::string> interpreter_of(const std::string& path);
  Result<std::vector<std::string>> list(const std::string& directory) {
    return unless_forbidden<std::vector<std::string>>(merged_.list(directory), directory, {});
  }
  Result<std::optional<MergedRoot::Found>> find(const std::string& path) {
    return unless_forbidden<std::optional<MergedRoot::Found>>(merged_.find(path, false), path, std::nullopt);
  }
  Status add_lists();
  Status write_root(TarOut& tar);
  /// @return whether it could be read
  Result<bool> write_entry(TarOut& tar, const MergedRoot::Found& found);
  ArchiveEntry entry(const std::string& path, const struct stat& st) const;
  void count(const struct stat& st, bool kept);
  void count_links();
  /// What an ordinary user may not look at though it is his own is told, and left out.
  template <class T>
  Result<T> unless_forbidden(Result<T> result, const std::string& path, T otherwise) {
    if (result.ok() || result.error().number() != EACCES) return std::move(result).in(text::quoted(path));
    note(result.error().message());
    return otherwise;
  }
  void note(std::string line) {
    if (result_.notes.size() < most_notes) result_.notes.push_back(std::move(line));
  }

  const RootFilesystem& root_;
  MergedRoot merged_;
  std::map<std::string, mode_t> kept_;  ///< by path; parents stand before what is in them
  std::set<std::string> listed_, programs_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
  std::set<std::pair<dev_t, ino_t>> counted_;               ///< those kept
  std::map<std::pair<dev_t, ino_t>, uint64_t> left_links_;  ///< and their sizes
  SlimLayer result_;
};

// ---- what is kept

Result<std::optional<mode_t>> Slimmer::keep(const std::string& path) {
  if (const auto known = kept_.find(path); known != kept_.end()) return std::optional(known->second);
  const auto found = TRY(merged_.find(path, false));
  if (!found || S_ISSOCK(found->st.st_mode)) return std::optional<mode_t>();
  kept_.emplace(path, found->st.st_mode);
  return std::optional(found->st.st_mode);
}

// Keeps all that leads to a name, and what is there. @return its path without links.
Result<std::optional<std::string>> Slimmer::resolve(const std::string& name) {
  std::string at = "/";
  std::deque<std::string> rest;
  const auto put = [&](const std::string& path) {
    auto parts = text::split(path, '/');
    rest.insert(rest.begin(), parts.begin(), parts.end());
  };
  put(name);
  int links = 0;
  while (!rest.empty()) {
    const std::string part = std::move(rest.front());
    rest.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      at.resize(std::max<size_t>(at.rfind('/'), 1));
      continue;
    }
    const std::string next = join(at, part);
    const auto mode = TRY(keep(next));
    if (!mode) return std::optional<std::string>();
    if (S_ISLNK(*mode)) {
      if (++links > most_links) return std::optional<std::string>();
      const auto link = TRY(merged_.find(next, false));
      const std::string target = TRY(sys::read_link_at(link->fd.get(), ""));
      if (target.starts_with('/')) at = "/";
      put(target);
      continue;
    }
    at = next;
    if (!S_ISDIR(*mode) && !rest.empty()) return std::optional<std::string>();
  }
  return std::optional(std::move(at));
}

Status Slimmer::touch(const std::string& name) {
  const auto path = TRY(unless_forbidden<std::optional<std::string>>(resolve(name), name, std::nullopt));
  if (!path) return {};
  if (name.ends_with('/')) listed_.insert(*path);
  const auto kept = kept_.find(*path);
  if (kept != kept_.end() && S_ISREG(kept->second) && (kept->second & 0111U) != 0) programs_.insert(*path);
  return {};
}

// Who is opened by the kernel to run a file; empty: nobody.
Result<std::string> Slimmer::interpreter_of(const std::string& path) {
  const auto found = TRY(merged_.find(path, false));
  if (!found) return std::string();
  auto file = found->open();
  if (!file.ok()) return std::string();  // told where it is to be written
  const ReadAt read = reader_of(file.value().get());
  const std::string head = TRY(read(0, 256));  // more of a line the kernel does not read
  if (head.starts_with("#!")) {
    const std::string_view line = text::trim(std::string_view(head).substr(2, head.find('\n') - 2));
    const std::string name(line.substr(0, line.find_first_of(" \t")));
    return name.starts_with('/') ? name : "";
  }
  if (!is_elf(head)) return std::string();
  auto elf = read_elf(read);
  return elf.ok() ? elf.value().interpreter : std::string();
}

Status Slimmer::add_interpreters() {
  for (int i = 0; i < most_interpreters && !programs_.empty(); ++i) {
    const std::set<std::string> programs = std::move(programs_);
    programs_.clear();
    for (const std::string& program : programs) {
      const std::string name = TRY_IN(interpreter_of(program), text::quoted(program));
      if (!name.empty() && name.find('\0') == std::string::npos) CHECK_OK(touch(name));
    }
  }
  return {};
}

Status Slimmer::add_lists() {
  for (const std::string& directory : listed_) {
    for (const std::string& name : TRY(list(directory))) {
      const std::string path = join(directory, name);
      if (kept_.contains(path)) continue;
      const auto found = TRY(find(path));
      if (!found || S_ISSOCK(found->st.st_mode)) continue;
      const auto size = static_cast<uint64_t>(found->st.st_size);
      if (S_ISREG(found->st.st_mode) && size > largest_unread) {
        ++result_.missing_in_lists.files;
        result_.missing_in_lists.bytes += size;
        continue;
      }
      kept_.emplace(path, found->st.st_mode);
    }
  }
  return {};
}

// ---- the stream

ArchiveEntry Slimmer::entry(const std::string& path, const struct stat& st) const {
  const bool owners = geteuid() == 0;
  ArchiveEntry e = new_entry();
  archive_entry_copy_pathname(e.get(), S_ISDIR(st.st_mode) ? (path + "/").c_str() : path.c_str());
  archive_entry_set_filetype(e.get(), st.st_mode & S_IFMT);
  archive_entry_set_perm(e.get(), st.st_mode & 07777U);
  archive_entry_set_mtime(e.get(), st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  archive_entry_set_uid(e.get(), owners ? st.st_uid : 0);
  archive_entry_set_gid(e.get(), owners ? st.st_gid : 0);
  return e;
}

Status Slimmer::write_root(TarOut& tar) {
  const auto found = TRY(merged_.find("/"));
  if (!found) return Error::internal("an image without a root");
  struct stat st = found->st;
  st.st_mode = S_IFDIR | (root_.root_mode & 07777U);
  // Few layers say a time of it; without one it has that of its unpacking.
  st.st_mtim = {};
  const ArchiveEntry e = entry(".", st);
  return tar.header(e.get(), "/");
}

Result<bool> Slimmer::write_entry(TarOut& tar, const MergedRoot::Found& found) {
  const struct stat& st = found.st;
  const std::string& path = found.path;
  const std::string name = path.substr(1);
  Fd content;
  if (S_ISREG(st.st_mode)) {
    auto opened = found.open();
    if (!opened.ok()) {
      // An ordinary user's own file may still forbid him to read it.
      note(fmt::format("{} cannot be read: {}", text::quoted(path), opened.error().message()));
      return false;
    }
    content = std::move(opened).value();
  }
  ArchiveEntry e = entry(name, st);
  if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
    const auto [first, is_new] = links_.try_emplace({st.st_dev, st.st_ino}, name);
    if (!is_new) {
      archive_entry_copy_hardlink(e.get(), first->second.c_str());
      CHECK_OK(tar.header(e.get(), path));
      return true;
    }
  }
  if (S_ISLNK(st.st_mode))
    archive_entry_copy_symlink(e.get(), TRY_IN(sys::read_link_at(found.fd.get(), ""), path).c_str());
  if (S_ISREG(st.st_mode)) add_attributes(e.get(), content.get(), is_carried);
  if (S_ISDIR(st.st_mode)) {
    const Fd folder = TRY_IN(sys::open_at(found.fd.get(), ".", O_RDONLY | O_DIRECTORY), path);
    add_attributes(e.get(), folder.get(), is_carried);
  }
  if (S_ISREG(st.st_mode)) archive_entry_set_size(e.get(), st.st_size);
  CHECK_OK(tar.header(e.get(), path));
  if (S_ISREG(st.st_mode)) CHECK_OK(tar.file(content.get(), static_cast<uint64_t>(st.st_size), path));
  return true;
}

// ---- what there is in all

void Slimmer::count(const struct stat& st, bool kept) {
  if (!S_ISREG(st.st_mode)) return;
  SlimLayer::Count& count = kept ? result_.kept : result_.left_out;
  ++count.files;
  const auto size = static_cast<uint64_t>(st.st_size);
  const std::pair id(st.st_dev, st.st_ino);
  if (st.st_nlink < 2) {
    count.bytes += size;
  } else if (!kept) {
    left_links_.emplace(id, size);
  } else if (counted_.insert(id).second) {
    count.bytes += size;
  }
}

// A file is left out where none of its names is kept.
void Slimmer::count_links() {
  for (const auto& [id, size] : left_links_)
    if (!counted_.contains(id)) result_.left_out.bytes += size;
}

}  // namespace

namespace {

Result<SlimLayer> write_slim(std::unique_ptr<TarOut> tar, const RootFilesystem& root,
                             const std::vector<std::string>& touched) {
  if (root.kind != RootFilesystem::Kind::layers) {
    return Error::usage("only an image can be made slim: hostfs is this machine itself")
        .hint("name an image, or leave out --slim");
  }
  return Slimmer(root, TRY(MergedRoot::open(root.layers))).write(std::move(tar), touched);
}

}  // namespace

Result<SlimLayer> write_slim_layer(int out, const RootFilesystem& root,
                                   const std::vector<std::string>& touched) {
  return write_slim(TRY(TarOut::open(out)), root, touched);
}

Result<SlimLayer> write_slim_layer(BlockSink sink, const RootFilesystem& root,
                                   const std::vector<std::string>& touched) {
  return write_slim(TRY(TarOut::open(std::move(sink))), root, touched);
}

}  // namespace testctr::image
