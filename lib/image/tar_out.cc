#include "image/tar_out.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::image {
namespace {

constexpr size_t record = 512;  // of a tar: a header, and what contents are filled up to

/// A tar header as POSIX has it. What is written with a space behind it is so since libarchive does.
struct Header {
  std::array<char, 100> name;
  std::array<char, 8> mode, uid, gid;
  std::array<char, 12> size, mtime;
  std::array<char, 8> checksum;
  char type;
  std::array<char, 100> linkname;
  std::array<char, 8> magic;
  std::array<char, 32> uname, gname;
  std::array<char, 8> major, minor;
  std::array<char, 167> prefix;
};
static_assert(sizeof(Header) == record);

template <size_t N>
void put_octal(std::array<char, N>& field, size_t digits, uint64_t value) {
  for (size_t i = digits; i > 0; value >>= 3U) field[--i] = static_cast<char>('0' + (value & 7U));
  if (digits < N) field[digits] = ' ';
}

bool fits(std::string_view name) {
  return name.size() <= sizeof(Header::name) &&
         std::all_of(name.begin(), name.end(), [](char c) { return static_cast<signed char>(c) > 0; });
}

constexpr uint64_t most_octal = (uint64_t{1} << 33U) - 1;  // eleven digits

bool is_plain(const TarMember& m) {
  const bool known = S_ISREG(m.mode) || S_ISDIR(m.mode) || S_ISLNK(m.mode);
  return known && m.hardlink.empty() && m.attributes.empty() && fits(m.path) && fits(m.symlink) &&
         m.path.size() + 1 <= sizeof(Header::name) && m.size <= most_octal && m.seconds >= 0 &&
         static_cast<uint64_t>(m.seconds) <= most_octal;
}

Header plain_header(const TarMember& m) {
  Header h{};
  std::memcpy(h.name.data(), m.path.data(), m.path.size());
  if (S_ISDIR(m.mode)) h.name[m.path.size()] = '/';
  std::memcpy(h.linkname.data(), m.symlink.data(), m.symlink.size());
  put_octal(h.mode, 6, m.mode & 07777U);
  for (auto* zero : {&h.uid, &h.gid, &h.major, &h.minor}) put_octal(*zero, 6, 0);
  put_octal(h.size, 11, S_ISREG(m.mode) ? m.size : 0);
  put_octal(h.mtime, 11, static_cast<uint64_t>(m.seconds));
  h.type = S_ISDIR(m.mode) ? '5' : S_ISLNK(m.mode) ? '2' : '0';
  std::memcpy(h.magic.data(),
              "ustar\0"
              "00",
              h.magic.size());
  h.checksum.fill(' ');
  const auto* bytes = reinterpret_cast<const unsigned char*>(&h);
  uint64_t sum = 0;
  for (size_t i = 0; i < record; ++i) sum += bytes[i];
  put_octal(h.checksum, 6, sum);
  h.checksum[6] = '\0';
  return h;
}

ArchiveEntry entry_of(const TarMember& m) {
  ArchiveEntry e = new_entry();
  archive_entry_copy_pathname(e.get(), S_ISDIR(m.mode) ? (m.path + "/").c_str() : m.path.c_str());
  archive_entry_set_filetype(e.get(), m.mode & S_IFMT);
  archive_entry_set_perm(e.get(), m.mode & 07777U);
  archive_entry_set_mtime(e.get(), m.seconds, 0);
  archive_entry_set_uid(e.get(), 0);
  archive_entry_set_gid(e.get(), 0);
  if (!m.hardlink.empty()) {
    archive_entry_copy_hardlink(e.get(), m.hardlink.c_str());
    return e;
  }
  if (S_ISREG(m.mode)) archive_entry_set_size(e.get(), static_cast<la_int64_t>(m.size));
  if (S_ISLNK(m.mode)) archive_entry_copy_symlink(e.get(), m.symlink.c_str());
  for (const auto& [name, value] : m.attributes)
    archive_entry_xattr_add_entry(e.get(), name.c_str(), value.data(), value.size());
  return e;
}

}  // namespace

Result<std::unique_ptr<TarOut>> TarOut::open(int out) {
  std::unique_ptr<TarOut> made(new TarOut());  // NOLINT: its constructor is nobody else's
  made->fd_ = out;
  CHECK_OK(made->start());
  return made;
}

Result<std::unique_ptr<TarOut>> TarOut::open(BlockSink sink) {
  std::unique_ptr<TarOut> made(new TarOut());  // NOLINT: its constructor is nobody else's
  made->sink_ = std::move(sink);
  CHECK_OK(made->start());
  return made;
}

Status TarOut::start() {
  block_.resize(tar_block);
  writer_ = TRY(tar_writer(this, take));
  return {};
}

la_ssize_t TarOut::take(struct archive* a, void* self, const void* bytes, size_t size) {
  const Status s = static_cast<TarOut*>(self)->append({static_cast<const char*>(bytes), size});
  if (s.ok()) return static_cast<la_ssize_t>(size);
  archive_set_error(a, s.error().number(), "%s", s.error().message().c_str());
  return -1;
}

