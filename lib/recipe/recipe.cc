// Reads recipes: strict about keys and types, since a misspelt key would silently make another image.
#include "recipe/recipe.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::recipe {
namespace {

using plan::Yaml;
using plan::YamlPair;
using Names = std::vector<std::string>;

constexpr size_t largest_recipe = size_t{1} << 20;

bool is_plain_path(const std::string& path) {
  for (const std::string& part : text::split(path, '/'))
    if (part.empty() || part == "." || part == "..") return false;
  return path.find('\0') == std::string::npos;
}

class Reader {
 public:
  explicit Reader(const std::string& name) {
    recipe_.name = name;
    const size_t slash = name.rfind('/');
    recipe_.folder = slash == std::string::npos ? "." : name.substr(0, std::max<size_t>(slash, 1));
    file_ = recipe_.mistakes.file(name);
  }

  Result<Recipe> read(const std::string& source) {
    const Yaml tree = plan::read_yaml(source, file_, recipe_.mistakes);
    if (!recipe_.mistakes.any()) {
      if (tree.kind == Yaml::Kind::map) {
        take(tree);
      } else {
        recipe_.mistakes.add({file_, 1, 1}, "a recipe is a mapping, written key: value");
      }
    }
    if (recipe_.mistakes.any()) return recipe_.mistakes.error();
    return std::move(recipe_);
  }

 private:
  void wrong(const Yaml& where, std::string what) { recipe_.mistakes.add(where.place, std::move(what)); }

  bool only_keys(const Yaml& map, const Names& known) {
    if (map.kind != Yaml::Kind::map) {
      wrong(map, "a mapping is wanted here");
      return false;
    }
    for (const YamlPair& member : map.members) {
      const std::string& key = member.key.text;
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      const auto near = text::nearest(key, known);
      wrong(member.key, fmt::format("unknown key {}{}", text::quoted(key),
                                    near ? fmt::format("; did you mean {}?", *near) : ""));
    }
    return true;
  }

  std::optional<Text> string(const Yaml& map, const char* key) {
    const Yaml* value = map.find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind == Yaml::Kind::scalar) return Text{value->text, value->place};
    wrong(*value, fmt::format("{} wants a string", key));
    return std::nullopt;
  }

  std::optional<std::string> plain(const Yaml& map, const char* key) {
    auto text = string(map, key);
    if (!text) return std::nullopt;
    if (text->value.find('\0') != std::string::npos)
      recipe_.mistakes.add(text->place, fmt::format("{} holds a null byte", key));
    return std::move(text->value);
  }

  std::optional<std::vector<Text>> texts(const Yaml& map, const char* key) {
    const Yaml* value = map.find(key);
    if (value == nullptr) return std::nullopt;
    std::vector<Text> all;
    if (value->kind != Yaml::Kind::list) {
      wrong(*value, fmt::format("{} wants a list", key));
      return all;
    }
    for (const Yaml& item : value->items) {
      if (item.kind != Yaml::Kind::scalar) {
        wrong(item, fmt::format("{} wants strings", key));
      } else if (item.text.find('\0') != std::string::npos) {
        wrong(item, fmt::format("{} holds a null byte", key));
      } else {
        all.push_back({item.text, item.place});
      }
    }
    return all;
  }

  std::optional<Names> strings(const Yaml& map, const char* key) {
    const auto all = texts(map, key);
    if (!all) return std::nullopt;
    Names names;
    for (const Text& text : *all) names.push_back(text.value);
    return names;
  }

  std::map<std::string, std::string> mapping(const Yaml& map, const char* key) {
    std::map<std::string, std::string> all;
    const Yaml* value = map.find(key);
    if (value == nullptr) return all;
    if (value->kind != Yaml::Kind::map) {
      wrong(*value, fmt::format("{} wants a mapping", key));
      return all;
    }
    for (const YamlPair& member : value->members) {
      if (member.value.kind != Yaml::Kind::scalar) {
        wrong(member.value, fmt::format("{} wants strings", key));
      } else if (member.key.text.empty() || member.key.text.find('\0') != std::string::npos ||
                 member.value.text.find('\0') != std::string::npos) {
        wrong(member.key, fmt::format("{} wants names and values without null bytes", key));
      } else {
        all[member.key.text] = member.value.text;
      }
    }
    return all;
  }

