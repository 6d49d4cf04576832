#include "registry/registries_file.h"

// Some of toml++'s assertions are no defects but mistakes in the text ("[{x]]"), which its code goes on to
// tell: they are neither to end the program nor to be taken for granted by the compiler, as NDEBUG would have
// it.
#undef NDEBUG
#define TOML_ASSERT(expression) static_assert(true)
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "base/text.h"

namespace testctr::registry {
namespace {

// Reads the tables of one file. The first mistake is kept; what comes after it does not matter.
class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  Result<RegistriesFile> read(std::string_view text);

 private:
  [[nodiscard]] Error wrong(const toml::node& node, const std::string& why) const {
    const auto& at = node.source().begin;
    return Error::usage(fmt::format("{}:{}:{}: {}", file_, at.line, at.column, why));
  }
  Result<std::string> string_of(const toml::table& table, std::string_view key) const;
  Result<bool> bool_of(const toml::table& table, std::string_view key) const;
  Result<std::vector<const toml::table*>> tables_of(const toml::table& table, std::string_view key) const;
  Result<std::string> location_of(const toml::table& table, std::string_view key) const;
  Status check_suffix(const toml::table& table, std::string_view prefix, std::string_view location) const;
  Status read_search(const toml::table& root);
  Status read_mode(const toml::table& root);
  Status read_aliases(const toml::table& root);
  Status read_registry(const toml::table& table);
  Result<MirrorTable> read_mirror(const toml::table& table, const RegistryTable& of, bool digests_only) const;
  Status refuse_version_1(const toml::table& root) const;

