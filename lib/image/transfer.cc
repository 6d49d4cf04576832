#include "image/transfer.h"

#include <fcntl.h>
#include <sys/file.h>

#include "base/json.h"
#include "base/output_file.h"
#include "base/sys.h"
#include "base/text.h"
#include "image/archive_writer.h"
#include "image/builtin.h"
#include "image/load.h"
#include "image/push.h"
#include "image/remote.h"
#include "image/store.h"

namespace testctr::image {
namespace {

using Kind = Reference::Kind;

// An archive is written when everything that goes into it is known.
class ArchiveDestination final : public Destination {
 public:
  using Write = Status (*)(std::vector<NamedImage>&, int);

  ArchiveDestination(std::optional<sys::OutputFile> file, Write write)
      : file_(std::move(file)), write_(write) {}

  Status put(std::unique_ptr<Source> source, const std::vector<std::string>& names) override {
    images_.push_back({std::move(source), names});
    return {};
  }
  Result<std::vector<Digest>> finish() override {
    const int out = file_ ? TRY(file_->begin()) : STDOUT_FILENO;
    CHECK_OK(write_(images_, out));
    if (file_) CHECK_OK(file_->finish());
    std::vector<Digest> digests;
    for (const NamedImage& image : images_) digests.push_back(image.source->manifest_digest);
    return digests;
  }

 private:
  std::optional<sys::OutputFile> file_;  ///< nothing: standard output
  Write write_;
  std::vector<NamedImage> images_;
};

class StoreDestination final : public Destination {
 public:
  explicit StoreDestination(Store::Impl& store) : store_(store) {}
  Status put(std::unique_ptr<Source> source, const std::vector<std::string>& names) override {
    source->names.clear();
    for (const std::string& name : names)
      source->names.push_back(TRY(Reference::parse_new_name(name)).full());
    digests_.push_back(TRY(load_named(store_, *source)).manifest);
    return {};
  }
  Result<std::vector<Digest>> finish() override { return digests_; }

 private:
  Store::Impl& store_;
  std::vector<Digest> digests_;
};

// A folder that others may read meanwhile: what is in it is whole, and index.json comes last.
class LayoutDestination final : public Destination {
 public:
  static Result<std::unique_ptr<Destination>> open(const std::string& directory) {
    auto layout = std::make_unique<LayoutDestination>();
    if (!TRY(sys::stat_at(AT_FDCWD, directory, 0))) layout->made_ = directory;
    CHECK_OK(sys::make_dirs(directory, 0755));
    layout->directory_ = TRY(sys::open(directory, O_RDONLY | O_DIRECTORY));
    const int dir = layout->directory_.get();
    // Two that add to one layout: one after the other.
    (void)TRY(sys::lock(dir, LOCK_EX));
    if (TRY(sys::stat_at(dir, "oci-layout"))) {
      CHECK_OK(layout->read_index().in(directory));
    } else if (!TRY(sys::list_dir(dir)).empty()) {
      return Error(Error::usage(
                       fmt::format("{} is a folder of something else: it has no file oci-layout", directory)))
          .hint("name a folder that does not exist, or an OCI image layout to add to");
    }
    for (const char* name : {"blobs", "blobs/sha256"}) CHECK_OK(sys::make_dir_at(dir, name, 0755));
    return std::unique_ptr<Destination>(std::move(layout));
  }

  // A layout that was begun here and not finished goes again.
  ~LayoutDestination() override {
    if (!made_.empty()) (void)sys::remove_tree(made_);
  }

