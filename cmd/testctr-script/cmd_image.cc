// `image load|ls|inspect|tag|rm|gc`: what is in the store.
#include "base/json.h"
#include "base/text.h"
#include "commands.h"
#include "image/images.h"
#include "image_access.h"
#include "open_store.h"

namespace testctr::cmd {
namespace {

constexpr Option load_options[] = {
    {.names = "--tag",
     .value = "NAME",
     .help = "what to call the image: name[:tag], as `run NAME` will name it"},
    platform_option,
    {.names = "-q,--quiet", .help = "say nothing but errors"},
};

Result<int> run_load(const Arguments& arguments) {
  image::Store store = TRY(open_store());
  const std::vector<image::LoadedImage> all = TRY(image::load(
      store, arguments.positionals()[0], arguments.value("--tag").value_or(""), TRY(platform_of(arguments))));
  if (arguments.flag("--quiet")) return exit_passed;
  std::string text;
  for (const image::LoadedImage& loaded : all) {
    for (const std::string& note : loaded.notes) complain("note: " + note);
    if (loaded.names.empty()) {
      complain("note: the image has no name, and `image gc` will remove it; --tag NAME gives it one");
      text += fmt::format("- {}\n", loaded.manifest.str());
    }
    for (const std::string& name : loaded.names) text += fmt::format("{} {}\n", name, loaded.manifest.str());
  }
  CHECK_OK(print(text));
  return exit_passed;
}

const Registration load({
    .name = "image load",
    .rank = 400,
    .summary = "bring images from a layout or an archive into the store",
    .synopsis = "[--tag NAME] [--platform OS/ARCH] oci:DIR[:TAG] | oci-archive:FILE[:TAG] | "
                "docker-archive:FILE[:NAME]",
    .examples = "testctr-script image load --tag golang:latest oci:build/images/golang\n"
                "testctr-script image load docker-archive:saved.tar.gz\n",
    .options = load_options,
    .min_positionals = 1,
    .max_positionals = 1,
    .text = "Every digest is verified while the image is read. Archives may be compressed (gzip, zstd, xz, "
            "bzip2), layers too.\n"
            "Without --tag an image gets the full names that the layout or archive has for it (`image save` "
            "writes them; a tag alone is none).\n"
            "A layout or archive that holds several images is loaded whole, unless one is named.",
    .run = run_load,
});

constexpr Option ls_options[] = {
    {.names = "--json", .help = "one JSON array of objects"},
    store_option,
};

Result<int> run_ls(const Arguments& arguments) {
  image::Store store = TRY(open_store(store_options(arguments)));
  std::vector<image::ListedImage> images = TRY(image::list(store));
  if (arguments.flag("--json")) {
    Json out = Json::array();
    for (const image::ListedImage& i : images) {
      out.push_back({{"name", i.name}, {"digest", i.manifest.str()}, {"size", i.size}, {"layers", i.layers}});
      if (!i.store.empty()) out.back()["store"] = i.store;
    }
    CHECK_OK(print(json::dump(out, 2) + "\n"));
    return exit_passed;
  }
  size_t width = 4;
  for (const image::ListedImage& i : images) width = std::max(width, i.name.size());
  std::string text;
  if (!images.empty())
    text = fmt::format("{:{}}  {:19}  {:>6}  {:>10}\n", "NAME", width, "DIGEST", "LAYERS", "SIZE");
  for (const image::ListedImage& i : images)
    text += fmt::format("{:{}}  {:19}  {:>6}  {:>10}{}\n", i.name.empty() ? "-" : i.name, width,
                        i.manifest.str().substr(0, 19), i.layers, text::human_size(i.size),
                        i.store.empty() ? "" : "  read-only: " + text::printable(i.store));
  CHECK_OK(print(text));
  return exit_passed;
}

const Registration ls({
    .name = "image ls",
    .rank = 410,
    .summary = "list the images in the store",
    .synopsis = "[--json] [--store-ro DIR]",
    .examples = "testctr-script image ls\n",
    .options = ls_options,
    .max_positionals = 0,
    .run = run_ls,
});

constexpr Option inspect_options[] = {store_option};

Result<int> run_inspect(const Arguments& arguments) {
  image::Store store = TRY(open_store(store_options(arguments)));
  std::string text = TRY(image::inspect(store, arguments.positionals()[0]));
  CHECK_OK(print(text));
  return exit_passed;
}

const Registration inspect({
    .name = "image inspect",
    .rank = 420,
    .summary = "show an image's configuration, manifest and layers as JSON",
    .synopsis = "NAME|DIGEST",
    .examples = "testctr-script image inspect golang:latest\n",
    .options = inspect_options,
    .min_positionals = 1,
    .max_positionals = 1,
    .run = run_inspect,
});

Result<int> run_tag(const Arguments& arguments) {
  image::Store store = TRY(open_store());
  CHECK_OK(image::tag(store, arguments.positionals()[0], arguments.positionals()[1]));
  return exit_passed;
}

const Registration tag({
    .name = "image tag",
    .rank = 430,
    .summary = "give an image in the store another name",
    .synopsis = "NAME|DIGEST NEW-NAME",
    .examples = "testctr-script image tag golang:latest golang:1.19\n",
    .min_positionals = 2,
    .max_positionals = 2,
    .run = run_tag,
});

std::string report(const image::Collected& c) {
  std::string text = fmt::format("freed {} ({} images, {} layers, {} blobs)\n", text::human_size(c.bytes),
                                 c.images, c.layers, c.blobs);
  if (c.in_use > 0)
    text += fmt::format("{} kept, because something runs in {}\n", c.in_use, c.in_use == 1 ? "it" : "them");
  return text;
}

Result<int> run_rm(const Arguments& arguments) {
  image::Store store = TRY(open_store());
  for (const std::string& what : arguments.positionals())
    CHECK_OK(print(report(TRY(image::remove(store, what)))));
  return exit_passed;
}

const Registration rm({
    .name = "image rm",
    .rank = 440,
    .summary = "remove a name, and the image with its last name",
    .synopsis = "NAME|DIGEST...",
    .examples = "testctr-script image rm golang:latest\n",
    .min_positionals = 1,
    .text = "What runs in the image is not disturbed: its layers stay until it has ended, and `image gc` "
            "removes them.",
    .run = run_rm,
});

Result<int> run_gc(const Arguments&) {
  image::Store store = TRY(open_store());
  CHECK_OK(print(report(TRY(image::collect(store)))));
  return exit_passed;
}

const Registration gc({
    .name = "image gc",
    .rank = 450,
    .summary = "remove what no named image and no running container needs",
    .examples = "testctr-script image gc\n",
    .max_positionals = 0,
    .text = "Images without a name come from runs of layouts, archives and `builtin`; they are unpacked "
            "again when they are wanted again.",
    .run = run_gc,
});

}  // namespace
}  // namespace testctr::cmd
