#include "run/lines_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::run {
namespace {

constexpr size_t largest = size_t{256} << 20;
constexpr uint64_t small = uint64_t{128} << 10;
constexpr std::string_view head = "{\"rewritten\":";  // the first line of a file that was: its bytes then

/// How large a file was when it was rewritten; 0: it never was.
uint64_t size_in(std::string_view beginning) {
  uint64_t size = 0;
  if (beginning.starts_with(head))
    std::from_chars(beginning.data() + head.size(), beginning.data() + beginning.size(), size);
  return size;
}

}  // namespace

Result<LinesFile> LinesFile::open(std::string path) {
  LinesFile file;
  file.path_ = std::move(path);
  file.file_ = TRY(sys::open(file.path_, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0600));
  struct stat st {};
  if (::fstat(file.file_.get(), &st) != 0) return Error::system("fstat", file.path_);
  if (!S_ISREG(st.st_mode))
    return Error::infrastructure(fmt::format("{} is not a regular file", file.path_)).hint("remove it");
  CHECK_OK(sys::lock(file.file_.get(), LOCK_SH));
  return file;
}

Result<std::string> LinesFile::read() const { return sys::read_file(path_, largest); }

Status LinesFile::add(std::string_view line) { return sys::write_full(file_.get(), line); }

Result<bool> LinesFile::has_grown() const {
  struct stat st {};
  if (::fstat(file_.get(), &st) != 0) return Error::system("fstat", path_);
  const auto size = static_cast<uint64_t>(st.st_size);
  if (size < small) return false;
  std::array<char, 64> beginning{};
  const ssize_t got = ::pread(file_.get(), beginning.data(), beginning.size(), 0);
  if (got < 0) return Error::system("pread", path_);
  return size > 4 * size_in({beginning.data(), static_cast<size_t>(got)});
}

Status LinesFile::rewrite(const std::string& lines) {
  if (!TRY(sys::lock(file_.get(), LOCK_EX | LOCK_NB))) {
    CHECK_OK(sys::lock(file_.get(), LOCK_SH));
    return {};
  }
  CHECK_OK(sys::write_file_atomic(AT_FDCWD, path_, fmt::format("{}{}}}\n{}", head, lines.size(), lines), 0600,
                                  /*sync=*/false));
  file_ = TRY(sys::open(path_, O_RDWR | O_APPEND | O_NOFOLLOW));
  CHECK_OK(sys::lock(file_.get(), LOCK_SH));
  return {};
}

}  // namespace testctr::run
