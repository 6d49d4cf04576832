#include "image/store.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/vfs.h>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"

namespace testctr::image {
namespace {

constexpr size_t largest_record = size_t{8} << 20;
constexpr int format_version = 1;

std::string environment(const char* name) {
  const char* value = getenv(name);
  return value != nullptr ? value : "";
}

// XDG base directories: an empty or relative value is as good as unset.
std::string absolute_environment(const char* name) {
  std::string value = environment(name);
  return value.starts_with('/') ? value : "";
}

// The home from /etc/passwd is not looked up: that is NSS, and a user without $HOME says by TESTCTR_HOME what
// is wanted.
std::string usual_home() {
  std::string data = absolute_environment("XDG_DATA_HOME");
  if (!data.empty()) return data + "/testctr";
  std::string home = absolute_environment("HOME");
  return home.empty() ? "" : home + "/.local/share/testctr";
}

// Locks and rename are not to be relied on there, and user attributes are mostly missing.
std::string_view network_file_system(int fd) {
  struct statfs fs {};
  if (fstatfs(fd, &fs) != 0) return "";
  switch (static_cast<unsigned long>(fs.f_type)) {
    case NFS_SUPER_MAGIC:
      return "NFS";
    case SMB_SUPER_MAGIC:
    case 0xff534d42UL:
    case 0xfe534d42UL:
      return "SMB";
    case AFS_SUPER_MAGIC:
    case 0x6b414653UL:
      return "AFS";
    case CODA_SUPER_MAGIC:
      return "Coda";
    default:
      return "";
  }
}

// File names of tags: "/" and "%" escaped; long ones by digest.
std::string tag_file(const std::string& name) {
  std::string file;
  for (char c : name) {
    if (c == '/' || c == '%') {
      file += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      file += c;
    }
  }
  constexpr size_t longest = 200;
  return file.size() <= longest ? file : "long-" + Digest::of(name).hex();
}

Status make_folders(Store::Impl& s) {
  for (const char* name : {"blobs", "blobs/sha256", "layers", "images", "refs", "sources", "locks", "tmp"})
    CHECK_OK(sys::make_dir_at(s.directory.get(), name, 0700));
  return sys::make_dir_at(s.directory.get(), s.layers_path(), 0700);
}

// Makes the folder of a store at `home` usable, or says why it cannot be one.
Status prepare(Store::Impl& s, const std::string& home) {
  auto opened = sys::open(home, O_RDONLY | O_DIRECTORY);
  if (!opened.ok() && opened.error().number() == ENOENT) {
    CHECK_OK(sys::make_dirs(home, 0700));
    opened = sys::open(home, O_RDONLY | O_DIRECTORY);
  }
  if (!opened.ok()) return std::move(opened).error();
  s.directory = std::move(opened).value();
  s.home = home;
  struct stat st {};
  if (fstat(s.directory.get(), &st) != 0) return Error::system("fstat", home);
  if (st.st_uid != geteuid())
    return Error(Error::infrastructure(
                     fmt::format("the store {} belongs to user {}, not to {}", home, st.st_uid, geteuid())))
        .hint("every user has a store of his own: set TESTCTR_HOME to a folder of this user");
  if (faccessat(s.directory.get(), ("tested-" + s.map).c_str(), F_OK, 0) == 0) return {};
  // What is inside may be set-user-id: nobody else may reach it.
  if ((st.st_mode & 0077) != 0 && fchmod(s.directory.get(), 0700) != 0) return Error::system("fchmod", home);
  std::string_view network = network_file_system(s.directory.get());
  if (!network.empty())
    return Error::infrastructure(
        fmt::format("{} lies on {}, where locks and attributes cannot be relied on", home, network));
  auto version = sys::read_file_at(s.directory.get(), "version", 64);
  if (version.ok() && text::trim(version.value()) != std::to_string(format_version))
    return Error(Error::infrastructure(fmt::format("the store {} has the format {}, this program knows {}",
                                                   home, text::printable(text::trim(version.value())),
                                                   format_version)))
        .hint("set TESTCTR_HOME to another folder, or remove this one");
  CHECK_OK(make_folders(s));
  {
    // Another process may tidy up tmp/ where it is alone in the store.
    const Fd hold = TRY(s.hold(LOCK_SH));
    CHECK_OK(test_file_system(s.directory.get()));
  }
  CHECK_OK(sys::write_file_atomic(s.directory.get(), "version", std::to_string(format_version) + "\n"));
  return sys::write_file_atomic(s.directory.get(), "tested-" + s.map, "");
}

Result<std::string> absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  std::string here(4096, '\0');
  if (getcwd(here.data(), here.size()) == nullptr) return Error::system("getcwd", "");
  return std::string(here.c_str()) + "/" + path;
}

bool same_folder(int a, int b) {
  struct stat st {
  }, other{};
  return fstat(a, &st) == 0 && fstat(b, &other) == 0 && st.st_dev == other.st_dev &&
         st.st_ino == other.st_ino;
}

// A store that is only looked into.
Result<std::unique_ptr<Store::Impl>> open_lower(const std::string& path, const Store::Impl& above) {
  auto lower = std::make_unique<Store::Impl>();
  lower->read_only = true;
  lower->keep_owners = above.keep_owners;
  lower->map = above.map;
  lower->home = TRY(absolute(path));
  lower->directory = TRY(sys::open(lower->home, O_RDONLY | O_DIRECTORY));
  const auto version = sys::read_file_at(lower->directory.get(), "version", 64);
  if (!version.ok() && version.error().number() != ENOENT) return version.error();
  if (!version.ok())
    return Error(Error::infrastructure("this folder is no store: it has no file version"))
        .hint("name a folder that has been TESTCTR_HOME of somebody");
  if (text::trim(version.value()) != std::to_string(format_version))
    return Error::infrastructure(fmt::format("it has the format {}, this program knows {}",
                                             text::printable(text::trim(version.value())), format_version));
  struct stat st {};
  if (fstat(lower->directory.get(), &st) != 0) return Error::system("fstat", lower->home);
  lower->own = st.st_uid == geteuid();
  return lower;
}

Status add_lowers(Store::Impl& store, const std::vector<std::string>& asked) {
  std::vector<std::string> paths = asked;
  for (std::string& path : text::split(environment("TESTCTR_STORE_RO"), ':'))
    if (!path.empty()) paths.push_back(std::move(path));
  for (const std::string& path : paths) {
    auto lower = TRY_IN(open_lower(path, store), "opening the read-only store " + path);
    // The same one again would be asked twice, and this one is asked anyway.
    bool known = same_folder(lower->directory.get(), store.directory.get());
    for (const auto& other : store.lowers)
      known = known || same_folder(lower->directory.get(), other->directory.get());
    if (!known) store.lowers.push_back(std::move(lower));
  }
  return {};
}

constexpr const char* another_folder =
    "set TESTCTR_HOME to a folder on a local file system with user attributes (ext4, xfs, btrfs, tmpfs)";

std::vector<std::string> fallbacks() {
  std::vector<std::string> list;
  std::string runtime = absolute_environment("XDG_RUNTIME_DIR");
  if (!runtime.empty()) list.push_back(runtime + "/testctr");
  list.push_back(fmt::format("/var/tmp/testctr-{}", geteuid()));
  return list;
}

}  // namespace

