// registries.conf and policy.json.
#include <doctest/doctest.h>

#include "registry/names.h"
#include "registry/places.h"
#include "registry/registries_file.h"
#include "registry_support.h"

using namespace testctr;
using namespace testctr::registry;
using registry_tests::Folder;
using registry_tests::Surroundings;

namespace {

Registries from(const std::string& text) {
  Folder folder;
  ConfigPaths paths;
  paths.files = {folder.write("registries.conf", text)};
  auto read = Registries::read(paths);
  REQUIRE_MESSAGE(read.ok(), (read.ok() ? "" : read.error().full()));
  return std::move(read).value();
}

std::string mistake(const std::string& text) {
  auto parsed = parse_registries(text, "r.conf");
  REQUIRE_FALSE(parsed.ok());
  CHECK(parsed.error().fault() == Fault::usage);
  return parsed.error().message();
}

// "host/repository" of each, "!" behind an insecure one, "~" in front of a mirror.
std::string located(const Registries& registries, const std::string& name, bool by_digest = false) {
  auto locations = registries.locate(name, by_digest);
  if (!locations.ok()) return locations.error().message();
  std::string all;
  for (const Location& l : locations.value())
    all += fmt::format("{}{}{}/{}{}", all.empty() ? "" : " ", l.mirror ? "~" : "", l.host, l.repository,
                       l.insecure ? "!" : "");
  return all;
}

std::string policy(const std::string& json, const std::string& transport, const std::string& scope) {
  Folder folder;
  auto allowed = check_policy(transport, scope, {folder.write("policy.json", json)});
  if (allowed.ok()) return "yes";
  CHECK(allowed.error().fault() == Fault::usage);
  std::string message = allowed.error().message();
  for (size_t at; (at = message.find(folder.path)) != std::string::npos;)
    message.erase(at, folder.path.size() + 1);
  return message;
}

}  // namespace

TEST_CASE("registries: without configuration a name is where it says") {
  Registries none = from("");
  CHECK(located(none, "docker.io/library/golang") == "docker.io/library/golang");
  CHECK(located(none, "index.docker.io/me/tool") == "docker.io/me/tool");
  CHECK(located(none, "localhost:5000/a/b") == "localhost:5000/a/b");
  CHECK(none.search().empty());
  CHECK(none.alias("golang").empty());
  CHECK(none.short_names() == ShortNames::permissive);
}

TEST_CASE("registries: the manual's example") {
  Registries r = from(R"(
unqualified-search-registries = ["example.com"]
[[registry]]
prefix = "example.com/foo"
insecure = false
blocked = false
location = "internal-registry-for-example.com/bar"
[[registry.mirror]]
location = "example-mirror-0.local/mirror-for-foo"
[[registry.mirror]]
location = "example-mirror-1.local/mirrors/foo"
insecure = true
[[registry]]
location = "registry.com"
[[registry.mirror]]
location = "mirror.registry.com"
)");
  CHECK(located(r, "example.com/foo/image") ==
        "~example-mirror-0.local/mirror-for-foo/image ~example-mirror-1.local/mirrors/foo/image! "
        "internal-registry-for-example.com/bar/image");
  CHECK(located(r, "example.com/foo") ==
        "~example-mirror-0.local/mirror-for-foo ~example-mirror-1.local/mirrors/foo! "
        "internal-registry-for-example.com/bar");
  CHECK(located(r, "example.com/food/image") == "example.com/food/image");
  CHECK(located(r, "registry.com/image") == "~mirror.registry.com/image registry.com/image");
  CHECK(located(r, "registry.com:5000/image") == "~mirror.registry.com:5000/image registry.com:5000/image");
  CHECK(r.search() == std::vector<std::string>{"example.com"});
}

TEST_CASE("registries: the longest prefix wins, whatever the order") {
  for (const char* text : {R"(
[[registry]]
prefix = "a.example/x"
location = "one.example"
[[registry]]
prefix = "a.example/x/y"
location = "two.example"
[[registry]]
prefix = "*.example"
insecure = true
)",
                           R"(
[[registry]]
prefix = "*.example"
insecure = true
[[registry]]
prefix = "a.example/x/y"
location = "two.example"
[[registry]]
prefix = "a.example/x"
location = "one.example"
)"}) {
    Registries r = from(text);
    CHECK(located(r, "a.example/x/z") == "one.example/z");
    CHECK(located(r, "a.example/x/y/z") == "two.example/z");
    CHECK(located(r, "a.example/xx") == "a.example/xx!");
    CHECK(located(r, "b.example/x") == "b.example/x!");
  }
}

