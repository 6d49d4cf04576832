// `image build`: an image by a recipe.
#include "commands.h"
#include "image/reference.h"
#include "image/transfer.h"
#include "image_access.h"
#include "open_store.h"
#include "recipe/build.h"
#include "recipe/recipe.h"

namespace testctr::cmd {
namespace {

constexpr Option options[] = {
    {.names = "-o,--output",
     .value = "DESTINATION",
     .help = "where the image goes: oci:DIR[:NAME], oci-archive:FILE[:NAME] or docker-archive:FILE[:NAME]"},
    {.names = "--tag", .value = "NAME", .help = "or into the store, by this name"},
    {.names = "--compress",
     .value = "HOW",
     .help = "of the layers that are made: gzip, which everybody reads, zstd or none (default: gzip)",
     .choices = "gzip|zstd|none"},
    pull_option,
    offline_option,
    authfile_option,
    store_option,
};

Result<std::string> destination(const Arguments& arguments) {
  const auto output = arguments.value("--output"), tag = arguments.value("--tag");
  if (output.has_value() == tag.has_value())
    return Error(Error::usage(output ? "image build: -o and --tag both say where the image goes"
                                     : "image build: nothing says where the image goes"))
        .hint("`--tag NAME` puts it into the store, `-o oci-archive:FILE:NAME` into a file");
  if (tag) return TRY_IN(image::Reference::parse_new_name(*tag), "--tag").full();
  const image::Reference reference = TRY_IN(image::Reference::parse(*output), "--output");
  if (reference.kind == image::Reference::Kind::name && !reference.remote)
    return Error(Error::usage(fmt::format("-o: {} is a name in the store", *output)))
        .hint(fmt::format("`--tag {}` puts it there; files are oci-archive:FILE, folders oci:DIR", *output));
  return *output;
}

image::Compression compression_named(const std::string& word) {
  return word == "gzip"   ? image::Compression::gzip
         : word == "zstd" ? image::Compression::zstd
                          : image::Compression::none;
}

Result<int> run_build(const Arguments& arguments) {
  static const std::vector<std::string> ways{"gzip", "zstd", "none"};
  const std::string compression = TRY(arguments.choice("--compress", ways)).value_or(ways[0]);
  const std::string to = TRY(destination(arguments));
  const recipe::Recipe recipe = TRY(recipe::read_recipe(arguments.positionals()[0]));
  image::Store store = TRY(open_store(store_options(arguments)));
  const StopSignals signals = TRY(StopSignals::install());
  const auto images = TRY(ImageAccess::from(arguments, {.pull = true}, &signals));
  auto built = recipe::build(store, recipe, compression_named(compression), images->access());
  if (!built.ok() && signals.received() != 0) return 128 + signals.received();
  std::string name;
  std::unique_ptr<image::Source> image = TRY(std::move(built));
  const auto place = TRY(image::open_destination(store, to, name, images->access()));
  std::vector<std::string> names;
  if (!name.empty()) names.push_back(name);
  CHECK_OK(place->put(std::move(image), names));
  const std::vector<Digest> digests = TRY(place->finish());
  const auto reference = image::Reference::parse(to);
  if (!reference.ok() || reference.value().path != "-") CHECK_OK(print(digests.front().str() + "\n"));
  return exit_passed;
}

const Registration build({
    .name = "image build",
    .rank = 406,
    .summary = "make an image by a recipe",
    .synopsis = "RECIPE --tag NAME | -o DESTINATION",
    .examples = "testctr-script image build app.yaml --tag app:test\n"
                "testctr-script image build app.yaml -o oci-archive:app.tar:app:test\n",
    .options = options,
    .min_positionals = 1,
    .max_positionals = 1,
    .text = "A recipe names a base image or folder, files to add, and what the configuration is to say "
            "(`testctr-script help recipes`); nothing\n"
            "is run. The same recipe and files give the same image, to the byte: names are sorted, times are "
            "clamped to $SOURCE_DATE_EPOCH\n"
            "(0 without it), and of files' modes only whether they are programs counts. Prints the digest of "
            "its manifest.",
    .run = run_build,
});

}  // namespace
}  // namespace testctr::cmd