  Status put(std::unique_ptr<Source> source, const std::vector<std::string>& names) override {
    CHECK_OK(settle(*source));
    for (size_t i = 0; i < source->manifest.layers.size(); ++i) {
      const Descriptor& layer = source->manifest.layers[i];
      CHECK_OK(put_blob(layer, [&](const auto& write) -> Status {
        const std::unique_ptr<ByteSource> stream = TRY(source->layer(i));
        return copy_checked(*stream, layer, fmt::format("{}: layer {}", source->shown, i + 1), write);
      }));
    }
    const std::string config = TRY(source->config());
    CHECK_OK(put_blob(source->manifest.config, [&](const auto& write) { return write(config); }));
    Descriptor manifest;
    manifest.digest = source->manifest_digest;
    manifest.size = source->manifest_bytes.size();
    CHECK_OK(put_blob(manifest, [&](const auto& write) { return write(source->manifest_bytes); }));
    for (const IndexDocument& index : source->indexes) {
      Descriptor blob;
      blob.digest = index.digest;
      blob.size = index.bytes.size();
      CHECK_OK(put_blob(blob, [&](const auto& write) { return write(index.bytes); }));
    }
    for (const std::string& name : names) add(index_entry(*source, name), name);
    if (names.empty()) add(index_entry(*source, ""), "");
    digests_.push_back(source->manifest_digest);
    return {};
  }

