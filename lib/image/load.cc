#include "image/load.h"

#include <fcntl.h>
#include <sys/file.h>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"

namespace testctr::image {
namespace {

// What is remembered of a layer in ID.json.
struct LayerInfo {
  std::string diff_id, chain_id;
  bool dependent = false;
  bool root_opaque = false;
  std::optional<mode_t> root_mode;
  uint64_t bytes = 0;
  std::vector<std::string> notes;
};

std::string info_json(const UnpackedLayer& layer, const Digest& chain) {
  Json j = {{"diff_id", layer.facts.diff_id.str()},
            {"chain_id", chain.str()},
            {"dependent", layer.dependent},
            {"root_opaque", layer.root_opaque},
            {"entries", layer.entries},
            {"bytes", layer.bytes},
            {"notes", Json::array()}};
  if (layer.root_mode) j["root_mode"] = *layer.root_mode;
  for (const std::string& note : layer.notes) j["notes"].push_back(json::from_bytes(note));
  return json::dump(j);
}

Result<LayerInfo> read_info(const Store::Impl& store, const std::string& id) {
  std::string text =
      TRY(sys::read_file_at(store.directory.get(), store.layer_path(id) + ".json", size_t{1} << 20));
  Json j = TRY(json::parse(text));
  LayerInfo info;
  info.diff_id = TRY(json::get_string(j, "diff_id"));
  info.chain_id = TRY(json::get_string(j, "chain_id"));
  const Json* dependent = json::find(j, "dependent", Json::value_t::boolean);
  const Json* opaque = json::find(j, "root_opaque", Json::value_t::boolean);
  if (dependent == nullptr || opaque == nullptr) return Error::infrastructure("it is incomplete");
  info.dependent = dependent->get<bool>();
  info.root_opaque = opaque->get<bool>();
  if (j.contains("root_mode")) info.root_mode = static_cast<mode_t>(TRY(json::get_int(j, "root_mode")));
  info.bytes = static_cast<uint64_t>(TRY(json::get_int(j, "bytes", 0)));
  if (const Json* notes = json::find(j, "notes", Json::value_t::array))
    for (const Json& note : *notes) info.notes.push_back(TRY(json::to_bytes(note)));
  return info;
}

class Load {
 public:
  Load(Store::Impl& store, Source& source, bool keep_blobs)
      : store_(store), source_(source), keep_blobs_(keep_blobs) {}
  // What was begun and not committed goes at once: a full disk is not left full.
  ~Load() {
    for (const Pending& p : pending_) {
      (void)sys::remove_tree_at(store_.directory.get(), store_.layer_path(p.temporary));
      if (!p.id.empty()) unlinkat(store_.directory.get(), (store_.layer_path(p.id) + ".json").c_str(), 0);
    }
    for (const auto& [temporary, digest] : blobs_) unlinkat(store_.directory.get(), temporary.c_str(), 0);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  Result<Loaded> run();

 private:
  struct Pending {
    std::string temporary, id;
    Fd lock;
  };
  struct InStack {
    std::string name;  ///< below layers/MAP: an ID, or the temporary name until it is committed
    std::string id;
    LayerInfo info;
    const Store::Impl* holder;  ///< the store that it lies in
  };
  Status mend();
  Status expect(const std::vector<Digest>& diff_ids);
  Status layer(size_t i, const Digest& diff_id, const Digest& chain);
  Result<std::optional<InStack>> existing(const Digest& diff_id, const Digest& chain);
  Status unpack(size_t i, const Digest& diff_id, const Digest& chain, Fd lock);
  Status copy_blob(size_t i, const Digest& diff_id);
  Status push(std::string name, std::string id, LayerInfo info, const Store::Impl* holder);
  Result<std::unique_ptr<ByteSource>> open_layer(size_t i);
  Result<Fd> begin_blob();
  void keep_blob(size_t i, const BlobFacts& facts);
  Result<bool> wants_blob(size_t i, const Digest& diff_id);
  Status commit();
  Status store_documents(const std::string& config);
  BlobClaim claim(size_t i, const Digest& diff_id) const;

  Store::Impl& store_;
  Source& source_;
  bool keep_blobs_;
  std::vector<InStack> stack_;
  std::vector<Pending> pending_;
  std::vector<std::pair<std::string, Digest>> blobs_;
  std::vector<std::string> left_;
  Fd tmp_;
};

// Alone in the store: what crashed processes have left goes. What cannot be removed takes room, and is told;
// no load fails because of it.
Status Load::mend() {
  auto note_left = [this](const Status& s) {
    if (!s.ok()) left_.push_back("left in the store by an earlier load: " + s.error().message());
  };
  Fd fd = TRY(sys::open_at(store_.directory.get(), "lock", O_RDWR | O_CREAT, 0600));
  if (!TRY(sys::lock(fd.get(), LOCK_EX | LOCK_NB))) return {};
  Fd tmp = TRY(sys::open_at(store_.directory.get(), "tmp", O_RDONLY | O_DIRECTORY));
  for (const std::string& name : TRY(sys::list_dir(tmp.get())))
    note_left(sys::remove_tree_at(tmp.get(), name));
  Fd layers = TRY(sys::open_at(store_.directory.get(), store_.layers_path(), O_RDONLY | O_DIRECTORY));
  for (const std::string& name : TRY(sys::list_dir(layers.get())))
    if (name.starts_with("tmp-")) note_left(sys::remove_tree_at(layers.get(), name));
  return {};
}

BlobClaim Load::claim(size_t i, const Digest& diff_id) const {
  const Descriptor& d = source_.manifest.layers[i];
  BlobClaim c;
  const Digest& shown = d.digest.empty() ? diff_id : d.digest;
  c.name = fmt::format("layer {} of {} (sha256:{})", i + 1, source_.manifest.layers.size(),
                       shown.hex().substr(0, 12));
  c.digest = d.digest;
  c.check_size = !d.digest.empty();
  c.size = d.size;
  c.diff_id = diff_id;
  return c;
}

std::string layer_id(bool dependent, const Digest& diff_id, const Digest& chain) {
  return dependent ? "c-" + Store::Impl::short_id(chain) : Store::Impl::short_id(diff_id);
}

// A layer whose .json cannot be read, or says less than it should, is unpacked anew.
Result<std::optional<Load::InStack>> Load::existing(const Digest& diff_id, const Digest& chain) {
  for (bool dependent : {true, false}) {
    std::string id = layer_id(dependent, diff_id, chain);
    const Store::Impl* holder = store_.holder_of(id);
    if (holder == nullptr) continue;
    auto info = read_info(*holder, id);
    if (!info.ok() || info.value().dependent != dependent) continue;
    // The name is the begin of a digest only: what was verified is the whole of it.
    if (info.value().diff_id != diff_id.str() || (dependent && info.value().chain_id != chain.str()))
      return Error::infrastructure(fmt::format("the store has another layer named {} ({}), not {}", id,
                                               info.value().diff_id, diff_id.str()));
    return std::optional(InStack{id, id, std::move(info).value(), holder});
  }
  return std::optional<InStack>();
}

Status Load::push(std::string name, std::string id, LayerInfo info, const Store::Impl* holder) {
  if (info.root_opaque) stack_.clear();
  // A layer that comes again further up hides all of itself further down, and overlayfs refuses one directory
  // twice.
  std::erase_if(stack_, [&](const InStack& below) { return below.id == id; });
  stack_.push_back({std::move(name), std::move(id), std::move(info), holder});
  return {};
}

// A file for a blob that will be kept, which goes again unless `keep_blob` follows. Nothing where the source
// has one of its own.
Result<Fd> Load::begin_blob() {
  if (source_.keeps_files()) return Fd();
  static std::atomic<unsigned> counter = 0;
  std::string path = fmt::format("tmp/blob-{}-{}", getpid(), counter++);
  Fd fd = TRY(sys::open_at(store_.directory.get(), path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  blobs_.emplace_back(std::move(path), Digest());
  return fd;
}

// What lies in the store as a blob need not come from anywhere else.
Result<std::unique_ptr<ByteSource>> Load::open_layer(size_t i) {
  const Digest& digest = source_.manifest.layers[i].digest;
  if (!digest.empty()) {
    auto fd = store_.open_blob(digest);
    if (fd.ok()) return file_source(std::move(fd).value());
  }
  return source_.layer(i);
}

// The source is told which layers it will be asked for, as it looks now: another process may bring some of
// them meanwhile.
Status Load::expect(const std::vector<Digest>& diff_ids) {
  std::vector<size_t> wanted;
  Digest chain;
  for (size_t i = 0; i < diff_ids.size(); ++i) {
    chain = chain_id(chain, diff_ids[i]);
    const Digest& digest = source_.manifest.layers[i].digest;
    if (!digest.empty() && TRY(store_.has_blob(digest))) continue;
    if (keep_blobs_ || !TRY(existing(diff_ids[i], chain))) wanted.push_back(i);
  }
  tmp_ = TRY(sys::open_at(store_.directory.get(), "tmp", O_RDONLY | O_DIRECTORY));
  source_.expect(wanted, tmp_.get());
  return {};
}

Result<bool> Load::wants_blob(size_t i, const Digest& diff_id) {
  if (!keep_blobs_) return false;
  Descriptor& d = source_.manifest.layers[i];
  const Digest& digest = d.digest.empty() ? diff_id : d.digest;
  const auto size = TRY(store_.blob_size(digest));
  if (!size) return true;
  if (d.digest.empty()) {
    d.digest = digest;
    d.size = *size;
  }
  return false;
}

// The blob gets its name with the next commit; a source that did not know the digest knows it now.
void Load::keep_blob(size_t i, const BlobFacts& facts) {
  if (source_.keeps_files()) {
    const std::string file = source_.take_file(i);
    // Somebody else has brought the blob into the store meanwhile, and it was read from there.
    if (file.empty()) return;
    blobs_.emplace_back("tmp/" + file, Digest());
  }
  blobs_.back().second = facts.digest;
  const std::string& temporary = blobs_.back().first;
  Descriptor& d = source_.manifest.layers[i];
  if (!d.digest.empty()) return;
  d.digest = facts.digest;
  d.size = facts.size;
  if (facts.digest == facts.diff_id) return;
  d.media_type = media::oci_layer_gzip;
  char magic[4] = {};
  auto file = sys::open_at(store_.directory.get(), temporary, O_RDONLY);
  if (file.ok() && pread(file.value().get(), magic, sizeof magic, 0) == 4 &&
      std::string_view(magic, 4) == "\x28\xb5\x2f\xfd")
    d.media_type = media::oci_layer_zstd;
}

Status Load::copy_blob(size_t i, const Digest& diff_id) {
  Fd copy = TRY(begin_blob());
  std::unique_ptr<BlobStream> stream =
      TRY(BlobStream::start(TRY(open_layer(i)), claim(i, diff_id), copy.get()));
  keep_blob(i, TRY(stream->finish()));
  return {};
}

Status Load::unpack(size_t i, const Digest& diff_id, const Digest& chain, Fd lock) {
  std::string temporary = "tmp-" + Store::Impl::short_id(diff_id);
  std::string path = store_.layer_path(temporary);
  CHECK_OK(sys::remove_tree_at(store_.directory.get(), path));
  CHECK_OK(sys::make_dir_at(store_.directory.get(), path, 0700));
  pending_.push_back({temporary, "", std::move(lock)});
  UnpackOptions options;
  options.keep_owners = store_.keep_owners;
  Fd directory = TRY(sys::open_at(store_.directory.get(), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  options.directory = directory.get();
  std::vector<Fd> lowers;
  for (auto it = stack_.rbegin(); it != stack_.rend(); ++it) {
    lowers.push_back(TRY(sys::open_at(it->holder->directory.get(), store_.layer_path(it->name),
                                      O_PATH | O_DIRECTORY | O_NOFOLLOW)));
    options.lowers.push_back(lowers.back().get());
  }
  const bool keep = TRY(wants_blob(i, diff_id));
  Fd copy;
  if (keep) copy = TRY(begin_blob());
  UnpackedLayer layer = TRY(unpack_layer(TRY(open_layer(i)), claim(i, diff_id), options, copy.get()));
  if (keep) keep_blob(i, layer.facts);
  std::string id = layer_id(layer.dependent, diff_id, chain);
  pending_.back().id = id;
  CHECK_OK(sys::write_file_at(store_.directory.get(), store_.layer_path(id) + ".json",
                              info_json(layer, chain), 0600));
  return push(temporary, id,
              {diff_id.str(), chain.str(), layer.dependent, layer.root_opaque, layer.root_mode, layer.bytes,
               layer.notes},
              &store_);
}

Status Load::layer(size_t i, const Digest& diff_id, const Digest& chain) {
  auto use = [&](InStack& found) -> Status {
    CHECK_OK(push(std::move(found.name), std::move(found.id), std::move(found.info), found.holder));
    return TRY(wants_blob(i, diff_id)) ? copy_blob(i, diff_id) : Status();
  };
  if (auto found = TRY(existing(diff_id, chain))) return use(*found);
  std::string lock_name = store_.map + "-" + Store::Impl::short_id(diff_id);
  std::optional<Fd> lock = TRY(store_.lock(lock_name, LOCK_EX | LOCK_NB));
  if (!lock) {
    // Nothing is waited for while something is held: two loads with the same layers in another order would
    // wait for each other.
    CHECK_OK(commit());
    lock = TRY(store_.lock(lock_name, LOCK_EX));
  }
  if (auto found = TRY(existing(diff_id, chain))) return use(*found);
  return unpack(i, diff_id, chain, std::move(*lock));
}

// One flush for all that was written, then the names: a layer or blob that has its name is whole and on disk.
Status Load::commit() {
  if (pending_.empty() && blobs_.empty()) return {};
  if (syncfs(store_.directory.get()) != 0) return Error::system("syncfs", store_.home);
  while (!pending_.empty()) {
    Pending& p = pending_.back();
    std::string from = store_.layer_path(p.temporary), to = store_.layer_path(p.id);
    // A layer's folder without its .json, from a crash between the two.
    if (renameat(store_.directory.get(), from.c_str(), store_.directory.get(), to.c_str()) != 0) {
      if (errno != EEXIST && errno != ENOTEMPTY) return Error::system("renameat", to);
      CHECK_OK(sys::remove_tree_at(store_.directory.get(), to));
      if (renameat(store_.directory.get(), from.c_str(), store_.directory.get(), to.c_str()) != 0)
        return Error::system("renameat", to);
    }
    for (InStack& in : stack_)
      if (in.name == p.temporary) in.name = p.id;
    pending_.pop_back();
  }
  for (const auto& [temporary, digest] : blobs_) {
    std::string to = Store::Impl::blob_path(digest);
    if (renameat(store_.directory.get(), temporary.c_str(), store_.directory.get(), to.c_str()) != 0)
      return Error::system("renameat", to);
  }
  blobs_.clear();
  return {};
}

// Manifest and configuration as blobs; for a source without a manifest, one that says the same.
Status Load::store_documents(const std::string& config) {
  CHECK_OK(store_.put_blob(config));
  if (source_.manifest_bytes.empty()) describe(source_);
  return store_.put_blob(source_.manifest_bytes);
}

Result<Loaded> Load::run() {
  CHECK_OK(mend());
  // Held to the end: gc waits until the record makes what is loaded here visible to it.
  Fd hold = TRY(store_.hold(LOCK_SH));
  std::string config_bytes = TRY(source_.config());
  ImageConfig config = TRY(parse_config(config_bytes, source_.platform));
  if (config.diff_ids.size() != source_.manifest.layers.size())
    return Error::infrastructure(
        fmt::format("the manifest has {} layers, but the configuration has {} diff_ids",
                    source_.manifest.layers.size(), config.diff_ids.size()));
  CHECK_OK(expect(config.diff_ids));
  Digest chain;
  for (size_t i = 0; i < config.diff_ids.size(); ++i) {
    chain = chain_id(chain, config.diff_ids[i]);
    CHECK_OK(layer(i, config.diff_ids[i], chain));
  }
  CHECK_OK(commit());
  if (keep_blobs_) CHECK_OK(store_documents(config_bytes));
  if (stack_.empty()) return Error::infrastructure("the image has no layers");
  Record record;
  record.manifest = source_.manifest_digest;
  record.config = std::move(config.config);
  for (const InStack& in : stack_) {
    record.layers.push_back(in.id);
    if (in.info.root_mode) record.root_mode = *in.info.root_mode;
    record.size += in.info.bytes;
    for (const std::string& note : in.info.notes) record.notes.push_back(note);
  }
  // A record that is there and whole stays: what runs already holds the layers that it names.
  std::optional<Fd> alone =
      TRY(store_.lock("record-" + store_.map + "-" + Store::Impl::short_id(record.manifest), LOCK_EX));
  auto ready = TRY(store_.ready(record.manifest));
  if (!ready) {
    CHECK_OK(store_.write_record(record));
    ready = TRY(store_.ready(record.manifest));
  }
  if (!ready) return Error::internal("the image that was just loaded is not in the store");
  for (std::string& note : left_) ready->first.notes.push_back(std::move(note));
  return Loaded{std::move(ready->first), std::move(ready->second), std::move(hold)};
}

}  // namespace

Result<Loaded> load_image(Store::Impl& store, Source& source, bool keep_blobs) {
  auto loaded = Load(store, source, keep_blobs).run();
  if (loaded.ok()) return loaded;
  int number = loaded.error().number();
  Error error = std::move(loaded).error().in(fmt::format("loading {}", source.shown));
  if (number == ENOSPC || number == EDQUOT)
    return std::move(error).hint(
        fmt::format("the file system of the store {} is full: make room (`testctr-script image gc`), or set "
                    "TESTCTR_HOME to a folder on another one",
                    store.home));
  return error;
}

}  // namespace testctr::image