TEST_CASE("registries: wildcards cover subdomains of any depth, with a port, and nothing else") {
  Registries r = from(R"(
[[registry]]
prefix = "*.example.com"
insecure = true
[[registry]]
prefix = "*.moved.org"
location = "new.org/old"
)");
  CHECK(located(r, "a.example.com/x") == "a.example.com/x!");
  CHECK(located(r, "a.b.example.com:5000/x") == "a.b.example.com:5000/x!");
  CHECK(located(r, "example.com/x") == "example.com/x");
  CHECK(located(r, "aexample.com/x") == "aexample.com/x");
  CHECK(located(r, "a.example.com.org/x") == "a.example.com.org/x");
  CHECK(located(r, "other.org/a.example.com/x") == "other.org/a.example.com/x");
  CHECK(located(r, "a.moved.org/x/y") == "new.org/old/x/y");
  CHECK(located(r, "a.moved.org:5000/x/y").find("names no repository") != std::string::npos);
}

TEST_CASE("registries: mirrors for digests and for tags") {
  Registries r = from(R"(
[[registry]]
location = "a.example"
[[registry.mirror]]
location = "all.example"
pull-from-mirror = "all"
[[registry.mirror]]
location = "digests.example"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "tags.example"
pull-from-mirror = "tag-only"
[[registry]]
location = "b.example"
mirror-by-digest-only = true
[[registry.mirror]]
location = "m.example"
)");
  CHECK(located(r, "a.example/x", false) == "~all.example/x ~tags.example/x a.example/x");
  CHECK(located(r, "a.example/x", true) == "~all.example/x ~digests.example/x a.example/x");
  CHECK(located(r, "b.example/x", false) == "b.example/x");
  CHECK(located(r, "b.example/x", true) == "~m.example/x b.example/x");
}

TEST_CASE("registries: prefixes with a tag or digest") {
  Registries r = from(R"(
[[registry]]
prefix = "a.example/x:1"
location = "b.example/y:1"
[[registry]]
prefix = "a.example/z"
location = "b.example/z"
)");
  CHECK(located(r, "a.example/x:1") == "b.example/y");
  CHECK(located(r, "a.example/x:2") == "a.example/x");
  CHECK(located(r, "a.example/x") == "a.example/x");
  CHECK(located(r, "a.example/z@sha256:00") == "b.example/z");
  CHECK(mistake("[[registry]]\nprefix = \"a.example/x:1\"\nlocation = \"b.example/x:2\"\n")
            .find("another tag or digest") != std::string::npos);
}

TEST_CASE("registries: docker.io by its names, and library/") {
  Registries r = from(R"(
[[registry]]
prefix = "docker.io/library/alpine"
location = "mirror.example/alpine"
[[registry]]
prefix = "old.example/hub"
location = "docker.io"
)");
  CHECK(located(r, "docker.io/library/alpine") == "mirror.example/alpine");
  CHECK(located(r, "old.example/hub/golang") == "docker.io/library/golang");
  CHECK(located(r, "old.example/hub/me/tool") == "docker.io/me/tool");
  CHECK(located(r, "old.example/hub").find("names no repository") != std::string::npos);
}

TEST_CASE("registries: a blocked registry is an error that names the place") {
  Folder folder;
  ConfigPaths paths;
  paths.files = {
      folder.write("registries.conf", "\n[[registry]]\nlocation = \"bad.example\"\nblocked = true\n")};
  Registries r = Registries::read(paths).value();
  auto refused = r.locate("bad.example/x", false);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().fault() == Fault::usage);
  CHECK(refused.error().message() ==
        "bad.example/x is blocked: " + folder.path + "/registries.conf:2 says so of \"bad.example\"");
  CHECK(r.locate("good.example/x", false).ok());
}

TEST_CASE("registries: drop-ins come later, by name; tables of the same prefix replace, aliases are erased") {
  Folder folder;
  ConfigPaths paths;
  paths.files = {folder.path + "/none", folder.write("main.conf", R"(
unqualified-search-registries = ["one.example"]
short-name-mode = "enforcing"
[[registry]]
location = "a.example"
insecure = true
[[registry.mirror]]
location = "m.example"
[aliases]
"x" = "one.example/x"
"y" = "one.example/y"
"z" = "one.example/z"
)"),
                 folder.write("never.conf", "not toml")};
  paths.folders = {folder.path + "/system.d", folder.path + "/missing.d", folder.path + "/user.d"};
  (void)folder.write("system.d/20.conf", "[aliases]\nx = \"system.example/x\"\n");
  (void)folder.write("system.d/10.conf", "[aliases]\nx = \"early.example/x\"\ny = \"\"\n");
  (void)folder.write("system.d/30.txt", "not toml either");
  (void)folder.write("user.d/00.conf",
                     "unqualified-search-registries = [\"two.example\"]\n"
                     "[[registry]]\nlocation = \"a.example\"\n");
  paths.aliases = folder.write("cache/short-name-aliases.conf", "[aliases]\nz = \"cache.example/z\"\n");
  Registries r = Registries::read(paths).value();
  CHECK(r.search() == std::vector<std::string>{"two.example"});
  CHECK(r.short_names() == ShortNames::enforcing);
  CHECK(located(r, "a.example/x") == "a.example/x");
  CHECK(r.alias("x") == "system.example/x");
  CHECK(r.alias("y").empty());
  CHECK(r.alias("z") == "cache.example/z");
}

