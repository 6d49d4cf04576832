// Layers through libarchive.
// they are hashed.
#include "layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fnmatch.h>

#include <memory>

#include "base/fd.h"
#include "base/sys.h"

namespace testctr::mkimage {
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
  explicit LeftOut(const std::vector<std::string>& patterns) : patterns_(patterns), fits_(patterns.size()) {}

  bool has(std::string_view path) {
    if (path.starts_with("./")) path.remove_prefix(2);
    bool any = false;
    for (size_t i = 0; i < patterns_.size(); ++i) {
      // A folder's own pattern is that of what lies in it, too.
      for (size_t end = 0; end != std::string_view::npos && end < path.size();) {
        end = path.find('/', end + 1);
        if (fnmatch(patterns_[i].c_str(), std::string(path.substr(0, end)).c_str(), FNM_PATHNAME) != 0)
          continue;
        fits_[i] = any = true;
        break;
      }
    }
    return any;
  }

  Status all_fit() const {
    for (size_t i = 0; i < patterns_.size(); ++i)
      if (!fits_[i]) return Error::usage(fmt::format("without: the base has no {}", patterns_[i]));
    return {};
  }

 private:
  const std::vector<std::string>& patterns_;
  std::vector<bool> fits_;
};

}  // namespace

Status write_entries(const Recipe& recipe, int64_t epoch, int out) {
  TarWriter writer;
  CHECK_OK(writer.open(out));
  for (const auto& [path, entry] : recipe.entries) {
    const ArchiveEntry header(archive_entry_new(), archive_entry_free);
    const bool directory = entry.kind == Entry::Kind::directory;
    archive_entry_set_pathname(header.get(), (directory ? path + "/" : path).c_str());
    archive_entry_set_filetype(header.get(), directory                         ? AE_IFDIR
                                             : entry.kind == Entry::Kind::link ? AE_IFLNK
                                                                               : AE_IFREG);
    archive_entry_set_perm(header.get(), entry.mode);
    archive_entry_set_mtime(header.get(), epoch, 0);
    if (entry.kind == Entry::Kind::link) archive_entry_set_symlink(header.get(), entry.content.c_str());
    archive_entry_set_size(
        header.get(), entry.kind == Entry::Kind::file ? static_cast<la_int64_t>(entry.content.size()) : 0);
    CHECK_OK(writer.header(header.get()).in(path));
    if (entry.kind == Entry::Kind::file)
      CHECK_OK(writer.data(entry.content.data(), entry.content.size()).in(path));
  }
  return writer.finish();
}

Status rewrite_tar(int in, int64_t epoch, const std::vector<std::string>& without, int out) {
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

}  // namespace testctr::mkimage
