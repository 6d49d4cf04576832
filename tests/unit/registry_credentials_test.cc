// Credentials: the files in their order, keys by how specific they are, helper programs; certs.d.
#include <doctest/doctest.h>

#include "base/text.h"
#include "registry/auth_file.h"
#include "registry/credentials.h"
#include "registry/helper.h"
#include "registry_support.h"

using namespace testctr;
using namespace testctr::registry;
using registry_tests::Folder;
using registry_tests::Surroundings;

namespace {

std::string auth(const std::string& user, const std::string& password = "pw") {
  return fmt::format(R"({{"auth": "{}"}})", text::base64(user + ":" + password));
}

// The user that is found, "token:..." for an identity token, "-" for none.
std::string who(const Result<std::optional<Credentials>>& found) {
  if (!found.ok()) return "error: " + found.error().message();
  if (!found.value()) return "-";
  if (!found.value()->identity_token.empty()) return "token:" + found.value()->identity_token;
  return found.value()->user + ":" + found.value()->password;
}

std::string find_in(const std::string& json, const std::string& host, const std::string& repository) {
  auto file = parse_auth_file(json, "auth.json", false);
  if (!file.ok()) return "error: " + file.error().message();
  return who(file.value().find(host, repository));
}

}  // namespace

TEST_CASE("auth file: the most specific key first") {
  const std::string json = fmt::format(
      R"({{"auths": {{"r.example/a/b": {}, "r.example/a": {}, "r.example": {}, "r.example:5000": {},
         "r.example/a/bb": {{}}}}}})",
      auth("ab"), auth("a"), auth("r"), auth("port"));
  CHECK(find_in(json, "r.example", "a/b") == "ab:pw");
  CHECK(find_in(json, "r.example", "a/b/c") == "ab:pw");
  CHECK(find_in(json, "r.example", "a/bb") == "a:pw");  // an empty entry says nothing
  CHECK(find_in(json, "r.example", "c") == "r:pw");
  CHECK(find_in(json, "r.example:5000", "a/b") == "port:pw");
  CHECK(find_in(json, "s.example", "a/b") == "-");
  CHECK(find_in(json, "example", "a/b") == "-");
}

