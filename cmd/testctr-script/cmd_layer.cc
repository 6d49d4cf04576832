// `layer IMAGE FILE -o L.tar`: the tar layer that a run would inject, and nothing else.
#include <fcntl.h>

#include "base/output_file.h"
#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "image/image.h"
#include "image/layer.h"
#include "image/reference.h"
#include "image_access.h"
#include "open_store.h"

namespace testctr::cmd {
namespace {

constexpr Option options[] = {
    {.names = "-o,--output",
     .value = "FILE",
     .help = "where the layer goes; - is standard output. A file is replaced when all of it is written, a\n"
             "device or FIFO written into"},
    {.names = "--tree",
     .value = "DIR",
     .help = "the test tree; without it, the folder that the script lies in"},
    store_option,
    pull_option,
    offline_option,
    authfile_option,
};

// The folder of a path and its last part.
std::pair<std::string, std::string> split_path(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// An output that lies in the tree is no part of it: otherwise the second layer would hold the first.
void leave_out(image::Tree& tree, const std::string& path) {
  if (!path.starts_with(tree.root + "/")) return;
  tree.hidden.push_back(path.substr(tree.root.size() + 1));
  std::sort(tree.hidden.begin(), tree.hidden.end());
}

// The image must be there, as for a run: a layer for one that is misspelt would be told of much later.
Status check_image(const Arguments& arguments) {
  const std::string& text = arguments.positionals()[0];
  const image::Reference reference = TRY(image::Reference::parse(text));
  if (reference.kind == image::Reference::Kind::builtin || reference.kind == image::Reference::Kind::hostfs)
    return {};
  image::Store store = TRY(open_store(store_options(arguments)));
  const auto images = TRY(ImageAccess::from(arguments, {.pull = true}, nullptr));
  (void)TRY(image::obtain(store, text, images->access()));
  return {};
}

Status check_script(const std::string& file) {
  const auto found = TRY(sys::stat_at(AT_FDCWD, file, 0));
  if (!found) return Error::usage(fmt::format("{}: no such file", text::printable(file)));
  if (S_ISREG(found->st_mode)) return {};
  return Error::usage(fmt::format(
      "{}: {}", text::printable(file),
      S_ISDIR(found->st_mode) ? "a layer holds one script, and this is a folder" : "not a regular file"));
}

Result<image::LayerContent> gather(const Arguments& arguments) {
  const std::string& file = arguments.positionals()[1];
  image::LayerContent content;
  auto [folder, name] = split_path(file);
  content.script_name = name;
  content.script = TRY_IN(sys::read_file(file), "the script");
  content.program = TRY(sys::self_path());
  content.tree = TRY(image::scan_tree(arguments.value("--tree").value_or(folder)));
  for (const std::string& note : content.tree->notes) complain("note: " + note);
  return content;
}

Result<int> run_layer(const Arguments& arguments) {
  const std::optional<std::string> output = arguments.value("--output");
  if (!output)
    return Error(Error::usage("layer: no output is named"))
        .hint("add `-o FILE`, or `-o -` for standard output");
  CHECK_OK(check_script(arguments.positionals()[1]));
  CHECK_OK(check_image(arguments));
  if (*output == "-") {
    (void)TRY(image::write_layer(STDOUT_FILENO, TRY(gather(arguments))));
    return exit_passed;
  }
  sys::OutputFile out = TRY_IN(sys::OutputFile::create(*output), "--output");
  if (out.is(arguments.positionals()[1])) {
    return Error::usage(
        fmt::format("--output: {} is the script, and the layer would overwrite it", text::quoted(*output)));
  }
  image::LayerContent content = TRY(gather(arguments));
  const int descriptor = TRY_IN(out.begin(), "the layer");
  leave_out(*content.tree, out.target());
  leave_out(*content.tree, out.temporary());
  const image::WrittenLayer written =
      TRY_IN(image::write_layer(descriptor, content), text::printable(*output));
  CHECK_OK(out.finish());
  CHECK_OK(print(fmt::format("{} {}\n", written.diff_id.str(), written.size)));
  return exit_passed;
}

const Registration layer({
    .name = "layer",
    .rank = 300,
    .summary = "write the tar layer that would be injected, and nothing else",
    .synopsis = "IMAGE FILE -o L.tar [--tree DIR]",
    .examples = "testctr-script layer golang:latest mytest.txt -o layer.tar\n",
    .options = options,
    .min_positionals = 2,
    .max_positionals = 2,
    .text = "The layer holds /testctr/bin/testctr-script, /testctr/script/FILE and /testctr/tree. The same "
            "input gives the same bytes: names are\n"
            "sorted, the owner is root, times are clamped to $SOURCE_DATE_EPOCH (0 without it). Any image "
            "can carry it; `run --layer` uses it.",
    .run = run_layer,
});

}  // namespace
}  // namespace testctr::cmd
