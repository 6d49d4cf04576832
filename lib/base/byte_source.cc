#include "base/byte_source.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace testctr {
namespace {

class FileSource final : public ByteSource {
 public:
  explicit FileSource(Fd fd) : fd_(std::move(fd)) {}
  Result<size_t> read(char* buffer, size_t size) override {
    for (;;) {
      ssize_t n = ::read(fd_.get(), buffer, size);
      if (n >= 0) return static_cast<size_t>(n);
      if (errno != EINTR) return Error::system("read", "a stream of bytes");
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

}  // namespace testctr
