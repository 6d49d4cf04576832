// What the files of registries.conf say together, and what follows for a name.
#include <sys/stat.h>

#include "base/sys.h"
#include "base/text.h"
#include "registry/names.h"
#include "registry/places.h"
#include "registry/registries_file.h"

namespace testctr::registry {

struct Registries::Impl {
  std::map<std::string, RegistryTable> tables;  // by prefix
  std::map<std::string, std::string> aliases;
  std::vector<std::string> search;
  ShortNames short_names = ShortNames::permissive;

  void merge(RegistriesFile file);
  [[nodiscard]] std::pair<const RegistryTable*, size_t> find(std::string_view name) const;
};

namespace {

bool exists(const std::string& path) {
  struct stat st {};
  return stat(path.c_str(), &st) == 0;
}

// The *.conf of a folder by name; a folder that is not there has none.
Result<std::vector<std::string>> drop_ins(const std::string& folder) {
  std::vector<std::string> files;
  auto opened = sys::open(folder, O_RDONLY | O_DIRECTORY);
  if (!opened.ok()) {
    const int number = opened.error().number();
    if (number == ENOENT || number == ENOTDIR || number == EACCES) return files;
    return std::move(opened).error().as(Fault::usage);
  }
  for (const std::string& name : TRY(sys::list_dir(opened.value().get()))) {
    struct stat st {};
    const std::string path = folder + "/" + name;
    if (name.ends_with(".conf") && stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode)) files.push_back(path);
  }
  return files;
}

// How much of `name` the prefix covers, npos for nothing: up to a separator, or the whole.
size_t match_prefix(std::string_view prefix, std::string_view name) {
  if (prefix.starts_with("*.")) return match_wildcard(prefix, name);
  if (!name.starts_with(prefix)) return std::string_view::npos;
  if (name.size() > prefix.size() &&
      std::string_view(":/@").find(name[prefix.size()]) == std::string_view::npos)
    return std::string_view::npos;
  return prefix.size();
}

Result<Location> location_of(std::string_view renamed, bool insecure, bool mirror, const std::string& place) {
  Location location;
  size_t slash = renamed.find('/');
  std::string_view path = slash == std::string_view::npos ? std::string_view() : renamed.substr(slash + 1);
  location.host = renamed.substr(0, slash);
  // Only what stands behind the last slash is a tag or digest: a port that was carried over is a mistake.
  const size_t last = path.rfind('/');
  location.repository = path.substr(0, path.find_first_of(":@", last == std::string_view::npos ? 0 : last));
  if (location.host == "index.docker.io" || location.host == "registry-1.docker.io")
    location.host = "docker.io";
  if (location.host == "docker.io" && !location.repository.empty() &&
      location.repository.find('/') == std::string::npos)
    location.repository = "library/" + location.repository;
  if (location.host.empty() || location.repository.empty() ||
      location.repository.find(':') != std::string::npos)
    return Error::usage(
        fmt::format("{}: this leads to {}, which names no repository", place, text::quoted(renamed)));
  location.insecure = insecure;
  location.mirror = mirror;
  return location;
}

}  // namespace

ConfigPaths ConfigPaths::standard() {
  ConfigPaths paths;
  const std::string user = config_home().empty() ? "" : config_home() + "/containers";
  const std::string system = "/etc/containers";
  if (const std::string named = variable("CONTAINERS_REGISTRIES_CONF"); !named.empty()) {
    paths.files = {named};
    paths.required = true;
  } else {
    if (!user.empty()) paths.files.push_back(user + "/registries.conf");
    paths.files.push_back(system + "/registries.conf");
  }
  // "If the user's registries.conf is loaded, only the drop-ins beside it are."
  const bool users_alone = !paths.required && !user.empty() && exists(paths.files.front());
  if (!users_alone) paths.folders.push_back(system + "/registries.conf.d");
  if (!user.empty()) paths.folders.push_back(user + "/registries.conf.d");
  std::string cache = cache_home();
  if (geteuid() == 0 && absolute_variable("XDG_CACHE_HOME").empty()) cache = "/var/cache";
  if (!cache.empty()) paths.aliases = cache + "/containers/short-name-aliases.conf";
  return paths;
}

