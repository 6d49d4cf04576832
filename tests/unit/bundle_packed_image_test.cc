#include "bundle/packed_image.h"

#include <doctest/doctest.h>

#include "base/json.h"
#include "base/sys.h"
#include "bundle/layer_file.h"
#include "image/manifest.h"

namespace testctr::bundle {
namespace {

image::Descriptor layer_of(std::string_view bytes) {
  image::Descriptor layer;
  layer.media_type = image::media::oci_layer;
  layer.digest = Digest::of(bytes);
  layer.size = bytes.size();
  return layer;
}

Fd file_of(std::string_view bytes) {
  Fd file = sys::memory_file("layer").value();
  REQUIRE(sys::write_full(file.get(), bytes).ok());
  return file;
}

std::string base_config() {
  return json::dump({{"os", "linux"},
                     {"architecture", image::own_architecture()},
                     {"config",
                      {{"Env", {"A=b"}},
                       {"Cmd", {"sh"}},
                       {"Entrypoint", {"/own"}},
                       {"Healthcheck", {{"Test", {"CMD", "true"}}}},
                       {"Labels", {{"own", "label"}}}}},
                     {"rootfs", {{"type", "layers"}, {"diff_ids", {Digest::of("base layer").str()}}}}});
}

std::unique_ptr<image::Source> base() {
  return single_layer_image(file_of("base layer"), layer_of("base layer"), base_config(), "base");
}

std::shared_ptr<image::Source> packed() {
  image::CompressedLayer described{layer_of("own layer"), Digest::of("own layer")};
  auto made = packed_image(base(), file_of("own layer"), described);
  REQUIRE(made.ok());
  return std::move(made).value();
}

std::string bytes_of(image::Source& source, size_t layer) {
  auto stream = source.layer(layer);
  REQUIRE(stream.ok());
  auto bytes = read_source(*stream.value(), 1000);
  REQUIRE(bytes.ok());
  return bytes.value();
}

TEST_CASE("a bundle's image is another with a layer on top, whose entry point is this program") {
  auto image = packed();
  REQUIRE(image->manifest.layers.size() == 2);
  CHECK(bytes_of(*image, 0) == "base layer");
  CHECK(bytes_of(*image, 1) == "own layer");
  CHECK(image->manifest.layers[0].digest == Digest::of("base layer"));
  CHECK(image->manifest_digest == Digest::of(image->manifest_bytes));
  const std::string config = image->config().value();
  CHECK(image->manifest.config.digest == Digest::of(config));
  const Json json = json::parse(config).value();
  CHECK(json["rootfs"]["diff_ids"].size() == 2);
  CHECK(json["config"]["Entrypoint"] == Json::array({"/testctr/bin/testctr-script", "replay"}));
  CHECK_FALSE(json["config"].contains("Cmd"));
  CHECK_FALSE(json["config"].contains("Healthcheck"));
  CHECK(json["config"]["Env"] == Json::array({"A=b"}));
  CHECK(json["config"]["Labels"]["own"] == "label");
  CHECK(is_bundle(*image).value());
  CHECK_FALSE(is_bundle(*base()).value());
  CHECK(packed()->manifest_digest == image->manifest_digest);
}

TEST_CASE("the layer alone, and the image without it") {
  auto image = packed();
  auto last = last_layer(image);
  REQUIRE(last.ok());
  REQUIRE(last.value()->manifest.layers.size() == 1);
  CHECK(bytes_of(*last.value(), 0) == "own layer");
  const auto last_config = image::parse_config(last.value()->config().value());
  REQUIRE(last_config.ok());
  CHECK(last_config.value().diff_ids == std::vector{Digest::of("own layer")});

  auto without = without_last_layer(image, base_config());
  REQUIRE(without.ok());
  REQUIRE(without.value()->manifest.layers.size() == 1);
  CHECK(bytes_of(*without.value(), 0) == "base layer");
  CHECK(without.value()->config().value() == base_config());
  CHECK_FALSE(last_layer(std::shared_ptr<image::Source>(base())).ok());
}

TEST_CASE("an image whose configuration names no layers cannot be packed") {
  for (const char* config : {"{}", "[]", "{\"rootfs\":1}", "{\"rootfs\":{\"diff_ids\":{}}}", "no"}) {
    image::CompressedLayer described{layer_of("own layer"), Digest::of("own layer")};
    auto other = single_layer_image(file_of("base layer"), layer_of("base layer"), config, "base");
    CHECK_FALSE(packed_image(std::move(other), file_of("own layer"), described).ok());
  }
}

TEST_CASE("a recording's image, and its name beside the bundle's") {
  auto image = recording_image("bytes");
  REQUIRE(image.ok());
  CHECK(image.value()->manifest.layers.size() == 1);
  CHECK(recording_name("r.example/a/b", Digest::of("x")) ==
        "r.example/a/b:sha256-" + Digest::of("x").hex() + ".recording");
}

}  // namespace
}  // namespace testctr::bundle
