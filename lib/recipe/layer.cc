// Layers through libarchive.
#include "recipe/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/xattr.h>

#include <memory>

#include "base/fd.h"
#include "base/sys.h"
#include "base/text.h"
#include "image/tree.h"

namespace testctr::recipe {
namespace {

using Archive = std::unique_ptr<struct archive, decltype(&archive_write_free)>;
using ArchiveEntry = std::unique_ptr<struct archive_entry, decltype(&archive_entry_free)>;

Error archive_error(const char* what, struct archive* archive) {
  const char* text = archive_error_string(archive);
  return Error::infrastructure(fmt::format("{}: {}", what, text != nullptr ? text : "unknown error"));
}

/// A tar that is being written to a descriptor.
class TarWriter {
 public:
  TarWriter() : tar_(archive_write_new(), archive_write_free) {}

  Status open(int out) {
    archive_write_set_format_pax_restricted(tar_.get());
    archive_write_set_options(tar_.get(), "xattrheader=SCHILY");
    if (archive_write_open_fd(tar_.get(), out) != ARCHIVE_OK) return archive_error("tar", tar_.get());
    return {};
  }

  /// ARCHIVE_WARN is fine: names are bytes, and libarchive says of every one that is not ASCII that it cannot
  /// translate it.
  Status header(struct archive_entry* entry) {
    if (archive_write_header(tar_.get(), entry) < ARCHIVE_WARN) return archive_error("tar", tar_.get());
    return {};
  }

  Status data(const void* bytes, size_t size) {
    if (archive_write_data(tar_.get(), bytes, size) < 0) return archive_error("tar", tar_.get());
    return {};
  }

  Status finish() {
    if (archive_write_close(tar_.get()) != ARCHIVE_OK) return archive_error("tar", tar_.get());
    return {};
  }

 private:
  Archive tar_;
};

Status copy_data(struct archive* from, TarWriter& to) {
  std::array<char, 65536> buffer;
  for (;;) {
    const auto got = archive_read_data(from, buffer.data(), buffer.size());
    if (got < 0) return archive_error("reading the base", from);
    if (got == 0) return {};
    CHECK_OK(to.data(buffer.data(), static_cast<size_t>(got)));
  }
}

/// What a recipe leaves out of its base.
class LeftOut {
 public:
  explicit LeftOut(const std::vector<plan::Text>& patterns) : patterns_(patterns), fits_(patterns.size()) {}

  bool has(std::string_view path) {
    if (path.starts_with("./")) path.remove_prefix(2);
    bool any = false;
    for (size_t i = 0; i < patterns_.size(); ++i) {
      // A folder's own pattern is that of what lies in it, too.
      for (size_t end = 0; end != std::string_view::npos && end < path.size();) {
        end = path.find('/', end + 1);
        if (fnmatch(patterns_[i].value.c_str(), std::string(path.substr(0, end)).c_str(), FNM_PATHNAME) != 0)
          continue;
        fits_[i] = any = true;
        break;
      }
    }
    return any;
  }

  Status all_fit() const {
    for (size_t i = 0; i < patterns_.size(); ++i)
      if (!fits_[i]) return Error::usage(fmt::format("without: the base has no {}", patterns_[i].value));
    return {};
  }

 private:
  const std::vector<plan::Text>& patterns_;
  std::vector<bool> fits_;
};

/// The bytes of a file, which must be as many as were seen before.
Status copy_file(int file, uint64_t size, TarWriter& to, const std::string& name) {
  std::array<char, 65536> buffer;
  for (uint64_t rest = size;;) {
    const size_t got = TRY(sys::read_full(file, buffer.data(), buffer.size()));
    if (got == 0 && rest == 0) return {};
    if (got == 0 || got > rest)
      return Error::infrastructure(fmt::format("{} changed while it was read", text::quoted(name)));
    rest -= got;
    CHECK_OK(to.data(buffer.data(), got));
  }
}

/// What a folder holds, as entries of a tar.
class RootWriter {
 public:
  RootWriter(TarWriter& tar, LeftOut& left_out, int64_t epoch)
      : tar_(tar), left_out_(left_out), epoch_(epoch) {}

  Status top(int folder) {
    struct stat st {};
    if (fstat(folder, &st) != 0) return Error::system("fstat", "the root");
    const ArchiveEntry header = entry("./", st);
    return tar_.header(header.get());
  }

