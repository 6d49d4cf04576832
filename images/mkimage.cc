// mkimage: from a recipe (README.md beside this file) to an OCI layout, or to the files that are embedded
// into the program. A tool of the build: it is not installed.
#include <sys/wait.h>

#include <charconv>
#include <cstdio>
#include <span>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "layer.h"
#include "recipe.h"

namespace testctr::mkimage {
namespace {

constexpr const char* kUsage =
    "usage: mkimage RECIPE --layout DIR [--tag TAG] [--compress zstd|gzip|none]\n"
    "       mkimage RECIPE --embed PREFIX      writes PREFIX.layer, PREFIX.cc and PREFIX.S\n";

struct Options {
  std::string recipe, layout, tag = "latest", embed;
  Compression compression = Compression::zstd;
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
      options.compression = value == "zstd"   ? Compression::zstd
                            : value == "gzip" ? Compression::gzip
                                              : Compression::none;
    } else {
      return Error::usage("unknown option " + word);
    }
  }
  if (options.recipe.empty() || options.layout.empty() == options.embed.empty())
    return Error::usage("a recipe, and --layout or --embed");
  return options;
}

/// SOURCE_DATE_EPOCH, or 0.
Result<int64_t> source_date_epoch() {
  const char* text = ::getenv("SOURCE_DATE_EPOCH");
  int64_t epoch = 0;
  if (text == nullptr) return epoch;
  const auto end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, epoch);
  if (error != std::errc() || rest != end || epoch < 0)
    return Error::usage(fmt::format("SOURCE_DATE_EPOCH: not seconds: {}", text));
  return epoch;
}

std::string rfc3339(int64_t seconds) {
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> buffer;
  return {buffer.data(), std::strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

#if defined(__x86_64__)
constexpr const char* kArchitecture = "amd64";
#elif defined(__aarch64__)
constexpr const char* kArchitecture = "arm64";
#endif

/// The image's configuration as the OCI specification (config.md) has it.
std::string configuration(const Recipe& recipe, std::span<const Layer> layers, int64_t epoch) {
  Json config = {{"Env", recipe.env}, {"Cmd", recipe.command}, {"Labels", recipe.labels}};
  if (!recipe.working_dir.empty()) config["WorkingDir"] = recipe.working_dir;
  if (!recipe.user.empty()) config["User"] = recipe.user;
  Json diff_ids = Json::array(), history = Json::array();
  for (const auto& layer : layers) {
    diff_ids.push_back(layer.diff_id.str());
    history.push_back({{"created", rfc3339(epoch)}, {"created_by", "mkimage"}});
  }
  return json::dump({{"created", rfc3339(epoch)},
                     {"architecture", kArchitecture},
                     {"os", "linux"},
                     {"config", config},
                     {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}},
                     {"history", history}});
}

/// The base as a tar at `output`: a Debian suite, or an existing folder.
Status make_base(const Options& options, const Recipe& recipe, const std::string& output) {
  const std::string folder = options.recipe.substr(0, options.recipe.find_last_of('/') + 1);
  std::vector<std::string> command;
  if (!recipe.suite.empty()) {
    command = {(folder.empty() ? "./" : folder) + "debian-base", recipe.suite, output};
    command.insert(command.end(), recipe.packages.begin(), recipe.packages.end());
  } else {
    command = {"tar", "--sort=name", "--numeric-owner", "--xattrs", "-C", recipe.root, "-cf", output, "."};
  }
  TRY(output_of(command));
  return {};
}

const char* media_type(Compression compression) {
  switch (compression) {
    case Compression::none:
      return "application/vnd.oci.image.layer.v1.tar";
    case Compression::gzip:
      return "application/vnd.oci.image.layer.v1.tar+gzip";
    case Compression::zstd:
    case Compression::zstd_best:
      break;
  }
  return "application/vnd.oci.image.layer.v1.tar+zstd";
}

/// Writes a blob under its digest. @return its descriptor.
Result<Json> put_blob(const std::string& layout, const char* type, const std::string& bytes) {
  const auto digest = Digest::of(bytes);
  CHECK_OK(sys::write_file_at(AT_FDCWD, layout + "/blobs/sha256/" + digest.hex(), bytes));
  return Json{{"mediaType", type}, {"digest", digest.str()}, {"size", bytes.size()}};
}

/// An OCI layout (image-layout.md) that appears whole: made beside its place, then renamed.
Status write_layout(const Options& options, const Recipe& recipe, int64_t epoch) {
  const std::string temporary = options.layout + ".new";
  CHECK_OK(sys::remove_tree(temporary));
  CHECK_OK(sys::make_dirs(temporary + "/blobs/sha256", 0755));
  const std::string blob = temporary + "/blob", base = temporary + "/base.tar";
  std::vector<Layer> layers;
  Json descriptors = Json::array();
  const auto keep = [&](const Layer& layer) -> Status {
    const std::string place = temporary + "/blobs/sha256/" + layer.digest.hex();
    if (::rename(blob.c_str(), place.c_str()) != 0) return Error::system("rename", place);
    descriptors.push_back(
        {{"mediaType", media_type(layer.compression)}, {"digest", layer.digest.str()}, {"size", layer.size}});
    layers.push_back(layer);
    return {};
  };
  if (!recipe.suite.empty() || !recipe.root.empty()) {
    CHECK_OK(make_base(options, recipe, base));
    auto layer = TRY(rewrite_tar(base, options.compression, epoch, blob));
    CHECK_OK(keep(layer));
    CHECK_OK(sys::remove_tree(base));
  }
  if (!recipe.entries.empty()) {
    auto layer = TRY(write_entries(recipe, options.compression, epoch, blob));
    CHECK_OK(keep(layer));
  }

  const auto config = TRY(
      put_blob(temporary, "application/vnd.oci.image.config.v1+json", configuration(recipe, layers, epoch)));
  const Json manifest = {{"schemaVersion", 2},
                         {"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                         {"config", config},
                         {"layers", descriptors}};
  auto descriptor =
      TRY(put_blob(temporary, "application/vnd.oci.image.manifest.v1+json", json::dump(manifest)));
  descriptor["annotations"] = {{"org.opencontainers.image.ref.name", options.tag}};
  CHECK_OK(sys::write_file_at(AT_FDCWD, temporary + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
  const Json index = {{"schemaVersion", 2},
                      {"mediaType", "application/vnd.oci.image.index.v1+json"},
                      {"manifests", Json::array({descriptor})}};
  CHECK_OK(sys::write_file_at(AT_FDCWD, temporary + "/index.json", json::dump(index)));
  CHECK_OK(sys::remove_tree(options.layout));
  if (::rename(temporary.c_str(), options.layout.c_str()) != 0)
    return Error::system("rename", options.layout);
  std::fprintf(stderr, "mkimage: %s: %s, %zu layers\n", options.layout.c_str(),
               descriptor["digest"].get<std::string>().c_str(), layers.size());
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
  if (!recipe.suite.empty() || !recipe.root.empty()) return Error::usage("an embedded image has no base");
  const auto layer = TRY(write_entries(recipe, Compression::zstd_best, epoch, options.embed + ".layer"));
  std::string labels = "{";
  for (const auto& [key, value] : recipe.labels)
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
      layer.size, layer.diff_id.hex(), layer.digest.hex(), braced(recipe.env), literal(recipe.working_dir),
      literal(recipe.user), braced(recipe.command), kArchitecture, labels);
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
  const auto recipe = TRY(read_recipe(options.recipe));
  const auto epoch = TRY(source_date_epoch());
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
