#include "image/archive.h"

#include "base/sys.h"

namespace testctr::image {

Error archive_error(struct archive* a, std::string_view doing) {
  const char* why = archive_error_string(a);
  int number = archive_errno(a);
  // libarchive uses errno values for what the system refused and its own negative or small codes for formats.
  std::string text = fmt::format("{}: {}", doing, why != nullptr ? why : "unknown error");
  return number == ENOMEM ? Error(Fault::infrastructure, std::move(text), ENOMEM)
                          : Error::infrastructure(std::move(text));
}

Status HashedOutput::write(std::string_view bytes) {
  hash.update(bytes);
  size += bytes.size();
  return fd >= 0 ? sys::write_full(fd, bytes) : Status();
}

// Not hdrcharset=BINARY: that would be said in front of each member, at the price of a small file. Without a
// locale libarchive says it where a name needs it.
Result<ArchiveWriter> tar_writer(void* data, archive_write_callback* write) {
  ArchiveWriter writer(archive_write_new());
  if (!writer) return Error::infrastructure("out of memory");
  struct archive* a = writer.get();
  if (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
      archive_write_set_options(a, "xattrheader=SCHILY") != ARCHIVE_OK ||
      archive_write_add_filter_none(a) != ARCHIVE_OK ||
      archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK ||
      archive_write_set_bytes_in_last_block(a, 512) != ARCHIVE_OK ||
      archive_write_open2(a, data, nullptr, write, nullptr, nullptr) != ARCHIVE_OK)
    return archive_error(a, "opening a tar stream for writing");
  return writer;
}

ArchiveEntry new_entry() { return ArchiveEntry(archive_entry_new()); }

}  // namespace testctr::image
