#include "image/images.h"

#include <fcntl.h>
#include <sys/file.h>

#include <set>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "image/builtin.h"
#include "image/near_name.h"
#include "image/reference.h"
#include "image/store.h"
#include "image/tree.h"

namespace testctr::image {
namespace {

struct RecordFile {
  std::string file;  ///< below images/
  std::string map;
  Record record;
  bool broken = false;
};

Result<std::vector<RecordFile>> record_files(Store::Impl& store) {
  Fd images = TRY(sys::open_at(store.directory.get(), "images", O_RDONLY | O_DIRECTORY));
  std::vector<RecordFile> all;
  for (const std::string& file : TRY(sys::list_dir(images.get()))) {
    if (file.ends_with(".lock")) continue;
    RecordFile r;
    r.file = file;
    r.map = file.substr(0, file.find('-'));
    auto text = sys::read_file_at(images.get(), file, size_t{8} << 20);
    if (!text.ok()) continue;  // removed meanwhile
    auto record = Record::from_json(text.value());
    r.broken =
        !record.ok() || file != fmt::format("{}-{}", r.map, Store::Impl::short_id(record.value().manifest));
    if (!r.broken) r.record = std::move(record).value();
    all.push_back(std::move(r));
  }
  return all;
}

// The blobs that a stored manifest needs, itself included, and the indexes that stand for it.
std::set<std::string> blobs_of(Store::Impl& store, const Digest& digest,
                               const std::vector<std::pair<Digest, Digest>>& indexes) {
  std::set<std::string> needed;
  for (const auto& [index, manifest] : indexes)
    if (manifest == digest) needed.insert(index.hex());
  auto bytes = store.read_blob(digest);
  if (!bytes.ok()) return needed;
  needed.insert(digest.hex());
  auto manifest = parse_manifest(bytes.value(), "");
  if (!manifest.ok()) return needed;
  needed.insert(manifest.value().config.digest.hex());
  for (const Descriptor& layer : manifest.value().layers) needed.insert(layer.digest.hex());
  return needed;
}

// NAME.tmp.PID.NUMBER: what a writer that was killed has left. Those that live hold the store, and gc waits.
bool left_by_writer(const std::string& file) {
  size_t at = file.rfind(".tmp.");
  if (at == std::string::npos) return false;
  std::vector<std::string> numbers = text::split(std::string_view(file).substr(at + 5), '.');
  return numbers.size() == 2 && std::all_of(numbers.begin(), numbers.end(), [](const std::string& n) {
           return !n.empty() && n.find_first_not_of("0123456789") == std::string::npos;
         });
}

// The bytes in the files below `dir/name`, as far as they can be looked at.
uint64_t bytes_below(int dir, const std::string& name) {
  const auto found = sys::stat_at(dir, name);
  if (!found.ok() || !found.value()) return 0;
  if (!S_ISDIR(found.value()->st_mode)) return static_cast<uint64_t>(found.value()->st_size);
  uint64_t bytes = 0;
  auto folder = sys::open_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!folder.ok()) return 0;
  (void)walk_tree(folder.value().get(), {}, [&](const TreeEntry& entry) -> Status {
    if (S_ISREG(entry.st.st_mode)) bytes += static_cast<uint64_t>(entry.st.st_size);
    return {};
  });
  return bytes;
}

class Collector {
 public:
  Collector(Store::Impl& store, std::optional<Digest> only) : store_(store), only_(std::move(only)) {}
  Result<Collected> run();

 private:
  Status judge_records();
  Status locks_without_record();
  Status remove_layers(const std::string& map);
  Status remove_blobs();
  Status tidy();
  Status remove_leftover(int dir, const std::string& name);

