// References: every transport, the domain rule, tags and digests, and what is refused.
#include <doctest/doctest.h>

#include "image/reference.h"

using testctr::Fault;
using testctr::image::Reference;

namespace {
const std::string digits(64, 'a');
std::string full(const char* text) {
  auto r = Reference::parse(text);
  return r.ok() ? r.value().full() : "error: " + r.error().message();
}
}  // namespace

TEST_CASE("image reference: names get their full form") {
  CHECK(full("golang:latest") == "docker.io/library/golang:latest");
  CHECK(full("golang") == "docker.io/library/golang:latest");
  CHECK(full("docker.io/golang") == "docker.io/library/golang:latest");
  CHECK(full("docker.io/library/golang:latest") == "docker.io/library/golang:latest");
  CHECK(full("index.docker.io/golang") == "docker.io/library/golang:latest");
  CHECK(full("user/tool:1.2") == "docker.io/user/tool:1.2");
  CHECK(full("localhost/tool") == "localhost/tool:latest");
  CHECK(full("localhost:5000/a/b:v1") == "localhost:5000/a/b:v1");
  CHECK(full("quay.io/a/b_c/d__e/f--g:T.a-g_1") == "quay.io/a/b_c/d__e/f--g:T.a-g_1");
  CHECK(full("[fe80::1]:5000/x") == "[fe80::1]:5000/x:latest");
  CHECK(full("Host/x") == "Host/x:latest");
  CHECK(full("docker:20") == "docker.io/library/docker:20");
  CHECK(full("oci/x") == "docker.io/oci/x:latest");
}

TEST_CASE("image reference: a digest stands without a tag, or beside one") {
  CHECK(full(("golang@sha256:" + digits).c_str()) == "docker.io/library/golang@sha256:" + digits);
  auto both = Reference::parse("golang:1.22@sha256:" + digits);
  REQUIRE(both.ok());
  CHECK(both.value().tag == "1.22");
  CHECK(both.value().digest.hex() == digits);
  CHECK(both.value().tagged() == "docker.io/library/golang:1.22");
}

TEST_CASE("image reference: transports") {
  auto kind = [](const char* text) { return Reference::parse(text).value().kind; };
  CHECK(kind("builtin") == Reference::Kind::builtin);
  CHECK(kind("hostfs") == Reference::Kind::hostfs);
  auto oci = Reference::parse("oci:build/images/golang:v1").value();
  CHECK(oci.kind == Reference::Kind::oci);
  CHECK(oci.path == "build/images/golang");
  CHECK(oci.tag == "v1");
  CHECK(Reference::parse("oci:/a:b/c").value().path == "/a:b/c");
  auto split = [](const char* text) {
    const Reference r = Reference::parse(text).value();
    return r.path + " " + r.tag;
  };
  CHECK(split("oci-archive:/x/f.tar:docker.io/library/golang:1.22") ==
        "/x/f.tar docker.io/library/golang:1.22");
  CHECK(split("oci-archive:f.tar:golang:1.22") == "f.tar golang:1.22");
  CHECK(split("oci:dir:team/app:2") == "dir team/app:2");
  CHECK(split("oci:dir:localhost:5000/app") == "dir localhost:5000/app");
  CHECK(split("oci:/a:b:") == "/a:b ");
  CHECK(split("oci:/a:b_/c:v1") == "/a:b_/c v1");
  CHECK(Reference::parse("oci:dir").value().tag.empty());
  auto archive = Reference::parse("docker-archive:f.tar:docker.io/library/x:1").value();
  CHECK(archive.path == "f.tar");
  CHECK(archive.tag == "docker.io/library/x:1");
  CHECK(Reference::parse("oci-archive:/x/f.tar:t").value().tag == "t");
  CHECK(Reference::parse("dir:/x:y").value().path == "/x:y");
}

TEST_CASE("image reference: a name at a registry is said so") {
  auto r = Reference::parse("docker://golang").value();
  CHECK(r.kind == Reference::Kind::name);
  CHECK(r.remote);
  CHECK(r.short_name);
  CHECK(r.full() == "docker.io/library/golang:latest");
  CHECK_FALSE(Reference::parse("golang").value().remote);
  CHECK_FALSE(Reference::parse("quay.io/golang").value().short_name);
  CHECK(Reference::parse("docker:20").value().full() == "docker.io/library/docker:20");
  CHECK_FALSE(Reference::parse_new_name("docker://golang").ok());
}

TEST_CASE("image reference: what is refused is a usage error") {
  for (const char* text : {"",
                           "Golang",
                           "a//b",
                           "/a",
                           "a/",
                           "a:",
                           "a:b:c",
                           "-a",
                           "a-",
                           "a..b",
                           "a___b",
                           "a b",
                           "a@sha256:12",
                           "a@md5:00",
                           "x:-tag",
                           "oci:",
                           "dir:",
                           "docker-daemon:x",
                           "docker://",
                           "docker://X",
                           "docker:///x",
                           "a/B/c",
                           "ho_st.x/a",
                           "h:port/a",
                           "x:\n"}) {
    CAPTURE(text);
    auto r = Reference::parse(text);
    REQUIRE(!r.ok());
    CHECK(r.error().fault() == Fault::usage);
  }
  CHECK(!Reference::parse(std::string(256, 'a')).ok());
  CHECK(!Reference::parse("a:" + std::string(129, 'a')).ok());
  CHECK(Reference::parse("a:" + std::string(128, 'a')).ok());
  CHECK(!Reference::parse(digits).ok());
}
