// URLs: what is one, what is not, and where a Location leads.
#include <doctest/doctest.h>

#include "net/url.h"

using namespace testctr;
using namespace testctr::net;

namespace {
std::string parsed(std::string_view text) {
  auto url = Url::parse(text);
  return url.ok() ? url.value().str() : "error: " + url.error().message();
}
std::string resolved(const std::string& base, const std::string& location) {
  auto url = Url::parse(base).value().resolve(location);
  return url.ok() ? url.value().str() : "error: " + url.error().message();
}
bool refuses(std::string_view text, std::string_view why) {
  auto url = Url::parse(text);
  return !url.ok() && url.error().fault() == Fault::usage &&
         url.error().message().find(why) != std::string::npos;
}
}  // namespace

TEST_CASE("net url: taken apart and put together") {
  const Url url = Url::parse("HTTPS://Registry.Example:5000/v2/a?n=1&last=b#part").value();
  CHECK(url.tls);
  CHECK(url.host == "registry.example");
  CHECK(url.port == 5000);
  CHECK(url.target == "/v2/a?n=1&last=b");
  CHECK(url.origin() == "https://registry.example:5000");
  CHECK(url.authority() == "registry.example:5000");
  CHECK(url.shown() == "https://registry.example:5000/v2/a?n=...&last=...");
  CHECK(parsed("http://h") == "http://h/");
  CHECK(parsed("http://h:80/x") == "http://h/x");
  CHECK(parsed("https://h:80/x") == "https://h:80/x");
  CHECK(parsed("https://h:/x") == "https://h/x");
  CHECK(parsed("http://h?q") == "http://h/?q");
  CHECK(parsed("http://h#f/x") == "http://h/");
  CHECK(parsed("http://[::1]:5000/v2/") == "http://[::1]:5000/v2/");
  CHECK(parsed("http://[0:0:0:0:0:0:0:1]/") == "http://[::1]/");
  CHECK(Url::parse("http://[::1]").value().host == "::1");
  CHECK(parsed("http://h/\xc3\xa4") == "http://h/%C3%A4");
  CHECK(parsed("http://a_b.example./") == "http://a_b.example./");
}

TEST_CASE("net url: what is none says why") {
  CHECK(refuses("", "begin with https://"));
  CHECK(refuses("registry.example/v2", "begin with https://"));
  CHECK(refuses("localhost:5000", "begin with https://"));
  CHECK(refuses("ftp://h/", "begin with https://"));
  CHECK(refuses("http:/h", "no //"));
  CHECK(refuses("http://", "no host"));
  CHECK(refuses("http:///x", "no host"));
  CHECK(refuses("http://:80/", "no host"));
  CHECK(refuses("http://h:0/", "port"));
  CHECK(refuses("http://h:65536/", "port"));
  CHECK(refuses("http://h:8x/", "port"));
  CHECK(refuses("http://h:-1/", "port"));
  CHECK(refuses("http://h x/", "blanks"));
  CHECK(refuses("http://h/\r\nX: y", "control"));
  CHECK(refuses(std::string_view("http://h/\0", 10), "control"));
  CHECK(refuses("http://[::1", "bracket"));
  CHECK(refuses("http://[::1]x/", "between"));
  CHECK(refuses("http://[1.2.3.4]/", "IPv6"));
  CHECK(refuses("http://[fe80::1%25eth0]/", "IPv6"));
  CHECK(refuses("http://a..b/", "empty"));
  CHECK(refuses("http://.b/", "empty"));
  CHECK(refuses("http://b\\c/", "no place"));
  CHECK(refuses("http://b\xc3\xa4/", "xn--"));
  CHECK(refuses("http://" + std::string(300, 'a') + "/", "longer"));
  // What may be secret is not shown.
  const std::string secret = parsed("http://user:pass@h/x?token=abc");
  CHECK(secret.find("a user or a password") != std::string::npos);
  CHECK(secret.find("pass@") == std::string::npos);
  CHECK(secret.find("abc") == std::string::npos);
}

TEST_CASE("net url: references are resolved as RFC 3986 section 5.4 has it") {
  const std::string base = "http://a/b/c/d;p?q";
  const std::pair<const char*, const char*> cases[] = {
      {"g", "/b/c/g"},
      {"./g", "/b/c/g"},
      {"g/", "/b/c/g/"},
      {"/g", "/g"},
      {"?y", "/b/c/d;p?y"},
      {"g?y", "/b/c/g?y"},
      {"#s", "/b/c/d;p?q"},
      {"g#s", "/b/c/g"},
      {";x", "/b/c/;x"},
      {"g;x=1/../y", "/b/c/y"},
      {"", "/b/c/d;p?q"},
      {".", "/b/c/"},
      {"./", "/b/c/"},
      {"..", "/b/"},
      {"../", "/b/"},
      {"../g", "/b/g"},
      {"../..", "/"},
      {"../../", "/"},
      {"../../g", "/g"},
      {"../../../g", "/g"},
      {"/./g", "/g"},
      {"/../g", "/g"},
      {"g.", "/b/c/g."},
      {"..g", "/b/c/..g"},
      {"./../g", "/b/g"},
      {"./g/.", "/b/c/g/"},
      {"g/./h", "/b/c/g/h"},
      {"g/../h", "/b/c/h"},
      {"g?y/../x", "/b/c/g?y/../x"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.first);
    CHECK(resolved(base, each.first) == std::string("http://a") + each.second);
  }
  CHECK(resolved(base, "//other/x") == "http://other/x");
  CHECK(resolved("https://a/", "//other:5000/x") == "https://other:5000/x");
  CHECK(resolved(base, "https://blobs.example/x?sig=a%2Fb") == "https://blobs.example/x?sig=a%2Fb");
  CHECK(resolved(base, " /with blank ") == "http://a/with%20blank");
}

TEST_CASE("net url: redirections that lead elsewhere than to http are errors") {
  const Url base = Url::parse("https://a/x").value();
  for (const char* location :
       {"ftp://h/", "file:///etc/passwd", "http:g", "https://u:p@h/", "/a\r\nb", "http://"}) {
    CAPTURE(location);
    auto url = base.resolve(location);
    REQUIRE_FALSE(url.ok());
    CHECK(url.error().fault() == Fault::infrastructure);
    CHECK(url.error().message().find("https://a/x") != std::string::npos);
  }
}

TEST_CASE("net url: the same origin is scheme, host and port") {
  const Url url = Url::parse("https://a/x").value();
  CHECK(url.same_origin(Url::parse("https://A:443/y").value()));
  CHECK_FALSE(url.same_origin(Url::parse("http://a:443/y").value()));
  CHECK_FALSE(url.same_origin(Url::parse("https://a:444/y").value()));
  CHECK_FALSE(url.same_origin(Url::parse("https://b/y").value()));
  CHECK(encode_component("a/b c~\xff") == "a%2Fb%20c~%FF");
}
