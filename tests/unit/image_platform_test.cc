// What machine an image is made for: spellings, variants, and which image of an index is taken.
#include <doctest/doctest.h>

#include "image/manifest.h"
#include "image/platform.h"

using namespace testctr;
using image::Platform;

TEST_CASE("image platform: spellings") {
  const auto read = [](std::string_view text) { return Platform::parse(text).value().str(); };
  CHECK(read("linux/amd64") == "linux/amd64");
  CHECK(read("amd64") == "linux/amd64");
  CHECK(read("x86_64") == "linux/amd64");
  CHECK(read("linux/aarch64") == "linux/arm64");
  CHECK(read("linux/arm64/v8") == "linux/arm64");
  CHECK(read("linux/arm") == "linux/arm/v7");
  CHECK(read("linux/arm/v6") == "linux/arm/v6");
  CHECK(read("armhf") == "linux/arm/v7");
  for (const char* bad :
       {"", "linux/", "linux/vax", "windows/amd64", "linux/amd64/v2/x", "Linux/amd64", "linux amd64"})
    CHECK_FALSE(Platform::parse(bad).ok());
}

TEST_CASE("image platform: which serves where") {
  const Platform arm7{"linux", "arm", "v7"}, arm6{"linux", "arm", "v6"}, arm5{"linux", "arm", "v5"},
      arm{"linux", "arm", ""};
  CHECK(arm7.serves(arm7) > arm7.serves(arm));
  CHECK(arm7.serves(arm) > arm7.serves(arm6));
  CHECK(arm7.serves(arm6) > arm7.serves(arm5));
  CHECK(arm7.serves(arm5) > 0);
  CHECK(arm6.serves(arm7) == 0);
  const Platform amd{"linux", "amd64", ""};
  CHECK(amd.serves({"linux", "amd64", "v1"}) > 0);
  CHECK(amd.serves({"linux", "amd64", "v2"}) == 0);
  CHECK(amd.serves({"linux", "arm64", ""}) == 0);
  CHECK(amd.serves({"windows", "amd64", ""}) == 0);
  CHECK(Platform{"linux", "arm64", ""}.serves({"linux", "arm64", "v8"}) > 0);
}

TEST_CASE("image platform: the one that serves best is taken") {
  const auto entry = [](char digit, const char* arch, const char* variant) {
    image::Descriptor d;
    d.media_type = image::media::oci_manifest;
    d.digest = Digest::from_hex(std::string(64, digit));
    d.os = "linux";
    d.architecture = arch;
    d.variant = variant;
    return d;
  };
  image::Index index;
  index.manifests = {entry('a', "arm", "v5"), entry('b', "arm", "v6"), entry('c', "arm64", "v8"),
                     entry('d', "amd64", "")};
  const auto chosen = [&](const char* platform) {
    return image::choose(index, "", "x", Platform::parse(platform).value()).value().digest.hex()[0];
  };
  CHECK(chosen("linux/arm/v7") == 'b');
  CHECK(chosen("linux/arm/v5") == 'a');
  CHECK(chosen("linux/arm64") == 'c');
  CHECK(chosen("linux/amd64") == 'd');
  CHECK_FALSE(image::choose(index, "", "x", Platform::parse("linux/s390x").value()).ok());
}
