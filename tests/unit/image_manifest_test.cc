// Index, manifest and configuration documents: what is taken, what is refused and in which words.
#include <doctest/doctest.h>

#include "image/manifest.h"

using namespace testctr;
using namespace testctr::image;

namespace {
const std::string sha = "sha256:" + std::string(64, 'a');
const std::string other = "sha256:" + std::string(64, 'b');

std::string descriptor(std::string_view type, std::string_view more = "", const std::string& digest = sha) {
  return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":7{}}})", type, digest, more);
}
std::string manifest(const std::string& layers, std::string_view more = "") {
  return fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[{}]{}}})", descriptor(media::oci_config),
                     layers, more);
}
std::string index(const std::string& list, std::string_view more = "") {
  return fmt::format(R"({{"schemaVersion":2,"manifests":[{}]{}}})", list, more);
}
template <class T>
std::string message(const Result<T>& r) {
  return r.ok() ? "ok" : r.error().full();
}
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
}  // namespace

TEST_CASE("image manifest: a good one is read") {
  auto m = parse_manifest(
      manifest(descriptor(media::oci_layer_zstd) + "," + descriptor(media::docker_layer_gzip, "", other)),
      "");
  REQUIRE(m.ok());
  CHECK(m.value().layers.size() == 2);
  CHECK(m.value().layers[1].digest.str() == other);
  CHECK(m.value().layers[0].size == 7);
}

TEST_CASE("image manifest: must fail") {
  CHECK(
      has(message(parse_manifest(manifest("", R"(,"manifests":[])"), "")), "both `manifests` and `layers`"));
  CHECK(has(message(parse_index(index("", R"(,"layers":[])"), "")), "both `manifests` and `layers`"));
  CHECK(has(message(parse_manifest(manifest(descriptor("application/x-foo")), "")), "application/x-foo"));
  CHECK(has(message(parse_manifest(manifest(descriptor("application/x-foo")), "")), "layer 1 of 1"));
  CHECK(has(message(parse_manifest("{}", "")), "schemaVersion"));
  CHECK(has(message(parse_manifest(R"({"schemaVersion":1,"fsLayers":[]})", "")), "schema version 1"));
  CHECK(has(message(parse_manifest("[]", "")), "not a JSON object"));
  CHECK(!parse_manifest("{", "").ok());
  CHECK(!parse_manifest(R"({"schemaVersion":2,"layers":[]})", "").ok());
  CHECK(!parse_manifest(R"({"schemaVersion":2,"config":[],"layers":[]})", "").ok());
  CHECK(!parse_manifest(
             manifest(
                 R"({"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:zz","size":1})"),
             "")
             .ok());
  CHECK(!parse_manifest(manifest(R"({"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":")" + sha +
                                 R"(","size":-1})"),
                        "")
             .ok());
  CHECK(!parse_manifest(manifest(R"({"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":")" + sha +
                                 R"(","size":"1"})"),
                        "")
             .ok());
  CHECK(!parse_manifest(manifest(R"({"mediaType":"invalid","digest":")" + sha + R"(","size":1})"), "").ok());
  CHECK(!parse_manifest(manifest("7"), "").ok());
  CHECK(has(message(parse_manifest(std::string(largest_document + 1, ' '), "")), "MiB that are read"));
  std::string many = descriptor(media::oci_layer);
  for (size_t i = 0; i < most_layers; ++i) many += "," + descriptor(media::oci_layer);
  CHECK(has(message(parse_manifest(manifest(many), "")), "501 layers"));
}

TEST_CASE("image manifest: the document's media type must agree with what described it") {
  std::string own = fmt::format(R"(,"mediaType":"{}")", media::oci_manifest);
  CHECK(parse_manifest(manifest("", own), media::oci_manifest).ok());
  CHECK(!parse_manifest(manifest("", own), media::docker_manifest).ok());
  CHECK(!parse_manifest(manifest("", fmt::format(R"(,"mediaType":"{}")", media::oci_index)), "").ok());
}

