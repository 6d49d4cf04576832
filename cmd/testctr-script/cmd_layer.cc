// `layer IMAGE FILE -o L.tar`: the tar layer that a run would inject, and nothing else.
#include <fcntl.h>

#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "image/layer.h"
#include "image/reference.h"

namespace testctr::cmd {
namespace {

constexpr Option options[] = {
    {.names = "-o,--output", .value = "FILE", .help = "where the layer goes; - is standard output"},
    {.names = "--tree",
     .value = "DIR",
     .help = "the test tree; without it, the folder that the script lies in"},
};

// The folder of a path and its last part.
std::pair<std::string, std::string> split_path(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// An output that lies in the tree is no part of it: otherwise the second layer would hold the first.
Status leave_out(image::Tree& tree, const std::string& output) {
  auto [folder, name] = split_path(output);
  std::unique_ptr<char, decltype(&free)> real(realpath(folder.c_str(), nullptr), &free);
  if (!real) return Error::system("realpath", folder).in(fmt::format("--output {}", output));
  std::string path = std::string(real.get()) + "/" + name;
  if (!path.starts_with(tree.root + "/")) return {};
  tree.hidden.push_back(path.substr(tree.root.size() + 1));
  std::sort(tree.hidden.begin(), tree.hidden.end());
  return {};
}

Result<image::LayerContent> gather(const Arguments& arguments, const std::string& output) {
  const std::string& file = arguments.positionals()[1];
  image::LayerContent content;
  auto [folder, name] = split_path(file);
  content.script_name = name;
  content.script = TRY_IN(sys::read_file(file), "the script");
  content.program = TRY(sys::self_path());
  content.tree = TRY(image::scan_tree(arguments.value("--tree").value_or(folder)));
  for (const std::string& note : content.tree->notes) complain("note: " + note);
  if (output != "-") CHECK_OK(leave_out(*content.tree, output));
  return content;
}

Result<int> run_layer(const Arguments& arguments) {
  const std::optional<std::string> output = arguments.value("--output");
  if (!output)
    return Error(Error::usage("layer: no output is named"))
        .hint("add `-o FILE`, or `-o -` for standard output");
  (void)TRY(image::Reference::parse(arguments.positionals()[0]));
  image::LayerContent content = TRY(gather(arguments, *output));
  if (*output == "-") {
    (void)TRY(image::write_layer(STDOUT_FILENO, content));
    return exit_passed;
  }
  Fd out = TRY_IN(sys::open(*output, O_WRONLY | O_CREAT | O_TRUNC, 0644), "the layer");
  auto written = image::write_layer(out.get(), content);
  if (!written.ok()) {
    // Half a layer is worse than none; but an output that is a device or a pipe is not ours to remove.
    struct stat st {};
    if (fstat(out.get(), &st) == 0 && S_ISREG(st.st_mode)) unlink(output->c_str());
    return std::move(written).error().in(*output);
  }
  CHECK_OK(print(fmt::format("{} {}\n", written.value().diff_id.str(), written.value().size)));
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
