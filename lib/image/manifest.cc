#include "image/manifest.h"

#include <set>

#include "base/json.h"
#include "base/text.h"
#include "image/reference.h"

namespace testctr::image {
namespace {

using Type = Json::value_t;

Error bad(std::string_view what) { return Error::infrastructure(std::string(what)); }

Result<Json> parse_document(std::string_view bytes, std::string_view kind) {
  if (bytes.size() > largest_document)
    return bad(fmt::format("the {} is {} long, more than the {} that are read", kind,
                           text::human_size(bytes.size()), text::human_size(largest_document)));
  Json document = TRY_IN(json::parse(bytes), fmt::format("the {}", kind));
  if (!document.is_object()) return bad(fmt::format("the {} is not a JSON object", kind));
  return document;
}

// A manifest read as an index, or the other way round, could show two images to two readers (CVE-2021-41190).
Status check_kind(const Json& document, std::string_view kind, std::string_view described) {
  bool has_layers =
      document.contains("layers") || document.contains("config") || document.contains("fsLayers");
  if (document.contains("manifests") && has_layers)
    return bad(fmt::format(
        "the {} has both `manifests` and `layers`: it could be read as two different images", kind));
  auto version = json::get_int(document, "schemaVersion");
  if (!version.ok() || version.value() != 2) {
    if (document.contains("fsLayers"))
      return bad("this is a manifest of schema version 1, which has been given up everywhere");
    return bad(fmt::format("the {} has no schemaVersion 2", kind));
  }
  if (document.contains("mediaType")) {
    std::string own = TRY_IN(json::get_string(document, "mediaType"), fmt::format("the {}", kind));
    bool fits = kind == "index" ? is_index_type(own) : is_manifest_type(own);
    if (!fits)
      return bad(
          fmt::format("the {} calls itself {}, which is no media type of one", kind, text::quoted(own)));
    if (!described.empty() && own != described)
      return bad(fmt::format("the {} calls itself {}, but is described as {}", kind, text::quoted(own),
                             text::quoted(described)));
  }
  return {};
}

Result<Descriptor> parse_descriptor(const Json& value, std::string_view where) {
  if (!value.is_object()) return bad(fmt::format("{} is not an object", where));
  Descriptor d;
  std::string context(where);
  d.media_type = TRY_IN(json::get_string(value, "mediaType"), context);
  if (d.media_type.find('/') == std::string::npos || d.media_type.size() > 255)
    return bad(fmt::format("{}: {} is no media type", where, text::quoted(d.media_type)));
  std::string digest = TRY_IN(json::get_string(value, "digest"), context);
  d.digest = TRY_IN(Digest::parse(digest), context);
  int64_t size = TRY_IN(json::get_int(value, "size"), context);
  if (size < 0) return bad(fmt::format("{}: its size is negative", where));
  d.size = static_cast<uint64_t>(size);
  if (const Json* platform = json::find(value, "platform", Type::object)) {
    d.os = TRY_IN(json::get_string(*platform, "os", ""), context + ".platform");
    d.architecture = TRY_IN(json::get_string(*platform, "architecture", ""), context + ".platform");
    d.variant = TRY_IN(json::get_string(*platform, "variant", ""), context + ".platform");
  }
  if (value.contains("annotations")) {
    const Json* annotations = json::find(value, "annotations", Type::object);
    if (annotations == nullptr) return bad(fmt::format("{}.annotations is not an object", where));
    for (const auto& [key, text] : annotations->items()) {
      if (!text.is_string())
        return bad(fmt::format("{}.annotations.{} is not a string", where, text::printable(key)));
      d.annotations[key] = text.get<std::string>();
    }
  }
  return d;
}

Result<std::vector<std::string>> string_array(const Json& object, const char* key) {
  std::vector<std::string> list;
  auto it = object.find(key);
  if (it == object.end() || it->is_null()) return list;
  if (!it->is_array()) return bad(fmt::format("config.{} is not a list", key));
  for (const Json& element : *it) {
    if (!element.is_string()) return bad(fmt::format("config.{} holds something that is not a string", key));
    auto text = element.get<std::string>();
    if (text.find('\0') != std::string::npos) return bad(fmt::format("config.{} holds a null byte", key));
    list.push_back(std::move(text));
  }
  return list;
}

std::string platform_of(const Descriptor& d) {
  return d.os + "/" + d.architecture + (d.variant.empty() ? "" : "/" + d.variant);
}

}  // namespace

std::string Descriptor::ref_name() const {
  auto it = annotations.find("org.opencontainers.image.ref.name");
  return it == annotations.end() ? "" : it->second;
}

std::string Descriptor::full_name() const {
  auto it = annotations.find("io.containerd.image.name");
  const std::string& name = it != annotations.end() ? it->second : ref_name();
  if (name.find_first_of(":/") == std::string::npos) return "";
  auto reference = Reference::parse_new_name(name);
  return reference.ok() ? reference.value().full() : "";
}

bool is_layer_type(std::string_view type) {
  constexpr std::string_view nondistributable = "application/vnd.oci.image.layer.nondistributable.v1.tar";
  return type == media::oci_layer || type == media::oci_layer_gzip || type == media::oci_layer_zstd ||
         type == media::docker_layer || type == media::docker_layer_gzip ||
         type == "application/vnd.docker.image.rootfs.diff.tar.zstd" || type == nondistributable ||
         type == std::string(nondistributable) + "+gzip" || type == std::string(nondistributable) + "+zstd";
}
bool is_index_type(std::string_view type) { return type == media::oci_index || type == media::docker_index; }
bool is_manifest_type(std::string_view type) {
  return type == media::oci_manifest || type == media::docker_manifest;
}

Result<Index> parse_index(std::string_view bytes, std::string_view media_type) {
  Json document = TRY(parse_document(bytes, "index"));
  CHECK_OK(check_kind(document, "index", media_type));
  const Json* list = json::find(document, "manifests", Type::array);
  if (list == nullptr) return bad("the index has no list `manifests`");
  Index index;
  for (size_t i = 0; i < list->size(); ++i)
    index.manifests.push_back(
        TRY_IN(parse_descriptor((*list)[i], fmt::format("manifests[{}]", i)), "the index"));
  return index;
}

Result<Manifest> parse_manifest(std::string_view bytes, std::string_view media_type) {
  Json document = TRY(parse_document(bytes, "manifest"));
  CHECK_OK(check_kind(document, "manifest", media_type));
  const Json* config = json::find(document, "config", Type::object);
  const Json* layers = json::find(document, "layers", Type::array);
  if (config == nullptr) return bad("the manifest has no `config`");
  if (layers == nullptr) return bad("the manifest has no list `layers`");
  Manifest manifest;
  manifest.config = TRY_IN(parse_descriptor(*config, "config"), "the manifest");
  if (manifest.config.media_type != media::oci_config && manifest.config.media_type != media::docker_config)
    return bad(fmt::format("the manifest's config has the media type {}: this is not a container image",
                           text::quoted(manifest.config.media_type)));
  if (manifest.config.size > largest_document)
    return bad(
        fmt::format("the manifest says that its config is {} long", text::human_size(manifest.config.size)));
  if (layers->size() > most_layers)
    return bad(fmt::format("the manifest has {} layers, more than {}", layers->size(), most_layers));
  for (size_t i = 0; i < layers->size(); ++i) {
    Descriptor layer = TRY_IN(parse_descriptor((*layers)[i], fmt::format("layers[{}]", i)), "the manifest");
    if (!is_layer_type(layer.media_type))
      return bad(fmt::format("layer {} of {} has the unknown media type {}", i + 1, layers->size(),
                             text::quoted(layer.media_type)));
    manifest.layers.push_back(std::move(layer));
  }
  return manifest;
}

namespace {

// Docker's extension of the configuration: nothing where the image has none, or gives up that of its base.
Result<std::optional<Healthcheck>> parse_healthcheck(const Json& check) {
  Healthcheck out;
  out.test = TRY(string_array(check, "Test"));
  if (out.test.size() < 2 || out.test[0] == "NONE") return std::optional<Healthcheck>();
  if (out.test[0] != "CMD" && out.test[0] != "CMD-SHELL")
    return Error::infrastructure("the image configuration's Healthcheck is neither CMD nor CMD-SHELL");
  out.interval_ns = TRY(json::get_int(check, "Interval", 0));
  out.timeout_ns = TRY(json::get_int(check, "Timeout", 0));
  out.start_period_ns = TRY(json::get_int(check, "StartPeriod", 0));
  out.retries = TRY(json::get_int(check, "Retries", 0));
  if (out.interval_ns < 0 || out.timeout_ns < 0 || out.start_period_ns < 0 || out.retries < 0)
    return Error::infrastructure("the image configuration's Healthcheck has a negative number");
  return std::optional(std::move(out));
}

}  // namespace

Result<ImageConfig> parse_config(std::string_view bytes, const Platform& platform) {
  Json document = TRY(parse_document(bytes, "image configuration"));
  std::string where = "the image configuration";
  ImageConfig out;
  out.config.os = TRY_IN(json::get_string(document, "os"), where);
  out.config.architecture = TRY_IN(json::get_string(document, "architecture"), where);
  if (out.config.os != platform.os || out.config.architecture != platform.architecture) {
    const bool own = platform == Platform::own();
    return Error(bad(fmt::format("the image is for {}/{}, {} {}/{}", text::printable(out.config.os),
                                 text::printable(out.config.architecture),
                                 own ? "this machine is" : "asked for was", platform.os,
                                 platform.architecture)))
        .hint(fmt::format("take the {} variant of the image", platform.str()));
  }
  out.created = TRY_IN(json::get_string(document, "created", ""), where);
  const Json* rootfs = json::find(document, "rootfs", Type::object);
  if (rootfs == nullptr) return bad("the image configuration has no `rootfs`");
  std::string type = TRY_IN(json::get_string(*rootfs, "type"), where + ": rootfs");
  if (type != "layers")
    return bad(
        fmt::format("the image configuration has a rootfs of the unknown type {}", text::quoted(type)));
  const Json* diff_ids = json::find(*rootfs, "diff_ids", Type::array);
  if (diff_ids == nullptr && rootfs->contains("diff_ids") && !(*rootfs)["diff_ids"].is_null())
    return bad("the image configuration's rootfs.diff_ids is not a list");
  if (diff_ids != nullptr) {
    for (const Json& id : *diff_ids) {
      if (!id.is_string())
        return bad("the image configuration's rootfs.diff_ids holds something that is not a string");
      out.diff_ids.push_back(TRY_IN(Digest::parse(id.get<std::string>()), where + ": rootfs.diff_ids"));
    }
  }
  const Json* config = json::find(document, "config", Type::object);
  if (config == nullptr) {
    if (document.contains("config") && !document["config"].is_null())
      return bad("the image configuration's `config` is not an object");
    return out;
  }
  out.config.env = TRY_IN(string_array(*config, "Env"), where);
  for (const std::string& variable : out.config.env)
    if (variable.find('=') == std::string::npos || variable[0] == '=')
      return bad(fmt::format("the image configuration's Env holds {}, which is not NAME=VALUE",
                             text::quoted(variable)));
  out.config.entrypoint = TRY_IN(string_array(*config, "Entrypoint"), where);
  out.config.command = TRY_IN(string_array(*config, "Cmd"), where);
  out.config.working_dir = TRY_IN(json::get_string(*config, "WorkingDir", ""), where);
  out.config.user = TRY_IN(json::get_string(*config, "User", ""), where);
  if (out.config.working_dir.find('\0') != std::string::npos ||
      out.config.user.find('\0') != std::string::npos)
    return bad("the image configuration's WorkingDir or User holds a null byte");
  if (const Json* labels = json::find(*config, "Labels", Type::object))
    for (const auto& [key, value] : labels->items())
      if (value.is_string()) out.config.labels[key] = value.get<std::string>();
  if (const Json* ports = json::find(*config, "ExposedPorts", Type::object))
    for (const auto& [port, nothing] : ports->items()) out.config.exposed_ports.push_back(port);
  if (const Json* check = json::find(*config, "Healthcheck", Type::object))
    out.config.healthcheck = TRY_IN(parse_healthcheck(*check), where);
  return out;
}

Result<Platform> config_platform(std::string_view bytes) {
  const Json document = TRY(parse_document(bytes, "image configuration"));
  const std::string where = "the image configuration";
  return Platform{TRY_IN(json::get_string(document, "os"), where),
                  TRY_IN(json::get_string(document, "architecture"), where),
                  TRY_IN(json::get_string(document, "variant", ""), where)};
}

namespace {

// How well a name in an index is what was asked for: 0 not at all, 3 to the letter.
int fit_of(const Descriptor& d, std::string_view wanted) {
  const std::string name = d.ref_name();
  if (name == wanted) return 3;
  auto reference = Reference::parse_name(wanted);
  if (reference.ok() && !d.full_name().empty() && d.full_name() == reference.value().tagged()) return 2;
  // "docker.io/library/x:tag" is what some writers put where the specification has only the tag.
  return name.size() > wanted.size() && name.ends_with(wanted) && name[name.size() - wanted.size() - 1] == ':'
             ? 1
             : 0;
}

// Those with the wanted name; all when none is wanted.
std::vector<const Descriptor*> named(const Index& index, std::string_view tag) {
  std::vector<const Descriptor*> found;
  int best = 1;
  for (const Descriptor& d : index.manifests) {
    const int fit = tag.empty() ? best : fit_of(d, tag);
    if (fit > best) found.clear();
    best = std::max(best, fit);
    if (fit == best) found.push_back(&d);
  }
  return found;
}

// As Platform::serves; an image that does not say what it is made for serves wherever it is asked for.
int serves(const Platform& platform, const Descriptor& d) {
  const bool said = !d.os.empty() || !d.architecture.empty();
  return said ? platform.serves({d.os, d.architecture, d.variant}) : 100;
}

std::string names_in(const Index& index) {
  std::set<std::string> names;
  for (const Descriptor& d : index.manifests)
    if (std::string name = d.ref_name(); !name.empty()) names.insert(text::printable(name));
  const std::vector<std::string> listed(names.begin(), names.end());
  return listed.empty() ? "no image in it is tagged" : "it has " + text::join(listed, ", ");
}

// Of these the ones that serve the platform best. Attestations beside an image name an unknown platform.
Result<std::vector<const Descriptor*>> fitting(const std::vector<const Descriptor*>& candidates,
                                               std::string_view where, const Platform& platform) {
  std::vector<const Descriptor*> found;
  std::set<std::string> platforms;
  int best = 0;
  for (const Descriptor* d : candidates) {
    if (!is_index_type(d->media_type) && !is_manifest_type(d->media_type)) continue;
    const int well = serves(platform, *d);
    if (well == 0) platforms.insert(text::printable(platform_of(*d)));
    if (well > best) found.clear();
    best = std::max(best, well);
    if (well != 0 && well == best) found.push_back(d);
  }
  if (!found.empty()) return found;
  if (platforms.empty())
    return bad(
        fmt::format("{} has the unknown media type {}", where, text::quoted(candidates.front()->media_type)));
  const std::vector<std::string> list(platforms.begin(), platforms.end());
  return bad(
      fmt::format("{} has no image for {}, only for {}", where, platform.str(), text::join(list, ", ")));
}

}  // namespace

Result<Descriptor> choose(const Index& index, std::string_view tag, std::string_view where,
                          const Platform& platform) {
  if (index.manifests.empty()) return bad(fmt::format("{} holds no image", where));
  const std::vector<const Descriptor*> candidates = named(index, tag);
  if (candidates.empty())
    return bad(fmt::format("{} has no image tagged {}; {}", where, text::quoted(tag), names_in(index)));
  const std::vector<const Descriptor*> found = TRY(fitting(candidates, where, platform));
  for (const Descriptor* d : found)
    if (d->digest != found.front()->digest)
      return Error(bad(fmt::format("{} holds several images; {}", where, names_in(index))))
          .hint("name one: REFERENCE:TAG")
          .as(Fault::usage);
  return *found.front();
}

Result<std::vector<ChosenImage>> choose_all(const Index& index, std::string_view tag, std::string_view where,
                                            const Platform& platform) {
  std::vector<ChosenImage> all;
  auto add = [&](const Descriptor& d) {
    auto known = std::find_if(all.begin(), all.end(),
                              [&](const ChosenImage& c) { return c.descriptor.digest == d.digest; });
    if (known == all.end()) known = all.insert(all.end(), {d, {}});
    const std::string name = d.full_name();
    if (!name.empty() && std::find(known->names.begin(), known->names.end(), name) == known->names.end())
      known->names.push_back(name);
  };
  if (!tag.empty()) {
    add(TRY(choose(index, tag, where, platform)));
    return all;
  }
  if (index.manifests.empty()) return bad(fmt::format("{} holds no image", where));
  // Each name has an image for this machine, or it is told; what has no name is taken where it fits.
  std::set<std::string> names;
  std::vector<const Descriptor*> nameless;
  for (const Descriptor& d : index.manifests) {
    const std::string name = d.ref_name();
    if (name.empty()) {
      if (serves(platform, d) != 0 && (is_index_type(d.media_type) || is_manifest_type(d.media_type))) add(d);
      nameless.push_back(&d);
    } else if (names.insert(name).second) {
      add(TRY(choose(index, name, where, platform)));
    }
  }
  if (all.empty()) (void)TRY(fitting(nameless, where, platform));
  return all;
}

Digest chain_id(const Digest& below, const Digest& diff_id) {
  return below.empty() ? diff_id : Digest::of(below.str() + " " + diff_id.str());
}

}  // namespace testctr::image