TEST_CASE("auth file: keys as URLs, and Docker Hub's names") {
  for (const char* key : {"https://index.docker.io/v1/", "docker.io", "index.docker.io", "https://docker.io",
                          "registry-1.docker.io", "http://index.docker.io/v1/"})
    CHECK(find_in(fmt::format(R"({{"auths": {{"{}": {}}}}})", key, auth("hub")), "docker.io", "library/x") ==
          "hub:pw");
  CHECK(find_in(fmt::format(R"({{"auths": {{"https://r.example/v2/": {}}}}})", auth("url")), "r.example",
                "x") == "url:pw");
  CHECK(
      find_in(fmt::format(R"({{"auths": {{"docker.io/me": {}, "docker.io": {}}}}})", auth("me"), auth("all")),
              "docker.io", "me/x") == "me:pw");
}

TEST_CASE("auth file: forms of an entry") {
  CHECK(find_in(fmt::format(R"({{"auths": {{"r": {}}}}})", auth("u", "a:b:c")), "r", "x") == "u:a:b:c");
  CHECK(find_in(fmt::format(R"({{"auths": {{"r": {}}}}})", auth("u", std::string("pad\0\0", 5))), "r", "x") ==
        "u:pad");
  CHECK(find_in(R"({"auths": {"r": {"username": "u", "password": "p"}}})", "r", "x") == "u:p");
  CHECK(find_in(R"({"auths": {"r": {"auth": "MDA6", "identitytoken": "secret"}}})", "r", "x") ==
        "token:secret");
  CHECK(find_in(fmt::format(R"({{"auths": {{"r": {}}}}})", auth("<token>", "secret")), "r", "x") ==
        "token:secret");
  CHECK(find_in("", "r", "x") == "-");
  CHECK(find_in("{}", "r", "x") == "-");
  CHECK(find_in(R"({"auths": null, "HttpHeaders": {"X": "y"}})", "r", "x") == "-");
  auto legacy =
      parse_auth_file(fmt::format(R"({{"https://r.example/v1/": {}}})", auth("old")), ".dockercfg", true);
  CHECK(who(legacy.value().find("r.example", "x")) == "old:pw");
}

TEST_CASE("auth file: mistakes are told without what stands there") {
  for (const char* json :
       {R"({"auths": {"r": {"auth": "hunter2"}}})", R"({"auths": {"r": {"auth": "aHVudGVyMg=="}}})",
        R"({"auths": {"r": {"auth": ["hunter2"]}}})", R"({"auths": {"r": "hunter2"}})",
        R"({"auths": "hunter2"})", R"({"auths": {"r": {"auth": "hunter2)", R"(["hunter2"])",
        R"({"auths": hunter2})", R"({"credHelpers": {"r": {"x": "hunter2"}}})",
        R"({"credsStore": ["hunter2"]})"}) {
    CAPTURE(json);
    const std::string found = find_in(json, "r", "x");
    CHECK(found.starts_with("error: auth.json"));
    CHECK(found.find("hunter2") == std::string::npos);
    CHECK(found.find("aHVudGVyMg") == std::string::npos);
  }
  CHECK(find_in("{\n  \"auths\": nothing}", "r", "x").find("line 2") != std::string::npos);
  // A broken entry of another registry is not in the way.
  CHECK(find_in(fmt::format(R"({{"auths": {{"bad": {{"auth": "?"}}, "r": {}}}}})", auth("u")), "r", "x") ==
        "u:pw");
}

TEST_CASE("credentials: the files in order, each of them alone where it is named") {
  Folder folder;
  Surroundings around(folder);
  const auto file = [&](const std::string& user, const std::string& host = "r") {
    return fmt::format(R"({{"auths": {{"{}": {}}}}})", host, auth(user));
  };
  const auto found = [&](const std::string& authfile = "") {
    return who(find_credentials("r", "x", authfile));
  };
  CHECK(found() == "-");
  (void)folder.write(".dockercfg", fmt::format(R"({{"r": {}}})", auth("dockercfg")));
  CHECK(found() == "dockercfg:pw");
  (void)folder.write(".docker/config.json", file("docker"));
  CHECK(found() == "docker:pw");
  (void)folder.write("other/config.json", file("other"));
  around.set("DOCKER_CONFIG", (folder.path + "/other").c_str());
  CHECK(found() == "other:pw");
  (void)folder.write(".config/containers/auth.json", file("config"));
  CHECK(found() == "config:pw");
  (void)folder.write("run/containers/auth.json", file("run"));
  CHECK(found() == "run:pw");
  (void)folder.write("run/containers/auth.json", file("run", "elsewhere"));
  CHECK(found() == "config:pw");
  around.set("REGISTRY_AUTH_FILE", folder.write("named.json", file("named", "elsewhere")).c_str());
  CHECK(found() == "-");
  CHECK(found(folder.write("option.json", file("option"))) == "option:pw");
  CHECK(found(folder.path + "/missing.json").find("does not exist") != std::string::npos);
  around.set("REGISTRY_AUTH_FILE", (folder.path + "/gone").c_str());
  CHECK(find_credentials("r", "x", "").error().hint() == "REGISTRY_AUTH_FILE names it");
}

TEST_CASE("credentials: helpers") {
  Folder folder;
  Surroundings around(folder);
  around.set("PATH", (folder.path + "/bin:/usr/bin:/bin").c_str());
  const auto helper = [&](const std::string& name, const std::string& body) {
    (void)folder.write("bin/docker-credential-" + name, "#!/bin/sh\n" + body, 0755);
  };
  const auto config = [&](const std::string& json) { (void)folder.write(".docker/config.json", json); };
  const auto found = [&](const std::string& host) { return who(find_credentials(host, "x", "")); };
  helper("echo",
         "read -r server; [ $1 = get ] || exit 9; "
         "printf '{\"ServerURL\":\"%s\",\"Username\":\"%s\",\"Secret\":\"pw\"}' \"$server\" \"$server\"\n");
  helper("none", "cat >/dev/null; echo 'credentials not found in native keychain'; exit 1\n");
  helper("token", "cat >/dev/null; echo '{\"Username\":\"<token>\",\"Secret\":\"refresh\"}'\n");
  helper("broken", "cat >/dev/null; echo 'the keyring is locked'; exit 1\n");
  helper("chatty", "cat >/dev/null; echo 'password=hunter2'\n");
  helper("hub",
         "read -r server; [ \"$server\" = https://index.docker.io/v1/ ] && "
         "echo '{\"Username\":\"hub\",\"Secret\":\"pw\"}' && exit; echo 'credentials not found'; exit 1\n");

  config(R"({"credHelpers": {"r.example": "echo", "none.example": "none", "token.example": "token",
             "broken.example": "broken", "chatty.example": "chatty", "docker.io": "hub", "missing.example": "missing",
             "evil.example": "../../bin/sh"}})");
  CHECK(found("r.example") == "r.example:pw");
  CHECK(found("none.example") == "-");
  CHECK(found("other.example") == "-");
  CHECK(found("token.example") == "token:refresh");
  CHECK(found("docker.io") == "hub:pw");
  CHECK(found("broken.example").find("the keyring is locked") != std::string::npos);
  CHECK(found("chatty.example").find("gave no Username and Secret") != std::string::npos);
  CHECK(found("chatty.example").find("hunter2") == std::string::npos);
  CHECK(found("missing.example").find("docker-credential-missing") != std::string::npos);
  CHECK(found("missing.example").find("is not installed") != std::string::npos);
  CHECK(found("evil.example").find("is no credential helper's name") != std::string::npos);

  SUBCASE("a helper for the host stands above the file's own entries, the store below") {
    config(fmt::format(R"({{"auths": {{"r.example": {0}, "s.example": {0}, "t.example": {{}}}},
                           "credHelpers": {{"r.example": "none"}}, "credsStore": "echo"}})",
                       auth("file")));
    CHECK(found("r.example") == "-");
    CHECK(found("s.example") == "file:pw");
    CHECK(found("t.example") == "t.example:pw");
    CHECK(found("u.example") == "u.example:pw");
  }
  SUBCASE("a helper that knows none leaves the question to the next file") {
    (void)folder.write("run/containers/auth.json", R"({"credHelpers": {"r.example": "none"}})");
    CHECK(found("r.example") == "r.example:pw");
  }
}

