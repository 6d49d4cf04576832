#include "base/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::sys {
namespace {

Result<std::string> real_path(const std::string& path) {
  char buffer[PATH_MAX];
  if (::realpath(path.c_str(), buffer) == nullptr) return Error::system("realpath", text::printable(path));
  return std::string(buffer);
}

/// A device or a FIFO, opened without waiting for the other end.
Result<Fd> open_special(const std::string& path, const struct stat& found) {
  const std::string shown = text::printable(path);
  if (S_ISSOCK(found.st_mode)) return Error::usage(fmt::format("{} is a socket", shown));
  Result<Fd> file = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  if (!file.ok() && file.error().number() == ENXIO && S_ISFIFO(found.st_mode))
    return Error::usage(fmt::format("{} is a FIFO that nobody reads", shown))
        .hint("start its reader first, or name a file");
  if (!file.ok()) return file;
  const int flags = ::fcntl(file.value().get(), F_GETFL);
  if (flags < 0 || ::fcntl(file.value().get(), F_SETFL, flags & ~O_NONBLOCK) != 0)
    return Error::system("fcntl", shown);
  return file;
}

}  // namespace

Result<OutputFile> OutputFile::create(const std::string& path) {
  const std::string shown = text::printable(path);
  if (path.empty()) return Error::usage("the name of the file is empty");
  OutputFile out;
  out.found_ = TRY(stat_at(AT_FDCWD, path, 0));
  if (path.ends_with("/") || (out.found_ && S_ISDIR(out.found_->st_mode)))
    return Error::usage(fmt::format("{} is a folder", shown));
  if (out.found_ && !S_ISREG(out.found_->st_mode)) {
    out.special_ = true;
    out.target_ = path;
    out.file_ = TRY(open_special(path, *out.found_));
    return out;
  }
  std::string whole = path;
  if (out.found_) {
    whole = TRY(real_path(path));
  } else if (TRY(stat_at(AT_FDCWD, path))) {
    return Error::usage(fmt::format("{} is a link that leads nowhere", shown))
        .hint("name the file itself, or remove the link");
  }
  const size_t slash = whole.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : whole.substr(0, slash);
  const auto parent = TRY(stat_at(AT_FDCWD, folder, 0));
  if (!parent || !S_ISDIR(parent->st_mode))
    return Error::usage(fmt::format("{}: there is no folder {}", shown, text::printable(folder)));
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return Error(Fault::infrastructure,
                 fmt::format("{}: nothing may be written in {}", shown,
                             folder == "." ? "this folder" : text::printable(folder)),
                 errno)
        .hint("name a file in a folder of yours");
  const std::string real = TRY(real_path(folder));
  out.target_ = (real == "/" ? "" : real) + "/" + whole.substr(slash == std::string::npos ? 0 : slash + 1);
  return out;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, {})),
      found_(other.found_),
      special_(other.special_),
      file_(std::move(other.file_)) {}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<int> OutputFile::begin() {
  if (special_ || file_.valid()) return file_.get();
  const std::string name = fmt::format("{}.{}.tmp", target_, ::getpid());
  file_ = TRY(open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
  temporary_ = name;
  if (found_ && ::fchmod(file_.get(), found_->st_mode & 0777U) != 0)
    return Error::system("fchmod", text::printable(name));
  return file_.get();
}

Status OutputFile::appear() {
  if (temporary_.empty()) return {};
  if (::rename(temporary_.c_str(), target_.c_str()) != 0)
    return Error::system("rename", text::printable(target_));
  temporary_.clear();
  return {};
}

Status OutputFile::finish() {
  const std::string shown = text::printable(target_);
  if (special_) {
    if (::close(file_.release()) != 0) return Error::system("close", shown);
    return {};
  }
  if (::fsync(file_.get()) != 0) return Error::system("fsync", shown);
  if (::close(file_.release()) != 0) return Error::system("close", shown);
  return appear();
}

bool OutputFile::is(const std::string& path) const {
  if (!found_) return false;
  const auto other = stat_at(AT_FDCWD, path, 0);
  return other.ok() && other.value() && other.value()->st_dev == found_->st_dev &&
         other.value()->st_ino == found_->st_ino;
}

}  // namespace testctr::sys
