#include "base/json.h"
#include "image/builtin.h"
#include "image/source.h"

namespace testctr::image {
namespace {

// The image inside this program: one layer, known since the build.
class BuiltinSource final : public Source {
 public:
  BuiltinSource() {
    shown = "builtin";
    manifest_digest = builtin_layer_digest();
    Descriptor layer;
    layer.media_type = media::oci_layer_zstd;
    layer.digest = builtin_layer_digest();
    layer.size = builtin_layer().size();
    manifest.layers.push_back(std::move(layer));
    const std::string bytes = config_bytes();
    manifest.config.media_type = media::oci_config;
    manifest.config.digest = Digest::of(bytes);
    manifest.config.size = bytes.size();
  }
  Result<std::string> config() override { return config_bytes(); }
  Result<std::unique_ptr<ByteSource>> layer(size_t) override { return memory_source(builtin_layer()); }

 private:
  static std::string config_bytes() {
    const Config c = builtin_config();
    Json json = {{"os", "linux"},
                 {"architecture", own_architecture()},
                 {"rootfs", {{"type", "layers"}, {"diff_ids", {builtin_diff_id().str()}}}},
                 {"config",
                  {{"Env", c.env},
                   {"WorkingDir", c.working_dir},
                   {"User", c.user},
                   {"Cmd", c.command},
                   {"Labels", c.labels}}}};
    return json::dump(json);
  }
};

}  // namespace

std::unique_ptr<Source> builtin_source() { return std::make_unique<BuiltinSource>(); }

}  // namespace testctr::image