TEST_CASE("credential helpers are bounded in time and output") {
  Folder folder;
  Surroundings around(folder);
  around.set("PATH", (folder.path + "/bin:/usr/bin:/bin").c_str());
  (void)folder.write("bin/docker-credential-slow", "#!/bin/sh\nsleep 1000 & sleep 1000\n", 0755);
  (void)folder.write("bin/docker-credential-closed", "#!/bin/sh\nexec >&- 2>&-; sleep 1000\n", 0755);
  (void)folder.write("bin/docker-credential-long", "#!/bin/sh\nexec yes\n", 0755);
  const uint64_t began = sys::monotonic_ns();
  CHECK(who(ask_helper("slow", "r", "f", 200'000'000)).find("did not end within 200ms") != std::string::npos);
  CHECK(who(ask_helper("closed", "r", "f", 200'000'000)).find("did not end within 200ms") !=
        std::string::npos);
  CHECK(who(ask_helper("long", "r", "f")).find("says too much") != std::string::npos);
  CHECK(sys::monotonic_ns() - began < 10'000'000'000);
}

TEST_CASE("certs.d: authorities, a client's pair, the first folder there is") {
  Folder folder;
  Surroundings around(folder);
  CHECK(certificates_for("r.example:5000").value() == net::Tls{});
  const std::string root = folder.path + "/.config/containers/certs.d/r.example:5000/";
  for (const char* name : {"b.crt", "a.crt", "client.cert", "client.key", "notes.txt"})
    (void)folder.write(".config/containers/certs.d/r.example:5000/" + std::string(name), "");
  net::Tls tls = certificates_for("r.example:5000").value();
  CHECK(tls.ca_files == std::vector<std::string>{root + "a.crt", root + "b.crt"});
  CHECK(tls.certificate == root + "client.cert");
  CHECK(tls.key == root + "client.key");
  CHECK(tls.verify);
  CHECK(certificates_for("r.example").value() == net::Tls{});

  (void)folder.write(".config/containers/certs.d/one/x.cert", "");
  CHECK(certificates_for("one").error().message().find("x.key is missing") != std::string::npos);
  CHECK(certificates_for("one").error().fault() == Fault::usage);
  (void)folder.write(".config/containers/certs.d/two/x.key", "");
  CHECK(certificates_for("two").error().message().find("x.cert is missing") != std::string::npos);
}
