// Proxies by the environment.
#include "net/proxy.h"

#include <doctest/doctest.h>

#include <map>

#include "base/text.h"

using namespace testctr;
using namespace testctr::net;

namespace {
/// The proxy for this URL, "none", or the error.
std::string proxy_of(const std::string& url, std::map<std::string, std::string> environment) {
  auto proxy = proxy_for(Url::parse(url).value(), [&](const std::string& name) {
    auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional<std::string>(found->second);
  });
  if (!proxy.ok()) return "error: " + proxy.error().full();
  return proxy.value() ? proxy.value()->str() : "none";
}
}  // namespace

TEST_CASE("net proxy: which variable counts") {
  CHECK(proxy_of("https://h/", {}) == "none");
  CHECK(proxy_of("https://h/", {{"HTTPS_PROXY", "http://p:3128"}}) == "http://p:3128");
  CHECK(proxy_of("https://h/", {{"https_proxy", "p:3128"}}) == "http://p:3128");
  CHECK(proxy_of("https://h/", {{"HTTP_PROXY", "http://p:3128"}}) == "none");
  CHECK(proxy_of("http://h/", {{"HTTP_PROXY", "http://p:3128/"}}) == "http://p:3128");
  CHECK(proxy_of("http://h/", {{"HTTP_PROXY", "upper"}, {"http_proxy", "lower"}}) == "http://upper");
  CHECK(proxy_of("http://h/", {{"HTTP_PROXY", ""}, {"http_proxy", "lower"}}) == "http://lower");
  CHECK(proxy_of("http://h/", {{"REQUEST_METHOD", "GET"}, {"HTTP_PROXY", "evil"}}) == "none");
  CHECK(proxy_of("http://h/", {{"REQUEST_METHOD", "GET"}, {"http_proxy", "p"}}) == "http://p");
  CHECK(proxy_of("http://h/", {{"ALL_PROXY", "https://p"}}) == "https://p");
  CHECK(proxy_of("https://h/", {{"all_proxy", "p"}, {"HTTPS_PROXY", "q"}}) == "http://q");
}

TEST_CASE("net proxy: this machine is asked directly") {
  for (const char* url : {"http://localhost/", "http://a.localhost/", "http://127.0.0.1:5000/",
                          "http://127.9.9.9/", "http://[::1]/", "http://[::ffff:127.0.0.1]/"}) {
    CAPTURE(url);
    CHECK(proxy_of(url, {{"ALL_PROXY", "p"}}) == "none");
  }
  CHECK(proxy_of("http://localhost.example/", {{"ALL_PROXY", "p"}}) == "http://p");
}

TEST_CASE("net proxy: values that are none are named") {
  for (const char* value : {"socks5://p:1080", "http://", "http://p:99999", "http://u%zz@p", "ftp://p"}) {
    CAPTURE(value);
    const std::string error = proxy_of("https://h/", {{"https_proxy", value}});
    CHECK(error.starts_with("error: the proxy of the variable https_proxy: "));
    CHECK(error.find("http://[USER:PASSWORD@]HOST[:PORT]") != std::string::npos);
  }
  const std::string error = proxy_of("https://h/", {{"https_proxy", "socks5://u:secret@p"}});
  CHECK(error.find("secret") == std::string::npos);
}

TEST_CASE("net proxy: user and password") {
  auto proxy = proxy_for(Url::parse("http://h/").value(), [](const std::string& name) {
    return name == "http_proxy" ? std::optional<std::string>("http://us%40er:p%3Aw@p:1") : std::nullopt;
  });
  REQUIRE(proxy.ok());
  CHECK(proxy.value()->authorization == "Basic " + text::base64("us@er:p:w"));
  CHECK(proxy.value()->str() == "http://p:1");
}

TEST_CASE("net proxy: NO_PROXY") {
  struct Case {
    const char* list;
    const char* host;
    uint16_t port;
    bool covers;
  };
  const Case cases[] = {
      {"", "h", 80, false},
      {"*", "h", 80, true},
      {"a, * ,b", "h", 80, true},
      {"example.com", "example.com", 80, true},
      {"Example.COM", "example.com", 80, true},
      {"example.com", "example.com.", 80, true},
      {"example.com.", "example.com", 80, true},
      {"example.com", "a.b.example.com", 80, true},
      {"example.com", "notexample.com", 80, false},
      {"example.com", "com", 80, false},
      {".example.com", "example.com", 80, false},
      {".example.com", "a.example.com", 80, true},
      {"*.example.com", "a.example.com", 80, true},
      {"*.example.com", "example.com", 80, false},
      {"example.com:5000", "example.com", 5000, true},
      {"example.com:5000", "example.com", 80, false},
      {"a b,c", "b", 80, true},
      {"10.0.0.0/8", "10.200.3.4", 80, true},
      {"10.0.0.0/8", "11.0.0.1", 80, false},
      {"10.0.0.0/8", "h", 80, false},
      {"10.1.2.128/25", "10.1.2.200", 80, true},
      {"10.1.2.128/25", "10.1.2.100", 80, false},
      {"0.0.0.0/0", "8.8.8.8", 80, true},
      {"0.0.0.0/0", "2001:db8::1", 80, false},
      {"2001:db8::/32", "2001:db8:1::2", 80, true},
      {"2001:db8::/32", "2001:db9::2", 80, false},
      {"192.0.2.1", "192.0.2.1", 80, true},
      {"192.0.2.1", "192.0.2.11", 80, false},
      {"192.0.2.1:81", "192.0.2.1", 80, false},
      {"2001:db8::1", "2001:db8::1", 80, true},
      {"[2001:db8::1]", "2001:db8::1", 80, true},
      {"[2001:db8::1]:81", "2001:db8::1", 81, true},
      {"[2001:db8::1]:81", "2001:db8::1", 80, false},
      {"2001:0db8:0::1", "2001:db8::1", 80, true},
      {"10.0.0.0/33", "10.0.0.1", 80, false},
      {"/8", "h", 80, false},
      {".", "h", 80, false},
      {",,", "h", 80, false},
  };
  for (const Case& one : cases) {
    CAPTURE(one.list);
    CAPTURE(one.host);
    CAPTURE(one.port);
    CHECK(no_proxy_covers(one.list, one.host, one.port) == one.covers);
  }
  CHECK(proxy_of("https://a.example/", {{"HTTPS_PROXY", "p"}, {"NO_PROXY", "example"}}) == "none");
  CHECK(proxy_of("https://a.example/", {{"HTTPS_PROXY", "p"}, {"no_proxy", "example"}}) == "none");
  CHECK(proxy_of("https://b.other/", {{"HTTPS_PROXY", "p"}, {"no_proxy", "example"}}) == "http://p");
}
