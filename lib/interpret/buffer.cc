// Keeps bytes in memory or in a file without a name.
#include "interpret/buffer.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <vector>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::interpret {
namespace {

constexpr size_t write_size = size_t{64} << 10;  // small pieces are written together

}  // namespace

OutputBuffer::OutputBuffer(OutputBuffer&& other) noexcept { *this = std::move(other); }

OutputBuffer& OutputBuffer::operator=(OutputBuffer&& other) noexcept {
  if (this == &other) return *this;
  unmap();
  directory_ = other.directory_;  // a buffer that was moved from is empty and can still be used
  memory_ = std::exchange(other.memory_, {});
  file_ = std::move(other.file_);
  size_ = std::exchange(other.size_, 0);
  mapping_ = std::exchange(other.mapping_, nullptr);
  mapped_ = std::exchange(other.mapped_, 0);
  return *this;
}

OutputBuffer::~OutputBuffer() { unmap(); }

void OutputBuffer::unmap() {
  if (mapping_ != nullptr) ::munmap(std::exchange(mapping_, nullptr), std::exchange(mapped_, 0));
}

Status OutputBuffer::spill() {
  int fd = ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  file_ = fd >= 0 ? Fd(fd) : TRY(sys::memory_file("output"));
  return {};
}

Status OutputBuffer::flush() {
  auto written = sys::write_full(file_.get(), memory_);
  memory_.clear();
  if (!written.ok()) return std::move(written).error().in("keeping the output of a command");
  return {};
}

Status OutputBuffer::append(std::string_view bytes) {
  unmap();
  memory_ += bytes;
  size_ += bytes.size();
  if (!file_.valid() && size_ > memory_bound) CHECK_OK(spill());
  if (file_.valid() && memory_.size() >= write_size) return flush();
  return {};
}

void OutputBuffer::clear() {
  unmap();
  memory_ = {};
  file_.reset();
  size_ = 0;
}

Result<std::string_view> OutputBuffer::view() {
  if (!file_.valid()) return std::string_view(memory_);
  if (!memory_.empty()) CHECK_OK(flush());
  if (mapping_ == nullptr && size_ > 0) {
    void* address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file_.get(), 0);
    if (address == MAP_FAILED) return Error::system("mmap", fmt::format("output, {} bytes", size_));
    mapping_ = address;
    mapped_ = size_;
  }
  return std::string_view(static_cast<const char*>(mapping_), size_);
}

Result<OutputBuffer> read_file(int fd, const std::string& directory, size_t limit) {
  OutputBuffer content(directory);
  std::vector<char> chunk(size_t{64} << 10);
  for (;;) {
    size_t size = TRY(sys::read_full(fd, chunk.data(), chunk.size()));
    if (size == 0) return content;
    if (content.size() + size > limit) {
      return Error::usage(fmt::format("the file is larger than {}", text::human_size(limit)));
    }
    CHECK_OK(content.append({chunk.data(), size}));
  }
}

namespace {

/// Where a piece of at least `at` bytes may end without cutting a character in two.
size_t piece_end(std::string_view text, size_t at) {
  if (at >= text.size()) return text.size();
  size_t end = at;
  while (end < text.size() && end < at + 4 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
  return end;
}

}  // namespace

Result<std::string_view> valid_text(OutputBuffer& buffer, OutputBuffer& storage) {
  std::string_view bytes = TRY(buffer.view());
  if (text::is_utf8(bytes)) return bytes;
  storage.clear();
  for (size_t at = 0; at < bytes.size();) {
    size_t end = piece_end(bytes, at + (size_t{256} << 10));
    CHECK_OK(storage.append(text::to_utf8(bytes.substr(at, end - at))));
    at = end;
  }
  return storage.view();
}

}  // namespace testctr::interpret
