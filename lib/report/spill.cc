#include "report/spill.h"

#include <cstdlib>

#include "base/sys.h"

namespace testctr::report {
namespace {

Status write_at(int fd, std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Error::system("pwrite", "a temporary file of the report", n == 0 ? ENOSPC : errno);
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

Result<Fd> temporary_file() {
  const char* asked = std::getenv("TMPDIR");
  const std::string folder = asked != nullptr && *asked == '/' ? asked : "/tmp";
  Result<Fd> file = sys::open(folder, O_TMPFILE | O_RDWR, 0600);
  if (file.ok()) return file;
  return sys::memory_file("testctr-report");
}

}  // namespace

Status Spill::move_to_file() {
  Fd file = TRY(temporary_file());
  CHECK_OK(write_at(file.get(), memory_, 0));
  file_ = std::move(file);
  memory_ = std::string();
  return {};
}

void Spill::append(std::string_view bytes) {
  if (!status_.ok()) return;
  if (!file_.valid() && size_ + bytes.size() <= in_memory_) {
    memory_ += bytes;
    size_ += bytes.size();
    return;
  }
  if (!file_.valid()) status_ = move_to_file();
  if (status_.ok()) status_ = write_at(file_.get(), bytes, size_);
  if (status_.ok()) size_ += bytes.size();
}

void Spill::truncate(uint64_t size) {
  if (size >= size_) return;
  size_ = size;
  if (!file_.valid()) memory_.resize(size);
}

std::string Spill::read(uint64_t offset, size_t size) const {
  if (offset >= size_) return {};
  size = static_cast<size_t>(std::min<uint64_t>(size, size_ - offset));
  if (!file_.valid()) return memory_.substr(offset, size);
  std::string out(size, '\0');
  size_t got = 0;
  while (got < size) {
    const ssize_t n = ::pread(file_.get(), out.data() + got, size - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  out.resize(got);
  return out;
}

}  // namespace testctr::report
