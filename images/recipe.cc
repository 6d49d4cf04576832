// Reads recipes: strict about keys and types, since a misspelt key would silently make another image.
#include "recipe.h"

#include <sys/wait.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::mkimage {
namespace {

constexpr size_t kLargestInput = size_t{64} << 20;

/// The place of a node, for messages.
std::string at(const std::string& file, const YAML::Node& node) {
  return fmt::format("{}:{}", file, node.Mark().line + 1);
}

/// Reads one recipe; holds what every step needs.
class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  Status read(const YAML::Node& document) {
    CHECK_OK(only_keys(document, {"suite", "packages", "root", "files", "links", "env", "workdir", "user",
                                  "entrypoint", "command", "labels", "without", "ports", "healthcheck"}));
    recipe.suite = TRY(string(document, "suite"));
    recipe.packages = TRY(strings(document, "packages"));
    recipe.root = TRY(string(document, "root"));
    recipe.config.working_dir = TRY(string(document, "workdir"));
    recipe.config.user = TRY(string(document, "user"));
    recipe.config.entrypoint = TRY(strings(document, "entrypoint"));
    recipe.config.command = TRY(strings(document, "command"));
    recipe.without = TRY(strings(document, "without"));
    for (const std::string& port : TRY(strings(document, "ports")))
      recipe.config.exposed_ports.push_back(port.find('/') == std::string::npos ? port + "/tcp" : port);
    if (document["healthcheck"]) CHECK_OK(healthcheck(document["healthcheck"]));
    if (!recipe.suite.empty() && !recipe.root.empty())
      return wrong(document, "suite and root exclude each other");
    if (recipe.suite.empty() && !recipe.packages.empty()) return wrong(document, "packages need a suite");
    if (!recipe.root.empty() && recipe.root[0] != '/') {
      recipe.root = file_.substr(0, file_.find_last_of('/') + 1) + recipe.root;
    }
    if (!recipe.without.empty() && recipe.suite.empty() && recipe.root.empty())
      return wrong(document["without"], "without needs a base");
    for (const auto& [key, value] : TRY(mapping(document, "env")))
      recipe.config.env.push_back(key + "=" + value);
    recipe.config.labels = TRY(mapping(document, "labels"));
    for (const auto& node : document["files"]) CHECK_OK(file_entry(node));
    for (const auto& node : document["links"]) CHECK_OK(link_entries(node));
    return {};
  }

  Recipe recipe;

 private:
  Error wrong(const YAML::Node& node, const std::string& what) const {
    return Error::usage(at(file_, node) + ": " + what);
  }

  Status only_keys(const YAML::Node& node, const std::set<std::string>& known) const {
    if (!node.IsMap()) return wrong(node, "a mapping is wanted here");
    std::set<std::string> seen;
    for (const auto& pair : node) {
      const auto& key = pair.first.Scalar();
      if (!known.contains(key)) return wrong(pair.first, "unknown key " + text::quoted(key));
      if (!seen.insert(key).second) return wrong(pair.first, "key given twice: " + text::quoted(key));
    }
    return {};
  }

  Result<std::string> string(const YAML::Node& node, const char* key) const {
    const auto value = node[key];
    if (!value) return std::string();
    if (!value.IsScalar()) return wrong(value, fmt::format("{} wants a string", key));
    return value.Scalar();
  }

  Result<std::vector<std::string>> strings(const YAML::Node& node, const char* key) const {
    std::vector<std::string> result;
    const auto value = node[key];
    if (!value) return result;
    if (!value.IsSequence()) return wrong(value, fmt::format("{} wants a list", key));
    for (const auto& item : value) {
      if (!item.IsScalar()) return wrong(item, fmt::format("{} wants strings", key));
      result.push_back(item.Scalar());
    }
    return result;
  }

  Result<std::map<std::string, std::string>> mapping(const YAML::Node& node, const char* key) const {
    std::map<std::string, std::string> result;
    const auto value = node[key];
    if (!value) return result;
    if (!value.IsMap()) return wrong(value, fmt::format("{} wants a mapping", key));
    for (const auto& pair : value) {
      if (!pair.second.IsScalar()) return wrong(pair.second, fmt::format("{} wants strings", key));
      result[pair.first.Scalar()] = pair.second.Scalar();
    }
    return result;
  }

  Status healthcheck(const YAML::Node& node) {
    CHECK_OK(only_keys(node, {"test", "interval", "timeout", "start-period", "retries"}));
    image::Healthcheck check;
    check.test = TRY(strings(node, "test"));
    if (check.test.empty()) return wrong(node, "a healthcheck needs a test");
    check.test.insert(check.test.begin(), "CMD");
    check.interval_ns = TRY(duration(node, "interval"));
    check.timeout_ns = TRY(duration(node, "timeout"));
    check.start_period_ns = TRY(duration(node, "start-period"));
    if (node["retries"]) check.retries = std::stol(TRY(string(node, "retries")));
    recipe.config.healthcheck = std::move(check);
    return {};
  }