  void take(const Yaml& tree) {
    if (!only_keys(tree, {"from", "suite", "packages", "root", "without", "files", "links", "env", "workdir",
                          "user", "entrypoint", "command", "ports", "healthcheck", "labels"}))
      return;
    take_base(tree);
    take_config(tree);
    for_each(tree, "files", [&](const Yaml& item) { take_file(item); });
    for_each(tree, "links", [&](const Yaml& item) { take_links(item); });
  }

  template <class Take>
  void for_each(const Yaml& tree, const char* key, Take take_one) {
    const Yaml* list = tree.find(key);
    if (list == nullptr || list->kind == Yaml::Kind::null) return;
    if (list->kind != Yaml::Kind::list) return wrong(*list, fmt::format("{} wants a list", key));
    for (const Yaml& item : list->items) take_one(item);
  }

  void take_base(const Yaml& tree) {
    recipe_.suite = string(tree, "suite");
    recipe_.packages = strings(tree, "packages").value_or(Names());
    recipe_.root = string(tree, "root");
    recipe_.from = string(tree, "from");
    recipe_.without = texts(tree, "without").value_or(std::vector<Text>());
    const int bases = (recipe_.suite ? 1 : 0) + (recipe_.root ? 1 : 0) + (recipe_.from ? 1 : 0);
    if (bases > 1) wrong(tree, "from, root and suite exclude each other");
    if (!recipe_.suite && !recipe_.packages.empty()) wrong(*tree.find("packages"), "packages need a suite");
    if (!recipe_.without.empty() && !recipe_.suite && !recipe_.root)
      wrong(*tree.find("without"),
            recipe_.from ? "without: the layers of an image are taken as they are" : "without needs a base");
  }

  void take_config(const Yaml& tree) {
    recipe_.env = mapping(tree, "env");
    for (const auto& [name, value] : recipe_.env)
      if (name.find('=') != std::string::npos)
        wrong(*tree.find("env"), fmt::format("{} is no variable's name", text::quoted(name)));
    recipe_.labels = mapping(tree, "labels");
    recipe_.working_dir = plain(tree, "workdir");
    recipe_.user = plain(tree, "user");
    recipe_.entrypoint = strings(tree, "entrypoint");
    recipe_.command = strings(tree, "command");
    for (const std::string& port : strings(tree, "ports").value_or(Names()))
      recipe_.ports.push_back(port.find('/') == std::string::npos ? port + "/tcp" : port);
    if (const Yaml* check = tree.find("healthcheck")) take_healthcheck(*check);
  }

  void take_healthcheck(const Yaml& map) {
    if (!only_keys(map, {"test", "interval", "timeout", "start-period", "retries"})) return;
    image::Healthcheck check;
    check.test = strings(map, "test").value_or(Names());
    if (check.test.empty()) wrong(map, "a healthcheck needs a test");
    check.test.insert(check.test.begin(), "CMD");
    check.interval_ns = duration(map, "interval");
    check.timeout_ns = duration(map, "timeout");
    check.start_period_ns = duration(map, "start-period");
    check.retries = static_cast<int64_t>(number(map, "retries", 10, 1'000'000).value_or(0));
    recipe_.healthcheck = std::move(check);
  }

  int64_t duration(const Yaml& map, const char* key) {
    const auto text = string(map, key);
    if (!text) return 0;
    const auto value = text::parse_duration(text->value);
    if (!value) recipe_.mistakes.add(text->place, fmt::format("{} wants a duration: 500ms, 10s", key));
    return value.value_or(0);
  }

  std::optional<uint64_t> number(const Yaml& map, const char* key, int base, uint64_t most) {
    const auto text = string(map, key);
    if (!text) return std::nullopt;
    return parsed(*text, text->value, key, base, most);
  }

  std::optional<uint64_t> parsed(const Text& where, std::string_view digits, const char* key, int base,
                                 uint64_t most) {
    uint64_t value = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (!digits.empty() && problem == std::errc() && end == digits.data() + digits.size() && value <= most)
      return value;
    recipe_.mistakes.add(where.place,
                         base == 8 ? fmt::format("{} is not octal: {}", key, text::quoted(where.value))
                                   : fmt::format("{} wants a number: {}", key, text::quoted(where.value)));
    return std::nullopt;
  }