Status TarOut::flush() {
  if (!failed_.ok()) return failed_.error();
  block_.resize(used_);
  flushed_ += used_;
  used_ = 0;
  if (sink_) {
    failed_ = sink_(block_);
  } else {
    hash_.update(block_);
    if (fd_ >= 0) failed_ = sys::write_full(fd_, block_);
  }
  block_.resize(tar_block);
  if (!failed_.ok()) return failed_.error();
  return {};
}

Status TarOut::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t n = std::min(bytes.size(), tar_block - used_);
    std::memcpy(block_.data() + used_, bytes.data(), n);
    used_ += n;
    bytes.remove_prefix(n);
    if (used_ == tar_block) CHECK_OK(flush());
  }
  return {};
}

Error TarOut::error(const std::string& path) {
  if (!failed_.ok()) return failed_.error();
  return archive_error(writer_.get(), fmt::format("writing {}", text::quoted(path)));
}

Error TarOut::changed(const std::string& path) {
  return Error::infrastructure(fmt::format("{} changed while it was packed", text::quoted(path)));
}

Status TarOut::end_member() {
  if (by_archive_ && archive_write_finish_entry(writer_.get()) < ARCHIVE_WARN)
    return error("the end of a file");
  by_archive_ = false;
  if (rest_ != 0) return Error::internal("a member of a tar stream is shorter than its header says");
  static constexpr std::array<char, record> zeros{};
  return append({zeros.data(), std::exchange(padding_, 0)});
}

Status TarOut::member(const TarMember& member) {
  if (!is_plain(member)) return header(entry_of(member).get(), member.path);
  CHECK_OK(end_member());
  const Header h = plain_header(member);
  rest_ = S_ISREG(member.mode) ? member.size : 0;
  padding_ = (record - rest_ % record) % record;
  return append({reinterpret_cast<const char*>(&h), sizeof h});
}

Status TarOut::header(struct archive_entry* entry, const std::string& path) {
  CHECK_OK(end_member());
  by_archive_ = true;
  // A warning is a name outside the locale's character set: it is written as it is.
  if (archive_write_header(writer_.get(), entry) >= ARCHIVE_WARN) return {};
  return error(path);
}

Status TarOut::bytes(std::string_view bytes, const std::string& path) {
  if (!by_archive_) {
    if (bytes.size() > rest_)
      return Error::internal("a member of a tar stream is longer than its header says");
    rest_ -= bytes.size();
    return append(bytes);
  }
  if (archive_write_data(writer_.get(), bytes.data(), bytes.size()) == static_cast<la_ssize_t>(bytes.size()))
    return {};
  return error(path);
}

// Read where it is to stand; libarchive's members take a way round.
Status TarOut::file(int fd, uint64_t size, const std::string& path, bool longer) {
  std::string aside(by_archive_ ? tar_block : 0, '\0');
  for (uint64_t rest = size;;) {
    char* const to = by_archive_ ? aside.data() : block_.data() + used_;
    const size_t room = by_archive_ ? tar_block : tar_block - used_;
    // One byte more than there is to be shows a file that grows.
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(room, rest + (longer ? 0 : 1)));
    if (wanted == 0) return {};
    const ssize_t n = ::read(fd, to, wanted);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::system("read", text::printable(path));
    const auto got = static_cast<uint64_t>(n);
    if (got > rest || (got == 0 && rest != 0)) return changed(path);
    rest -= got;
    if (by_archive_) {
      CHECK_OK(bytes({to, static_cast<size_t>(got)}, path));
    } else {
      rest_ -= got;
      used_ += got;
      if (used_ == tar_block) CHECK_OK(flush());
    }
    if (rest == 0 && got < wanted) return {};
  }
}

Status TarOut::close() {
  CHECK_OK(end_member());
  if (archive_write_close(writer_.get()) != ARCHIVE_OK) return error("the end of the layer");
  return used_ == 0 ? Status() : flush();
}

std::vector<std::pair<std::string, std::string>> attributes_of(int file,
                                                               bool (*wanted)(std::string_view name)) {
  std::vector<std::pair<std::string, std::string>> found;
  ssize_t size = flistxattr(file, nullptr, 0);
  if (size <= 0) return found;
  std::string names(static_cast<size_t>(size), '\0');
  size = flistxattr(file, names.data(), names.size());
  if (size <= 0) return found;
  names.resize(static_cast<size_t>(size));
  std::vector<std::string> list = text::split(names, '\0');
  std::sort(list.begin(), list.end());
  for (std::string& key : list) {
    if (key.empty() || !wanted(key)) continue;
    std::string value(size_t{64} * 1024, '\0');
    const ssize_t n = fgetxattr(file, key.c_str(), value.data(), value.size());
    if (n < 0) continue;
    value.resize(static_cast<size_t>(n));
    found.emplace_back(std::move(key), std::move(value));
  }
  return found;
}

void add_attributes(struct archive_entry* entry, int file, bool (*wanted)(std::string_view name)) {
  for (const auto& [name, value] : attributes_of(file, wanted))
    archive_entry_xattr_add_entry(entry, name.c_str(), value.data(), value.size());
}

}  // namespace testctr::image
