#include "bundle/open.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <set>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "bundle/bounds.h"
#include "bundle/packed_image.h"
#include "bundle/seal.h"
#include "image/load.h"
#include "image/reference.h"
#include "image/transfer.h"
#include "plan/plan_images.h"
#include "run/scope.h"

namespace testctr::bundle {
namespace {

using image::Source;

constexpr const char* inside = "/testctr";
constexpr const char* here_image = "hostfs";  // as plans name the root that we are in
constexpr size_t largest_plan = size_t{256} << 20;
constexpr size_t largest_recording = size_t{64} << 20;

/// Something in the bundle's layer that is what it is to be: nothing there leads elsewhere.
Result<std::string> path_in(const std::string& folder, const std::string& name, bool may_be_folder,
                            bool may_be_file) {
  Fd top = TRY(sys::open(folder, O_RDONLY | O_DIRECTORY));
  Fd found = TRY_IN(sys::open_in_root(top.get(), name, O_PATH | O_NOFOLLOW), "the bundle's layer");
  struct stat st {};
  if (fstat(found.get(), &st) != 0) return Error::system("fstat", name);
  // Not a link on the way, either: the same file without any.
  const auto plain = TRY(sys::stat_at(top.get(), name));
  const bool fits = (S_ISDIR(st.st_mode) && may_be_folder) || (S_ISREG(st.st_mode) && may_be_file);
  if (!fits || !plain || plain->st_ino != st.st_ino || plain->st_dev != st.st_dev ||
      name.find("..") != std::string::npos || name.starts_with('/'))
    return Error::infrastructure(
        fmt::format("the bundle's {} is not what it is to be: the bundle is damaged", text::quoted(name)));
  return folder + "/" + name;
}

Status check_names(const plan::Job& job) {
  const auto one_of = [](const std::string& name, std::string_view folder) {
    return name.starts_with(folder) && name.find("..") == std::string::npos;
  };
  const auto refuse = [&](const std::string& name) {
    return Error::infrastructure(fmt::format(
        "the bundle's plan names {}, which is nothing of its own: it is damaged", text::quoted(name)));
  };
  if (!job.tree.empty() && job.tree != "tree" && !one_of(job.tree, "trees/")) return refuse(job.tree);
  for (const plan::HostProgram& p : job.programs)
    if (!one_of(p.path, "programs/")) return refuse(p.path);
  for (const plan::Mount& m : job.mounts)
    if (!one_of(m.source, "mounts/") || !m.read_only) return refuse(m.source);
  if (job.seccomp != "default" && job.seccomp != "unconfined" && job.seccomp != "strict" &&
      !one_of(job.seccomp, "profiles/"))
    return refuse(job.seccomp);
  return {};
}

// The names of the bundle become paths below `folder`.
Status use_folder(plan::Job& job, const std::string& folder) {
  if (!job.tree.empty()) job.tree = TRY(path_in(folder, job.tree, true, false));
  for (plan::HostProgram& p : job.programs) p.path = TRY(path_in(folder, p.path, false, true));
  for (plan::Mount& m : job.mounts) m.source = TRY(path_in(folder, m.source, true, true));
  if (job.seccomp.starts_with("profiles/")) job.seccomp = TRY(path_in(folder, job.seccomp, false, true));
  return {};
}

// A bundle may name any variable of whoever replays it as its secret.
void take_secrets(plan::Job& job, const std::set<std::string>* allowed, std::vector<std::string>& notes) {
  for (const std::string& name : job.secrets) {
    const char* value = ::getenv(name.c_str());
    if (value != nullptr && (allowed == nullptr || allowed->contains(name))) {
      job.environment[name] = value;
      continue;
    }
    notes.push_back(fmt::format(
        "{} wants the secret {}, which no bundle holds: {}", text::printable(job.name), text::printable(name),
        value == nullptr ? "it is not set here" : "`--secret NAME` gives it what is set here"));
  }
}

/// Nothing is obtained but what the bundle has: other names may be folders of this machine.
Status check_images(plan::Job& job, std::map<std::string, std::string> pins) {
  for (const std::string& image : plan::images_of(job))
    if (!pins.contains(image))
      return Error::infrastructure(
          fmt::format("the bundle's plan names the image {}, which it does not hold: "
                      "it is damaged",
                      text::quoted(image)));
  job.pins = std::move(pins);
  job.pinned_only = true;
  return {};
}

Error damaged(const std::string& shown) {
  return Error::infrastructure(
             fmt::format("{} is damaged or cut: its last bytes are not those that were packed",
                         text::printable(shown)))
      .hint("have it sent again");
}

/// What looks like a file's name, not like an image's.
bool is_of_file(const std::string& text) {
  const bool path = text.find('/') != std::string::npos && (text.starts_with('.') || text.starts_with('/'));
  return path || text.ends_with(".run") || text.ends_with(".tar");
}

}  // namespace

Result<bool> carries_bundle() {
  auto self = sys::open("/proc/self/exe", O_RDONLY);
  if (!self.ok()) return false;
  auto seal = find_seal(self.value().get());
  return seal.ok() && seal.value().has_value();
}

Status Bundle::read_archive(Fd file, const std::string& shown) {
  const auto seal = TRY_IN(find_seal(file.get()), shown);
  struct stat st {};
  if (fstat(file.get(), &st) != 0) return Error::system("fstat", shown);
  uint64_t begin = 0, size = static_cast<uint64_t>(st.st_size);
  if (seal) {
    CHECK_OK(check_seal(file.get(), *seal).in(text::printable(shown)));
    begin = seal->begin;
    size = seal->size;
  }
  auto archive = image::OciArchive::open(std::move(file), begin, size, shown);
  // A bundle that is cut has lost its seal, which is its end.
  if (!archive.ok() && !seal)
    return Error::infrastructure(fmt::format("{} is no bundle, or not all of one: {}", text::printable(shown),
                                             archive.error().message()))
        .hint("name the file that `testctr-script pack` wrote");
  archive_ = TRY(std::move(archive));
  const auto& manifests = archive_->index().manifests;
  if (manifests.size() != 1)
    return Error::infrastructure(
               fmt::format("{} holds {} images, and is no bundle", text::printable(shown), manifests.size()))
        .hint("`testctr-script pack` makes bundles");
  const image::Descriptor& entry = manifests.front();
  if (!seal && entry.annotations.contains(sealed_annotation)) return damaged(shown);
  again_ = [archive = *archive_, entry] { return archive.image(entry); };
  packed_ = TRY(again_());
  const auto recorded = entry.annotations.find(recording_annotation);
  if (recorded == entry.annotations.end()) return {};
  const Digest digest = TRY_IN(Digest::parse(recorded->second), "the recording");
  const auto stream = TRY(archive_->blob(digest));
  const std::string bytes = TRY_IN(read_source(*stream, largest_recording), "the recording");
  if (Digest::of(bytes) != digest) return damaged(shown);
  recording_ = TRY(recording_from_wire(TRY_IN(json::from_cbor(bytes), "the recording")));
  return {};
}

Status Bundle::read_named(image::Store& store, const std::string& text, const image::Access& access) {
  const image::Reference reference = TRY(image::Reference::parse(text));
  if (reference.kind != image::Reference::Kind::name)
    return Error::usage(fmt::format("{} is no file and no image's name", text::quoted(text)))
        .hint("name the file that `testctr-script pack` wrote, or the image that `push` sent");
  // In the store, where it was not yet, with its blobs.
  (void)TRY(image::obtain(store, text, access));
  again_ = [&store, &access, text] { return image::open_source(store, text, access); };
  packed_ = TRY(again_());
  const std::string repository = reference.full().substr(0, reference.full().find('@'));
  const size_t colon = repository.rfind(':');
  const std::string name = colon != std::string::npos && repository.find('/', colon) == std::string::npos
                               ? repository.substr(0, colon)
                               : repository;
  by_digest_ = [&store, &access, name](const Digest& digest) {
    return image::open_source(store, fmt::format("docker://{}@{}", name, digest.str()), access);
  };
  // Nothing was recorded where there is no such image.
  auto recorded = image::obtain(store, recording_name(name, packed_->manifest_digest), access);
  if (!recorded.ok() || recorded.value().layers.size() != 1) return {};
  const std::string path = TRY(path_in(recorded.value().layers[0], "testctr/recording", false, true));
  recording_ = TRY(recording_from_wire(
      TRY_IN(json::from_cbor(TRY(sys::read_file(path, largest_recording))), "the recording")));
  return {};
}

Status Bundle::read_layer(image::Store& store) {
  auto layer = TRY(last_layer(packed_));
  image::Loaded loaded = TRY_IN(image::load_image(store.impl(), *layer, /*keep_blobs=*/false), "the bundle");
  const std::string layer_folder = store.impl().layer_directory(loaded.record.layers.front());
  folder_ = TRY(path_in(layer_folder, "testctr", true, false));
  locks_.push_back(std::move(loaded.lock));
  const std::string path = TRY(path_in(folder_, plan_name, false, true));
  file_ = TRY(plan_file_from(TRY_IN(sys::read_file(path, largest_plan), "the bundle's plan")));
  for (const plan::Job& job : file_.plan.jobs) CHECK_OK(check_names(job));
  if (file_.images.empty()) return Error::infrastructure("the bundle names no image: it is damaged");
  if (recording_ && recording_->tests.size() != file_.plan.jobs.size())
    return Error::infrastructure("the bundle's recording is of other tests: it is damaged");
  return {};
}

Result<Bundle> Bundle::open(image::Store& store, const std::string& text, const image::Access& access) {
  Bundle bundle;
  const std::string path = text.empty() ? "/proc/self/exe" : text;
  const auto found = sys::stat_at(AT_FDCWD, path, 0);
  if (found.ok() && found.value() && S_ISREG(found.value()->st_mode)) {
    const std::string shown = text.empty() ? TRY(sys::self_path()) : text;
    CHECK_OK(bundle.read_archive(TRY(sys::open(path, O_RDONLY)), shown));
  } else if (is_of_file(text)) {
    return Error::usage(fmt::format("{}: {}", text::printable(text),
                                    found.ok() && found.value() ? "not a regular file" : "no such file"));
  } else {
    CHECK_OK(bundle.read_named(store, text, access));
  }
  CHECK_OK(bundle.read_layer(store));
  return bundle;
}

Result<bool> Bundle::has_host_sections() const {
  for (const plan::Job& job : file_.plan.jobs)
    if (TRY(run::Scope::of(job)).host()) return true;
  return false;
}

std::vector<std::string> Bundle::wants_of_host() const {
  std::set<std::string> wants;
  for (const plan::Job& job : file_.plan.jobs) {
    if (job.network == plan::Network::host) wants.insert("the host's network");
    if (job.seccomp != "default" && job.seccomp != "strict")
      wants.insert("system calls that the default filter refuses");
  }
  return {wants.begin(), wants.end()};
}

Result<std::unique_ptr<Source>> Bundle::other(const NamedDigest& named) const {
  if (!archive_) return by_digest_(named.manifest);
  image::Descriptor descriptor;
  descriptor.digest = named.manifest;
  descriptor.media_type = named.media_type;
  descriptor.size = named.size;
  return archive_->image(descriptor);
}

Result<std::vector<std::unique_ptr<Source>>> Bundle::images() const {
  std::vector<std::unique_ptr<Source>> all;
  all.push_back(TRY(again_()));
  for (const NamedDigest& named : file_.images)
    if (!named.manifest.empty()) all.push_back(TRY(other(named)));
  return all;
}

Result<Ready> Bundle::ready(image::Store& store, bool keep_blobs,
                            const std::set<std::string>& secrets) const {
  Ready ready;
  ready.plan = file_.plan;
  std::vector<std::string> digests;
  for (const NamedDigest& named : file_.images) {
    auto source = TRY(named.manifest.empty() ? without_last_layer(packed_, file_.config) : other(named));
    image::Loaded loaded =
        TRY_IN(image::load_image(store.impl(), *source, keep_blobs), text::printable(named.name));
    const std::string own = loaded.record.manifest.str();
    digests.push_back(own);
    ready.shown[own] = named.shown;
    ready.locks.push_back(std::move(loaded.lock));
  }
  bound(ready.plan, Bounds::here(), ready.notes);
  for (size_t i = 0; i < ready.plan.jobs.size(); ++i) {
    plan::Job& job = ready.plan.jobs[i];
    CHECK_OK(check_images(job, file_.pins_of(i, digests)));
    CHECK_OK(use_folder(job, folder_));
    take_secrets(job, &secrets, ready.notes);
  }
  return ready;
}

bool is_inside() {
  const auto found = sys::stat_at(AT_FDCWD, fmt::format("{}/{}", inside, plan_name));
  return found.ok() && found.value() && S_ISREG(found.value()->st_mode);
}

Result<Inside> read_inside() {
  const PlanFile file = TRY(plan_file_from(
      TRY_IN(sys::read_file(fmt::format("{}/{}", inside, plan_name), largest_plan), "the bundle's plan")));
  Inside found;
  found.environment = TRY_IN(image::parse_config(file.config), "the bundle's plan").config.env;
  found.ready.plan = file.plan;
  std::vector<std::string> digests;
  for (const NamedDigest& named : file.images) {
    digests.push_back(named.manifest.str());
    if (named.manifest.empty()) found.ready.shown[here_image] = named.shown;
  }
  bound(found.ready.plan, Bounds::here(), found.ready.notes);
  for (size_t i = 0; i < found.ready.plan.jobs.size(); ++i) {
    plan::Job& job = found.ready.plan.jobs[i];
    CHECK_OK(check_names(job));
    const auto pins = file.pins_of(i, digests);
    const auto pin = pins.find(job.image);
    if ((pin == pins.end() || !pin->second.empty()) && !job.image.empty() && !job.error)
      job.error =
          Error::usage(fmt::format("this container is not of the image {}", text::printable(job.image)))
              .hint("`testctr-script replay` of the bundle runs the test, where containers can be made");
    job.image = here_image;
    CHECK_OK(use_folder(job, inside));
    // Who started this container gave it what is in its environment.
    take_secrets(job, nullptr, found.ready.notes);
  }
  return found;
}

}  // namespace testctr::bundle