  // "1000", "1000:100"
  void take_owner(const Yaml& map, FileSpec& file) {
    const auto text = string(map, "owner");
    if (!text) return;
    constexpr uint64_t most = 0xfffffffeU;
    const size_t colon = text->value.find(':');
    const std::string_view word = text->value;
    const auto uid = parsed(*text, word.substr(0, colon), "owner", 10, most);
    const auto gid =
        colon == std::string::npos ? uid : parsed(*text, word.substr(colon + 1), "owner", 10, most);
    file.uid = static_cast<uid_t>(uid.value_or(0));
    file.gid = static_cast<gid_t>(gid.value_or(0));
  }

  void take_file(const Yaml& map) {
    if (!only_keys(map, {"path", "dir", "from", "text", "link", "output-of", "packages-of", "mode", "owner"}))
      return;
    FileSpec file;
    file.place = map.place;
    if (map.find("packages-of") != nullptr) {
      file.what = FileSpec::What::packages_of;
      file.words = strings(map, "packages-of").value_or(Names());
      for (const std::string& package : file.words)
        if (!is_plain_path(package)) wrong(map, fmt::format("{} is no package", text::quoted(package)));
      recipe_.files.push_back(std::move(file));
      return;
    }
    file.path = plain(map, "path").value_or("");
    if (!is_plain_path(file.path))
      wrong(map.find("path") != nullptr ? *map.find("path") : map,
            "not a plain relative path: " + text::quoted(file.path));
    if (const auto mode = number(map, "mode", 8, 07777)) file.mode = static_cast<mode_t>(*mode);
    take_owner(map, file);
    const Yaml* dir = map.find("dir");
    int kinds = 0;
    if (dir != nullptr && dir->text == "true") {
      file.what = FileSpec::What::directory;
      ++kinds;
    }
    using What = FileSpec::What;
    for (const auto& [key, what] :
         {std::pair{"from", What::from}, {"text", What::text}, {"link", What::link}}) {
      const auto value = string(map, key);
      if (!value) continue;
      ++kinds;
      file.what = what;
      file.value = *value;
    }
    if (map.find("output-of") != nullptr) {
      ++kinds;
      file.what = FileSpec::What::output_of;
      file.words = strings(map, "output-of").value_or(Names());
    }
    if (kinds != 1) wrong(map, "an entry is one of dir, from, text, output-of and link");
    if (file.what == What::link &&
        (file.value.value.empty() || file.value.value.find('\0') != std::string::npos))
      wrong(map, "a link needs a target");
    recipe_.files.push_back(std::move(file));
  }

  void take_links(const Yaml& map) {
    if (!only_keys(map, {"dir", "to", "from-output"})) return;
    LinksSpec links;
    links.place = map.place;
    links.dir = plain(map, "dir").value_or("");
    links.to = plain(map, "to").value_or("");
    links.command = strings(map, "from-output").value_or(Names());
    if (links.to.empty() || links.command.empty()) wrong(map, "links need `to` and `from-output`");
    recipe_.links.push_back(std::move(links));
  }

  uint32_t file_ = 0;
  Recipe recipe_;
};

}  // namespace

Result<Recipe> parse_recipe(const std::string& source, const std::string& name) {
  return Reader(name).read(source);
}

Result<Recipe> read_recipe(const std::string& path) {
  auto source = sys::read_file(path, largest_recipe);
  if (!source.ok())
    return std::move(source)
        .error()
        .as(Fault::usage)
        .in(fmt::format("{}: cannot be read", text::printable(path)));
  return parse_recipe(source.value(), path);
}

image::Config config_of(const Recipe& recipe) {
  image::Config config;
  for (const auto& [name, value] : recipe.env) config.env.push_back(name + "=" + value);
  config.working_dir = recipe.working_dir.value_or("");
  config.user = recipe.user.value_or("");
  config.entrypoint = recipe.entrypoint.value_or(Names());
  config.command = recipe.command.value_or(Names());
  config.labels = recipe.labels;
  config.exposed_ports = recipe.ports;
  config.healthcheck = recipe.healthcheck;
  return config;
}

}  // namespace testctr::recipe
