// `image push`: from the store to a registry.
#include "commands.h"
#include "image/images.h"
#include "image_access.h"
#include "open_store.h"

namespace testctr::cmd {
namespace {

constexpr Option push_options[] = {
    authfile_option,
    offline_option,
    {.names = "-q,--quiet", .help = "say nothing but errors and the digest"},
};

Result<int> run_push(const Arguments& arguments) {
  image::Store store = TRY(open_store());
  const StopSignals signals = TRY(StopSignals::install());
  const auto images = TRY(ImageAccess::from(arguments, {.quiet = arguments.flag("--quiet")}, &signals));
  const std::string& what = arguments.positionals()[0];
  const std::string to = arguments.positionals().size() > 1 ? arguments.positionals()[1] : what;
  const auto pushed = image::push(store, what, to, images->access());
  if (!pushed.ok() && signals.received() != 0) return 128 + signals.received();
  if (!pushed.ok()) return pushed.error();
  CHECK_OK(print(fmt::format("{} {}\n", pushed.value().names.front(), pushed.value().manifest.str())));
  return exit_passed;
}

const Registration push({
    .name = "image push",
    .rank = 406,
    .summary = "upload an image of the store to a registry",
    .synopsis = "NAME|DIGEST [NAME[:TAG]]",
    .examples = "testctr-script image push registry.example:5000/team/app:v1\n"
                "testctr-script image push golang:latest registry.example:5000/mirror/golang:latest\n",
    .options = push_options,
    .min_positionals = 1,
    .max_positionals = 2,
    .text = "Manifest, configuration and layers go as they are: the digest stays. What the registry has is "
            "not sent again.",
    .run = run_push,
});

}  // namespace
}  // namespace testctr::cmd