TEST_CASE("image index: the fitting image is chosen") {
  std::string amd = fmt::format(R"(,"platform":{{"os":"linux","architecture":"{}"}})", own_architecture());
  std::string arm = R"(,"platform":{"os":"linux","architecture":"s390x"})";
  auto i = parse_index(
      index(descriptor(media::oci_manifest, arm, other) + "," + descriptor(media::oci_manifest, amd)), "");
  REQUIRE(i.ok());
  CHECK(choose(i.value(), "", "x").value().digest.str() == sha);
  auto foreign = parse_index(index(descriptor(media::oci_manifest, arm)), "").value();
  CHECK(has(message(choose(foreign, "", "x")), "only for linux/s390x"));
  std::string a = R"(,"annotations":{"org.opencontainers.image.ref.name":"a"})";
  std::string b = R"(,"annotations":{"org.opencontainers.image.ref.name":"docker.io/library/x:b"})";
  auto tagged =
      parse_index(index(descriptor(media::oci_manifest, a) + "," + descriptor(media::oci_manifest, b, other)),
                  "")
          .value();
  CHECK(choose(tagged, "a", "x").value().digest.str() == sha);
  CHECK(choose(tagged, "b", "x").value().digest.str() == other);
  CHECK(has(message(choose(tagged, "c", "x")), "it has a, docker.io/library/x:b"));
  CHECK(has(message(choose(tagged, "", "x")), "several images"));
  CHECK(has(message(choose(parse_index(index(""), "").value(), "", "x")), "holds no image"));
  CHECK(has(message(choose(parse_index(index(descriptor("text/html")), "").value(), "", "x")), "text/html"));
}

TEST_CASE("image config: what we use of it") {
  std::string head =
      fmt::format(R"({{"os":"linux","architecture":"{}","rootfs":{{"type":"layers","diff_ids":["{}"]}})",
                  own_architecture(), sha);
  auto c = parse_config(
      head +
      R"(,"config":{"Env":["A=b=c"],"WorkingDir":"/w","User":"1:2","Cmd":null,"Entrypoint":["/x"],"Labels":{"k":"v"}}})");
  REQUIRE(c.ok());
  CHECK(c.value().config.env == std::vector<std::string>{"A=b=c"});
  CHECK(c.value().config.working_dir == "/w");
  CHECK(c.value().config.user == "1:2");
  CHECK(c.value().diff_ids.size() == 1);
  CHECK(parse_config(head + "}").ok());
  CHECK(parse_config(head + R"(,"config":null})").ok());
  CHECK(!parse_config(head + R"(,"config":{"Env":["novalue"]}})").ok());
  CHECK(!parse_config(head + R"(,"config":{"Env":"A=b"}})").ok());
  CHECK(!parse_config(head + R"(,"config":[]})").ok());
  CHECK(has(message(parse_config(
                R"({"os":"linux","architecture":"s390x","rootfs":{"type":"layers","diff_ids":[]}})")),
            "linux/s390x"));
  CHECK(!parse_config(fmt::format(R"({{"os":"linux","architecture":"{}"}})", own_architecture())).ok());
}

TEST_CASE("image config: a health check, and none where it is given up") {
  std::string head = fmt::format(
      R"({{"os":"linux","architecture":"{}","rootfs":{{"type":"layers","diff_ids":[]}},"config":)",
      own_architecture());
  auto check = [&](const std::string& json) {
    auto config = parse_config(head + R"({"ExposedPorts":{"80/tcp":{}},"Healthcheck":)" + json + "}}");
    REQUIRE_MESSAGE(config.ok(), config.error().message());
    CHECK(config.value().config.exposed_ports == std::vector<std::string>{"80/tcp"});
    return config.value().config.healthcheck;
  };
  auto full = check(R"({"Test":["CMD","a","b"],"Interval":5,"Timeout":6,"StartPeriod":7,"Retries":8})");
  CHECK(full == Healthcheck{{"CMD", "a", "b"}, 5, 6, 7, 8});
  CHECK(check(R"({"Test":["CMD-SHELL","a || b"]})") == Healthcheck{{"CMD-SHELL", "a || b"}});
  CHECK_FALSE(check(R"({"Test":["NONE"]})"));
  CHECK_FALSE(check(R"({"Interval":5})"));
  CHECK_FALSE(check("null"));
  for (const char* bad :
       {R"({"Test":["RUN","x"]})", R"({"Test":["CMD","x"],"Interval":-1})", R"({"Test":"x"})"})
    CHECK_FALSE(parse_config(head + R"({"Healthcheck":)" + bad + "}}").ok());
}

TEST_CASE("image chain id: as the specification defines it") {
  Digest a = Digest::of("a"), b = Digest::of("b");
  CHECK(chain_id({}, a) == a);
  CHECK(chain_id(a, b) == Digest::of(a.str() + " " + b.str()));
}
