// From a registry into the store.
#include <sys/file.h>

#include "base/sys.h"
#include "image/images.h"
#include "image/load.h"
#include "image/pull.h"
#include "image/remote.h"

namespace testctr::image {
namespace {

// Whether all that a pull would bring is in the store.
Result<bool> complete(Store::Impl& store, const Source& source) {
  if (!TRY(store.ready(source.manifest_digest))) return false;
  if (!TRY(store.has_blob(source.manifest_digest)) || !TRY(store.has_blob(source.manifest.config.digest)))
    return false;
  for (const Descriptor& layer : source.manifest.layers)
    if (!TRY(store.has_blob(layer.digest))) return false;
  return true;
}

Status name_it(Store::Impl& store, const Reference& name, const Source& source) {
  if (!name.tag.empty() && name.digest.empty())
    CHECK_OK(store.set_tag(name.tagged(), source.manifest_digest));
  return store.add_indexes(source.indexes, source.manifest_digest);
}

}  // namespace

std::string index_key(const Digest& index) { return "index-" + index.hex(); }

Result<LoadedImage> pull_reference(Store::Impl& store, const Reference& reference, const Access& access) {
  const std::shared_ptr<Remote> remote = TRY(Remote::open(access));
  const auto doing = [&] { return fmt::format("pulling {}", reference.full()); };
  Remote::Found found = TRY_IN(remote->find(reference), doing());
  const Reference name = found.name;
  std::unique_ptr<Source> source = TRY_IN(registry_source(remote, std::move(found)), doing());
  // Two processes that want the same: the second waits, and finds it.
  const std::optional<Fd> alone =
      TRY(store.lock("pull-" + Store::Impl::short_id(source->manifest_digest), LOCK_EX));
  LoadedImage pulled{source->manifest_digest, {}, {}};
  if (name.digest.empty()) pulled.names.push_back(name.tagged());
  if (TRY(complete(store, *source))) {
    const Fd hold = TRY(store.hold(LOCK_SH));
    CHECK_OK(name_it(store, name, *source));
    return pulled;
  }
  if (access.progress) access.progress({name.full(), "", 0, 0, false});
  auto loaded = load_image(store, *source, /* keep_blobs= */ true);
  if (access.progress) access.progress({name.full(), "", 0, 0, true});
  if (!loaded.ok()) {
    remote->stop();
    return std::move(loaded).error();
  }
  CHECK_OK(name_it(store, name, *source));
  pulled.notes = loaded.value().record.notes;
  return pulled;
}

Result<LoadedImage> pull(Store& store, const std::string& text, const Access& access) {
  Reference reference = TRY(Reference::parse(text));
  if (reference.kind != Reference::Kind::name)
    return Error(Error::usage(fmt::format("{} is nothing that a registry has", text)))
        .hint("name an image: NAME[:TAG][@DIGEST]; files are brought in by `testctr-script image load`");
  return pull_reference(store.impl(), reference, access);
}

Result<Resolved> resolve(const std::string& text, const Access& access) {
  const Reference reference = TRY(Reference::parse(text));
  if (reference.kind != Reference::Kind::name)
    return Error::usage(fmt::format("{} is nothing that a registry has", text));
  const std::shared_ptr<Remote> remote = TRY(Remote::open(access));
  Remote::Found found = TRY_IN(remote->find(reference), fmt::format("looking for {}", reference.full()));
  Resolved resolved;
  resolved.digest = found.document.digest;
  resolved.manifests = TRY_IN(platforms_of(found), found.name.full());
  return resolved;
}

Result<std::vector<Reference>> stored_names(const Reference& reference, const Access& access) {
  if (!reference.short_name) return std::vector{reference};
  const std::shared_ptr<Remote> remote = TRY(Remote::open(access));
  return remote->names_of(reference);
}

}  // namespace testctr::image
