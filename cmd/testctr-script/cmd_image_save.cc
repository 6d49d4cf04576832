// `image save`: images of the store, or all that a manifest needs, in one file.
#include "base/text.h"
#include "commands.h"
#include "image/reference.h"
#include "image/transfer.h"
#include "image_access.h"
#include "open_store.h"
#include "plan/plan_images.h"
#include "plan/plan_request.h"

namespace testctr::cmd {
namespace {

constexpr Option options[] = {
    {.names = "-o,--output",
     .value = "FILE",
     .help = "where the images go; - is standard output. A file is replaced when all of it is written;\n"
             "of --format oci a folder, which is made or added to"},
    {.names = "--format",
     .value = "FORMAT",
     .help = "oci-archive, docker-archive or oci (default: oci-archive)",
     .choices = "oci-archive|docker-archive|oci"},
    {.names = "-f,--manifest",
     .value = "FILE",
     .help = "all images that the tests of this manifest need (without images to save: that here or above)"},
    {.names = "-t,--test",
     .value = "NAME",
     .help = "of the manifest only what this test needs, with those that it needs",
     .repeats = true},
    store_option,
    pull_option,
    offline_option,
    authfile_option,
};

// What of a manifest's images lies in the store; of what does not is said what becomes of it.
void add_stored(const std::vector<std::string>& needed, std::vector<std::string>& images) {
  for (const std::string& image : needed) {
    const auto reference = image::Reference::parse(image);
    using Kind = image::Reference::Kind;
    if (reference.ok() && (reference.value().kind == Kind::builtin || reference.value().kind == Kind::hostfs))
      continue;  // everywhere
    if (reference.ok() && reference.value().kind != Kind::name) {
      complain(fmt::format("note: {} lies in no store and is not saved: take {} along", image,
                           reference.value().path));
      continue;
    }
    if (std::find(images.begin(), images.end(), image) == images.end()) images.push_back(image);
  }
}

Result<std::vector<std::string>> images_wanted(const Arguments& arguments) {
  std::vector<std::string> images = arguments.positionals();
  plan::RunRequest request;
  request.looks_only = true;
  request.manifest = arguments.value("--manifest");
  request.names = arguments.values("--test");
  if (!images.empty() && !request.manifest) {
    if (request.names.empty()) return images;
    return Error(Error::usage("-t selects tests of a manifest, and images are named"))
        .hint("`-f FILE` names the manifest besides");
  }
  request.manifest = TRY(plan::manifest_path(request.manifest, "no image is named to save"));
  const plan::Plan plan = TRY(plan::plan_request(request));
  add_stored(TRY(plan::images_of(plan)), images);
  if (images.empty())
    return Error::usage(fmt::format("{} needs no image of the store: there is nothing to save",
                                    text::printable(*request.manifest)));
  return images;
}

Result<int> run_save(const Arguments& arguments) {
  using Format = image::SaveOptions::Format;
  static const std::vector<std::string> formats{"oci-archive", "docker-archive", "oci"};
  const std::string format = TRY(arguments.choice("--format", formats)).value_or(formats[0]);
  image::SaveOptions how;
  how.format = format == "oci"           ? Format::oci
               : format == "oci-archive" ? Format::oci_archive
                                         : Format::docker_archive;
  const std::optional<std::string> output = arguments.value("--output");
  if (!output)
    return Error(Error::usage("image save: no output is named"))
        .hint("add `-o FILE`, or `-o -` for standard output");
  if (how.format == Format::oci && *output == "-")
    return Error::usage("--format oci writes a folder, and - is standard output");
  how.output = *output;
  const std::vector<std::string> images = TRY(images_wanted(arguments));
  image::Store store = TRY(open_store(store_options(arguments)));
  const StopSignals signals = TRY(StopSignals::install());
  const auto access = TRY(ImageAccess::from(arguments, {.pull = true}, &signals));
  if (!access->access().offline && access->access().pull != image::Pull::never)
    how.fetch = [&](const std::string& name) -> Status {
      (void)TRY(image::pull(store, name, access->access()));
      return {};
    };
  if (access->access().pull == image::Pull::always)
    for (const std::string& name : images) CHECK_OK(how.fetch(name));
  const Status saved = image::save(store, images, how);
  if (!saved.ok() && signals.received() != 0) return 128 + signals.received();
  CHECK_OK(saved);
  return exit_passed;
}

const Registration save({
    .name = "image save",
    .rank = 402,
    .summary = "write images into one file, to be loaded elsewhere",
    .synopsis = "[NAME|DIGEST...] [-f testctr.yaml] -o FILE",
    .examples = "testctr-script image save golang:latest debian:12 -o images.tar\n"
                "testctr-script image save -f testctr.yaml -o site.tar\n"
                "testctr-script image save golang:latest -o - | ssh there testctr-script image load "
                "oci-archive:/dev/stdin\n",
    .options = options,
    .text =
        "The file is an OCI archive that Skopeo and Podman read by the images' full names "
        "(oci-archive:FILE:docker.io/library/golang:latest),\n"
        "and Docker's and Podman's `load` whole. What is in it is what was loaded or pulled, to the byte; "
        "the same images give the same\n"
        "file. A docker-archive has uncompressed layers, for older programs. `image load` takes each.\n"
        "Without images on the command line, those of the manifest are saved that its tests, services, "
        "sections and matrix name.\n",
    .run = run_save,
});

}  // namespace
}  // namespace testctr::cmd
