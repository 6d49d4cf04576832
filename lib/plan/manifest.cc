#include "plan/manifest.h"

#include <climits>
#include <cstdlib>

#include <algorithm>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "plan/manifest_keys.h"

namespace testctr::plan {
namespace {

constexpr size_t most_files = 1000;

/// The folder of a path, as a prefix: empty or with a "/" at the end.
std::string prefix_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

template <class T>
void prefer(std::optional<T>& mine, const std::optional<T>& other) {
  if (!mine) mine = other;
}

/// Both lists, the outer one's entries first, each once.
std::vector<Text> joined(const std::vector<Text>& outer, const std::vector<Text>& mine) {
  std::vector<Text> all = outer;
  for (const Text& one : mine) {
    if (std::none_of(all.begin(), all.end(), [&](const Text& other) {
          return other.value == one.value && other.place.file == one.place.file;
        }))
      all.push_back(one);
  }
  return all;
}

/// Both lists of things with names, where mine stand in place of the outer one's of the same name.
template <class Named>
std::vector<Named> by_name(const std::vector<Named>& outer, const std::vector<Named>& mine) {
  std::vector<Named> all = outer;
  for (const Named& one : mine) {
    const auto same = std::find_if(all.begin(), all.end(),
                                   [&](const Named& other) { return other.name.value == one.name.value; });
    if (same == all.end()) {
      all.push_back(one);
    } else {
      *same = one;
    }
  }
  return all;
}

bool has_axis(const Settings& settings, std::string_view name) {
  return std::any_of(settings.matrix.begin(), settings.matrix.end(),
                     [&](const Axis& axis) { return axis.name.value == name; });
}

/// Reads a manifest and what it includes, depth first.
class Reader {
 public:
  Status read(const std::string& path, const std::string& relative, const Settings& outer, Place included) {
    auto source = sys::read_file(path);
    if (!source.ok()) {
      if (included.line == 0)
        return std::move(source)
            .error()
            .as(Fault::usage)
            .in(fmt::format("{}: cannot be read", text::printable(path)));
      manifest_.mistakes.add(included,
                             fmt::format("{}: {}", text::printable(path), source.error().message()));
      return {};
    }
    const std::string real = TRY(real_path(path));
    if (!enter(real, path, included)) return {};
    const uint32_t file = manifest_.mistakes.file(path);
    manifest_.files.push_back({path, prefix_of(path), relative, prefix_of(real), included});
    const Yaml tree = read_yaml(source.value(), file, manifest_.mistakes);
    CHECK_OK(take_part(tree, file, outer));
    open_.pop_back();
    return {};
  }

  Manifest take() { return std::move(manifest_); }

 private:
  static Result<std::string> real_path(const std::string& path) {
    char buffer[PATH_MAX];
    if (::realpath(path.c_str(), buffer) == nullptr) return Error::system("realpath", path);
    return std::string(buffer);
  }

  /// Whether a file is read for the first time; says where it was before.
  bool enter(const std::string& real, const std::string& path, Place included) {
    const std::string shown = text::printable(path);
    if (std::find(open_.begin(), open_.end(), real) != open_.end()) {
      manifest_.mistakes.add(included, fmt::format("{} includes itself, by way of this", shown));
    } else if (const auto before = seen_.find(real); before != seen_.end()) {
      manifest_.mistakes.add(included, fmt::format("{} is included already, in {}", shown,
                                                   manifest_.mistakes.told(before->second)));
    } else if (seen_.size() >= most_files) {
      manifest_.mistakes.add(included, fmt::format("more than {} manifests are included", most_files));
    } else {
      seen_.emplace(real, included);
      open_.push_back(real);
      return true;
    }
    return false;
  }

  Status take_part(const Yaml& tree, uint32_t file, const Settings& outer) {
    if (tree.kind != Yaml::Kind::map) {
      if (!manifest_.mistakes.any())
        manifest_.mistakes.add({file, 1, 1}, tree.kind == Yaml::Kind::null
                                                 ? "this manifest is empty; it begins with `version: 1`"
                                                 : "a manifest is a mapping, written key: value");
      return {};
    }
    if (!fits(manifest_shape(), tree, "", manifest_.mistakes)) return {};
    ManifestPart part;
    plan::take(manifest_shape(), tree, &part);
    const Settings settings = part.settings.over(outer);
    if (file == 0) manifest_.settings = settings;
    for (ManifestTest& test : part.tests) {
      test.own_image = test.settings.image.has_value();
      test.own_matrix = has_axis(test.settings, "image");
      test.settings = test.settings.over(settings);
      manifest_.tests.push_back(std::move(test));
    }
    manifest_.groups.insert(part.groups.begin(), part.groups.end());
    const ManifestFile here = manifest_.files[file];
    for (const Text& path : part.include) {
      const bool absolute = path.value.starts_with('/');
      CHECK_OK(read(absolute ? path.value : here.prefix + path.value,
                    prefix_of(absolute ? path.value : here.relative + path.value), settings, path.place));
    }
    return {};
  }