  Store::Impl& store_;
  std::optional<Digest> only_;
  std::set<std::string> live_manifests_, live_layers_, live_blobs_, dead_layers_, dead_blobs_;
  std::set<std::string> unknown_use_;  ///< maps in which something runs that no record describes
  Collected done_;
};

// A record that nobody names and nobody holds goes first: from then on no run can begin with its layers.
Status Collector::judge_records() {
  for (RecordFile& r : TRY(record_files(store_))) {
    bool dead = r.broken || (live_manifests_.count(r.record.manifest.hex()) == 0 &&
                             (!only_ || r.record.manifest == *only_));
    if (dead) {
      std::string path = "images/" + r.file;
      std::optional<Fd> lock = TRY(store_.lock_record(path, LOCK_EX | LOCK_NB));
      if (!lock) {
        dead = false;
        ++done_.in_use;
        if (r.broken) unknown_use_.insert(r.map);
      } else if (unlinkat(store_.directory.get(), path.c_str(), 0) != 0 ||
                 unlinkat(store_.directory.get(), (path + ".lock").c_str(), 0) != 0) {
        return Error::system("unlinkat", r.file);
      }
    }
    if (dead && !r.broken) ++done_.images;
    for (const std::string& id : r.record.layers)
      (dead ? dead_layers_ : live_layers_).insert(r.map + "/" + id);
  }
  return locks_without_record();
}

// Of a record that is gone: nobody knows which layers its holder runs in, so all stay.
Status Collector::locks_without_record() {
  Fd images = TRY(sys::open_at(store_.directory.get(), "images", O_RDONLY | O_DIRECTORY));
  for (const std::string& file : TRY(sys::list_dir(images.get()))) {
    if (!file.ends_with(".lock")) continue;
    std::string record = file.substr(0, file.size() - 5);
    if (TRY(sys::stat_at(images.get(), record))) continue;
    std::optional<Fd> lock = TRY(store_.lock_record("images/" + record, LOCK_EX | LOCK_NB));
    if (!lock) {
      ++done_.in_use;
      unknown_use_.insert(file.substr(0, file.find('-')));
    } else if (unlinkat(images.get(), file.c_str(), 0) != 0) {
      return Error::system("unlinkat", file);
    }
  }
  return {};
}

// What a load that was killed has left.
Status Collector::remove_leftover(int dir, const std::string& name) {
  const uint64_t bytes = bytes_below(dir, name);
  CHECK_OK(sys::remove_tree_at(dir, name));
  done_.bytes += bytes;
  return {};
}

Status Collector::remove_layers(const std::string& map) {
  if (unknown_use_.count(map) != 0) return {};
  Fd folder = TRY(sys::open_at(store_.directory.get(), "layers/" + map, O_RDONLY | O_DIRECTORY));
  for (const std::string& name : TRY(sys::list_dir(folder.get()))) {
    if (name.ends_with(".json")) {
      // Of a layer that a crash kept from getting its name.
      std::string id = name.substr(0, name.size() - 5);
      if (!TRY(sys::stat_at(folder.get(), id)) && unlinkat(folder.get(), name.c_str(), 0) != 0 &&
          errno != ENOENT)
        return Error::system("unlinkat", name);
      continue;
    }
    bool temporary = name.starts_with("tmp-");
    std::string key = map + "/" + name;
    if (!temporary && (live_layers_.count(key) != 0 || (only_ && dead_layers_.count(key) == 0))) continue;
    if (temporary) {
      CHECK_OK(remove_leftover(folder.get(), name));
      continue;
    }
    auto info = sys::read_file_at(folder.get(), name + ".json", size_t{1} << 20);
    if (info.ok()) {
      auto json = json::parse(info.value());
      if (json.ok())
        if (auto bytes = json::get_int(json.value(), "bytes", 0); bytes.ok())
          done_.bytes += static_cast<uint64_t>(std::max<int64_t>(0, bytes.value()));
    }
    // Half a layer must never be seen under a layer's name.
    const std::string doomed = "tmp-" + name;
    CHECK_OK(sys::remove_tree_at(folder.get(), doomed));
    if (renameat(folder.get(), name.c_str(), folder.get(), doomed.c_str()) != 0)
      return Error::system("renameat", key);
    if (unlinkat(folder.get(), (name + ".json").c_str(), 0) != 0 && errno != ENOENT)
      return Error::system("unlinkat", name);
    ++done_.layers;
    CHECK_OK(sys::remove_tree_at(folder.get(), doomed));
  }
  return {};
}

Status Collector::remove_blobs() {
  Fd folder = TRY(sys::open_at(store_.directory.get(), "blobs/sha256", O_RDONLY | O_DIRECTORY));
  for (const std::string& name : TRY(sys::list_dir(folder.get()))) {
    if (live_blobs_.count(name) != 0 || (only_ && dead_blobs_.count(name) == 0)) continue;
    struct stat st {};
    if (fstatat(folder.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0)
      done_.bytes += static_cast<uint64_t>(st.st_size);
    if (unlinkat(folder.get(), name.c_str(), 0) != 0 && errno != ENOENT)
      return Error::system("unlinkat", name);
    ++done_.blobs;
  }
  return {};
}

// What only a load needs, and there is none now.
Status Collector::tidy() {
  for (const char* name : {"tmp", "locks"}) {
    Fd folder = TRY(sys::open_at(store_.directory.get(), name, O_RDONLY | O_DIRECTORY));
    for (const std::string& entry : TRY(sys::list_dir(folder.get())))
      CHECK_OK(remove_leftover(folder.get(), entry));
  }
  Fd refs = TRY(sys::open_at(store_.directory.get(), "refs", O_RDONLY | O_DIRECTORY));
  std::set<std::string> names;
  for (const Tag& tag : TRY(store_.tags())) names.insert(tag.file);
  for (const std::string& entry : TRY(sys::list_dir(refs.get())))
    if (left_by_writer(entry) && names.count(entry) == 0 && unlinkat(refs.get(), entry.c_str(), 0) != 0)
      return Error::system("unlinkat", entry);
  Fd sources = TRY(sys::open_at(store_.directory.get(), "sources", O_RDONLY | O_DIRECTORY));
  for (const std::string& entry : TRY(sys::list_dir(sources.get()))) {
    auto manifest = store_.find_source(entry);
    bool live = !left_by_writer(entry) && manifest.ok() && manifest.value() &&
                TRY(sys::stat_at(store_.directory.get(), store_.record_path(*manifest.value())));
    if (!live && unlinkat(sources.get(), entry.c_str(), 0) != 0) return Error::system("unlinkat", entry);
  }
  return {};
}

Result<Collected> Collector::run() {
  Fd hold = TRY(store_.hold(LOCK_EX));
  const auto indexes = TRY(store_.indexes());
  for (const Tag& tag : TRY(store_.tags())) {
    live_manifests_.insert(tag.manifest.hex());
    live_blobs_.merge(blobs_of(store_, tag.manifest, indexes));
  }
  if (only_) {
    if (live_manifests_.count(only_->hex()) != 0) return done_;
    dead_blobs_ = blobs_of(store_, *only_, indexes);
  }
  CHECK_OK(judge_records());
  Fd maps = TRY(sys::open_at(store_.directory.get(), "layers", O_RDONLY | O_DIRECTORY));
  for (const std::string& map : TRY(sys::list_dir(maps.get()))) CHECK_OK(remove_layers(map));
  CHECK_OK(remove_blobs());
  if (!only_) CHECK_OK(tidy());
  return done_;
}

Error unknown_image(Store::Impl& store, const std::string& what) {
  Error error = Error::infrastructure(fmt::format("there is no image {} in the store", text::quoted(what)));
  if (const auto near = near_name(store, what))
    return std::move(error).hint(fmt::format("did you mean `{}`?", text::printable(*near)));
  return std::move(error).hint("`testctr-script image ls` shows what is there");
}

}  // namespace

Result<std::vector<ListedImage>> list(Store& store) {
  Store::Impl& impl = store.impl();
  std::map<std::string, std::pair<Record, std::string>> records;  // and where each is
  auto gather = [&](Store::Impl& from) -> Status {
    for (RecordFile& r : TRY(record_files(from))) {
      if (r.broken || r.map != impl.map) continue;
      const std::string hex = r.record.manifest.hex();
      records.try_emplace(hex, std::move(r.record), from.read_only ? from.home : std::string());
    }
    return {};
  };
  CHECK_OK(gather(impl));
  for (const auto& lower : impl.lowers)
    if (lower->own) CHECK_OK(gather(*lower));
  std::vector<ListedImage> all;
  std::set<std::string> named;
  auto add = [&](const std::string& name, const Digest& manifest, const std::string& home) {
    ListedImage image{name, manifest, 0, 0, home};
    auto it = records.find(manifest.hex());
    if (it != records.end()) {
      image.size = it->second.first.size;
      image.layers = it->second.first.layers.size();
    }
    named.insert(manifest.hex());
    all.push_back(std::move(image));
  };
  for (const Tag& tag : TRY(impl.all_tags())) add(tag.name, tag.manifest, tag.store);
  for (const auto& [hex, record] : records)
    if (named.count(hex) == 0) add("", record.first.manifest, record.second);
  return all;
}

Result<Digest> find(Store& store, const std::string& what) {
  Store::Impl& impl = store.impl();
  if (what == "builtin") return builtin_layer_digest();
  std::string digits = what.starts_with("sha256:") ? what.substr(7) : what;
  constexpr size_t shortest = 12;
  if (digits.size() >= shortest && digits.size() <= 64 && text::is_hex(digits, digits.size())) {
    std::set<std::string> found;
    for (const ListedImage& image : TRY(list(store)))
      if (image.manifest.hex().starts_with(digits)) found.insert(image.manifest.hex());
    if (found.size() > 1) return Error::usage(fmt::format("{} begins the digests of several images", what));
    if (found.size() == 1) return Digest::from_hex(*found.begin());
    return unknown_image(impl, what);
  }
  Reference reference = TRY(Reference::parse_name(what));
  if (!reference.digest.empty()) return impl.manifest_of(reference.digest);
  auto tagged = TRY(impl.find_tag(reference.tagged()));
  if (!tagged) return unknown_image(impl, reference.full());
  return *tagged;
}

Result<std::string> inspect(Store& store, const std::string& what) {
  Store::Impl& impl = store.impl();
  // What is inside this program can always be looked at: it is unpacked, as for a run.
  if (what == "builtin") (void)TRY(obtain(store, what));
  Digest digest = TRY(find(store, what));
  Json out = {{"digest", digest.str()}, {"names", Json::array()}};
  for (const Tag& tag : TRY(impl.all_tags()))
    if (tag.manifest == digest) out["names"].push_back(tag.name);
  bool known = !out["names"].empty();
  auto ready = TRY(impl.ready(digest));
  if (ready) {
    known = true;
    const Record& r = ready->first;
    const Config& c = r.config;
    Json environment = Json::array();
    for (const std::string& variable : c.env) environment.push_back(json::from_bytes(variable));
    out["config"] = {{"env", environment},
                     {"working_dir", json::from_bytes(c.working_dir)},
                     {"user", json::from_bytes(c.user)},
                     {"entrypoint", c.entrypoint},
                     {"command", c.command},
                     {"os", c.os},
                     {"architecture", c.architecture},
                     {"labels", c.labels}};
    out["size"] = r.size;
    out["layers"] = Json::array();
    for (const std::string& id : r.layers) out["layers"].push_back(impl.layer_directory(id));
    out["notes"] = Json::array();
    for (const std::string& note : r.notes) out["notes"].push_back(json::from_bytes(note));
  }
  if (TRY(impl.has_blob(digest))) {
    known = true;
    std::string bytes = TRY(impl.read_blob(digest));
    out["manifest"] = TRY(json::parse(bytes));
  }
  if (!known) return unknown_image(impl, what);
  return json::dump(out, 2) + "\n";
}

Status tag(Store& store, const std::string& what, const std::string& name) {
  Store::Impl& impl = store.impl();
  Reference reference = TRY(Reference::parse_new_name(name));
  Fd hold = TRY(impl.hold(LOCK_SH));
  Digest digest = TRY(find(store, what));
  if (!TRY(impl.has_blob(digest)))
    return Error(Error::infrastructure(
                     fmt::format("the image {} is kept without its blobs and cannot be named", what)))
        .hint("load it: testctr-script image load --tag NAME REFERENCE");
  return impl.set_tag(reference.full(), digest);
}

Result<Collected> remove(Store& store, const std::string& what) {
  Store::Impl& impl = store.impl();
  Digest digest = TRY(find(store, what));
  bool by_name = !what.starts_with("sha256:");
  if (by_name) {
    auto reference = Reference::parse_name(what);
    auto tagged = reference.ok() ? TRY(impl.look_up_tag(reference.value().tagged())) : std::nullopt;
    if (tagged && !tagged->store.empty())
      return Error::usage(
          fmt::format("{} is an image of the read-only store {}", tagged->name, tagged->store));
    by_name = tagged.has_value() && reference.value().digest.empty();
    if (by_name) CHECK_OK(impl.remove_tag(reference.value().tagged()));
  }
  if (!by_name) {
    bool here = TRY(sys::stat_at(impl.directory.get(), impl.record_path(digest))).has_value() ||
                TRY(sys::stat_at(impl.directory.get(), Store::Impl::blob_path(digest))).has_value();
    for (const Tag& t : TRY(impl.tags())) {
      if (t.manifest != digest) continue;
      CHECK_OK(impl.remove_tag(t.name));
      here = true;
    }
    if (!here && !impl.lowers.empty())
      return Error::usage(fmt::format("{} is not in this store; what read-only stores have stays", what));
  }
  return Collector(impl, digest).run();
}

Result<Collected> collect(Store& store) { return Collector(store.impl(), std::nullopt).run(); }

}  // namespace testctr::image
