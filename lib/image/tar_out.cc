#include "image/tar_out.h"

#include <sys/xattr.h>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::image {
namespace {

constexpr size_t block = size_t{256} * 1024;

}  // namespace

Result<std::unique_ptr<TarOut>> TarOut::open(int out, bool hashed) {
  std::unique_ptr<TarOut> made(new TarOut(out));  // NOLINT: its constructor is nobody else's
  made->out_.hashing = hashed;
  made->writer_ = TRY(tar_writer(made->out_));
  made->buffer_.resize(block);
  return made;
}

Error TarOut::error(const std::string& path) {
  if (!out_.error.ok()) return out_.error.error();
  return archive_error(writer_.get(), fmt::format("writing {}", text::quoted(path)));
}

Status TarOut::header(struct archive_entry* entry, const std::string& path) {
  // A warning is a name outside the locale's character set: it is written as it is.
  if (archive_write_header(writer_.get(), entry) >= ARCHIVE_WARN) return {};
  return error(path);
}

Status TarOut::bytes(std::string_view bytes, const std::string& path) {
  if (archive_write_data(writer_.get(), bytes.data(), bytes.size()) == static_cast<la_ssize_t>(bytes.size()))
    return {};
  return error(path);
}

Status TarOut::file(int fd, int64_t size, const std::string& path, bool longer) {
  int64_t rest = size;
  for (;;) {
    // One byte more than there is to be shows a file that grows.
    const auto most = static_cast<uint64_t>(rest) + (longer ? 0 : 1);
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(buffer_.size(), most));
    const size_t n = TRY_IN(sys::read_full(fd, buffer_.data(), wanted), path);
    if (n == 0 && rest == 0) return {};
    if (n == 0 || static_cast<int64_t>(n) > rest)
      return Error::infrastructure(fmt::format("{} changed while it was packed", text::quoted(path)));
    rest -= static_cast<int64_t>(n);
    CHECK_OK(bytes({buffer_.data(), n}, path));
    if (n < wanted && rest == 0) return {};
  }
}

Status TarOut::close() {
  if (archive_write_close(writer_.get()) == ARCHIVE_OK) return {};
  return error("the end of the layer");
}

void add_attributes(struct archive_entry* entry, int file, bool (*wanted)(std::string_view name)) {
  ssize_t size = flistxattr(file, nullptr, 0);
  if (size <= 0) return;
  std::string names(static_cast<size_t>(size), '\0');
  size = flistxattr(file, names.data(), names.size());
  if (size <= 0) return;
  names.resize(static_cast<size_t>(size));
  std::vector<std::string> list = text::split(names, '\0');
  std::sort(list.begin(), list.end());
  std::string value(size_t{64} * 1024, '\0');
  for (const std::string& key : list) {
    if (key.empty() || !wanted(key)) continue;
    const ssize_t n = fgetxattr(file, key.c_str(), value.data(), value.size());
    if (n >= 0) archive_entry_xattr_add_entry(entry, key.c_str(), value.data(), static_cast<size_t>(n));
  }
}

}  // namespace testctr::image
