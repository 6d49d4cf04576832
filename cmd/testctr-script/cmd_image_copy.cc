// `image copy`: an image from one place to another.
#include "commands.h"
#include "image/reference.h"
#include "image/transfer.h"
#include "image_access.h"
#include "open_store.h"

namespace testctr::cmd {
namespace {

constexpr Option copy_options[] = {
    platform_option,
    authfile_option,
    offline_option,
    store_option,
};

Result<int> run_copy(const Arguments& arguments) {
  image::Store store = TRY(open_store(store_options(arguments)));
  const std::string& to = arguments.positionals()[1];
  const StopSignals signals = TRY(StopSignals::install());
  const auto images = TRY(ImageAccess::from(arguments, {.platform = true}, &signals));
  const auto copied = image::copy(store, arguments.positionals()[0], to, images->access());
  if (!copied.ok() && signals.received() != 0) return 128 + signals.received();
  if (!copied.ok()) return copied.error();
  const Digest& digest = copied.value();
  // Standard output may be what was written to.
  const auto reference = image::Reference::parse(to);
  if (!reference.ok() || reference.value().path != "-") CHECK_OK(print(digest.str() + "\n"));
  return exit_passed;
}

const Registration copy({
    .name = "image copy",
    .rank = 404,
    .summary = "copy an image between the store, layouts, archives and registries",
    .synopsis = "SOURCE DESTINATION",
    .examples =
        "testctr-script image copy golang:latest oci:build/golang:v1\n"
        "testctr-script image copy docker-archive:saved.tar oci-archive:saved.oci.tar\n"
        "testctr-script image copy docker://docker.io/library/debian:12 docker://registry.example/debian:12\n"
        "testctr-script image copy oci-archive:site.tar:debian:12 debian:12\n",
    .options = copy_options,
    .min_positionals = 2,
    .max_positionals = 2,
    .text =
        "SOURCE is NAME, DIGEST, builtin, docker://NAME at a registry, oci:DIR[:NAME], "
        "oci-archive:FILE[:NAME] or "
        "docker-archive:FILE[:NAME]; DESTINATION is NAME in the store, docker://NAME,\n"
        "oci:DIR[:NAME] (a layout that is there gets the image added), oci-archive:FILE[:NAME] or "
        "docker-archive:FILE[:NAME] (files are replaced).\n"
        "Blobs are copied as they are, verified on the way, and digests stay; only a docker-archive, which "
        "has uncompressed layers, knows none.\n"
        "Where DESTINATION gives no name the image keeps the full name that it has. Prints the digest of "
        "its manifest.",
    .run = run_copy,
});

}  // namespace
}  // namespace testctr::cmd