bool is_layer_id(std::string_view id) {
  if (id.starts_with("c-")) id.remove_prefix(2);
  return text::is_hex(id, 24);
}

bool can_keep_owners() {
  if (geteuid() != 0) return false;
  // Root of a user namespace with a few ids only is an ordinary user in this respect.
  auto map = sys::read_file("/proc/self/uid_map", 65536);
  if (!map.ok()) return true;
  unsigned inside = 0, outside = 0, count = 0;
  uint64_t covered = 0;
  for (std::string_view line : text::lines(map.value())) {
    if (sscanf(std::string(line).c_str(), "%u %u %u", &inside, &outside, &count) == 3) covered += count;
  }
  constexpr uint64_t enough = 65536;
  return covered >= enough;
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

namespace {

// The first folder that can be this user's store.
Result<std::unique_ptr<Store::Impl>> open_own(const StoreOptions& options) {
  auto impl = std::make_unique<Store::Impl>();
  impl->keep_owners = can_keep_owners();
  impl->map = impl->keep_owners ? "root" : "user";
  std::string asked = !options.home.empty() ? options.home : environment("TESTCTR_HOME");
  if (!asked.empty()) {
    asked = TRY(absolute(asked));
    Status s = prepare(*impl, asked);
    if (s.ok()) return impl;
    return std::move(s).error().in("opening the store " + asked).hint(another_folder);
  }
  std::string usual = usual_home();
  Error reason =
      Error::infrastructure("neither TESTCTR_HOME nor XDG_DATA_HOME nor HOME names a folder for the store");
  if (!usual.empty()) {
    Status s = prepare(*impl, usual);
    if (s.ok()) return impl;
    reason = std::move(s).error();
  }
  for (const std::string& other : fallbacks()) {
    Status s = prepare(*impl, other);
    if (!s.ok()) continue;
    impl->notes.push_back(fmt::format("the image store is in {}, because: {}", other, reason.message()));
    return impl;
  }
  return std::move(reason).in("opening the store").hint(another_folder);
}

}  // namespace

Result<Store> Store::open(const StoreOptions& options) {
  std::unique_ptr<Impl> impl = TRY(open_own(options));
  CHECK_OK(add_lowers(*impl, options.read_only));
  return Store(std::move(impl));
}

const std::vector<std::string>& Store::notes() const { return impl_->notes; }
const std::string& Store::home() const { return impl_->home; }
bool Store::keeps_owners() const { return impl_->keep_owners; }

std::string Store::Impl::record_path(const Digest& manifest) const {
  return "images/" + map + "-" + short_id(manifest);
}

std::string Store::Impl::layer_directory(const std::string& id) const {
  const Impl* holder = holder_of(id);
  return (holder != nullptr ? holder->home : home) + "/" + layer_path(id);
}

const Store::Impl* Store::Impl::holder_of(const std::string& id) const {
  if (faccessat(directory.get(), layer_path(id).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return this;
  for (const auto& lower : lowers)
    if (lower->own && lower->holder_of(id) != nullptr) return lower.get();
  return nullptr;
}

Result<std::optional<std::pair<Record, Fd>>> Store::Impl::ready(const Digest& manifest) {
  using Found = std::optional<std::pair<Record, Fd>>;
  if (Found mine = TRY(ready_here(manifest))) return mine;
  for (const auto& lower : lowers) {
    if (!lower->own) continue;
    if (Found there = TRY(lower->ready_here(manifest))) return there;
  }
  return Found();
}

Result<std::optional<std::pair<Record, Fd>>> Store::Impl::ready_here(const Digest& manifest) {
  using Found = std::optional<std::pair<Record, Fd>>;
  std::string path = record_path(manifest);
  if (!TRY(sys::stat_at(directory.get(), path))) return Found();
  std::optional<Fd> lock = read_only ? lock_if_possible(path) : TRY(lock_record(path, LOCK_SH));
  auto text = sys::read_file_at(directory.get(), path, largest_record);
  if (!text.ok()) {
    if (text.error().number() == ENOENT) return Found();  // collected before it was locked
    return std::move(text).error();
  }
  auto record = Record::from_json(text.value());
  // A record that cannot be read is made anew.
  if (!record.ok() || record.value().manifest != manifest) return Found();
  for (const std::string& id : record.value().layers)
    if (holder_of(id) == nullptr) return Found();
  return Found(std::pair(std::move(record).value(), std::move(*lock)));
}

Result<std::optional<Fd>> Store::Impl::lock_record(const std::string& path, int operation) {
  std::string name = path + ".lock";
  for (;;) {
    Fd fd = TRY(sys::open_at(directory.get(), name, O_RDONLY | O_CREAT | O_NOFOLLOW, 0400));
    if (!TRY(sys::lock(fd.get(), operation))) return std::optional<Fd>();
    struct stat st {};
    if (fstat(fd.get(), &st) != 0) return Error::system("fstat", name);
    // Collected between open and lock: a lock on a file without a name holds nothing.
    if (st.st_nlink != 0) return std::optional<Fd>(std::move(fd));
  }
}

// In a store that is only read there may be no lock file and none can be made, or no locks at all.
Fd Store::Impl::lock_if_possible(const std::string& path) const {
  auto file = sys::open_at(directory.get(), path + ".lock", O_RDONLY | O_NOFOLLOW);
  if (!file.ok()) return {};
  auto locked = sys::lock(file.value().get(), LOCK_SH | LOCK_NB);
  return locked.ok() && locked.value() ? std::move(file).value() : Fd();
}

Status Store::Impl::write_record(const Record& record) {
  return sys::write_file_atomic(directory.get(), record_path(record.manifest), record.to_json(), 0600);
}

Result<Fd> Store::Impl::hold(int operation) {
  Fd fd = TRY(sys::open_at(directory.get(), "lock", O_RDWR | O_CREAT, 0600));
  (void)TRY(sys::lock(fd.get(), operation));
  return fd;
}

Result<std::optional<Fd>> Store::Impl::lock(const std::string& name, int operation) {
  Fd fd = TRY(sys::open_at(directory.get(), "locks/" + name, O_RDWR | O_CREAT, 0600));
  if (!TRY(sys::lock(fd.get(), operation))) return std::optional<Fd>();
  return std::optional<Fd>(std::move(fd));
}

Result<bool> Store::Impl::has_blob(const Digest& digest) { return TRY(blob_size(digest)).has_value(); }

Result<std::optional<uint64_t>> Store::Impl::blob_size(const Digest& digest) {
  if (const auto st = TRY(sys::stat_at(directory.get(), blob_path(digest))))
    return std::optional(static_cast<uint64_t>(st->st_size));
  for (const auto& lower : lowers)
    if (auto size = TRY(lower->blob_size(digest))) return size;
  return std::optional<uint64_t>();
}

Result<Fd> Store::Impl::open_blob(const Digest& digest) {
  auto fd = sys::open_at(directory.get(), blob_path(digest), O_RDONLY | O_NOFOLLOW);
  for (size_t i = 0; i < lowers.size() && !fd.ok() && fd.error().number() == ENOENT; ++i)
    fd = sys::open_at(lowers[i]->directory.get(), blob_path(digest), O_RDONLY | O_NOFOLLOW);
  return fd;
}

Result<std::vector<Fd>> Store::Impl::blob_folders() {
  std::vector<Fd> folders;
  folders.push_back(TRY(sys::open_at(directory.get(), "blobs/sha256", O_RDONLY | O_DIRECTORY)));
  for (const auto& lower : lowers)
    folders.push_back(TRY(sys::open_at(lower->directory.get(), "blobs/sha256", O_RDONLY | O_DIRECTORY)));
  return folders;
}

Status Store::Impl::put_blob(std::string_view bytes) {
  Digest digest = Digest::of(bytes);
  if (TRY(has_blob(digest))) return {};
  return sys::write_file_atomic(directory.get(), blob_path(digest), bytes, 0600);
}

Result<std::string> Store::Impl::read_blob(const Digest& digest) {
  auto here = sys::read_file_at(directory.get(), blob_path(digest), largest_document);
  for (size_t i = 0; i < lowers.size() && !here.ok() && here.error().number() == ENOENT; ++i)
    here = sys::read_file_at(lowers[i]->directory.get(), blob_path(digest), largest_document);
  std::string bytes = TRY(std::move(here));
  if (Digest::of(bytes) != digest)
    return Error::infrastructure(fmt::format("the stored blob {} is damaged", digest.str()));
  return bytes;
}

Result<std::optional<Digest>> Store::Impl::find_tag(const std::string& full_name) {
  auto tag = TRY(look_up_tag(full_name));
  return tag ? std::optional(std::move(tag->manifest)) : std::nullopt;
}

Result<std::optional<Tag>> Store::Impl::look_up_tag(const std::string& full_name) {
  auto bytes = sys::read_file_at(directory.get(), "refs/" + tag_file(full_name), 4096);
  if (!bytes.ok()) {
    if (bytes.error().number() != ENOENT) return std::move(bytes).error();
    for (const auto& lower : lowers) {
      auto there = TRY(lower->look_up_tag(full_name));
      if (!there) continue;
      there->store = lower->home;
      return there;
    }
    return std::optional<Tag>();
  }
  std::vector<std::string> parts = text::split(bytes.value(), '\n');
  if (parts.size() < 2 || parts[0] != full_name)
    return Error::infrastructure(fmt::format("the tag {} in the store is damaged", full_name));
  return std::optional(Tag{full_name, TRY(Digest::parse(parts[1])), tag_file(full_name), ""});
}

Status Store::Impl::set_tag(const std::string& full_name, const Digest& manifest) {
  return sys::write_file_atomic(directory.get(), "refs/" + tag_file(full_name),
                                full_name + "\n" + manifest.str() + "\n", 0600);
}

Status Store::Impl::remove_tag(const std::string& full_name) {
  std::string path = "refs/" + tag_file(full_name);
  if (unlinkat(directory.get(), path.c_str(), 0) != 0 && errno != ENOENT)
    return Error::system("unlinkat", path);
  return {};
}

Result<std::vector<Tag>> Store::Impl::tags() {
  Fd refs = TRY(sys::open_at(directory.get(), "refs", O_RDONLY | O_DIRECTORY));
  std::vector<Tag> all;
  for (const std::string& file : TRY(sys::list_dir(refs.get()))) {
    auto bytes = sys::read_file_at(refs.get(), file, 4096);
    if (!bytes.ok()) continue;  // removed meanwhile
    std::vector<std::string> parts = text::split(bytes.value(), '\n');
    // Temporary names of writers that were killed are no tags.
    if (parts.size() < 2 || tag_file(parts[0]) != file) continue;
    auto digest = Digest::parse(parts[1]);
    if (digest.ok()) all.push_back({parts[0], std::move(digest).value(), file, ""});
  }
  std::sort(all.begin(), all.end(), [](const Tag& a, const Tag& b) { return a.name < b.name; });
  return all;
}

Result<std::vector<Tag>> Store::Impl::all_tags() {
  std::map<std::string, Tag> by_name;
  for (Tag& tag : TRY(tags())) by_name.emplace(tag.name, tag);
  for (const auto& lower : lowers) {
    for (Tag& tag : TRY(lower->tags())) {
      tag.store = lower->home;
      by_name.emplace(tag.name, std::move(tag));
    }
  }
  std::vector<Tag> all;
  for (auto& [name, tag] : by_name) all.push_back(std::move(tag));
  return all;
}

std::optional<std::string> Store::Impl::source_key(const std::string& path, const std::string& tag) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return std::nullopt;
  std::string identity =
      fmt::format("{} {} {} {}.{} {}.{} {}", st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec,
                  st.st_mtim.tv_nsec, st.st_ctim.tv_sec, st.st_ctim.tv_nsec, tag);
  return Digest::of(identity).hex().substr(0, 32);
}

Result<std::optional<Digest>> Store::Impl::find_source(const std::string& key) {
  auto bytes = sys::read_file_at(directory.get(), "sources/" + key, 256);
  for (size_t i = 0; i < lowers.size() && !bytes.ok(); ++i)
    bytes = sys::read_file_at(lowers[i]->directory.get(), "sources/" + key, 256);
  if (!bytes.ok()) return std::optional<Digest>();
  auto digest = Digest::parse(text::trim(bytes.value()));
  if (!digest.ok()) return std::optional<Digest>();
  return std::optional<Digest>(std::move(digest).value());
}

Result<Digest> Store::Impl::manifest_of(const Digest& digest) {
  return TRY(find_source("index-" + digest.hex())).value_or(digest);
}

Status Store::Impl::add_indexes(const std::vector<IndexDocument>& documents, const Digest& manifest) {
  for (const IndexDocument& index : documents) {
    CHECK_OK(put_blob(index.bytes));
    CHECK_OK(set_source("index-" + index.digest.hex(), manifest));
  }
  return {};
}

Result<std::vector<std::pair<Digest, Digest>>> Store::Impl::indexes() {
  constexpr std::string_view prefix = "index-";
  std::vector<std::pair<Digest, Digest>> all;
  Fd folder = TRY(sys::open_at(directory.get(), "sources", O_RDONLY | O_DIRECTORY));
  for (const std::string& name : TRY(sys::list_dir(folder.get()))) {
    const std::string hex = name.starts_with(prefix) ? name.substr(prefix.size()) : "";
    if (!text::is_hex(hex, 64)) continue;
    if (const auto manifest = TRY(find_source(name))) all.emplace_back(Digest::from_hex(hex), *manifest);
  }
  for (const auto& lower : lowers)
    for (auto& pair : TRY(lower->indexes())) all.push_back(std::move(pair));
  return all;
}

Status Store::Impl::set_source(const std::string& key, const Digest& manifest) {
  return sys::write_file_atomic(directory.get(), "sources/" + key, manifest.str() + "\n", 0600,
                                /* sync= */ false);
}

}  // namespace testctr::image
