#include "plan/lockfile.h"

#include <algorithm>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "plan/plan_images.h"
#include "plan/words.h"
#include "plan/yaml_tree.h"

namespace testctr::plan {
namespace {

constexpr size_t largest_lock = size_t{4} << 20;
constexpr const char* format_version = "1";

bool is_plain_word(std::string_view word, std::string_view more) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  });
}

bool is_image_name(const std::string& name) {
  constexpr size_t longest = 512;
  return name.size() <= longest && is_plain_word(name, "._-/:[]") && can_be_locked(name);
}

// "linux/amd64", "linux/arm/v7"
bool is_platform(const std::string& platform) {
  const std::vector<std::string> parts = text::split(platform, '/');
  return (parts.size() == 2 || parts.size() == 3) && platform.size() <= 64 &&
         std::all_of(parts.begin(), parts.end(),
                     [](const std::string& part) { return is_plain_word(part, "._-"); });
}

class Reader {
 public:
  explicit Reader(const std::string& name) { file_ = mistakes_.file(name); }

  Result<LockFile> read(const std::string& source) {
    find_conflict(source);
    if (!mistakes_.any()) {
      const Yaml tree = read_yaml(source, file_, mistakes_);
      if (!mistakes_.any()) take(tree);
    }
    if (!mistakes_.any()) return std::move(lock_);
    return mistakes_.error().hint(
        "`testctr-script lock` writes this file: remove it and write it again, or put it right by hand");
  }

 private:
  // What version control leaves of two lock files.
  void find_conflict(const std::string& source) {
    uint32_t number = 0;
    for (const std::string_view line : text::lines(source)) {
      ++number;
      if (!line.starts_with("<<<<<<< ")) continue;
      return mistakes_.add({file_, number, 1}, "two versions of the lock file could not be merged here");
    }
  }

  void wrong(const Yaml& where, std::string what) { mistakes_.add(where.place, std::move(what)); }

  void take(const Yaml& tree) {
    if (tree.kind != Yaml::Kind::map) {
      mistakes_.add({file_, 1, 1}, "a lock file is a mapping that begins with `version: 1`");
      return;
    }
    const Yaml* version = tree.find("version");
    if (version == nullptr || version->text != format_version) {
      return mistakes_.add(version != nullptr ? version->place : Place{file_, 1, 1},
                           version == nullptr ? "the lock file says no `version`"
                                              : fmt::format("the lock file has the version {}, this program "
                                                            "knows {}",
                                                            text::printable(version->text), format_version));
    }
    for (const YamlPair& member : tree.members) {
      if (member.key.text == "version") continue;
      if (member.key.text != "images") {
        unknown(member.key);
      } else if (member.value.kind != Yaml::Kind::map) {
        wrong(member.value, "images: a mapping from names is wanted here");
      } else {
        for (const YamlPair& image : member.value.members) take_image(image);
      }
    }
  }

  void unknown(const Yaml& key) { wrong(key, fmt::format("unknown key {}", text::quoted(key.text))); }

  void take_image(const YamlPair& pair) {
    const std::string& name = pair.key.text;
    if (!is_image_name(name))
      return wrong(pair.key, fmt::format("{} is no image's name", text::quoted(name)));
    if (pair.value.kind != Yaml::Kind::map)
      return wrong(pair.value, fmt::format("{}: a mapping is wanted here", name));
    LockedImage image;
    for (const YamlPair& member : pair.value.members) {
      if (member.key.text == "digest") {
        image.digest = digest(member.value);
      } else if (member.key.text != "platforms") {
        unknown(member.key);
      } else if (member.value.kind != Yaml::Kind::map) {
        wrong(member.value, "platforms: a mapping from platforms is wanted here");
      } else {
        for (const YamlPair& one : member.value.members) {
          if (!is_platform(one.key.text))
            wrong(one.key, fmt::format("{} is no platform such as linux/amd64", text::quoted(one.key.text)));
          image.platforms[one.key.text] = digest(one.value);
        }
      }
    }
    for (const char* key : {"digest", "platforms"})
      if (pair.value.find(key) == nullptr) wrong(pair.key, fmt::format("{} has no `{}`", name, key));
    lock_.images[name] = std::move(image);
  }

  Digest digest(const Yaml& value) {
    auto parsed = Digest::parse(value.text);
    if (value.kind == Yaml::Kind::scalar && parsed.ok()) return std::move(parsed).value();
    wrong(value, "a digest is sha256: and 64 hexadecimal digits");
    return {};
  }

  Mistakes mistakes_;
  uint32_t file_ = 0;
  LockFile lock_;
};

}  // namespace

std::string lock_path(const std::string& manifest) {
  const size_t slash = manifest.rfind('/');
  const size_t dot = manifest.rfind('.');
  const bool extension =
      dot != std::string::npos && (slash == std::string::npos || dot > slash + 1) && dot > 0;
  return manifest.substr(0, extension ? dot : manifest.size()) + ".lock";
}

Result<LockFile> parse_lock(const std::string& source, const std::string& name) {
  return Reader(name).read(source);
}