TEST_CASE("registries: the standard places") {
  Folder folder;
  Surroundings around(folder);
  ConfigPaths paths = ConfigPaths::standard();
  const std::string user = folder.path + "/.config/containers";
  CHECK(paths.files ==
        std::vector<std::string>{user + "/registries.conf", "/etc/containers/registries.conf"});
  CHECK(paths.folders ==
        std::vector<std::string>{"/etc/containers/registries.conf.d", user + "/registries.conf.d"});
  CHECK_FALSE(paths.required);

  (void)folder.write(".config/containers/registries.conf", "");
  CHECK(ConfigPaths::standard().folders == std::vector<std::string>{user + "/registries.conf.d"});

  around.set("XDG_CONFIG_HOME", "relative");
  CHECK(ConfigPaths::standard().files.front() == user + "/registries.conf");
  around.set("XDG_CONFIG_HOME", "/c");
  around.set("XDG_CACHE_HOME", "/k");
  CHECK(ConfigPaths::standard().files.front() == "/c/containers/registries.conf");
  CHECK(ConfigPaths::standard().aliases == "/k/containers/short-name-aliases.conf");

  around.set("CONTAINERS_REGISTRIES_CONF", "/nowhere/r.conf");
  paths = ConfigPaths::standard();
  CHECK(paths.files == std::vector<std::string>{"/nowhere/r.conf"});
  auto read = Registries::read(paths);
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().message() == "/nowhere/r.conf does not exist");
}

TEST_CASE("registries: mistakes are told with their place") {
  CHECK(mistake("a = \"b\nc = 1\n").starts_with("r.conf:1:"));
  CHECK(mistake("[{registry]]\nlocation = \"a.example\"\n").starts_with("r.conf:1:2: no valid TOML: "));
  CHECK(mistake("unqualified-search-registries = \"x\"") ==
        "r.conf:1:33: unqualified-search-registries must be an array of strings");
  CHECK(mistake("\nunqualified-search-registries = [\"a.example\", 3]").starts_with("r.conf:2:47: "));
  CHECK(mistake("unqualified-search-registries = [\"https://a.example\"]").find("HOST[:PORT]") !=
        std::string::npos);
  CHECK(mistake("short-name-mode = \"sometimes\"").find("enforcing, permissive or disabled") !=
        std::string::npos);
  CHECK(mistake("[[registry]]\ninsecure = true\n").find("needs a prefix or a location") != std::string::npos);
  CHECK(mistake("[[registry]]\nlocation = \"a.example\"\ninsecure = \"yes\"\n") ==
        "r.conf:3:12: insecure must be true or false");
  CHECK(mistake("[[registry]]\nlocation = 5\n") == "r.conf:2:12: location must be a string");
  CHECK(mistake("[registry]\nlocation = \"a\"\n").find("array of tables") != std::string::npos);
  CHECK(mistake("[[registry]]\nlocation = \"https://a.example\"\n").find("has a scheme") !=
        std::string::npos);
  CHECK(mistake("[[registry]]\nprefix = \"*.a.example/x\"\n").find("a wildcard covers hosts alone") !=
        std::string::npos);
  CHECK(mistake("[[registry]]\nprefix = \"a.*.example\"\n").find("is not HOST") != std::string::npos);
  CHECK(mistake("[[registry]]\nlocation = \"../etc\"\n").find("is not HOST") != std::string::npos);
  CHECK(mistake("[[registry]]\nlocation = \"a.example/b?c\"\n").find("is not HOST") != std::string::npos);
  CHECK(mistake("[[registry]]\nlocation = \"a.example\"\n[[registry.mirror]]\n")
            .find("mirror needs a location") != std::string::npos);
  CHECK(mistake("[[registry]]\nlocation = \"a.example\"\n[[registry.mirror]]\nlocation = \"m\"\n"
                "pull-from-mirror = \"never\"\n")
            .starts_with("r.conf:5:20: "));
  CHECK(mistake("[[registry]]\nlocation = \"a.example\"\nmirror-by-digest-only = true\n[[registry.mirror]]\n"
                "location = \"m\"\npull-from-mirror = \"all\"\n")
            .find("exclude each other") != std::string::npos);
  CHECK(mistake("[[registry]]\nlocation = \"a.example\"\n[[registry]]\nlocation = \"a.example\"\n") ==
        "r.conf:3:1: the prefix \"a.example\" has a table already at r.conf:1");
  CHECK(mistake("[aliases]\n\"a.example/x\" = \"b.example/x\"\n").find("is no short name") !=
        std::string::npos);
  CHECK(mistake("[aliases]\n\"x:1\" = \"b.example/x\"\n").find("is no short name") != std::string::npos);
  CHECK(mistake("[aliases]\nx = \"b\"\n").find("must lead to HOST/NAME") != std::string::npos);
  CHECK(mistake("[aliases]\nx = \"b.example/x:1\"\n").find("must lead to HOST/NAME") != std::string::npos);
  CHECK(mistake("[aliases]\nx = 1\n").find("must be a string") != std::string::npos);
  const std::string old = "[registries.search]\nregistries = ['registry1.com']\n";
  CHECK(mistake(old).find("version 1") != std::string::npos);
  CHECK(parse_registries(old, "r.conf").error().hint().find("version 2") != std::string::npos);
  CHECK(parse_registries("something-newer = 1\ncredential-helpers = [\"x\"]\n", "r.conf").ok());
}