  Result<std::vector<Digest>> finish() override {
    const int dir = directory_.get();
    if (syncfs(dir) != 0) return Error::system("syncfs", "the layout");
    CHECK_OK(sys::write_file_atomic(dir, "index.json", index_document(std::move(entries_))));
    CHECK_OK(sys::write_file_atomic(dir, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}"));
    made_.clear();
    return digests_;
  }

 private:
  Status read_index() {
    const std::string text = TRY(sys::read_file_at(directory_.get(), "index.json", largest_document));
    (void)TRY(parse_index(text, ""));
    const Json index = TRY(json::parse(text));
    for (const Json& entry : index["manifests"]) entries_.push_back(entry);
    return {};
  }

  // An image of the same name, or the same one without a name, is replaced.
  void add(Json entry, const std::string& name) {
    std::erase_if(entries_, [&](const Json& other) {
      const Json* annotations = json::find(other, "annotations", Json::value_t::object);
      const std::string own =
          annotations == nullptr ? "" : annotations->value("org.opencontainers.image.ref.name", "");
      return own == name && (!name.empty() || other["digest"] == entry["digest"]);
    });
    entries_.push_back(std::move(entry));
  }

  template <class Write>
  Status put_blob(const Descriptor& blob, Write write) {
    const int dir = directory_.get();
    const std::string name = "blobs/sha256/" + blob.digest.hex();
    const auto there = TRY(sys::stat_at(dir, name));
    if (there && S_ISREG(there->st_mode) && static_cast<uint64_t>(there->st_size) == blob.size) return {};
    const std::string temporary = fmt::format("blobs/tmp.{}.{}", getpid(), sys::monotonic_ns());
    const Fd file = TRY(sys::open_at(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
    Status written = write([&](std::string_view bytes) { return sys::write_full(file.get(), bytes); });
    if (written.ok() && renameat(dir, temporary.c_str(), dir, name.c_str()) != 0)
      written = Error::system("renameat", name);
    if (!written.ok()) unlinkat(dir, temporary.c_str(), 0);
    return written;
  }

  Fd directory_;
  std::string made_;  ///< the folder, when it was not there before and is not finished
  std::vector<Json> entries_;
  std::vector<Digest> digests_;
};

class RegistryDestination final : public Destination {
 public:
  static Result<std::unique_ptr<Destination>> open(const Reference& reference, const Access& access) {
    std::shared_ptr<Remote> remote = TRY(Remote::open(access));
    std::unique_ptr<registry::Session> session = TRY(remote->open_for_push(reference));
    return std::unique_ptr<Destination>(
        std::make_unique<RegistryDestination>(std::move(remote), std::move(session), reference));
  }
  RegistryDestination(std::shared_ptr<Remote> remote, std::unique_ptr<registry::Session> session,
                      Reference reference)
      : remote_(std::move(remote)), session_(std::move(session)), reference_(std::move(reference)) {}

  Status put(std::unique_ptr<Source> source, const std::vector<std::string>&) override {
    CHECK_OK(settle(*source));
    CHECK_OK(push_source(*source, *session_, reference_.tag, "", remote_->access())
                 .in(fmt::format("pushing to {}", reference_.full())));
    digests_.push_back(source->manifest_digest);
    return {};
  }
  Result<std::vector<Digest>> finish() override { return digests_; }

 private:
  std::shared_ptr<Remote> remote_;
  std::unique_ptr<registry::Session> session_;
  Reference reference_;
  std::vector<Digest> digests_;
};

Result<std::unique_ptr<Source>> at_registry(const Reference& reference, const Access& access) {
  std::shared_ptr<Remote> remote = TRY(Remote::open(access));
  Remote::Found found = TRY_IN(remote->find(reference), reference.full());
  return registry_source(std::move(remote), std::move(found)).in(reference.full());
}

Result<std::unique_ptr<Destination>> archive_destination(const std::string& path,
                                                         ArchiveDestination::Write write) {
  std::optional<sys::OutputFile> file;
  if (path != "-") {
    file.emplace(TRY(sys::OutputFile::create(path)));
  } else if (isatty(STDOUT_FILENO) == 1) {
    return Error(Error::usage("an archive is not written to a terminal"))
        .hint("name a file, or send standard output elsewhere");
  }
  return std::unique_ptr<Destination>(std::make_unique<ArchiveDestination>(std::move(file), write));
}

Result<std::unique_ptr<Source>> stored(Store& store, const std::string& text, const Reference& reference) {
  Store::Impl& impl = store.impl();
  const Digest digest = TRY(find(store, text));
  if (!TRY(impl.has_blob(digest)))
    return Error(Error::infrastructure(fmt::format(
                     "the image {} is kept without its blobs: it can be run, but not copied", text)))
        .hint("load it: testctr-script image load --tag NAME REFERENCE");
  std::unique_ptr<Source> source = TRY(blobs_source(TRY(impl.blob_folders()), digest, reference.full()));
  if (!reference.tagged().empty()) source->names = {reference.tagged()};
  for (const auto& [index, manifest] : TRY(impl.indexes())) {
    if (manifest != digest || !TRY(impl.has_blob(index))) continue;
    source->indexes.push_back({index, TRY(impl.read_blob(index))});
  }
  return source;
}

bool is_digest(const std::string& text) {
  const std::string_view digits = std::string_view(text).substr(text.starts_with("sha256:") ? 7 : 0);
  return digits.size() >= 12 && text::is_hex(digits, digits.size());
}

}  // namespace

Result<std::unique_ptr<Source>> open_source(Store& store, const std::string& text, const Access& access) {
  if (is_digest(text)) {
    Reference reference;
    reference.text = text;
    return stored(store, text, reference);
  }
  const Reference reference = TRY(Reference::parse(text));
  switch (reference.kind) {
    case Kind::builtin: {
      std::unique_ptr<Source> source = builtin_source();
      CHECK_OK(settle(*source));
      return source;
    }
    case Kind::name:
      return reference.remote ? at_registry(reference, access) : stored(store, text, reference);
    case Kind::oci:
    case Kind::oci_archive:
    case Kind::docker_archive: {
      Sources all = TRY(open_sources(store, reference, access.platform));
      if (all.size() == 1) return std::move(all.front());
      std::vector<std::string> names;
      for (const auto& source : all) names.insert(names.end(), source->names.begin(), source->names.end());
      return Error(Error::usage(fmt::format("{} holds {} images: {}", text, all.size(),
                                            text::printable(text::join(names, ", ")))))
          .hint(fmt::format("name one: {}:NAME", text));
    }
    case Kind::hostfs:
    case Kind::dir:
      break;
  }
  return Error(Error::usage(fmt::format("{} is a root file system and no image", text)))
      .hint("`testctr-script image build` makes an image of a folder: `root:` in a recipe");
}

Result<std::unique_ptr<Destination>> open_destination(Store& store, const std::string& text,
                                                      std::string& name, const Access& access) {
  const Reference reference = TRY(Reference::parse(text));
  if (reference.remote) {
    if (!reference.digest.empty())
      return Error::usage(fmt::format("{}: the digest follows from the image, it cannot be given", text));
    name = reference.full();
    return RegistryDestination::open(reference, access);
  }
  name = reference.kind == Kind::name ? TRY(Reference::parse_new_name(text)).full() : reference.tag;
  switch (reference.kind) {
    case Kind::name:
      return std::unique_ptr<Destination>(std::make_unique<StoreDestination>(store.impl()));
    case Kind::oci:
      return LayoutDestination::open(reference.path);
    case Kind::oci_archive:
      return archive_destination(reference.path, write_oci_archive);
    case Kind::docker_archive:
      return archive_destination(reference.path, write_docker_archive);
    case Kind::builtin:
    case Kind::hostfs:
    case Kind::dir:
      break;
  }
  return Error(Error::usage(fmt::format("{} is nothing that an image can be copied to", text)))
      .hint(
          "copy to a name in the store, docker://NAME, oci:DIR[:NAME], oci-archive:FILE[:NAME] or "
          "docker-archive:FILE[:NAME]");
}

Result<Digest> copy(Store& store, const std::string& from, const std::string& to, const Access& access) {
  // gc leaves alone what is being read.
  const Fd hold = TRY(store.impl().hold(LOCK_SH));
  std::unique_ptr<Source> source = TRY(open_source(store, from, access));
  std::string name;
  const std::unique_ptr<Destination> destination = TRY(open_destination(store, to, name, access));
  std::vector<std::string> names = source->names;
  if (!name.empty()) names = {name};
  CHECK_OK(destination->put(std::move(source), names));
  return TRY(destination->finish()).front();
}

namespace {

// Whether an image can be saved, or is yet to be got.
Result<bool> is_stored(Store& store, const std::string& text) {
  if (is_digest(text)) return find(store, text).ok();
  const Reference reference = TRY(Reference::parse(text));
  if (reference.kind == Kind::builtin)
    return Error(Error::usage("builtin is inside this program and needs no saving"))
        .hint("`testctr-script image copy builtin oci-archive:FILE:NAME` writes it all the same");
  if (reference.kind != Kind::name)
    return Error(Error::usage(fmt::format("{} is not in the store", text)))
        .hint("`testctr-script image copy` takes images from layouts and archives");
  Store::Impl& impl = store.impl();
  if (!reference.digest.empty()) return TRY(impl.has_blob(TRY(find(store, text))));
  return TRY(impl.find_tag(reference.tagged())).has_value();
}

Status get_missing(Store& store, const std::vector<std::string>& images, const SaveOptions& options) {
  std::vector<std::string> missing;
  for (const std::string& image : images) {
    if (TRY(is_stored(store, image))) continue;
    if (!options.fetch || is_digest(image)) {
      missing.push_back(image);
    } else {
      CHECK_OK(options.fetch(image));
    }
  }
  if (missing.empty()) return {};
  return Error(Error::infrastructure(fmt::format(
                   "{} in the store: {}",
                   missing.size() == 1 ? "an image is not" : fmt::format("{} images are not", missing.size()),
                   text::printable(text::join(missing, ", ")))))
      .hint(
          fmt::format("`testctr-script image pull {}` gets what registries have; `image load` takes layouts "
                      "and archives",
                      text::join(missing, " ")));
}

}  // namespace

Status save(Store& store, const std::vector<std::string>& images, const SaveOptions& options) {
  using Format = SaveOptions::Format;
  CHECK_OK(get_missing(store, images, options));
  // gc leaves alone what is being read.
  const Fd hold = TRY(store.impl().hold(LOCK_SH));
  const std::unique_ptr<Destination> destination =
      TRY(options.format == Format::oci
              ? LayoutDestination::open(options.output)
              : archive_destination(options.output, options.format == Format::oci_archive
                                                        ? write_oci_archive
                                                        : write_docker_archive));
  for (const std::string& image : images) {
    std::unique_ptr<Source> source = TRY(open_source(store, image, {}));
    const std::vector<std::string> names = source->names;
    CHECK_OK(destination->put(std::move(source), names));
  }
  (void)TRY(destination->finish());
  return {};
}

}  // namespace testctr::image
