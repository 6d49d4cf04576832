#include "sandbox/follow.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/refusals.h"

namespace testctr::sandbox {
namespace {

constexpr int most_links = 40;           // the kernel's own
constexpr int most_interpreters = 5;     // likewise
constexpr size_t most_text = 64 * 1024;  // of a path and the links put into it
constexpr size_t most_unseen = 100;
constexpr size_t page = 4096;
constexpr uint64_t resolve_in_root = 0x10;  // RESOLVE_IN_ROOT
// What is there is made for the container, and nothing of the image.
constexpr std::string_view made_here[] = {"/proc", "/dev", "/sys", "/work", "/testctr"};

bool lies_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

// @return how much was read. A thread whose memory is ours, as a child before it executes, is no exception.
size_t read_memory(uint32_t thread, uint64_t address, char* to, size_t size) {
  const iovec here{to, size};
  const iovec there{reinterpret_cast<void*>(address), size};  // NOLINT: of another process
  const ssize_t n = process_vm_readv(static_cast<pid_t>(thread), &here, 1, &there, 1, 0);
  return n > 0 ? static_cast<size_t>(n) : 0;
}

// Whether a thread that hides itself from us is a child of ours that has not executed anything yet: only such
// a one has our memory.
bool is_ours(uint32_t thread) {
  static const char probe = 0;
  char byte = 0;
  return read_memory(thread, reinterpret_cast<uintptr_t>(&probe), &byte, 1) == 1;
}

// The text at an address. @return nothing where there is none, with errno.
std::optional<std::string> read_path(uint32_t thread, uint64_t address) {
  std::string path;
  char piece[page];
  while (path.size() < PATH_MAX) {
    const size_t wanted = page - address % page;
    errno = 0;
    const size_t size = read_memory(thread, address, piece, wanted);
    if (size == 0) return std::nullopt;
    const std::string_view got(piece, size);
    const size_t end = got.find('\0');
    path += got.substr(0, end);
    if (end != std::string_view::npos) {
      if (path.size() < PATH_MAX) return path;
      break;
    }
    address += size;
  }
  errno = ENAMETOOLONG;
  return std::nullopt;
}

// What a link says; nothing, with errno, where there is no link.
std::optional<std::string> read_link(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t n = ::readlink(path.c_str(), target, sizeof target);
  if (n < 0) return std::nullopt;
  return std::string(target, static_cast<size_t>(n));
}

std::optional<std::string> read_place(const seccomp_notif& call, const std::string& what) {
  auto place = read_link(fmt::format("/proc/{}/{}", call.pid, what));
  if (place && !place->starts_with('/')) {  // "pipe:[123]": nothing that has a name here
    errno = ENOTDIR;
    return std::nullopt;
  }
  if (place == "/") place = "";
  return place;
}

std::string head_of(int file, uint64_t offset, size_t size) {
  std::string bytes(size, '\0');
  const ssize_t n = ::pread(file, bytes.data(), size, static_cast<off_t>(offset));
  bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return bytes;
}

template <class Header, class Segment>
std::string loader_in(int file, const std::string& head) {
  Header header;
  if (head.size() < sizeof header) return {};
  memcpy(&header, head.data(), sizeof header);
  if (header.e_phentsize != sizeof(Segment)) return {};
  const std::string table =
      head_of(file, header.e_phoff, std::min<size_t>(header.e_phnum, 1024) * sizeof(Segment));
  for (size_t at = 0; at + sizeof(Segment) <= table.size(); at += sizeof(Segment)) {
    Segment segment;
    memcpy(&segment, table.data() + at, sizeof segment);
    if (segment.p_type != PT_INTERP) continue;
    const std::string text = head_of(file, segment.p_offset, std::min<uint64_t>(segment.p_filesz, PATH_MAX));
    return text.substr(0, text.find('\0'));
  }
  return {};
}

// Whom the kernel opens to run a file; empty: nobody.
std::string interpreter_of(const std::string& path) {
  struct stat st {};
  if (::lstat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return {};
  // It may be something else by now: what could wait does not.
  Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.valid()) return {};
  const std::string head = head_of(file.get(), 0, 256);  // more of a line the kernel does not read
  if (head.starts_with("#!")) {
    const std::string_view line = text::trim(std::string_view(head).substr(2, head.find('\n') - 2));
    return std::string(line.substr(0, line.find_first_of(" \t\0")));
  }
  if (!head.starts_with(ELFMAG) || head.size() <= EI_CLASS) return {};
  return head[EI_CLASS] == ELFCLASS64 ? loader_in<Elf64_Ehdr, Elf64_Phdr>(file.get(), head)
                                      : loader_in<Elf32_Ehdr, Elf32_Phdr>(file.get(), head);
}

}  // namespace

// ---- what a caller asks for

std::string Follower::root_of(const seccomp_notif& call) { return read_place(call, "root").value_or(""); }

std::optional<std::string> Follower::base_of(const seccomp_notif& call, int dir) {
  auto base = read_place(call, dir == AT_FDCWD ? "cwd" : fmt::format("fd/{}", dir));
  if (base || (errno != EACCES && errno != EPERM)) return base;
  if (const int reason = errno; dir != AT_FDCWD || !is_ours(call.pid)) {
    errno = reason;
    return std::nullopt;
  }
  // It was made in our own directory.
  if (call.pid == child_) return child_base_;
  base = read_link("/proc/self/cwd");
  if (base == "/") base = "";
  return base;
}

std::optional<Follower::Asked> Follower::asked(const seccomp_notif& call, const PathCall& kind,
                                               const PathCall::Name& name) {
  Asked asked;
  const uint64_t* arguments = reinterpret_cast<const uint64_t*>(call.data.args);
  errno = 0;
  if (arguments[name.path] == 0) return std::nullopt;
  auto path = read_path(call.pid, arguments[name.path]);
  if (!path) return std::nullopt;
  asked.path = std::move(*path);
  asked.root = root_of(call);
  uint64_t how[3] = {};  // struct open_how: flags, mode, resolve
  const bool scoped =
      kind.kind == PathCall::Kind::scoped && arguments[3] >= sizeof how &&
      read_memory(call.pid, arguments[2], reinterpret_cast<char*>(how), sizeof how) == sizeof how &&
      (how[2] & resolve_in_root) != 0;
  if (asked.path.starts_with('/') && !scoped) return asked;
  auto base = base_of(call, name.dir < 0 ? AT_FDCWD : static_cast<int>(arguments[name.dir]));
  if (!base) return std::nullopt;
  asked.base = std::move(*base);
  if (scoped) asked.root = asked.base;
  return asked;
}

void Follower::note(int listener, const seccomp_notif& call, const PathCall& kind) {
  if (stopped_) return;
  std::vector<Asked> all;
  if (kind.kind == PathCall::Kind::lists) {
    if (auto listed = base_of(call, static_cast<int>(call.data.args[0]))) {
      add(*listed + "/");
    } else if ((errno == EACCES || errno == EPERM) && !is_ours(call.pid)) {  // ours lists its descriptors
      unseen(call, kind);
    }
    return;
  }
  for (const PathCall::Name& name : kind.names) {
    if (name.path < 0) continue;
    if (auto one = asked(call, kind, name))
      all.push_back(std::move(*one));
    else if (errno == EACCES || errno == EPERM)
      unseen(call, kind);
  }
  // Where the caller is gone, its number may be another's, whose names these were.
  if (uint64_t id = call.id; listener >= 0 && ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) != 0) return;
  for (const Asked& one : all) {
    const auto found = walk(one.root, one.base, one.path);
    if (!found) continue;
    if (kind.kind == PathCall::Kind::executes) note_interpreters(call, one, *found);
    if (kind.kind == PathCall::Kind::changes_directory) {
      child_ = call.pid;
      child_base_ = *found;
    }
  }
}

