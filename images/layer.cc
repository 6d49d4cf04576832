// Layers through libarchive: one archive makes the tar, a second, raw one compresses its bytes; in between
// they are hashed.
#include "layer.h"

#include <archive.h>
#include <archive_entry.h>

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

/// A tar that is hashed, compressed, hashed again and written, in one pass.
class LayerWriter {
 public:
  LayerWriter()
      : tar_(archive_write_new(), archive_write_free), raw_(archive_write_new(), archive_write_free) {}

  Status open(Compression compression, const std::string& path) {
    compression_ = compression;
    file_ = TRY(sys::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    archive_write_set_format_raw(raw_.get());
    if (compression == Compression::gzip) {
      archive_write_add_filter_gzip(raw_.get());
      archive_write_set_options(raw_.get(), "gzip:!timestamp,gzip:compression-level=6");
    } else if (compression != Compression::none) {
      archive_write_add_filter_zstd(raw_.get());
      archive_write_set_options(raw_.get(), compression == Compression::zstd ? "zstd:compression-level=3"
                                                                             : "zstd:compression-level=19");
    }
    archive_write_set_bytes_in_last_block(raw_.get(), 1);
    if (archive_write_open(raw_.get(), this, nullptr, write_file, nullptr) != ARCHIVE_OK)
      return archive_error("compressing", raw_.get());
    const ArchiveEntry only(archive_entry_new(), archive_entry_free);
    archive_entry_set_pathname(only.get(), "layer");
    archive_entry_set_filetype(only.get(), AE_IFREG);
    if (archive_write_header(raw_.get(), only.get()) != ARCHIVE_OK)
      return archive_error("compressing", raw_.get());

    archive_write_set_format_pax_restricted(tar_.get());
    if (archive_write_open(tar_.get(), this, nullptr, write_tar, nullptr) != ARCHIVE_OK)
      return archive_error("tar", tar_.get());
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

  Result<Layer> finish() {
    if (archive_write_close(tar_.get()) != ARCHIVE_OK) return archive_error("tar", tar_.get());
    if (archive_write_close(raw_.get()) != ARCHIVE_OK) return archive_error("compressing", raw_.get());
    return Layer{file_hash_.finish(), tar_hash_.finish(), size_, compression_};
  }

 private:
  static la_ssize_t write_tar(struct archive* archive, void* self, const void* bytes, size_t size) {
    auto& writer = *static_cast<LayerWriter*>(self);
    writer.tar_hash_.update({static_cast<const char*>(bytes), size});
    const auto written = archive_write_data(writer.raw_.get(), bytes, size);
    if (written < 0) archive_set_error(archive, EIO, "%s", archive_error_string(writer.raw_.get()));
    return written;
  }

  static la_ssize_t write_file(struct archive* archive, void* self, const void* bytes, size_t size) {
    auto& writer = *static_cast<LayerWriter*>(self);
    const std::string_view part(static_cast<const char*>(bytes), size);
    if (auto status = sys::write_full(writer.file_.get(), part); !status.ok()) {
      archive_set_error(archive, status.error().number(), "%s", status.error().message().c_str());
      return -1;
    }
    writer.file_hash_.update(part);
    writer.size_ += size;
    return static_cast<la_ssize_t>(size);
  }

  Compression compression_ = Compression::none;
  Fd file_;
  Sha256 tar_hash_, file_hash_;
  uint64_t size_ = 0;
  Archive tar_, raw_;
};

Status copy_data(struct archive* from, LayerWriter& to) {
  std::array<char, 65536> buffer;
  for (;;) {
    const auto got = archive_read_data(from, buffer.data(), buffer.size());
    if (got < 0) return archive_error("reading the base", from);
    if (got == 0) return {};
    CHECK_OK(to.data(buffer.data(), static_cast<size_t>(got)));
  }
}

}  // namespace

Result<Layer> write_entries(const Recipe& recipe, Compression compression, int64_t epoch,
                            const std::string& output) {
  LayerWriter writer;
  CHECK_OK(writer.open(compression, output));
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

Result<Layer> rewrite_tar(const std::string& input, Compression compression, int64_t epoch,
                          const std::string& output) {
  LayerWriter writer;
  CHECK_OK(writer.open(compression, output));
  const std::unique_ptr<struct archive, decltype(&archive_read_free)> reader(archive_read_new(),
                                                                             archive_read_free);
  archive_read_support_format_tar(reader.get());
  archive_read_set_options(reader.get(), "tar:hdrcharset=BINARY");
  const char* path = input == "-" ? nullptr : input.c_str();
  if (archive_read_open_filename(reader.get(), path, 1 << 20) != ARCHIVE_OK)
    return archive_error(input.c_str(), reader.get());
  struct archive_entry* entry = nullptr;
  for (int code = 0; (code = archive_read_next_header(reader.get(), &entry)) != ARCHIVE_EOF;) {
    if (code < ARCHIVE_WARN) return archive_error(input.c_str(), reader.get());
    const auto type = archive_entry_filetype(entry);
    if (type == AE_IFCHR || type == AE_IFBLK) continue;
    archive_entry_set_uname(entry, nullptr);
    archive_entry_set_gname(entry, nullptr);
    archive_entry_unset_atime(entry);
    archive_entry_unset_ctime(entry);
    archive_entry_set_mtime(entry, std::min<int64_t>(archive_entry_mtime(entry), epoch), 0);
    CHECK_OK(writer.header(entry));
    if (archive_entry_size(entry) > 0 && archive_entry_hardlink(entry) == nullptr)
      CHECK_OK(copy_data(reader.get(), writer));
  }
  return writer.finish();
}

}  // namespace testctr::mkimage