  Manifest manifest_;
  std::vector<std::string> open_;
  std::map<std::string, Place> seen_;
};

}  // namespace

LimitSettings LimitSettings::over(const LimitSettings& outer) const {
  LimitSettings all = *this;
  prefer(all.script_timeout_ns, outer.script_timeout_ns);
  prefer(all.case_timeout_ns, outer.case_timeout_ns);
  prefer(all.max_output, outer.max_output);
  prefer(all.memory, outer.memory);
  prefer(all.pids, outer.pids);
  prefer(all.scratch, outer.scratch);
  prefer(all.cpus, outer.cpus);
  return all;
}

void LimitSettings::apply(Limits& limits) const {
  if (script_timeout_ns) {
    limits.script_timeout_ns = *script_timeout_ns;
    limits.script_timeout_asked = true;
  }
  if (pids) {
    limits.pids = *pids;
    limits.pids_asked = true;
  }
  if (case_timeout_ns) limits.case_timeout_ns = *case_timeout_ns;
  if (max_output) limits.max_output = *max_output;
  if (memory) limits.memory = *memory;
  if (scratch) limits.scratch = *scratch;
  if (cpus) limits.cpus = *cpus;
}

Settings Settings::over(const Settings& outer) const {
  Settings all = *this;
  prefer(all.image, outer.image);
  prefer(all.tree, outer.tree);
  prefer(all.seccomp, outer.seccomp);
  prefer(all.format, outer.format);
  prefer(all.network, outer.network);
  prefer(all.language, outer.language);
  all.conditions.insert(outer.conditions.begin(), outer.conditions.end());
  all.commands = joined(outer.commands, commands);
  prefer(all.ids, outer.ids);
  prefer(all.retries, outer.retries);
  prefer(all.setup, outer.setup);
  all.env.insert(outer.env.begin(), outer.env.end());
  all.limits = limits.over(outer.limits);
  all.secrets = joined(outer.secrets, secrets);
  all.images = joined(outer.images, images);
  all.bin = joined(outer.bin, bin);
  all.mounts = joined(outer.mounts, mounts);
  all.artifacts = joined(outer.artifacts, artifacts);
  all.services = by_name(outer.services, services);
  all.matrix = by_name(outer.matrix, matrix);
  return all;
}

Result<Manifest> read_manifest(const std::string& path) {
  Reader reader;
  CHECK_OK(reader.read(path, "", {}, {}));
  Manifest manifest = reader.take();
  if (manifest.mistakes.any()) return manifest.mistakes.error();
  manifest.lock = TRY(read_lock(path));
  return manifest;
}

Result<std::optional<std::string>> find_manifest(const std::string& folder) {
  std::string prefix = folder == "." || folder.empty() ? "" : folder.ends_with('/') ? folder : folder + "/";
  for (int depth = 0; depth < 256; ++depth) {
    if (TRY(sys::stat_at(AT_FDCWD, prefix + manifest_name, 0)))
      return std::optional<std::string>(prefix + manifest_name);
    if (prefix == "/") break;
    const std::string_view last = std::string_view(prefix).substr(0, prefix.empty() ? 0 : prefix.size() - 1);
    const std::string_view name = last.substr(last.rfind('/') + 1);
    if (!name.empty() && name != "." && name != "..") {
      prefix = prefix_of(std::string(last));
      continue;
    }
    // At the root `..` is the folder itself.
    const auto here = TRY(sys::stat_at(AT_FDCWD, prefix.empty() ? "." : prefix, 0));
    prefix += "../";
    const auto above = TRY(sys::stat_at(AT_FDCWD, prefix, 0));
    if (!here || !above || (here->st_ino == above->st_ino && here->st_dev == above->st_dev)) break;
  }
  return std::optional<std::string>();
}

}  // namespace testctr::plan
