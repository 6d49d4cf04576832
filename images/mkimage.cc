// mkimage: from a recipe (README.md beside this file) to an OCI layout, or to the files that are embedded
// into the program. A tool of the build: it is not installed.
#include <cstdio>
#include <span>

#include "base/sys.h"
#include "base/text.h"
#include "image/layout_writer.h"
#include "recipe/entries.h"
#include "recipe/layer.h"
#include "recipe/recipe.h"

namespace testctr::mkimage {
namespace {

constexpr const char* kUsage =
    "usage: mkimage RECIPE --layout DIR [--tag TAG] [--compress zstd|gzip|none]\n"
    "       mkimage RECIPE --embed PREFIX      writes PREFIX.layer, PREFIX.cc and PREFIX.S\n";

constexpr size_t kLargestLayer = size_t{64} << 20;

#if defined(__x86_64__)
constexpr const char* kArchitecture = "amd64";
#elif defined(__aarch64__)
constexpr const char* kArchitecture = "arm64";
#endif

struct Options {
  std::string recipe, layout, tag = "latest", embed;
  image::Compression compression = image::Compression::zstd;
};

Result<Options> parse(std::span<char*> words) {
  Options options;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string word = words[i];
    if (!word.starts_with("--")) {
      if (!options.recipe.empty()) return Error::usage("more than one recipe");
      options.recipe = word;
      continue;
    }
    if (i + 1 == words.size()) return Error::usage(word + " wants a value");
    const std::string value = words[++i];
    if (word == "--layout") {
      options.layout = value;
    } else if (word == "--tag") {
      options.tag = value;
    } else if (word == "--embed") {
      options.embed = value;
    } else if (word == "--compress") {
      if (value != "zstd" && value != "gzip" && value != "none")
        return Error::usage("unknown compression " + value);
      options.compression = value == "zstd"   ? image::Compression::zstd
                            : value == "gzip" ? image::Compression::gzip
                                              : image::Compression::none;
    } else {
      return Error::usage("unknown option " + word);
    }
  }
  if (options.recipe.empty() || options.layout.empty() == options.embed.empty())
    return Error::usage("a recipe, and --layout or --embed");
  return options;
}

using recipe::Recipe;

/// Recipes of the project may use what its machine has.
constexpr recipe::Rules kRules{.whole_machine = true};

/// A Debian suite as a tar at `output`.
Status make_suite(const Options& options, const Recipe& recipe, const std::string& output) {
  const std::string folder = options.recipe.substr(0, options.recipe.find_last_of('/') + 1);
  std::vector<std::string> command = {(folder.empty() ? "./" : folder) + "debian-base", recipe.suite->value,
                                      output};
  command.insert(command.end(), recipe.packages.begin(), recipe.packages.end());
  TRY(recipe::output_of(command));
  return {};
}

/// The base's tar to `out`.
Status write_base(const Options& options, const Recipe& recipe, int64_t epoch, const std::string& temporary,
                  int out) {
  if (recipe.root) {
    const std::string& root = recipe.root->value;
    return recipe::write_root(root.starts_with('/') ? root : recipe.folder + "/" + root, epoch,
                              recipe.without, out);
  }
  const std::string base = temporary + ".tar";
  CHECK_OK(make_suite(options, recipe, base));
  const auto input = TRY(sys::open(base, O_RDONLY));
  CHECK_OK(sys::remove_tree(base));
  return recipe::rewrite_tar(input.get(), epoch, recipe.without, out);
}

/// Writes the tar of a layer into an unnamed file. @return its descriptor, at the start.
template <class Write>
Result<Fd> layer_file(const std::string& folder, Write write) {
  auto file = TRY(sys::open(folder, O_TMPFILE | O_RDWR, 0600));
  CHECK_OK(write(file.get()));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return Error::system("lseek", "0");
  return file;
}

/// An OCI layout that appears whole: made beside its place, then renamed.
Status write_layout(const Options& options, const Recipe& recipe, int64_t epoch) {
  const std::string temporary = options.layout + ".new";
  CHECK_OK(sys::remove_tree(temporary));
  auto layout = TRY(image::LayoutWriter::create(temporary));
  const bool based = recipe.suite || recipe.root;
  if (based) {
    const auto tar = TRY(
        layer_file(temporary, [&](int out) { return write_base(options, recipe, epoch, temporary, out); }));
    TRY(layout.add_layer(tar.get(), options.compression, "mkimage: base"));
  }
  // An image of nothing has a layer as well: the specification wants one.
  const recipe::Entries entries = TRY(recipe::gather(recipe, kRules));
  if (!entries.empty() || !based) {
    const auto tar = TRY(layer_file(
        temporary, [&](int out) { return recipe::write_entries(recipe, kRules, entries, epoch, out); }));
    TRY(layout.add_layer(tar.get(), options.compression, "mkimage: files"));
  }
  const auto manifest = TRY(
      layout.finish({.config = recipe::config_of(recipe), .created = epoch, .annotations = {}}, options.tag));
  CHECK_OK(sys::remove_tree(options.layout));
  if (::rename(temporary.c_str(), options.layout.c_str()) != 0)
    return Error::system("rename", options.layout);
  std::fprintf(stderr, "mkimage: %s: %s\n", options.layout.c_str(), manifest.digest.str().c_str());
  return {};
}

/// A C++ string literal of arbitrary bytes; octal escapes, since they end after three digits.
std::string literal(const std::string& bytes) {
  std::string result = "\"";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\' || byte < 0x20 || byte > 0x7e) {
      result += fmt::format("\\{:03o}", byte);
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string braced(const std::vector<std::string>& words) {
  std::string result = "{";
  for (const auto& word : words) result += (result.size() > 1 ? ", " : "") + literal(word);
  return result + "}";
}

/// The implementation of lib/image/builtin.h, around a layer that the assembler includes.
Status write_embedded(const Options& options, const Recipe& recipe, int64_t epoch) {
  if (recipe.suite || recipe.root) return Error::usage("an embedded image has no base");
  const recipe::Entries entries = TRY(recipe::gather(recipe, kRules));
  const std::string folder = options.embed.substr(0, options.embed.find_last_of('/') + 1) + ".";
  const auto tar = TRY(layer_file(
      folder, [&](int out) { return recipe::write_entries(recipe, kRules, entries, epoch, out); }));
  const auto diff_id = Digest::of(TRY(sys::read_all(tar.get(), kLargestLayer)));
  if (::lseek(tar.get(), 0, SEEK_SET) != 0) return Error::system("lseek", "0");
  {
    const auto out = TRY(sys::open(options.embed + ".layer", O_WRONLY | O_CREAT | O_TRUNC, 0644));
    CHECK_OK(recipe::compress_best(tar.get(), out.get()));
  }
  const auto layer = TRY(sys::read_file(options.embed + ".layer"));
  const auto config = recipe::config_of(recipe);
  std::string labels = "{";
  for (const auto& [key, value] : config.labels)
    labels += fmt::format("{}{{{}, {}}}", labels.size() > 1 ? ", " : "", literal(key), literal(value));
  labels += "}";
  const std::string source = fmt::format(
      "// Made by mkimage from images/builtin.yaml.\n#include \"image/builtin.h\"\n\n"
      "extern \"C\" const char testctr_builtin_layer[];\n\nnamespace testctr::image {{\n\n"
      "std::string_view builtin_layer() {{ return {{testctr_builtin_layer, {}}}; }}\n"
      "Digest builtin_diff_id() {{ return Digest::from_hex(\"{}\"); }}\n"
      "Digest builtin_layer_digest() {{ return Digest::from_hex(\"{}\"); }}\n"
      "Config builtin_config() {{\n  Config config;\n  config.env = {};\n  config.working_dir = {};\n  "
      "config.user = {};\n"
      "  config.command = {};\n  config.os = \"linux\";\n  config.architecture = \"{}\";\n  config.labels = "
      "{};\n  return config;\n}}\n\n"
      "}}  // namespace testctr::image\n",
      layer.size(), diff_id.hex(), Digest::of(layer).hex(), braced(config.env), literal(config.working_dir),
      literal(config.user), braced(config.command), kArchitecture, labels);
  CHECK_OK(sys::write_file_at(AT_FDCWD, options.embed + ".cc", source));
  return sys::write_file_at(
      AT_FDCWD, options.embed + ".S",
      fmt::format(
          "    .section .rodata.testctr_builtin_layer,\"a\",@progbits\n    .global testctr_builtin_layer\n"
          "    .type testctr_builtin_layer, @object\n    .balign 64\n"
          "testctr_builtin_layer:\n    .incbin \"{}.layer\"\n"
          "    .size testctr_builtin_layer, . - testctr_builtin_layer\n"
          "    .section .note.GNU-stack,\"\",@progbits\n",
          options.embed));
}

Status run(std::span<char*> words) {
  const auto options = TRY(parse(words));
  const auto recipe = TRY(recipe::read_recipe(options.recipe));
  if (recipe.from)
    return Error::usage(
        "from: images are built upon by `testctr-script image build`, which is made with this");
  const auto epoch = TRY(image::source_date_epoch(0));
  return options.embed.empty() ? write_layout(options, recipe, epoch)
                               : write_embedded(options, recipe, epoch);
}

}  // namespace
}  // namespace testctr::mkimage

int main(int argc, char** argv) {
  const auto status = testctr::mkimage::run(std::span(argv, static_cast<size_t>(argc)).subspan(1));
  if (status.ok()) return 0;
  std::fprintf(stderr, "mkimage: %s\n", status.error().full().c_str());
  if (status.error().fault() == testctr::Fault::usage) std::fputs(testctr::mkimage::kUsage, stderr);
  return exit_code(status.error().fault());
}
