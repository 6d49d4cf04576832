#include "plan/user_config.h"

#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"
#include "plan/manifest_keys.h"

namespace testctr::plan {
namespace {

constexpr size_t largest = size_t{1} << 20;

const Type boolean = {.kind = Type::Kind::boolean, .wanted = "true or false"};
const Type jobs = {
    .kind = Type::Kind::integer, .wanted = "a whole number from 1 to 4096", .least = 1, .most = 4096};
const Type duration = {.kind = Type::Kind::duration,
                       .wanted = "a time above zero, such as 500ms, 30s or 1m30s"};
const Type path = {.kind = Type::Kind::text, .wanted = "a path", .pattern = "[^\\x00-\\x1f]+"};
const Type fixed_path = {
    .kind = Type::Kind::text, .wanted = "a path that begins with / or ~/", .pattern = "~?/[^\\x00-\\x1f]*"};
const Type fixed_paths = {
    .kind = Type::Kind::list, .wanted = "a list of paths that begin with / or ~/", .of = &fixed_path};

Type choice(std::vector<std::string> words) {
  return {.kind = Type::Kind::choice, .wanted = text::join(words, ", "), .words = std::move(words)};
}
const Type color = choice({"auto", "always", "never"});
const Type engine = choice({"auto", "native", "docker", "podman", "chroot", "here"});
const Type pull = choice({"missing", "always", "never"});

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// `~/` is the home folder; the shell does not see this file.
std::string with_home(const std::string& text) {
  return text.starts_with("~/") ? variable("HOME") + text.substr(1) : text;
}

Key key(std::string name, const Type& type, std::string help) {
  return {name, &type, std::move(help), [name, &type](const Yaml& value, void* target) {
            UserDefault one{name, "--" + name, {}, type.kind == Type::Kind::boolean};
            const bool fixed = &type == &fixed_path || &type == &fixed_paths;
            const auto add = [&](const Yaml& v) { one.values.push_back(fixed ? with_home(v.text) : v.text); };
            if (value.kind == Yaml::Kind::list) {
              for (const Yaml& item : value.items) add(item);
            } else {
              add(value);
            }
            static_cast<UserConfig*>(target)->defaults.push_back(std::move(one));
          }};
}

const Shape& config_shape() {
  static const Shape shape{
      .name = "a user's defaults",
      .keys = {
          key("jobs", jobs, "tests that run at the same time (one per processor)"),
          key("color", color, "colours: auto is on a terminal (auto)"),
          key("plain", boolean, "words in place of signs, for screen readers (false)"),
          key("quiet", boolean, "only what went wrong, and the summary (false)"),
          key("verbose", boolean, "the whole log of every script (false)"),
          key("slow", duration, "from when on a test that still runs is marked as slow (10s)"),
          key("engine", engine, "who makes the containers (auto)"),
          key("offline", boolean, "no registry is asked (false)"),
          key("pull", pull, "when a registry is asked for an image (missing)"),
          key("authfile", fixed_path, "the registries' passwords"),
          key("store-ro", fixed_paths, "stores of images that are only looked into"),
          key("pack-on-failure", path,
              "a folder for bundles of tests that fail, from where the run is started"),
      }};
  return shape;
}

}  // namespace

std::string user_config_path() {
  if (std::string named = variable("TESTCTR_CONFIG"); !named.empty()) return named;
  if (const std::string xdg = variable("XDG_CONFIG_HOME"); xdg.starts_with('/'))
    return xdg + "/testctr/config.yaml";
  const std::string home = variable("HOME");
  return home.starts_with('/') ? home + "/.config/testctr/config.yaml" : "";
}

Result<std::optional<UserConfig>> read_user_config() {
  UserConfig config{user_config_path(), {}};
  if (config.path.empty()) return std::optional<UserConfig>();
  const bool named = !variable("TESTCTR_CONFIG").empty();
  Result<std::string> source = sys::read_file(config.path, largest);
  if (!source.ok()) {
    const int code = source.error().number();
    if (!named && (code == ENOENT || code == ENOTDIR)) return std::optional<UserConfig>();
    Error error = std::move(source).error().as(Fault::usage);
    error.in(
        fmt::format("{}{}: cannot be read", named ? "TESTCTR_CONFIG: " : "", text::printable(config.path)));
    return std::move(error).hint("`--no-config` runs without it");
  }
  Mistakes mistakes;
  const uint32_t file = mistakes.file(config.path);
  const Yaml tree = read_yaml(source.value(), file, mistakes);
  if (tree.kind == Yaml::Kind::null && !mistakes.any()) return std::optional<UserConfig>(std::move(config));
  if (!mistakes.any() && tree.kind != Yaml::Kind::map)
    mistakes.add(tree.place, "a user's defaults are a mapping such as jobs: 4");
  if (!mistakes.any() && fits(config_shape(), tree, "", mistakes)) take(config_shape(), tree, &config);
  if (mistakes.any()) return mistakes.error().hint("`testctr-script help config` lists what it may say");
  return std::optional<UserConfig>(std::move(config));
}

Json config_schema() {
  return schema_of_file(config_shape(), "config.yaml, a user's defaults for testctr-script");
}

std::string config_keys_text() {
  std::string out;
  for (const Key& one : config_shape().keys)
    out += fmt::format("  {:<16} {}\n{:19}{}\n", one.name, one.help, "", one.type->wanted);
  return out;
}

}  // namespace testctr::plan