  Status add(const image::TreeEntry& found) {
    if (left_out_.has(found.path)) return {};
    const struct stat& st = found.st;
    if (S_ISSOCK(st.st_mode) || S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) return {};
    const std::string name = "./" + found.path;
    const ArchiveEntry header = entry(S_ISDIR(st.st_mode) ? name + "/" : name, st);
    if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
      const auto [first, is_first] = links_.try_emplace({st.st_dev, st.st_ino}, name);
      if (!is_first) {
        archive_entry_copy_hardlink(header.get(), first->second.c_str());
        archive_entry_set_size(header.get(), 0);
        return tar_.header(header.get());
      }
    }
    if (S_ISLNK(st.st_mode))
      archive_entry_copy_symlink(header.get(), TRY(sys::read_link_at(found.parent, found.name)).c_str());
    if (!S_ISLNK(st.st_mode)) attributes(header.get(), found);
    CHECK_OK(tar_.header(header.get()).in(name));
    if (!S_ISREG(st.st_mode)) return {};
    const Fd file = TRY_IN(sys::open_at(found.parent, found.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), name);
    return copy_file(file.get(), static_cast<uint64_t>(st.st_size), tar_, name);
  }

 private:
  ArchiveEntry entry(const std::string& name, const struct stat& st) const {
    ArchiveEntry header(archive_entry_new(), archive_entry_free);
    archive_entry_copy_pathname(header.get(), name.c_str());
    archive_entry_set_filetype(header.get(), st.st_mode & S_IFMT);
    archive_entry_set_perm(header.get(), st.st_mode & 07777U);
    archive_entry_set_mtime(header.get(), std::clamp<int64_t>(st.st_mtim.tv_sec, 0, epoch_), 0);
    archive_entry_set_uid(header.get(), st.st_uid == geteuid() ? 0 : st.st_uid);
    archive_entry_set_gid(header.get(), st.st_gid == getegid() ? 0 : st.st_gid);
    archive_entry_set_size(header.get(), S_ISREG(st.st_mode) ? st.st_size : 0);
    return header;
  }

  // Those that a program sees, and what makes a program privileged.
  static void attributes(struct archive_entry* header, const image::TreeEntry& found) {
    const std::string path = fmt::format("/proc/self/fd/{}/{}", found.parent, found.name);
    std::string names(size_t{64} << 10, '\0'), value(size_t{64} << 10, '\0');
    const ssize_t size = llistxattr(path.c_str(), names.data(), names.size());
    if (size <= 0) return;
    names.resize(static_cast<size_t>(size));
    std::vector<std::string> list = text::split(names, '\0');
    std::sort(list.begin(), list.end());
    for (const std::string& key : list) {
      const bool wanted =
          (key.starts_with("user.") && !key.starts_with("user.overlay.")) || key == "security.capability";
      if (!wanted) continue;
      const ssize_t n = lgetxattr(path.c_str(), key.c_str(), value.data(), value.size());
      if (n >= 0) archive_entry_xattr_add_entry(header, key.c_str(), value.data(), static_cast<size_t>(n));
    }
  }