  std::string file_;
  RegistriesFile result_;
};

Result<std::string> Reader::string_of(const toml::table& table, std::string_view key) const {
  const toml::node* node = table.get(key);
  if (node == nullptr) return std::string();
  const auto* value = node->as_string();
  if (value == nullptr) return wrong(*node, fmt::format("{} must be a string", key));
  return value->get();
}

Result<bool> Reader::bool_of(const toml::table& table, std::string_view key) const {
  const toml::node* node = table.get(key);
  if (node == nullptr) return false;
  const auto* value = node->as_boolean();
  if (value == nullptr) return wrong(*node, fmt::format("{} must be true or false", key));
  return value->get();
}

Result<std::vector<const toml::table*>> Reader::tables_of(const toml::table& table,
                                                          std::string_view key) const {
  std::vector<const toml::table*> tables;
  const toml::node* node = table.get(key);
  if (node == nullptr) return tables;
  const auto* array = node->as_array();
  if (array == nullptr) return wrong(*node, fmt::format("{} must be an array of tables ([[...]])", key));
  for (const toml::node& element : *array) {
    const auto* one = element.as_table();
    if (one == nullptr) return wrong(element, fmt::format("{} must be an array of tables ([[...]])", key));
    tables.push_back(one);
  }
  return tables;
}

// The tag or digest at a name's end, with its separator.
std::string_view suffix_of(std::string_view name) {
  size_t slash = name.find('/');
  if (slash == std::string_view::npos) return {};
  size_t at = name.find_first_of(":@", slash);
  return at == std::string_view::npos ? std::string_view() : name.substr(at);
}

// Host names as they may be written here: no path can be made of one, and no URL's other parts.
bool is_host(std::string_view host) {
  if (host.empty() || host.front() == '.' || host.front() == ':' || host.front() == '-') return false;
  for (char c : host) {
    bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                std::string_view(".-_:[]").find(c) != std::string_view::npos;
    if (!fits) return false;
  }
  return true;
}

bool is_path(std::string_view path) {
  return path.find("//") == std::string_view::npos &&
         path.find_first_of("?#%\\ \t\r\n") == std::string_view::npos && text::printable(path) == path;
}

Result<std::string> Reader::location_of(const toml::table& table, std::string_view key) const {
  std::string value = TRY(string_of(table, key));
  if (value.empty()) return value;
  const toml::node& node = *table.get(key);
  if (value.find("://") != std::string::npos)
    return wrong(node, fmt::format("{} {} has a scheme: only HOST[:PORT][/PATH] is possible here", key,
                                   text::quoted(value)));
  while (value.ends_with('/')) value.pop_back();
  bool wildcard = key == "prefix" && value.starts_with("*.");
  std::string_view rest = std::string_view(value).substr(wildcard ? 2 : 0);
  size_t slash = rest.find('/');
  if (wildcard && rest.find_first_of("/:@") != std::string_view::npos)
    return wrong(
        node, fmt::format("prefix {}: a wildcard covers hosts alone (*.example.com)", text::quoted(value)));
  if (!is_host(rest.substr(0, slash)) || (slash != std::string_view::npos && !is_path(rest.substr(slash))))
    return wrong(node, fmt::format("{} {} is not HOST[:PORT][/PATH]", key, text::quoted(value)));
  return value;
}

// Images are renamed here, not retagged: a location's tag could only be the prefix's.
Status Reader::check_suffix(const toml::table& table, std::string_view prefix,
                            std::string_view location) const {
  if (location.empty() || suffix_of(location) == suffix_of(prefix)) return {};
  return wrong(table, fmt::format("location {} leads to another tag or digest than prefix {}",
                                  text::quoted(location), text::quoted(prefix)));
}

Status Reader::refuse_version_1(const toml::table& root) const {
  const toml::node* old = root.get("registries");
  if (old == nullptr) return {};
  return Error(wrong(*old,
                     "[registries.search], [registries.insecure] and [registries.block] are version 1 of "
                     "this format, which is not read"))
      .hint(
          "write version 2: unqualified-search-registries = [...], and [[registry]] tables with location, "
          "insecure, blocked; see containers-registries.conf(5)");
}

Status Reader::read_search(const toml::table& root) {
  constexpr std::string_view key = "unqualified-search-registries";
  const toml::node* node = root.get(key);
  if (node == nullptr) return {};
  const auto* array = node->as_array();
  if (array == nullptr) return wrong(*node, fmt::format("{} must be an array of strings", key));
  std::vector<std::string> hosts;
  for (const toml::node& element : *array) {
    const auto* value = element.as_string();
    if (value == nullptr) return wrong(element, fmt::format("{} must be an array of strings", key));
    if (!is_host(std::string_view(value->get()).substr(0, value->get().find('/'))) || !is_path(value->get()))
      return wrong(element, fmt::format("{} is not HOST[:PORT]", text::quoted(value->get())));
    hosts.push_back(value->get());
  }
  result_.search = std::move(hosts);
  return {};
}

Status Reader::read_mode(const toml::table& root) {
  std::string mode = TRY(string_of(root, "short-name-mode"));
  if (mode == "permissive") {
    result_.short_names = ShortNames::permissive;
  } else if (mode == "enforcing") {
    result_.short_names = ShortNames::enforcing;
  } else if (mode == "disabled") {
    result_.short_names = ShortNames::disabled;
  } else if (!mode.empty()) {
    return wrong(
        *root.get("short-name-mode"),
        fmt::format("short-name-mode is enforcing, permissive or disabled, not {}", text::quoted(mode)));
  }
  return {};
}

Status Reader::read_aliases(const toml::table& root) {
  const toml::node* node = root.get("aliases");
  if (node == nullptr) return {};
  const auto* table = node->as_table();
  if (table == nullptr) return wrong(*node, "aliases must be a table");
  for (const auto& [key, element] : *table) {
    const auto* value = element.as_string();
    std::string name(key.str());
    if (value == nullptr)
      return wrong(element, fmt::format("the alias {} must be a string", text::quoted(name)));
    std::string first = name.substr(0, name.find('/'));
    bool has_domain = first != name && (first == "localhost" || first.find('.') != std::string::npos);
    if (name.empty() || name.find_first_of(":@") != std::string::npos || has_domain)
      return wrong(element,
                   fmt::format("{} is no short name: without host, tag and digest", text::quoted(name)));
    const std::string& full = value->get();
    size_t slash = full.find('/');
    if (!full.empty() && (slash == std::string::npos || !is_host(full.substr(0, slash)) || !is_path(full) ||
                          !suffix_of(full).empty()))
      return wrong(element,
                   fmt::format("the alias {} must lead to HOST/NAME without tag or digest, not to {}",
                               text::quoted(name), text::quoted(full)));
    result_.aliases[name] = full;
  }
  return {};
}

Result<MirrorTable> Reader::read_mirror(const toml::table& table, const RegistryTable& of,
                                        bool digests_only) const {
  MirrorTable mirror;
  mirror.location = TRY(location_of(table, "location"));
  if (mirror.location.empty()) return wrong(table, "a mirror needs a location");
  CHECK_OK(check_suffix(table, of.prefix, mirror.location));
  mirror.insecure = TRY(bool_of(table, "insecure"));
  std::string use = TRY(string_of(table, "pull-from-mirror"));
  if (!use.empty() && digests_only)
    return wrong(*table.get("pull-from-mirror"),
                 "pull-from-mirror and the registry's mirror-by-digest-only exclude each other");
  if (use == "digest-only" || digests_only) {
    mirror.use = MirrorTable::Use::digest_only;
  } else if (use == "tag-only") {
    mirror.use = MirrorTable::Use::tag_only;
  } else if (!use.empty() && use != "all") {
    return wrong(*table.get("pull-from-mirror"),
                 fmt::format("pull-from-mirror is all, digest-only or tag-only, not {}", text::quoted(use)));
  }
  return mirror;
}

Status Reader::read_registry(const toml::table& table) {
  RegistryTable registry;
  registry.place = fmt::format("{}:{}", file_, table.source().begin.line);
  registry.prefix = TRY(location_of(table, "prefix"));
  registry.location = TRY(location_of(table, "location"));
  if (registry.prefix.empty()) registry.prefix = registry.location;
  if (registry.prefix.empty()) return wrong(table, "a [[registry]] needs a prefix or a location");
  if (registry.location.empty() && !registry.prefix.starts_with("*.")) registry.location = registry.prefix;
  CHECK_OK(check_suffix(table, registry.prefix, registry.location));
  registry.insecure = TRY(bool_of(table, "insecure"));
  registry.blocked = TRY(bool_of(table, "blocked"));
  const bool digests_only = TRY(bool_of(table, "mirror-by-digest-only"));
  for (const toml::table* mirror : TRY(tables_of(table, "mirror")))
    registry.mirrors.push_back(TRY(read_mirror(*mirror, registry, digests_only)));
  for (const RegistryTable& other : result_.registries) {
    if (other.prefix != registry.prefix) continue;
    return wrong(table, fmt::format("the prefix {} has a table already at {}", text::quoted(registry.prefix),
                                    other.place));
  }
  result_.registries.push_back(std::move(registry));
  return {};
}

Result<RegistriesFile> Reader::read(std::string_view text) {
  toml::parse_result parsed = toml::parse(text, file_);
  if (!parsed) {
    const auto& at = parsed.error().source().begin;
    return Error::usage(fmt::format("{}:{}:{}: no valid TOML: {}", file_, at.line, at.column,
                                    text::printable(parsed.error().description())));
  }
  const toml::table& root = parsed.table();
  CHECK_OK(refuse_version_1(root));
  CHECK_OK(read_search(root));
  CHECK_OK(read_mode(root));
  CHECK_OK(read_aliases(root));
  for (const toml::table* table : TRY(tables_of(root, "registry"))) CHECK_OK(read_registry(*table));
  return std::move(result_);
}

}  // namespace

Result<RegistriesFile> parse_registries(std::string_view text, const std::string& file) {
  return Reader(file).read(text);
}

}  // namespace testctr::registry
