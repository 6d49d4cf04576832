// System calls as we use them: checked, EINTR and short transfers handled, O_CLOEXEC always, the message
// built in. Descriptor first, path second; a path operand is shown in the error. Functions whose name ends in
// _raw return -errno style results for use between clone and exec.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::sys {

/// openat(2) with O_CLOEXEC added. @param dir a directory descriptor or AT_FDCWD. @param mode for O_CREAT.
Result<Fd> open_at(int dir, const std::string& path, int flags, mode_t mode = 0);
/// open_at(AT_FDCWD, ...).
Result<Fd> open(const std::string& path, int flags, mode_t mode = 0);
/// Opens `path` below `dir` as if `dir` were the root directory: links (absolute ones and `..` too) never
/// leave it and magic links are refused. openat2(2) with RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS; a walk with
/// the same rules where the kernel has no openat2.
Result<Fd> open_in_root(int dir, const std::string& path, int flags, mode_t mode = 0);

/// Reads exactly up to `size` bytes (fewer only at end of file). @return the number read.
Result<size_t> read_full(int fd, void* buffer, size_t size);
/// Writes all of `data`.
Status write_full(int fd, std::string_view data);
/// The rest of `fd`; an error when it holds more than `limit` bytes.
Result<std::string> read_all(int fd, size_t limit);
/// A whole file, up to `limit` bytes. @param dir as for open_at.
Result<std::string> read_file_at(int dir, const std::string& path, size_t limit = size_t{256} << 20);
Result<std::string> read_file(const std::string& path, size_t limit = size_t{256} << 20);
/// Writes a file so that it appears whole or not at all: temporary name in the same directory, optional
/// fsync, rename.
Status write_file_atomic(int dir, const std::string& path, std::string_view data, mode_t mode = 0644,
                         bool sync = true);
/// Writes (creates or truncates) a file in place.
Status write_file_at(int dir, const std::string& path, std::string_view data, mode_t mode = 0644);

/// mkdirat(2); an existing directory is fine.
Status make_dir_at(int dir, const std::string& path, mode_t mode);
/// mkdir -p.
Status make_dirs(const std::string& path, mode_t mode);
/// Removes a file or a whole tree below `dir`, never following links; missing is fine. Directories without
/// permissions are opened up first.
Status remove_tree_at(int dir, const std::string& path);
Status remove_tree(const std::string& path);
/// fstatat(2). @return nothing when the name does not exist.
Result<std::optional<struct stat>> stat_at(int dir, const std::string& path, int flags = AT_SYMLINK_NOFOLLOW);
Result<std::string> read_link_at(int dir, const std::string& path);
/// The names in a directory, sorted bytewise, without `.` and `..`. @param dir a directory descriptor open
/// for reading; kept open.
Result<std::vector<std::string>> list_dir(int dir);

/// pipe2(O_CLOEXEC): {read end, write end}.
Result<std::pair<Fd, Fd>> pipe();
/// A connected pair of AF_UNIX sockets of this type (SOCK_STREAM, SOCK_SEQPACKET), close-on-exec.
Result<std::pair<Fd, Fd>> socket_pair(int type);
/// An anonymous memory file (memfd_create), close-on-exec.
Result<Fd> memory_file(const char* name);
/// A file in a folder that has no name, or none any more: it goes when its descriptor does.
Result<Fd> unnamed_file(const std::string& folder);
/// dup of `fd`, close-on-exec.
Result<Fd> duplicate(int fd);
/// Folders for what is needed for a while, the best first, their paths without links: TMPDIR, /tmp and
/// /var/tmp, as far as they exist and lie in none of `outside` (absolute; empty ones count for nothing).
std::vector<std::string> temporary_folders(const std::vector<std::string>& outside);
/// flock(2), waiting. @param operation LOCK_SH or LOCK_EX (| LOCK_NB: then false when somebody else holds
/// it).
Result<bool> lock(int fd, int operation);

/// close_range(first, ~0, CLOSE_RANGE_CLOEXEC); where the kernel has no close_range, the same by
/// /proc/self/fd, and without a /proc by brute force up to RLIMIT_NOFILE. Async-signal-safe. @return 0 or
/// -errno.
int cloexec_from_raw(int first);

/// The path by which the kernel knows this process's program (/proc/self/exe).
Result<std::string> self_path();
/// What the kernel says can be used without swapping (MemAvailable), in bytes; 0: it does not say.
uint64_t available_memory();
/// Monotonic clock in nanoseconds.
uint64_t monotonic_ns();
/// Wall clock in nanoseconds since the epoch.
uint64_t realtime_ns();

}  // namespace testctr::sys
