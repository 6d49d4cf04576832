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

namespace {

class FileSource final : public ByteSource {
 public:
  explicit FileSource(Fd fd) : fd_(std::move(fd)) {}
  Result<size_t> read(char* buffer, size_t size) override {
    for (;;) {
      ssize_t n = ::read(fd_.get(), buffer, size);
      if (n >= 0) return static_cast<size_t>(n);
      if (errno != EINTR) return Error::system("read", "image data");
    }
  }

 private:
  Fd fd_;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : rest_(bytes) {}
  Result<size_t> read(char* buffer, size_t size) override {
    size_t n = std::min(size, rest_.size());
    std::copy_n(rest_.data(), n, buffer);
    rest_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view rest_;
};

la_ssize_t write_hashed(struct archive* a, void* data, const void* bytes, size_t size) {
  auto* out = static_cast<HashedOutput*>(data);
  Status s = out->write({static_cast<const char*>(bytes), size});
  if (s.ok()) return static_cast<la_ssize_t>(size);
  archive_set_error(a, s.error().number(), "%s", s.error().message().c_str());
  if (out->error.ok()) out->error = std::move(s);
  return -1;
}

}  // namespace

std::unique_ptr<ByteSource> file_source(Fd fd) { return std::make_unique<FileSource>(std::move(fd)); }
std::unique_ptr<ByteSource> memory_source(std::string_view bytes) {
  return std::make_unique<MemorySource>(bytes);
}

Result<std::string> read_source(ByteSource& source, size_t limit) {
  std::string all;
  size_t used = 0;
  for (;;) {
    all.resize(used + size_t{64} * 1024);
    size_t n = TRY(source.read(all.data() + used, all.size() - used));
    if (n == 0) break;
    used += n;
    if (used > limit) return Error::infrastructure(fmt::format("more than {} bytes", limit));
  }
  all.resize(used);
  return all;
}

Status HashedOutput::write(std::string_view bytes) {
  hash.update(bytes);
  size += bytes.size();
  return fd >= 0 ? sys::write_full(fd, bytes) : Status();
}

Result<ArchiveWriter> tar_writer(HashedOutput& out) {
  ArchiveWriter writer(archive_write_new());
  if (!writer) return Error::infrastructure("out of memory");
  struct archive* a = writer.get();
  if (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
      archive_write_set_options(a, "hdrcharset=BINARY,xattrheader=SCHILY") != ARCHIVE_OK ||
      archive_write_add_filter_none(a) != ARCHIVE_OK ||
      archive_write_set_bytes_per_block(a, 64 * 1024) != ARCHIVE_OK ||
      archive_write_set_bytes_in_last_block(a, 512) != ARCHIVE_OK ||
      archive_write_open2(a, &out, nullptr, write_hashed, nullptr, nullptr) != ARCHIVE_OK)
    return archive_error(a, "opening a tar stream for writing");
  return writer;
}

ArchiveEntry new_entry() { return ArchiveEntry(archive_entry_new()); }

}  // namespace testctr::image