void Follower::note_interpreters(const seccomp_notif& call, const Asked& asked, std::string program) {
  for (int i = 0; i < most_interpreters; ++i) {
    const std::string interpreter = interpreter_of(program);
    if (interpreter.empty()) return;
    const std::string base = interpreter.starts_with('/') ? "" : base_of(call, AT_FDCWD).value_or("");
    auto found = walk(asked.root, base, interpreter);
    if (!found) return;
    program = std::move(*found);
  }
}

// ---- where that leads

std::optional<std::string> Follower::walk(const std::string& root, const std::string& base,
                                          std::string_view path) {
  std::string at = path.starts_with('/') ? root : base;
  std::string rest(path);
  int links = 0;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('/'), rest.size());
    const std::string name = rest.substr(0, end);
    rest.erase(0, std::min(end + 1, rest.size()));
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      if (at != root) at.resize(at.empty() ? 0 : at.rfind('/'));
      continue;
    }
    const std::string next = at + "/" + name;
    // Links there lead to where no name does; whatever it is has been opened by its name before.
    if (lies_below(next, "/proc")) return std::nullopt;
    const auto target = read_link(next);
    if (!target && errno == EINVAL) {
      at = next;
      continue;
    }
    if (!target || ++links > most_links || target->size() + rest.size() > most_text) {
      add(at);
      return std::nullopt;
    }
    add(next);
    if (target->starts_with('/')) at = root;
    rest = *target + "/" + rest;
  }
  add(at);
  return at;
}

