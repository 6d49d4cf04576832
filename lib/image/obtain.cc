// From a reference to a root file system: the fast way when the image is ready, the long one when it is not.
#include <fcntl.h>
#include <sys/file.h>

#include "base/sys.h"
#include "base/text.h"
#include "image/builtin.h"
#include "image/images.h"
#include "image/load.h"
#include "image/near_name.h"
#include "image/pull.h"
#include "image/reference.h"

namespace testctr::image {
namespace {

RootFilesystem root_of(const Store::Impl& store, const Reference& reference, Record record, Fd lock) {
  RootFilesystem root;
  root.config = std::move(record.config);
  root.manifest = record.manifest;
  root.reference = reference.full();
  root.root_mode = record.root_mode;
  root.notes = std::move(record.notes);
  for (const std::string& id : record.layers) root.layers.push_back(store.layer_directory(id));
  if (lock.valid()) root.locks.push_back(std::move(lock));
  return root;
}

Result<RootFilesystem> from_directory(const Reference& reference) {
  std::unique_ptr<char, decltype(&free)> real(realpath(reference.path.c_str(), nullptr), &free);
  if (!real) return Error::system("realpath", reference.path).in(reference.text);
  Fd fd = TRY_IN(sys::open(real.get(), O_RDONLY | O_DIRECTORY), reference.text);
  if (std::string_view(real.get()) == "/")
    return Error(Error::usage(fmt::format("{} is this machine's own root", reference.text)))
        .hint("name it hostfs");
  RootFilesystem root;
  root.layers.push_back(real.get());
  root.reference = reference.text;
  struct stat st {};
  if (fstat(fd.get(), &st) != 0) return Error::system("fstat", reference.path);
  root.root_mode = st.st_mode & 07777U;
  return root;
}

Result<RootFilesystem> obtain_known(Store::Impl& store, const Reference& reference, const Digest& manifest,
                                    const std::function<Result<std::unique_ptr<Source>>()>& open) {
  if (auto ready = TRY(store.ready(manifest)))
    return root_of(store, reference, std::move(ready->first), std::move(ready->second));
  std::unique_ptr<Source> source = TRY(open());
  Loaded loaded = TRY(load_image(store, *source, /* keep_blobs= */ false));
  return root_of(store, reference, std::move(loaded.record), std::move(loaded.lock));
}

Error not_in_store(Store::Impl& store, const Reference& reference, const Access& access) {
  Error error = Error::infrastructure(fmt::format(
      "the image {} is not in the store, and {}", reference.full(),
      access.offline ? "no network is to be used (--offline)" : "nothing is to be fetched (--pull never)"));
  const auto near = near_name(store, reference.full());
  return std::move(error).hint(
      fmt::format("{}load it from a layout or an archive: testctr-script image load --tag {} "
                  "oci:DIR|oci-archive:FILE|docker-archive:FILE; `testctr-script "
                  "image ls` shows what is there",
                  near ? fmt::format("did you mean `{}`? Else ", text::printable(*near)) : "",
                  reference.text.substr(0, reference.text.find('@'))));
}

// The manifest that a name stands for in the store.
Result<std::optional<Digest>> find_stored(Store::Impl& store, const Reference& reference,
                                          const Access& access) {
  if (!reference.digest.empty()) {
    auto of_index = TRY(store.find_source(index_key(reference.digest)));
    return std::optional(of_index ? *of_index : reference.digest);
  }
  if (auto tagged = TRY(store.find_tag(reference.tagged()))) return tagged;
  for (const Reference& name : TRY(stored_names(reference, access)))
    if (auto tagged = TRY(store.find_tag(name.tagged()))) return tagged;
  return std::optional<Digest>();
}

// What the store has of an image, or nothing.
Result<std::optional<RootFilesystem>> from_store(Store::Impl& store, const Reference& reference,
                                                 const Access& access) {
  const std::optional<Digest> manifest = TRY(find_stored(store, reference, access));
  if (!manifest) return std::optional<RootFilesystem>();
  if (!TRY(store.ready(*manifest)) && !TRY(store.has_blob(*manifest))) return std::optional<RootFilesystem>();
  return std::optional(
      TRY(obtain_known(store, reference, *manifest, [&]() -> Result<std::unique_ptr<Source>> {
        return blobs_source(TRY(store.blob_folders()), *manifest, reference.full());
      })));
}

Status for_this_machine(const RootFilesystem& root) {
  const Config& config = root.config;
  const Platform own = Platform::own();
  if (config.architecture.empty() || (config.os == own.os && config.architecture == own.architecture))
    return {};
  return Error(Error::infrastructure(fmt::format("the image {} is for {}/{}, this machine is {}",
                                                 root.reference, config.os, config.architecture, own.str())))
      .hint(fmt::format("`testctr-script image pull --platform {} {}` fetches the one for this machine",
                        own.str(), root.reference));
}

Result<RootFilesystem> from_name(Store::Impl& store, const Reference& reference, const Access& access) {
  const bool ask = access.pull == Pull::always && !access.offline;
  if (!ask) {
    if (auto stored = TRY(from_store(store, reference, access))) return std::move(*stored);
    if (access.pull == Pull::never || access.offline) return not_in_store(store, reference, access);
  }
  const LoadedImage pulled = TRY(pull_reference(store, reference, access));
  Reference exact = reference;
  exact.digest = pulled.manifest;
  auto root = TRY(from_store(store, exact, access));
  if (!root) return Error::internal("the image that was just pulled is not in the store");
  root->reference = reference.full();
  return std::move(*root);
}

// "sha256:" and some digits name a stored image by itself, as in `image inspect`.
bool is_digest_of_stored(const std::string& text) {
  return text.starts_with("sha256:") && text.size() >= 7 + 12 &&
         text::is_hex(text.substr(7), text.size() - 7);
}

Result<std::unique_ptr<Source>> open_source(Store::Impl& store, const Reference& reference) {
  if (reference.kind == Reference::Kind::oci)
    return layout_source(reference.path, reference.tag, reference.text);
  Fd scratch = TRY(sys::open_at(store.directory.get(), "tmp", O_RDONLY | O_DIRECTORY));
  return archive_source(reference, scratch.get());
}

Result<RootFilesystem> from_layout(Store::Impl& store, const Reference& reference) {
  std::unique_ptr<Source> source = TRY(open_source(store, reference));
  Digest manifest = source->manifest_digest;
  return obtain_known(store, reference, manifest,
                      [&]() -> Result<std::unique_ptr<Source>> { return std::move(source); });
}

Result<RootFilesystem> from_archive(Store::Impl& store, const Reference& reference) {
  auto key = Store::Impl::source_key(reference.path, reference.text.substr(0, 3) + reference.tag);
  if (key) {
    auto manifest = TRY(store.find_source(*key));
    if (manifest) {
      auto ready = TRY(store.ready(*manifest));
      if (ready) return root_of(store, reference, std::move(ready->first), std::move(ready->second));
    }
  }
  RootFilesystem root = TRY(from_layout(store, reference));
  if (key) {
    // Collecting takes away what a writer has not named yet.
    Fd hold = TRY(store.hold(LOCK_SH));
    CHECK_OK(store.set_source(*key, root.manifest));
  }
  return root;
}

}  // namespace

Result<RootFilesystem> obtain(Store& store, const std::string& text, const Access& access) {
  Reference reference = TRY(Reference::parse(text));
  Store::Impl& impl = store.impl();
  switch (reference.kind) {
    case Reference::Kind::builtin:
      return obtain_known(impl, reference, builtin_layer_digest(),
                          []() -> Result<std::unique_ptr<Source>> { return builtin_source(); });
    case Reference::Kind::hostfs: {
      RootFilesystem root;
      root.kind = RootFilesystem::Kind::hostfs;
      root.reference = text;
      return root;
    }
    case Reference::Kind::dir:
      return from_directory(reference);
    case Reference::Kind::oci:
      return from_layout(impl, reference);
    case Reference::Kind::oci_archive:
    case Reference::Kind::docker_archive:
      return from_archive(impl, reference);
    case Reference::Kind::name: {
      if (is_digest_of_stored(text)) {
        reference = Reference();
        reference.digest = TRY(find(store, text));
        reference.text = reference.digest.str();
        auto stored = TRY(from_store(impl, reference, access));
        if (!stored) return not_in_store(impl, reference, access);
        CHECK_OK(for_this_machine(*stored));
        return std::move(*stored);
      }
      RootFilesystem root = TRY(from_name(impl, reference, access));
      CHECK_OK(for_this_machine(root));
      return root;
    }
  }
  return Error::internal("an unknown kind of reference");
}

Result<Sources> open_sources(Store& store, const Reference& reference, const Platform& platform) {
  if (reference.kind == Reference::Kind::oci)
    return layout_sources(reference.path, reference.tag, reference.text, platform);
  Fd scratch = TRY(sys::open_at(store.impl().directory.get(), "tmp", O_RDONLY | O_DIRECTORY));
  return archive_sources(reference, scratch.get(), platform);
}

Result<LoadedImage> load_named(Store::Impl& store, Source& source) {
  Loaded loaded = TRY(load_image(store, source, /* keep_blobs= */ true));
  for (const std::string& name : source.names) CHECK_OK(store.set_tag(name, loaded.record.manifest));
  CHECK_OK(store.add_indexes(source.indexes, loaded.record.manifest));
  return LoadedImage{loaded.record.manifest, source.names, loaded.record.notes};
}

Result<std::vector<LoadedImage>> load(Store& store, const std::string& text, const std::string& tag_text,
                                      const Platform& platform) {
  Reference reference = TRY(Reference::parse(text));
  std::string name;
  if (!tag_text.empty()) {
    name = TRY_IN(Reference::parse_new_name(tag_text), "--tag").full();
  }
  using Kind = Reference::Kind;
  if (reference.kind != Kind::oci && reference.kind != Kind::oci_archive &&
      reference.kind != Kind::docker_archive)
    return Error(Error::usage(fmt::format("{} is nothing that can be loaded", text)))
        .hint("load takes oci:DIR[:TAG], oci-archive:FILE[:TAG] and docker-archive:FILE[:NAME]");
  Store::Impl& impl = store.impl();
  Sources sources = TRY(open_sources(store, reference, platform));
  if (!name.empty() && sources.size() > 1)
    return Error(Error::usage(
                     fmt::format("--tag: {} holds {} images, and a name is for one", text, sources.size())))
        .hint(fmt::format(
            "name one of them, {}:NAME, or leave --tag out: each keeps the name that it has there", text));
  std::vector<LoadedImage> all;
  for (std::unique_ptr<Source>& source : sources) {
    if (!name.empty()) source->names = {name};
    all.push_back(TRY(load_named(impl, *source)));
    source.reset();
  }
  return all;
}

}  // namespace testctr::image
