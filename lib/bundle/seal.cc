#include "bundle/seal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"

namespace testctr::bundle {
namespace {

constexpr std::string_view magic = "testctr-bundle 1\n";
constexpr size_t block = size_t{256} * 1024;
constexpr size_t much = size_t{4} << 20;

std::string text_of(const Seal& seal) {
  std::string text = fmt::format("{}archive {} {}\n{}\n", magic, seal.begin, seal.size, seal.digest.str());
  text.resize(seal_size);
  return text;
}

Error damaged() {
  return Error::infrastructure("the bundle is damaged: it is not what was packed")
      .hint("have it sent again; `sha256sum` on both sides shows whether it arrived whole");
}

Result<uint64_t> size_of(int file) {
  struct stat st {};
  if (fstat(file, &st) != 0) return Error::system("fstat", "the bundle");
  return static_cast<uint64_t>(st.st_size);
}

Result<Digest> digest_of(int file, uint64_t size) {
  Sha256 hash;
  std::string buffer(block, '\0');
  for (uint64_t at = 0; at < size;) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(block, size - at));
    const ssize_t n = ::pread(file, buffer.data(), wanted, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::system("pread", "the bundle");
    if (n == 0) return damaged();
    hash.update({buffer.data(), static_cast<size_t>(n)});
    at += static_cast<uint64_t>(n);
  }
  return hash.finish();
}

}  // namespace

// The disk is busy while we go on, and there is less to wait for in the end. Where it cannot be told so, that
// takes longer.
Status SealedOutput::write(std::string_view bytes) {
  hash_.update(bytes);
  size_ += bytes.size();
  CHECK_OK(sys::write_full(file_, bytes));
  if (size_ - on_its_way_ >= much) {
    (void)::sync_file_range(file_, static_cast<off_t>(on_its_way_), static_cast<off_t>(size_ - on_its_way_),
                            SYNC_FILE_RANGE_WRITE);
    on_its_way_ = size_;
  }
  return {};
}

Status SealedOutput::finish() {
  return sys::write_full(file_, text_of({begin_, size_ - begin_, hash_.finish()}));
}

Result<std::optional<Seal>> find_seal(int file) {
  const uint64_t size = TRY(size_of(file));
  if (size < seal_size) return std::optional<Seal>();
  std::string text(seal_size, '\0');
  const ssize_t n = ::pread(file, text.data(), text.size(), static_cast<off_t>(size - seal_size));
  if (n < 0) return Error::system("pread", "the bundle");
  if (static_cast<size_t>(n) != seal_size || !text.starts_with(magic)) return std::optional<Seal>();
  unsigned long long begin = 0, length = 0;
  char hex[65] = {};
  if (std::sscanf(text.c_str() + magic.size(), "archive %llu %llu\nsha256:%64[0-9a-f]", &begin, &length,
                  hex) != 3)
    return damaged();
  Seal seal{begin, length, {}};
  seal.digest = TRY(Digest::parse(fmt::format("sha256:{}", hex)));
  if (text_of(seal) != text || begin > size - seal_size || length != size - seal_size - begin)
    return damaged();
  return std::optional(seal);
}

Status check_seal(int file, const Seal& seal) {
  if (TRY(digest_of(file, TRY(size_of(file)) - seal_size)) != seal.digest) return damaged();
  return {};
}

}  // namespace testctr::bundle