// ---- the record

void Follower::add(std::string name) {
  if (stopped_ || name.empty()) return;
  for (std::string_view folder : made_here)
    if (lies_below(name, folder)) return;
  if (names_.contains(name)) return;
  if (names_.size() >= bounds_.names || bytes_ + name.size() > bounds_.bytes) {
    return stop(fmt::format("the run touches more than {} files, or their names are longer than {} together",
                            bounds_.names, text::human_size(bounds_.bytes)));
  }
  bytes_ += name.size();
  write(name);
  names_.insert(std::move(name));
}

void Follower::unseen(const seccomp_notif& call, const PathCall& kind) {
  if (unseen_.size() >= most_unseen) return;
  const auto [at, is_new] = unseen_.insert(fmt::format("?{} by {}", kind.name, program_of(call.pid)));
  if (is_new) write(*at);
}

void Follower::write(const std::string& record) {
  // With its NUL, and in one piece: other containers append, too.
  ssize_t n = 0;
  do n = ::write(out_, record.c_str(), record.size() + 1);
  while (n < 0 && errno == EINTR);
  if (n == static_cast<ssize_t>(record.size() + 1)) return;
  if (!stopped_) stop(n < 0 ? Error::system("write", "the record of touched files").message() : "no space");
}

void Follower::stop(std::string_view why) {
  stopped_ = true;
  names_.clear();
  // Where a name could only be written in part, its rest is not to be taken for one.
  write("");
  write(fmt::format("!{}", why));
}

// ---- the outside

namespace {

constexpr size_t most_record = size_t{256} << 20;

bool is_name(std::string_view name) {
  if (!name.starts_with('/') || name.size() > PATH_MAX + 1) return false;
  if (name == "/") return true;
  if (name.ends_with('/')) name.remove_suffix(1);
  name.remove_prefix(1);
  for (const std::string& part : text::split(name, '/'))
    if (part.empty() || part == "." || part == "..") return false;
  return true;
}

}  // namespace

Result<Fd> make_record(const std::string& directory) {
  Fd file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600));
  if (file.valid()) return file;
  // Not every file system has files without names.
  std::string path = directory + "/followed-XXXXXX";
  file = Fd(::mkostemp(path.data(), O_APPEND | O_CLOEXEC));
  if (!file.valid()) return Error::system("mkostemp", path);
  ::unlink(path.c_str());
  return file;
}

Result<Followed> read_followed(int record) {
  if (lseek(record, 0, SEEK_SET) != 0) return Error::system("lseek", "the record of touched files");
  const std::string all = TRY_IN(sys::read_all(record, most_record), "reading what the run touched");
  Followed followed;
  for (size_t at = 0; at < all.size();) {
    const size_t end = all.find('\0', at);
    if (end == std::string::npos) break;  // the container was killed meanwhile
    const std::string_view name(all.data() + at, end - at);
    at = end + 1;
    if (name.empty()) continue;
    if (name.starts_with('!')) {
      return Error::infrastructure("what the run touched is not known completely: " +
                                   text::printable(name.substr(1)));
    }
    if (name.starts_with('?')) {
      followed.unseen.push_back(text::printable(name.substr(1)));
    } else if (is_name(name)) {
      followed.names.emplace_back(name);
    } else {
      return Error::infrastructure(
          fmt::format("the record of what the run touched holds {}, which is no name", text::quoted(name)));
    }
  }
  for (auto* list : {&followed.names, &followed.unseen}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
  }
  return followed;
}

}  // namespace testctr::sandbox
