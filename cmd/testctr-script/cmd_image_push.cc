// `image push`: from the store to a registry.
#include "base/text.h"
#include "commands.h"
#include "image/reference.h"
#include "image/transfer.h"
#include "image_access.h"
#include "open_store.h"

namespace testctr::cmd {
namespace {

constexpr Option push_options[] = {
    authfile_option,
    offline_option,
};

Result<int> run_push(const Arguments& arguments) {
  image::Store store = TRY(open_store());
  const StopSignals signals = TRY(StopSignals::install());
  const auto images = TRY(ImageAccess::from(arguments, {.quiet = true}, &signals));
  const std::string& what = arguments.positionals()[0];
  const std::string to = arguments.positionals().size() > 1 ? arguments.positionals()[1] : what;
  const auto target = TRY(image::Reference::parse(to));
  if (target.kind != image::Reference::Kind::name)
    return Error(Error::usage(
                     fmt::format("{} is no name that an image could get at a registry", text::quoted(to))))
        .hint("write REGISTRY/NAME[:TAG]; `image copy` writes layouts and archives");
  const auto pushed = image::copy(store, what, "docker://" + target.full(), images->access());
  if (!pushed.ok() && signals.received() != 0) return 128 + signals.received();
  if (!pushed.ok()) return pushed.error();
  CHECK_OK(print(fmt::format("{} {}\n", target.full(), pushed.value().str())));
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
