// `image pull`: from a registry into the store.
#include "commands.h"
#include "image/images.h"
#include "image_access.h"
#include "open_store.h"

namespace testctr::cmd {
namespace {

constexpr Option pull_options[] = {
    platform_option,
    authfile_option,
    offline_option,
    {.names = "-q,--quiet", .help = "say nothing but errors and digests"},
};

Result<int> run_pull(const Arguments& arguments) {
  image::Store store = TRY(open_store());
  const StopSignals signals = TRY(StopSignals::install());
  const bool quiet = arguments.flag("--quiet");
  const auto images = TRY(ImageAccess::from(arguments, {.platform = true, .quiet = quiet}, &signals));
  for (const std::string& name : arguments.positionals()) {
    const auto pulled = image::pull(store, name, images->access());
    if (!pulled.ok() && signals.received() != 0) return 128 + signals.received();
    if (!pulled.ok()) return pulled.error();
    if (!quiet)
      for (const std::string& note : pulled.value().notes) complain("note: " + note);
    CHECK_OK(print(fmt::format("{} {}\n", pulled.value().names.empty() ? name : pulled.value().names.front(),
                               pulled.value().manifest.str())));
  }
  return exit_passed;
}

const Registration pull({
    .name = "image pull",
    .rank = 405,
    .summary = "fetch images from their registries into the store",
    .synopsis = "[--platform OS/ARCH] NAME[:TAG][@DIGEST]...",
    .examples =
        "testctr-script image pull golang:latest\n"
        "testctr-script image pull --platform linux/arm64 registry.example:5000/tools/jq@sha256:...\n",
    .options = pull_options,
    .min_positionals = 1,
    .text =
        "A name leads where registries.conf says (aliases, mirrors, search order), else to docker.io; "
        "passwords "
        "come from where Podman\nand Docker keep them (`testctr-script help registries`). Layers that are in "
        "the store are not fetched again.",
    .run = run_pull,
});

}  // namespace
}  // namespace testctr::cmd