void Registries::Impl::merge(RegistriesFile file) {
  if (file.search) search = std::move(*file.search);
  if (file.short_names) short_names = *file.short_names;
  for (auto& [name, full] : file.aliases) {
    if (full.empty()) {
      aliases.erase(name);
    } else {
      aliases[name] = std::move(full);
    }
  }
  for (RegistryTable& table : file.registries) {
    std::string prefix = table.prefix;
    tables[prefix] = std::move(table);
  }
}

std::pair<const RegistryTable*, size_t> Registries::Impl::find(std::string_view name) const {
  const RegistryTable* best = nullptr;
  size_t covered = 0;
  for (const auto& [prefix, table] : tables) {
    size_t length = match_prefix(prefix, name);
    if (length == std::string_view::npos || (best != nullptr && prefix.size() <= best->prefix.size()))
      continue;
    best = &table;
    covered = length;
  }
  return {best, covered};
}

Result<Registries> Registries::read(const ConfigPaths& paths) {
  auto impl = std::make_unique<Impl>();
  bool found = false;
  for (const std::string& path : paths.files) {
    auto text = TRY(read_configuration(path));
    if (!text) continue;
    impl->merge(TRY(parse_registries(*text, path)));
    found = true;
    break;
  }
  if (!found && paths.required)
    return Error(Error::usage(fmt::format("{} does not exist", text::join(paths.files, ", "))))
        .hint("CONTAINERS_REGISTRIES_CONF names it");
  for (const std::string& folder : paths.folders) {
    for (const std::string& path : TRY(drop_ins(folder))) {
      auto text = TRY(read_configuration(path));
      if (text) impl->merge(TRY(parse_registries(*text, path)));
    }
  }
  if (!paths.aliases.empty()) {
    // Written by programs: it has aliases and nothing else.
    if (auto text = TRY(read_configuration(paths.aliases))) {
      RegistriesFile only;
      only.aliases = TRY(parse_registries(*text, paths.aliases)).aliases;
      impl->merge(std::move(only));
    }
  }
  return Registries(std::move(impl));
}

Result<std::vector<Location>> Registries::locate(const std::string& name, bool by_digest) const {
  auto [table, covered] = impl_->find(name);
  std::vector<Location> locations;
  if (table == nullptr) {
    locations.push_back(TRY(location_of(name, /* insecure= */ false, /* mirror= */ false, name)));
    return locations;
  }
  if (table->blocked)
    return Error(Error::usage(fmt::format("{} is blocked: {} says so of {}", name, table->place,
                                          text::quoted(table->prefix))))
        .hint("take another image, or change that file");
  const std::string rest = name.substr(covered);
  for (const MirrorTable& mirror : table->mirrors) {
    if (mirror.use == (by_digest ? MirrorTable::Use::tag_only : MirrorTable::Use::digest_only)) continue;
    locations.push_back(
        TRY(location_of(mirror.location + rest, mirror.insecure, /* mirror= */ true, table->place)));
  }
  const std::string own = table->location.empty() ? name : table->location + rest;
  locations.push_back(TRY(location_of(own, table->insecure, /* mirror= */ false, table->place)));
  return locations;
}

std::string Registries::alias(const std::string& short_name) const {
  auto found = impl_->aliases.find(short_name);
  return found == impl_->aliases.end() ? "" : found->second;
}

const std::vector<std::string>& Registries::search() const { return impl_->search; }
ShortNames Registries::short_names() const { return impl_->short_names; }

Registries::Registries(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Registries::Registries(Registries&&) noexcept = default;
Registries& Registries::operator=(Registries&&) noexcept = default;
Registries::~Registries() = default;

}  // namespace testctr::registry
