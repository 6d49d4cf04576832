#include "base/sys.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>

#include "base/text.h"

namespace testctr::sys {
namespace {

template <class F>
auto retry(F call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

std::string shown(const std::string& path) { return text::printable(path); }

}  // namespace

Result<Fd> open_at(int dir, const std::string& path, int flags, mode_t mode) {
  int fd = retry([&] { return ::openat(dir, path.c_str(), flags | O_CLOEXEC, mode); });
  if (fd < 0) return Error::system("open", shown(path));
  return Fd(fd);
}

Result<Fd> open(const std::string& path, int flags, mode_t mode) {
  return open_at(AT_FDCWD, path, flags, mode);
}

Result<size_t> read_full(int fd, void* buffer, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = retry([&] { return ::read(fd, static_cast<char*>(buffer) + done, size - done); });
    if (n < 0) return Error::system("read", fmt::format("fd {}", fd));
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

Status write_full(int fd, std::string_view data) {
  while (!data.empty()) {
    ssize_t n = retry([&] { return ::write(fd, data.data(), data.size()); });
    if (n < 0) return Error::system("write", fmt::format("fd {}", fd));
    data.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<std::string> read_all(int fd, size_t limit) {
  std::string out;
  struct stat st {};
  size_t guess = 0;
  if (::fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
    guess = std::min<size_t>(static_cast<size_t>(st.st_size), limit);
  size_t step = std::max<size_t>(guess + 1, 4096);
  while (true) {
    size_t have = out.size();
    out.resize(have + step);
    ssize_t n = retry([&] { return ::read(fd, out.data() + have, step); });
    if (n < 0) return Error::system("read", fmt::format("fd {}", fd));
    out.resize(have + static_cast<size_t>(n));
    if (n == 0) return out;
    if (out.size() > limit)
      return Error::infrastructure(fmt::format("larger than {}", text::human_size(limit)));
    step = std::min<size_t>(std::max<size_t>(out.size(), 4096), size_t{1} << 20);
  }
}

Result<std::string> read_file_at(int dir, const std::string& path, size_t limit) {
  Fd fd = TRY(open_at(dir, path, O_RDONLY | O_NOCTTY));
  return TRY_IN(read_all(fd.get(), limit), shown(path));
}

Result<std::string> read_file(const std::string& path, size_t limit) {
  return read_file_at(AT_FDCWD, path, limit);
}

Status write_file_atomic(int dir, const std::string& path, std::string_view data, mode_t mode, bool sync) {
  static std::atomic<unsigned> counter{0};
  std::string temporary = fmt::format("{}.tmp.{}.{}", path, ::getpid(), counter++);
  Fd fd = TRY(open_at(dir, temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
  auto fail = [&](Error error) -> Status {
    ::unlinkat(dir, temporary.c_str(), 0);
    return std::move(error).in(fmt::format("writing {}", shown(path)));
  };
  if (auto s = write_full(fd.get(), data); !s.ok()) return fail(std::move(s).error());
  if (sync && retry([&] { return ::fsync(fd.get()); }) != 0)
    return fail(Error::system("fsync", shown(temporary)));
  if (::close(fd.release()) != 0) return fail(Error::system("close", shown(temporary)));
  if (::renameat(dir, temporary.c_str(), dir, path.c_str()) != 0)
    return fail(Error::system("rename", shown(path)));
  return {};
}

Status write_file_at(int dir, const std::string& path, std::string_view data, mode_t mode) {
  Fd fd = TRY(open_at(dir, path, O_WRONLY | O_CREAT | O_TRUNC, mode));
  CHECK_OK(write_full(fd.get(), data).in(fmt::format("writing {}", shown(path))));
  if (::close(fd.release()) != 0) return Error::system("close", shown(path));
  return {};
}

Status make_dir_at(int dir, const std::string& path, mode_t mode) {
  if (::mkdirat(dir, path.c_str(), mode) != 0 && errno != EEXIST) return Error::system("mkdir", shown(path));
  return {};
}

Status make_dirs(const std::string& path, mode_t mode) {
  for (size_t at = 1; at != std::string::npos && at <= path.size();) {
    size_t slash = path.find('/', at);
    std::string part = path.substr(0, slash);
    struct stat st {};
    if (::stat(part.c_str(), &st) != 0) CHECK_OK(make_dir_at(AT_FDCWD, part, mode));
    at = slash == std::string::npos ? slash : slash + 1;
  }
  return {};
}

namespace {

// Every level holds a descriptor and a stack frame: what is deeper than this is moved up.
constexpr int removed_at_once = 64;

// Removes what is in a directory. Folders too deep down are moved into `top`, the directory that is being
// removed as a whole, under names that nothing in it has.
Status remove_directory_content(int dir, const std::string& name, int depth, int top, uint64_t& moved) {
  auto opened = open_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!opened.ok() && opened.error().number() == EACCES) {
    if (::fchmodat(dir, name.c_str(), 0700, 0) != 0) return Error::system("chmod", shown(name));
    opened = open_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  }
  Fd fd = TRY(std::move(opened));
  struct stat st {};
  if (::fstat(fd.get(), &st) == 0 && (st.st_mode & 0700) != 0700) ::fchmod(fd.get(), 0700);
  for (const auto& entry : TRY(list_dir(fd.get()))) {
    if (::unlinkat(fd.get(), entry.c_str(), 0) == 0 || errno == ENOENT) continue;
    if (errno != EISDIR && errno != EPERM && errno != ENOTEMPTY) return Error::system("unlink", shown(entry));
    int unlink_error = errno;
    struct stat entry_stat {};
    if (::fstatat(fd.get(), entry.c_str(), &entry_stat, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(entry_stat.st_mode)) {
      return Error::system("unlink", shown(entry), unlink_error);
    }
    if (depth >= removed_at_once) {
      // Renaming a folder changes its "..", so it must be writable itself.
      if ((entry_stat.st_mode & 0700) != 0700) (void)::fchmodat(fd.get(), entry.c_str(), 0700, 0);
      int failed = EEXIST;
      while (failed == EEXIST || failed == ENOTEMPTY) {
        std::string aside = fmt::format(".removed-{}-{}", ::getpid(), moved++);
        failed = ::syscall(SYS_renameat2, fd.get(), entry.c_str(), top, aside.c_str(), RENAME_NOREPLACE) == 0
                     ? 0
                     : errno;
      }
      if (failed != 0) return Error::system("rename", shown(entry), failed);
      continue;
    }
    CHECK_OK(remove_directory_content(fd.get(), entry, depth + 1, depth == 0 ? fd.get() : top, moved));
    if (::unlinkat(fd.get(), entry.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
      return Error::system("rmdir", shown(entry));
  }
  return {};
}

}  // namespace

Status remove_tree_at(int dir, const std::string& path) {
  if (::unlinkat(dir, path.c_str(), 0) == 0 || errno == ENOENT) return {};
  int unlink_error = errno;
  struct stat st {};
  if (::fstatat(dir, path.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? Status{} : Error::system("stat", shown(path));
  if (!S_ISDIR(st.st_mode)) return Error::system("unlink", shown(path), unlink_error);
  for (uint64_t moved = 0, before = 0;; before = moved) {
    CHECK_OK(remove_directory_content(dir, path, 0, -1, moved).in(fmt::format("removing {}", shown(path))));
    if (::unlinkat(dir, path.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
    // What was moved up is gone through in the next round.
    if (moved == before) return Error::system("rmdir", shown(path));
  }
}

Status remove_tree(const std::string& path) { return remove_tree_at(AT_FDCWD, path); }

Result<std::optional<struct stat>> stat_at(int dir, const std::string& path, int flags) {
  struct stat st {};
  if (::fstatat(dir, path.c_str(), &st, flags) == 0) return std::optional(st);
  if (errno == ENOENT || errno == ENOTDIR) return std::optional<struct stat>();
  return Error::system("stat", shown(path));
}

Result<std::string> read_link_at(int dir, const std::string& path) {
  std::string target(PATH_MAX, '\0');
  ssize_t n = ::readlinkat(dir, path.c_str(), target.data(), target.size());
  if (n < 0) return Error::system("readlink", shown(path));
  target.resize(static_cast<size_t>(n));
  return target;
}

Result<std::vector<std::string>> list_dir(int dir) {
  struct Entry {
    uint64_t inode;
    int64_t offset;
    uint16_t size;
    uint8_t type;
    char name[1];  // NOLINT(modernize-avoid-c-arrays): the kernel's layout
  };
  if (::lseek(dir, 0, SEEK_SET) < 0) return Error::system("lseek", "directory");
  std::vector<std::string> names;
  alignas(8) std::array<char, 32768> buffer;
  while (true) {
    long n = ::syscall(SYS_getdents64, dir, buffer.data(), buffer.size());
    if (n < 0) return Error::system("getdents64", "directory");
    if (n == 0) break;
    for (long at = 0; at < n;) {
      const char* raw = buffer.data() + at;
      const auto* entry = reinterpret_cast<const Entry*>(raw);
      std::string_view name(raw + offsetof(Entry, name));
      if (name != "." && name != "..") names.emplace_back(name);
      at += entry->size;
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::pair<Fd, Fd>> pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::system("pipe2", "");
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

Result<std::pair<Fd, Fd>> socket_pair(int type) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return Error::system("socketpair", "AF_UNIX");
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

Result<Fd> memory_file(const char* name) {
  int fd = ::memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) return Error::system("memfd_create", name);
  return Fd(fd);
}

Result<Fd> unnamed_file(const std::string& folder) {
  auto file = open(folder, O_TMPFILE | O_RDWR, 0600);
  if (file.ok()) return file;
  const std::string path = fmt::format("{}/.testctr-{}-{}", folder, ::getpid(), monotonic_ns());
  Fd named = TRY(open(path, O_RDWR | O_CREAT | O_EXCL, 0600));
  if (::unlink(path.c_str()) != 0) return Error::system("unlink", shown(path));
  return named;
}

Result<Fd> duplicate(int fd) {
  int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return Error::system("fcntl", "F_DUPFD_CLOEXEC");
  return Fd(copy);
}

std::vector<std::string> temporary_folders(const std::vector<std::string>& outside) {
  std::vector<std::string> folders;
  for (const char* candidate : {static_cast<const char*>(::getenv("TMPDIR")), "/tmp", "/var/tmp"}) {
    if (candidate == nullptr || *candidate != '/') continue;
    std::unique_ptr<char, void (*)(void*)> real(::realpath(candidate, nullptr), ::free);
    if (!real) continue;
    const std::string folder = real.get();
    const auto holds = [&](const std::string& tree) {
      return !tree.empty() && (folder + "/").starts_with(tree == "/" ? tree : tree + "/");
    };
    if (std::none_of(outside.begin(), outside.end(), holds)) folders.push_back(folder);
  }
  return folders;
}

Result<bool> lock(int fd, int operation) {
  if (retry([&] { return ::flock(fd, operation); }) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return Error::system("flock", fmt::format("fd {}", fd));
}

namespace {

void set_cloexec_raw(int fd) {
  int flags = ::fcntl(fd, F_GETFD);
  if (flags >= 0) ::fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

// The number that a name in /proc/self/fd is; -1 for `.` and `..`.
int descriptor_of_raw(const char* name) {
  int fd = 0;
  for (; *name >= '0' && *name <= '9'; ++name) fd = fd * 10 + (*name - '0');
  return *name == '\0' ? fd : -1;
}

// By the kernel's list of what is open. readdir would allocate. @return whether all of it was read
bool cloexec_listed_raw(int first) {
  const int list = ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (list < 0) return false;
  struct statfs system {};
  // What an image has put there instead is no list.
  ssize_t size = ::fstatfs(list, &system) == 0 && system.f_type == PROC_SUPER_MAGIC ? 1 : -1;
  // Records as the kernel writes them: the name's offset and the record's size stand where linux_dirent64 has
  // them.
  constexpr size_t size_at = 16, name_at = 19;
  alignas(8) char records[2048];
  while (size > 0) {
    size = ::syscall(SYS_getdents64, list, records, sizeof records);
    for (ssize_t at = 0; at < size;) {
      uint16_t length = 0;
      std::memcpy(&length, records + at + size_at, sizeof length);
      if (const int fd = descriptor_of_raw(records + at + name_at); fd >= first) set_cloexec_raw(fd);
      at += length;
    }
  }
  ::close(list);
  return size == 0;
}

}  // namespace

int cloexec_from_raw(int first) {
  if (::syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return 0;
  if (errno != ENOSYS && errno != EINVAL && errno != EPERM) return -errno;
  if (cloexec_listed_raw(first)) return 0;
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return -errno;
  auto last = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 20));
  for (int fd = first; fd < last; ++fd) set_cloexec_raw(fd);
  return 0;
}

Result<std::string> self_path() { return read_link_at(AT_FDCWD, "/proc/self/exe"); }

namespace {
uint64_t clock_ns(clockid_t id) {
  struct timespec now {};
  ::clock_gettime(id, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}
}  // namespace

uint64_t monotonic_ns() { return clock_ns(CLOCK_MONOTONIC); }
uint64_t realtime_ns() { return clock_ns(CLOCK_REALTIME); }

uint64_t available_memory() {
  auto meminfo = read_file("/proc/meminfo", 65536);
  if (!meminfo.ok()) return 0;
  std::string_view text = meminfo.value();
  constexpr std::string_view key = "MemAvailable:";
  size_t at = text.find(key);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + key.size());
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  uint64_t kilobytes = 0;
  std::from_chars(text.data(), text.data() + text.size(), kilobytes);
  return kilobytes * 1024;
}

}  // namespace testctr::sys