TEST_CASE("policy: the most specific scope decides") {
  const std::string json = R"({"default": [{"type": "reject"}], "transports": {"docker": {
    "a.example": [{"type": "insecureAcceptAnything"}],
    "a.example/x": [{"type": "reject"}],
    "a.example/x/y": [{"type": "insecureAcceptAnything"}],
    "a.example/x/y:bad": [{"type": "reject"}],
    "*.b.example": [{"type": "insecureAcceptAnything"}],
    "signed.example": [{"type": "insecureAcceptAnything"}, {"type": "signedBy", "keyType": "GPGKeys"}]},
   "oci": {"": [{"type": "insecureAcceptAnything"}], "/srv/bad": [{"type": "reject"}]}}})";
  CHECK(policy(json, "docker", "a.example/z:1") == "yes");
  CHECK(policy(json, "docker", "a.example/x:1") ==
        "a.example/x:1 may not be used: policy.json rejects it (\"a.example/x\" of \"docker\")");
  CHECK(policy(json, "docker", "a.example/x/y:1") == "yes");
  CHECK(policy(json, "docker", "a.example/x/y/z@sha256:12") == "yes");
  CHECK(policy(json, "docker", "a.example/x/y:bad").find("rejects it") != std::string::npos);
  CHECK(policy(json, "docker", "a.example/x/y:bad@sha256:12").find("rejects it") != std::string::npos);
  CHECK(policy(json, "docker", "c.b.example/x:1") == "yes");
  CHECK(policy(json, "docker", "d.c.b.example:5000/x:1") == "yes");
  CHECK(policy(json, "docker", "b.example/x:1").find("(\"default\")") != std::string::npos);
  CHECK(policy(json, "docker", "docker.io/library/golang:latest").find("(\"default\")") != std::string::npos);
  CHECK(policy(json, "docker", "signed.example/x:1").find("cannot be verified") != std::string::npos);
  CHECK(policy(json, "oci", "/srv/good:1") == "yes");
  CHECK(policy(json, "oci", "/srv/bad/deeper:1").find("\"/srv/bad\" of \"oci\"") != std::string::npos);
  CHECK(policy(json, "oci", "/srv/bad:1").find("rejects it") != std::string::npos);
  CHECK(policy(json, "docker-archive", "/srv/x.tar").find("(\"default\")") != std::string::npos);
}

TEST_CASE("policy: the default that Debian ships, no file, and mistakes") {
  Folder folder;
  CHECK(policy(R"({"default": [{"type": "insecureAcceptAnything"}]})", "docker", "a.example/x:1") == "yes");
  CHECK(check_policy("docker", "a.example/x:1", {folder.path + "/none"}).ok());
  CHECK(policy("{", "docker", "x").find("not valid JSON") != std::string::npos);
  CHECK(policy("{}", "docker", "x") == "policy.json: there is no \"default\"");
  CHECK(policy(R"({"default": []})", "docker", "x").find("not an empty one") != std::string::npos);
  CHECK(policy(R"({"default": [{"type": "reject"}], "default": [{"type": "insecureAcceptAnything"}]})",
               "docker", "x") == "policy.json: the key \"default\" is there twice");
  CHECK(policy(R"({"default": [{"type": "hope"}]})", "docker", "x").find("unknown type \"hope\"") !=
        std::string::npos);
  CHECK(policy(R"({"default": [{"type": "reject", "unless": 1}]})", "docker", "x")
            .find("unknown key \"unless\"") != std::string::npos);
  CHECK(policy(R"({"default": [{"type": "reject"}], "other": 1})", "docker", "x")
            .find("unknown key \"other\"") != std::string::npos);
  CHECK(policy(R"({"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"x": 1}}})",
               "docker", "y")
            .find("\"x\" of \"docker\"") != std::string::npos);
}