Result<std::optional<LockFile>> read_lock(const std::string& manifest) {
  const std::string path = lock_path(manifest);
  auto source = sys::read_file(path, largest_lock);
  if (source.ok()) return std::optional(TRY(parse_lock(source.value(), path)));
  if (source.error().number() == ENOENT) return std::optional<LockFile>();
  return std::move(source)
      .error()
      .as(Fault::usage)
      .in(fmt::format("{}: cannot be read", text::printable(path)));
}

std::string lock_text(const LockFile& lock) {
  std::string out =
      "# What the names of the manifest's images stand for. Written by `testctr-script lock`.\nversion: 1\n";
  out += lock.images.empty() ? "images: {}\n" : "images:\n";
  for (const auto& [name, image] : lock.images) {
    out += fmt::format("  \"{}\":\n    digest: {}\n", name, image.digest.str());
    out += image.platforms.empty() ? "    platforms: {}\n" : "    platforms:\n";
    for (const auto& [platform, digest] : image.platforms)
      out += fmt::format("      {}: {}\n", platform, digest.str());
  }
  return out;
}

bool can_be_locked(const std::string& image) {
  return !image.empty() && !is_image_by_its_looks(image) && !image.starts_with("sha256:") &&
         image.find('@') == std::string::npos;
}

std::string own_platform() {
#if defined(__x86_64__)
  return "linux/amd64";
#elif defined(__aarch64__)
  return "linux/arm64";
#else
#error "say what OCI calls this architecture"
#endif
}

std::map<std::string, std::string> pins_of(const LockFile& lock, const std::string& platform) {
  std::map<std::string, std::string> pins;
  for (const auto& [name, image] : lock.images) {
    const auto own = image.platforms.find(platform);
    pins[name] = own == image.platforms.end() ? "" : name + "@" + own->second.str();
  }
  return pins;
}

Status settle_pins(Plan& plan, bool locked) {
  std::set<std::string> lacking;
  for (Job& job : plan.jobs) {
    if (job.error) continue;
    for (const std::string& image : images_of(job)) {
      const auto pin = job.pins.find(image);
      if (pin == job.pins.end()) {
        if (can_be_locked(image)) lacking.insert(image);
      } else if (pin->second.empty()) {
        job.error = Error::usage(fmt::format("the lock file has {} for other platforms than {} alone", image,
                                             own_platform()))
                        .hint("`testctr-script lock --update` asks again what there is");
        break;
      }
    }
  }
  if (!locked || lacking.empty()) return {};
  const std::vector<std::string> names(lacking.begin(), lacking.end());
  return Error(Error::usage(fmt::format("--locked: no lock file says what {} {}",
                                        text::printable(text::join(names, ", ")),
                                        names.size() == 1 ? "is" : "are")))
      .hint(
          "`testctr-script lock` writes one beside the manifest; names on the command line can have a "
          "digest: "
          "NAME@sha256:...");
}

Result<std::vector<LockChange>> update_lock(LockFile& lock, const std::vector<std::string>& names,
                                            const std::vector<std::string>& renew,
                                            const ResolveImage& resolve) {
  LockFile made;
  std::vector<LockChange> changes;
  for (const std::string& name : names) {
    const auto known = lock.images.find(name);
    const bool asked = std::find(renew.begin(), renew.end(), name) != renew.end();
    const bool keeps = known != lock.images.end() && !asked;
    made.images[name] = keeps ? known->second : TRY_IN(resolve(name), "locking " + name);
    if (known == lock.images.end()) {
      changes.push_back({name, {}, made.images[name].digest});
    } else if (known->second != made.images[name]) {
      changes.push_back({name, known->second.digest, made.images[name].digest});
    }
  }
  for (const auto& [name, image] : lock.images)
    if (!made.images.contains(name)) changes.push_back({name, image.digest, {}});
  std::sort(changes.begin(), changes.end(),
            [](const LockChange& a, const LockChange& b) { return a.name < b.name; });
  lock = std::move(made);
  return changes;
}

Result<std::vector<std::string>> check_lock(const LockFile& lock, const std::vector<std::string>& names,
                                            const ResolveImage& resolve) {
  std::vector<std::string> wrong;
  for (const std::string& name : names) {
    const auto known = lock.images.find(name);
    if (known == lock.images.end()) {
      wrong.push_back(name + " is not locked");
      continue;
    }
    if (!known->second.platforms.contains(own_platform()))
      wrong.push_back(fmt::format("{} is not locked for {}", name, own_platform()));
    if (!resolve) continue;
    const LockedImage now = TRY_IN(resolve(name), "looking up " + name);
    if (now.digest != known->second.digest)
      wrong.push_back(fmt::format("{} has moved: it was {}, and is {}", name, known->second.digest.str(),
                                  now.digest.str()));
  }
  for (const auto& [name, image] : lock.images)
    if (std::find(names.begin(), names.end(), name) == names.end())
      wrong.push_back(name + " is locked, and nothing needs it");
  return wrong;
}

}  // namespace testctr::plan