  TarWriter& tar_;
  LeftOut& left_out_;
  int64_t epoch_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

}  // namespace

Status write_entries(const Recipe& recipe, const Rules& rules, const Entries& entries, int64_t epoch,
                     int out) {
  TarWriter writer;
  CHECK_OK(writer.open(out));
  for (const auto& [path, entry] : entries) {
    const ArchiveEntry header(archive_entry_new(), archive_entry_free);
    const bool directory = entry.kind == Entry::Kind::directory;
    archive_entry_set_pathname(header.get(), (directory ? path + "/" : path).c_str());
    archive_entry_set_filetype(header.get(), directory                         ? AE_IFDIR
                                             : entry.kind == Entry::Kind::link ? AE_IFLNK
                                                                               : AE_IFREG);
    archive_entry_set_perm(header.get(), entry.mode);
    archive_entry_set_uid(header.get(), entry.uid);
    archive_entry_set_gid(header.get(), entry.gid);
    archive_entry_set_mtime(header.get(), epoch, 0);
    if (entry.kind == Entry::Kind::link) archive_entry_set_symlink(header.get(), entry.content.c_str());
    const bool file = entry.kind == Entry::Kind::file;
    const uint64_t size = !file ? 0 : entry.from.empty() ? entry.content.size() : entry.size;
    archive_entry_set_size(header.get(), static_cast<la_int64_t>(size));
    CHECK_OK(writer.header(header.get()).in(path));
    if (!file) continue;
    if (entry.from.empty()) {
      CHECK_OK(writer.data(entry.content.data(), entry.content.size()).in(path));
      continue;
    }
    const Fd source = TRY_IN(open_source_file(recipe, rules, entry.from, O_RDONLY | O_NONBLOCK), path);
    CHECK_OK(copy_file(source.get(), entry.size, writer, entry.from));
  }
  return writer.finish();
}

Status write_root(const std::string& folder, int64_t epoch, const std::vector<plan::Text>& without, int out) {
  const Fd root = TRY(sys::open(folder, O_RDONLY | O_DIRECTORY));
  LeftOut left_out(without);
  TarWriter writer;
  CHECK_OK(writer.open(out));
  RootWriter entries(writer, left_out, epoch);
  CHECK_OK(entries.top(root.get()));
  CHECK_OK(image::walk_tree(root.get(), {}, [&](const image::TreeEntry& e) { return entries.add(e); }));
  CHECK_OK(left_out.all_fit());
  return writer.finish();
}

Status rewrite_tar(int in, int64_t epoch, const std::vector<plan::Text>& without, int out) {
  LeftOut left_out(without);
  TarWriter writer;
  CHECK_OK(writer.open(out));
  const std::unique_ptr<struct archive, decltype(&archive_read_free)> reader(archive_read_new(),
                                                                             archive_read_free);
  archive_read_support_format_tar(reader.get());
  archive_read_set_options(reader.get(), "tar:hdrcharset=BINARY");
  if (archive_read_open_fd(reader.get(), in, 1 << 20) != ARCHIVE_OK)
    return archive_error("reading the base", reader.get());
  struct archive_entry* entry = nullptr;
  for (int code = 0; (code = archive_read_next_header(reader.get(), &entry)) != ARCHIVE_EOF;) {
    if (code < ARCHIVE_WARN) return archive_error("reading the base", reader.get());
    const auto type = archive_entry_filetype(entry);
    if (type == AE_IFCHR || type == AE_IFBLK) continue;
    if (left_out.has(archive_entry_pathname(entry))) continue;
    if (const char* target = archive_entry_hardlink(entry); target != nullptr && left_out.has(target))
      return Error::usage(
          fmt::format("{} is a hard link to {}, which is left out", archive_entry_pathname(entry), target));
    archive_entry_set_uname(entry, nullptr);
    archive_entry_set_gname(entry, nullptr);
    archive_entry_unset_atime(entry);
    archive_entry_unset_ctime(entry);
    archive_entry_set_mtime(entry, std::min<int64_t>(archive_entry_mtime(entry), epoch), 0);
    CHECK_OK(writer.header(entry));
    if (archive_entry_size(entry) > 0 && archive_entry_hardlink(entry) == nullptr)
      CHECK_OK(copy_data(reader.get(), writer));
  }
  CHECK_OK(left_out.all_fit());
  return writer.finish();
}

Status compress_best(int in, int out) {
  const Archive raw(archive_write_new(), archive_write_free);
  archive_write_set_format_raw(raw.get());
  archive_write_add_filter_zstd(raw.get());
  archive_write_set_options(raw.get(), "zstd:compression-level=19");
  archive_write_set_bytes_in_last_block(raw.get(), 1);
  if (archive_write_open_fd(raw.get(), out) != ARCHIVE_OK) return archive_error("compressing", raw.get());
  const ArchiveEntry only(archive_entry_new(), archive_entry_free);
  archive_entry_set_pathname(only.get(), "layer");
  archive_entry_set_filetype(only.get(), AE_IFREG);
  if (archive_write_header(raw.get(), only.get()) != ARCHIVE_OK)
    return archive_error("compressing", raw.get());
  std::array<char, 65536> buffer;
  for (;;) {
    const auto got = TRY(sys::read_full(in, buffer.data(), buffer.size()));
    if (got == 0) break;
    if (archive_write_data(raw.get(), buffer.data(), got) < 0) return archive_error("compressing", raw.get());
  }
  if (archive_write_close(raw.get()) != ARCHIVE_OK) return archive_error("compressing", raw.get());
  return {};
}

}  // namespace testctr::recipe
