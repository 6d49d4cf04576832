#include "bundle/packed_image.h"

#include "base/json.h"
#include "base/sys.h"
#include "bundle/layer_file.h"
#include "image/archive_writer.h"
#include "image/layer.h"

namespace testctr::bundle {
namespace {

using image::Descriptor;
using image::Source;

// Media types of Docker's own are called by OCI's names in a manifest of OCI's.
std::string oci_type(const std::string& type) {
  namespace media = image::media;
  if (type == media::docker_layer) return std::string(media::oci_layer);
  if (type == media::docker_layer_gzip) return std::string(media::oci_layer_gzip);
  if (type == "application/vnd.docker.image.rootfs.diff.tar.zstd") return std::string(media::oci_layer_zstd);
  return type;
}

Json descriptor_json(const Descriptor& d) {
  return Json{{"mediaType", d.media_type}, {"digest", d.digest.str()}, {"size", d.size}};
}

class Packed final : public Source {
 public:
  Packed(std::unique_ptr<Source> base, Fd layer, std::string config)
      : base_(std::move(base)), layer_(std::move(layer)), config_(std::move(config)) {
    platform = base_->platform;
    shown = base_->shown;
  }
  Result<std::string> config() override { return config_; }
  Result<std::unique_ptr<ByteSource>> layer(size_t i) override {
    if (i + 1 < manifest.layers.size()) return base_->layer(i);
    return bytes_of_file(layer_.get());
  }
  [[nodiscard]] bool made_here(size_t i) const override {
    return i + 1 == manifest.layers.size() || base_->made_here(i);
  }

 private:
  std::unique_ptr<Source> base_;
  Fd layer_;
  std::string config_;
};

Result<std::string> packed_config(const std::string& base, const image::CompressedLayer& layer, bool set_up) {
  Json json = TRY_IN(json::parse(base), "the image's configuration");
  if (!json.is_object() || !json.contains("rootfs") || !json["rootfs"].is_object() ||
      !json["rootfs"].contains("diff_ids") || !json["rootfs"]["diff_ids"].is_array())
    return Error::infrastructure("the image's configuration names no layers");
  json["rootfs"]["diff_ids"].push_back(layer.diff_id.str());
  if (json.contains("history") && json["history"].is_array())
    json["history"].push_back({{"created_by", set_up ? "testctr-script: setup" : "testctr-script pack"}});
  if (set_up) return json::dump(json);
  Json& config = json["config"];
  if (!config.is_object()) config = Json::object();
  config["Entrypoint"] = {"/testctr/bin/testctr-script", "replay"};
  config.erase("Cmd");
  config.erase("Healthcheck");
  if (!config.contains("Labels") || !config["Labels"].is_object()) config["Labels"] = Json::object();
  config["Labels"][bundle_label] = "1";
  return json::dump(json);
}

/// Some layers of another source, with another configuration.
class Part final : public Source {
 public:
  Part(std::shared_ptr<Source> whole, size_t first, size_t count, std::string config)
      : whole_(std::move(whole)), first_(first), config_(std::move(config)) {
    platform = whole_->platform;
    shown = whole_->shown;
    const auto begin = whole_->manifest.layers.begin() + static_cast<ptrdiff_t>(first);
    manifest.layers.assign(begin, begin + static_cast<ptrdiff_t>(count));
    manifest.config.media_type = image::media::oci_config;
    manifest.config.digest = Digest::of(config_);
    manifest.config.size = config_.size();
    image::describe(*this);
  }
  Result<std::string> config() override { return config_; }
  Result<std::unique_ptr<ByteSource>> layer(size_t i) override { return whole_->layer(first_ + i); }

 private:
  std::shared_ptr<Source> whole_;
  size_t first_;
  std::string config_;
};

Error no_bundle(const Source& source) {
  return Error::infrastructure(fmt::format("{} is an image, but no bundle", source.shown))
      .hint("`testctr-script pack` makes bundles");
}

}  // namespace

Result<std::unique_ptr<Source>> packed_image(std::unique_ptr<Source> base, Fd layer,
                                             const image::CompressedLayer& described, bool set_up) {
  CHECK_OK(image::settle(*base));
  std::string config = TRY(packed_config(TRY(base->config()), described, set_up));
  image::Manifest manifest;
  manifest.layers = base->manifest.layers;
  for (Descriptor& one : manifest.layers) one.media_type = oci_type(one.media_type);
  manifest.layers.push_back(described.blob);
  manifest.config.media_type = image::media::oci_config;
  manifest.config.digest = Digest::of(config);
  manifest.config.size = config.size();
  Json layers = Json::array();
  for (const Descriptor& one : manifest.layers) layers.push_back(descriptor_json(one));
  auto packed = std::make_unique<Packed>(std::move(base), std::move(layer), std::move(config));
  packed->manifest_bytes = json::dump({{"schemaVersion", 2},
                                       {"mediaType", image::media::oci_manifest},
                                       {"config", descriptor_json(manifest.config)},
                                       {"layers", std::move(layers)}});
  packed->manifest_digest = Digest::of(packed->manifest_bytes);
  packed->manifest = std::move(manifest);
  return std::unique_ptr<Source>(std::move(packed));
}

Result<std::unique_ptr<Source>> recording_image(const std::string& recording) {
  Fd file = TRY(sys::memory_file("recording"));
  image::LayerContent content;
  content.files["recording"] = recording;
  const image::WrittenLayer written = TRY(image::write_layer(file.get(), content));
  Json config{{"os", "linux"},
              {"architecture", image::own_architecture()},
              {"rootfs", {{"type", "layers"}, {"diff_ids", {written.diff_id.str()}}}}};
  Descriptor layer;
  layer.media_type = image::media::oci_layer;
  layer.digest = written.diff_id;
  layer.size = written.size;
  return single_layer_image(std::move(file), layer, json::dump(config), "the recording");
}

std::string recording_name(const std::string& repository, const Digest& content) {
  return fmt::format("{}:sha256-{}.recording", repository, content.hex());
}

Result<bool> is_bundle(Source& packed) {
  const std::string bytes = TRY(packed.config());
  const image::ImageConfig config = TRY_IN(image::parse_config(bytes), packed.shown);
  return config.config.labels.contains(bundle_label) && !packed.manifest.layers.empty() &&
         config.diff_ids.size() == packed.manifest.layers.size();
}

Result<std::unique_ptr<Source>> last_layer(std::shared_ptr<Source> packed) {
  if (!TRY(is_bundle(*packed))) return no_bundle(*packed);
  const image::ImageConfig config = TRY(image::parse_config(TRY(packed->config())));
  Json own{{"os", config.config.os},
           {"architecture", config.config.architecture},
           {"rootfs", {{"type", "layers"}, {"diff_ids", {config.diff_ids.back().str()}}}}};
  const size_t last = packed->manifest.layers.size() - 1;
  return std::unique_ptr<Source>(std::make_unique<Part>(std::move(packed), last, 1, json::dump(own)));
}

Result<std::unique_ptr<Source>> without_last_layer(std::shared_ptr<Source> packed,
                                                   const std::string& config) {
  const size_t count = packed->manifest.layers.size() - 1;
  return std::unique_ptr<Source>(std::make_unique<Part>(std::move(packed), 0, count, config));
}

}  // namespace testctr::bundle
