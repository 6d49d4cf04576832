#include "bundle/pack.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>

#include "base/json.h"
#include "base/output_file.h"
#include "base/sys.h"
#include "base/text.h"
#include "bundle/content.h"
#include "bundle/layer_file.h"
#include "bundle/packed_image.h"
#include "bundle/seal.h"
#include "image/archive_writer.h"
#include "image/load.h"
#include "image/transfer.h"
#include "run/run.h"

namespace testctr::bundle {
namespace {

using image::Source;

constexpr uint64_t most_plain = uint64_t{64} << 20;
constexpr size_t block = size_t{256} * 1024;

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

/// What Docker and Podman are to call the image: the file's name, as far as they take it.
std::string image_name(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  name = name.substr(0, name.find('.', 1));
  std::string plain;
  for (const char c : name) {
    const char small = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool letter = (small >= 'a' && small <= 'z') || (small >= '0' && small <= '9');
    if (letter) {
      plain += small;
    } else if (!plain.empty() && plain.back() != '-') {
      plain += '-';
    }
  }
  while (!plain.empty() && plain.back() == '-') plain.pop_back();
  return fmt::format("localhost/{}:latest", plain.empty() ? "bundle" : plain);
}

/// The images of the plan, opened: the first is the one that the layer goes on.
struct Images {
  std::unique_ptr<Source> main;
  std::vector<std::unique_ptr<Source>> others;
  std::vector<NamedDigest> named;
};

Result<std::string> pin_of(const plan::Plan& plan, size_t only, const std::string& image) {
  std::string pinned;
  for (const plan::Job& job : plan.jobs) {
    if (only != SIZE_MAX && &job != &plan.jobs[only]) continue;
    const auto pin = job.pins.find(image);
    const std::string& own = pin == job.pins.end() ? image : pin->second;
    if (!pinned.empty() && own != pinned && pin != job.pins.end())
      return Error::usage(fmt::format("{} is locked to two images", image));
    if (pinned.empty() || pin != job.pins.end()) pinned = own;
  }
  return pinned.empty() ? image : pinned;
}

/// When an image was made, as it says itself, but not before what bundles have for all times. What a setup
/// writes is to be no older than what it was made from, or `make` would make it again.
Result<int64_t> clock_of(const std::string& config) {
  const int64_t epoch = TRY(image::source_date_epoch(0));
  const auto json = json::parse(config);
  if (!json.ok()) return epoch;
  const auto created = json::get_string(json.value(), "created", "");
  struct tm parts {};
  if (!created.ok() || strptime(created.value().c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr)
    return epoch;
  return std::max<int64_t>(epoch, timegm(&parts));
}

/// @param named says in which blob the changes are
Result<std::unique_ptr<Source>> with_set_up(std::unique_ptr<Source> base, const SetUp& set_up,
                                            const std::string& folder, NamedDigest& named) {
  const int64_t clock = TRY(clock_of(TRY(base->config())));
  Fd file;
  const image::CompressedLayer layer = TRY_IN(
      compressed_layer(
          folder,
          [&](image::BlockSink out) { return image::write_changes(std::move(out), *set_up.layer, clock); },
          file),
      text::printable(set_up.job->name));
  named.setup = set_up.job->name;
  named.layer = layer.blob.digest;
  return packed_image(std::move(base), std::move(file), layer, /*set_up=*/true);
}

/// Of an image as it is to be packed only what was touched. Of one that nothing was done with, the whole:
/// nobody knows what a replay will do with it. @param root of the image as it is obtained
Status make_slim(image::Store& store, image::RootFilesystem root, const PackOptions& options,
                 std::unique_ptr<Source>& source, NamedDigest& named, std::vector<std::string>& notes) {
  const auto touched = TRY(options.touched->of(named.shown, notes));
  if (!touched) return {};
  std::optional<image::Loaded> loaded;
  if (!named.setup.empty()) {
    // As others will have it, not as it lies here: the times are those of the bundle.
    loaded = TRY(image::load_image(store.impl(), *source, /*keep_blobs=*/false));
    root = TRY(image::obtain(store, loaded->record.manifest.str()));
    named.layer = {};
  }
  source = TRY(slim_image(*source, root, *touched, folder_of(options.output), notes));
  return {};
}

Result<Images> open_images(image::Store& store, const image::Access& access, const plan::Plan& plan,
                           const std::vector<WantedImage>& wanted, const PackOptions& options,
                           std::vector<std::string>& notes) {
  Images images;
  for (const auto& [name, set_up, jobs] : wanted) {
    const std::string pinned = TRY(pin_of(plan, options.only, name));
    // In the store, where it was not yet: a layer is read more than once.
    image::RootFilesystem root = TRY(image::obtain(store, pinned, access));
    auto source = TRY(image::open_source(store, pinned, access));
    CHECK_OK(image::settle(*source));
    NamedDigest named{.name = name, .shown = pinned, .manifest = {}, .media_type = {}, .jobs = jobs};
    if (set_up != nullptr)
      source = TRY(with_set_up(std::move(source), *set_up, folder_of(options.output), named));
    if (options.touched != nullptr)
      CHECK_OK(make_slim(store, std::move(root), options, source, named, notes));
    if (!images.main) {
      images.main = std::move(source);
    } else if (source->manifest_digest != images.main->manifest_digest) {
      named.manifest = source->manifest_digest;
      named.media_type = image::media::oci_manifest;
      if (const auto manifest = json::parse(source->manifest_bytes); manifest.ok()) {
        auto own = json::get_string(manifest.value(), "mediaType", named.media_type);
        if (own.ok()) named.media_type = std::move(own).value();
      }
      named.size = source->manifest_bytes.size();
      images.others.push_back(std::move(source));
    }
    images.named.push_back(std::move(named));
  }
  return images;
}

/// This program's own bytes, without a bundle that may stand behind them.
Status write_program(SealedOutput& out, const image::LayerContent& layer) {
  Fd self = TRY(sys::open(layer.program, O_RDONLY));
  struct stat st {};
  if (fstat(self.get(), &st) != 0) return Error::system("fstat", layer.program);
  const uint64_t size = layer.program_size != 0 ? layer.program_size : static_cast<uint64_t>(st.st_size);
  std::string buffer(block, '\0');
  for (uint64_t left = size; left > 0;) {
    const size_t n =
        TRY(sys::read_full(self.get(), buffer.data(), static_cast<size_t>(std::min<uint64_t>(block, left))));
    if (n == 0) return Error::infrastructure("this program's file became shorter while it was read");
    CHECK_OK(out.write({buffer.data(), n}));
    left -= n;
  }
  return {};
}

Status write_file(std::vector<image::NamedImage>& images, image::ArchiveExtras& extras,
                  const image::LayerContent& layer, const PackOptions& options, sys::OutputFile& output) {
  const int file = TRY(output.begin());
  if (output.temporary().empty())
    return Error::usage(fmt::format("{} is no regular file: a bundle goes to one", options.output));
  SealedOutput sealed(file);
  if (options.runnable) {
    CHECK_OK(write_program(sealed, layer));
    if (fchmod(file, 0755) != 0) return Error::system("fchmod", options.output);
  }
  sealed.begin_archive();
  CHECK_OK(image::write_extended_archive(
      images, [&sealed](std::string& bytes) { return sealed.write(bytes); }, extras));
  CHECK_OK(sealed.finish());
  return output.finish();
}

}  // namespace

Result<Packed> pack(image::Store& store, const image::Access& access, const plan::Plan& plan,
                    const PackOptions& options) {
  sys::OutputFile output = TRY_IN(sys::OutputFile::create(options.output), "--output");
  for (const plan::Job& job : plan.jobs)
    if (output.is(job.file))
      return Error::usage(
          fmt::format("--output: {} is what is to be packed, and the bundle would overwrite it",
                      text::quoted(options.output)));
  const run::Secrets secrets = run::secrets_of(plan);
  std::vector<std::string> left_out = options.left_out;
  left_out.push_back(output.target());
  Folded folded;
  fold(plan, options.recording, options.set_ups, options.only, folded);
  if (folded.plan.jobs.empty() && !folded.notes.empty()) return Error::infrastructure(folded.notes.front());
  Content content = TRY(gather(folded, secrets, left_out));
  content.notes.insert(content.notes.begin(), folded.notes.begin(), folded.notes.end());
  Images images = TRY(open_images(store, access, plan, content.images, options, content.notes));
  PlanFile file;
  file.plan = std::move(content.plan);
  file.images = std::move(images.named);
  file.config = TRY(images.main->config());
  file.program = TESTCTR_VERSION;
  file.slim = options.touched != nullptr;
  // What nobody looked for above: of services their environment and commands, names, included documents.
  if (!secrets.empty() && secrets.in(to_bytes(file)))
    return Error::usage(
               "the value of a secret stands in what is known of the tests or of their image: nothing was "
               "packed")
        .hint(
            "a container's environment, a command, a name, an included document, or the image's "
            "configuration has it");

  Fd layer;
  const image::CompressedLayer described = TRY(write_content(content, file, folder_of(output.target()), layer)
                                                   .in("the bundle's layer")
                                                   .in(text::printable(options.output)));
  auto packed = TRY(packed_image(std::move(images.main), std::move(layer), described));
  Packed done;
  done.content = packed->manifest_digest;
  done.notes = std::move(content.notes);

  image::ArchiveExtras extras;
  extras.unlisted = std::move(images.others);
  extras.most_plain = options.plain_layers ? UINT64_MAX : most_plain;
  extras.scratch = folder_of(output.target());
  extras.annotations[sealed_annotation] = "1";
  if (options.recording != nullptr) {
    if (!secrets.empty()) mask(folded.recording, secrets);
    std::string bytes = json::to_cbor(to_wire(folded.recording));
    if (secrets.in(bytes)) return Error::internal("a secret's value stands in what was recorded");
    extras.annotations[recording_annotation] = Digest::of(bytes).str();
    extras.documents.push_back(std::move(bytes));
  }
  std::vector<image::NamedImage> all;
  all.push_back({std::move(packed), {image_name(options.output)}});
  CHECK_OK(write_file(all, extras, content.layer, options, output).in(text::printable(options.output)));
  if (extras.left_plain_out)
    done.notes.emplace_back(
        "the image has zstd layers, which Docker before version 23 cannot load: --plain-layers adds them "
        "uncompressed");
  const auto st = TRY(sys::stat_at(AT_FDCWD, options.output, 0));
  done.size = st ? static_cast<uint64_t>(st->st_size) : 0;
  return done;
}

}  // namespace testctr::bundle