  Result<int64_t> duration(const YAML::Node& node, const char* key) const {
    const auto text = TRY(string(node, key));
    if (text.empty()) return 0;
    const auto value = text::parse_duration(text);
    if (!value) return wrong(node[key], fmt::format("{} wants a duration: 500ms, 10s", key));
    return *value;
  }

  /// Adds an entry and the folders above it.
  Status add(const YAML::Node& node, const std::string& path, Entry entry) {
    for (const auto& part : text::split(path, '/')) {
      if (part.empty() || part == "." || part == "..")
        return wrong(node, "not a plain relative path: " + text::quoted(path));
    }
    for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      recipe.entries.try_emplace(path.substr(0, slash), Entry{Entry::Kind::directory, 0755, ""});
    }
    recipe.entries[path] = std::move(entry);
    return {};
  }

  Status file_entry(const YAML::Node& node) {
    CHECK_OK(only_keys(node, {"path", "dir", "from", "text", "link", "output-of", "mode", "packages-of"}));
    if (node["packages-of"]) {
      for (const auto& package : TRY(strings(node, "packages-of"))) {
        const std::string path = "usr/share/doc/" + package + "/copyright";
        auto notice = TRY_IN(sys::read_file("/" + path, kLargestInput), at(file_, node));
        CHECK_OK(add(node, path, {Entry::Kind::file, 0644, std::move(notice)}));
      }
      return {};
    }
    const auto path = TRY(string(node, "path"));
    const auto mode_text = TRY(string(node, "mode"));
    const bool directory = node["dir"] && node["dir"].Scalar() == "true";
    Entry entry{directory ? Entry::Kind::directory : Entry::Kind::file,
                directory ? mode_t{0755} : mode_t{0644}, ""};
    if (!mode_text.empty()) {
      size_t used = 0;
      entry.mode = static_cast<mode_t>(std::stoul(mode_text, &used, 8));
      if (used != mode_text.size() || entry.mode > 07777)
        return wrong(node, "mode is not octal: " + mode_text);
    }
    int sources = directory ? 1 : 0;
    if (node["from"]) {
      ++sources;
      const auto from = TRY(string(node, "from"));
      entry.content = TRY_IN(sys::read_file(from, kLargestInput), at(file_, node));
    }
    if (node["text"]) {
      ++sources;
      entry.content = TRY(string(node, "text"));
    }
    if (node["output-of"]) {
      ++sources;
      const auto command = TRY(strings(node, "output-of"));
      entry.content = TRY_IN(output_of(command), at(file_, node));
    }
    if (node["link"]) {
      ++sources;
      entry = {Entry::Kind::link, 0777, TRY(string(node, "link"))};
    }
    if (sources != 1) return wrong(node, "an entry is one of dir, from, text, output-of and link");
    return add(node, path, std::move(entry));
  }

  Status link_entries(const YAML::Node& node) {
    CHECK_OK(only_keys(node, {"dir", "to", "from-output"}));
    const auto dir = TRY(string(node, "dir"));
    const auto target = TRY(string(node, "to"));
    const auto command = TRY(strings(node, "from-output"));
    const auto names = TRY_IN(output_of(command), at(file_, node));
    for (const auto line : text::lines(names)) {
      const std::string path = (dir.empty() ? "" : dir + "/") + std::string(text::trim(line));
      if (!recipe.entries.contains(path)) CHECK_OK(add(node, path, {Entry::Kind::link, 0777, target}));
    }
    return {};
  }

  std::string file_;
};

}  // namespace

Result<std::string> output_of(const std::vector<std::string>& command) {
  if (command.empty()) return Error::usage("no command");
  std::string line;
  for (const auto& word : command) line += (line.empty() ? "" : " ") + text::shell_quoted(word);
  FILE* pipe = ::popen(line.c_str(), "re");
  if (pipe == nullptr) return Error::system("popen", line);
  std::string output;
  std::array<char, 65536> buffer;
  for (size_t got = 0; (got = ::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    output.append(buffer.data(), got);
  const int status = ::pclose(pipe);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return Error::infrastructure(line + ": did not end with 0");
  return output;
}

Result<Recipe> read_recipe(const std::string& path) {
  try {
    Reader reader(path);
    CHECK_OK(reader.read(YAML::LoadFile(path)));
    return std::move(reader.recipe);
  } catch (const YAML::Exception& error) {
    return Error::usage(fmt::format("{}:{}: {}", path, error.mark.line + 1, error.msg));
  } catch (const std::logic_error& error) {
    return Error::usage(fmt::format("{}: not a number: {}", path, error.what()));
  }
}

}  // namespace testctr::mkimage
