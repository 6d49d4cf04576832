// A session with a registry that does what registries and what stands before them do at their worst.
#include <doctest/doctest.h>

#include "base/sys.h"
#include "base/text.h"
#include "http_server.h"
#include "registry/client.h"
#include "registry_support.h"

using namespace testctr;
using namespace testctr::registry;
using namespace registry_tests;

namespace {

constexpr size_t largest = size_t{4} << 20;
const std::string index_type = "application/vnd.oci.image.index.v1+json";

// A session with a server that the test stands for, reached by plain HTTP.
struct Fixture {
  explicit Fixture(std::function<Answered(const Asked&)> answer)
      : around(folder), server(std::move(answer)), client({}) {
    around.set("NO_PROXY", "*");
    around.set("no_proxy", "*");
  }

  Session& session() {
    if (!opened) {
      SessionOptions options;
      options.retries = 3;
      options.first_delay_ns = 1'000'000;
      options.longest_delay_ns = 2'000'000'000;
      options.note = [this](const std::string& text) { notes.push_back(text); };
      options.authfile = authfile;
      Location location{server.host(), "me/tool", /* insecure= */ true, false};
      opened = Session::open(client, location, options).value();
    }
    return *opened;
  }

  void log_in(const std::string& host, const std::string& entry) {
    authfile = folder.write("auth.json", fmt::format(R"({{"auths": {{"{}": {}}}}})", host, entry));
  }
  void log_in() { log_in(server.host(), R"({"auth": ")" + text::base64("user:hunter2") + "\"}"); }

  Folder folder;
  Surroundings around;
  HttpServer server;
  net::Client client;
  std::string authfile;
  std::vector<std::string> notes;
  std::unique_ptr<Session> opened;
};

Answered json(const std::string& body, int status = 200) {
  Answered answer;
  answer.status = status;
  answer.body = body;
  answer.headers.emplace_back("Content-Type", index_type + "; charset=utf-8");
  return answer;
}

Answered status(int number, std::vector<std::pair<std::string, std::string>> headers = {}) {
  Answered answer;
  answer.status = number;
  answer.headers = std::move(headers);
  return answer;
}

std::string bytes_of(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& c : bytes) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return bytes;
}

Blob blob_of(const std::string& bytes) { return {Digest::of(bytes), bytes.size()}; }

// All bytes of the blob, or the error.
std::string pulled(Session& session, const Blob& blob) {
  auto stream = session.blob(blob);
  if (!stream.ok()) return "error: " + stream.error().message();
  auto bytes = read_source(*stream.value(), size_t{64} << 20);
  return bytes.ok() ? bytes.value() : "error: " + bytes.error().message();
}

// What a server with ranges answers.
Answered ranged(const Asked& asked, const std::string& bytes) {
  const std::string range = asked.header("range");
  Answered answer;
  size_t from = range.empty() ? 0 : std::stoul(range.substr(6));
  answer.body = bytes.substr(from);
  if (range.empty()) return answer;
  answer.status = 206;
  answer.headers.emplace_back("Content-Range",
                              fmt::format("bytes {}-{}/{}", from, bytes.size() - 1, bytes.size()));
  return answer;
}

bool is_ping(const Asked& asked) { return asked.target == "/v2/"; }

}  // namespace

TEST_CASE("session: a manifest by tag and by digest, over plain HTTP where that is allowed") {
  const std::string manifest = R"({"schemaVersion": 2})";
  Fixture f([&](const Asked&) { return json(manifest); });
  auto got = f.session().manifest("latest", largest);
  REQUIRE_MESSAGE(got.ok(), (got.ok() ? "" : got.error().full()));
  CHECK(got.value().bytes == manifest);
  CHECK(got.value().media_type == index_type);
  CHECK(got.value().digest == Digest::of(manifest));
  CHECK(f.session().manifest(Digest::of(manifest).str(), largest).ok());
  CHECK(f.server.lines() ==
        std::vector<std::string>{"GET /v2/", "GET /v2/me/tool/manifests/latest",
                                 "GET /v2/me/tool/manifests/" + Digest::of(manifest).str()});
  CHECK(f.server.tls_hellos() == 1);
  CHECK(f.server.asked()[1].header("accept").find(", ") != std::string::npos);
  for (const char* type : {"oci.image.index.v1", "oci.image.manifest.v1", "manifest.list.v2", "manifest.v2"})
    CHECK(f.server.asked()[1].header("accept").find(type) != std::string::npos);
}

TEST_CASE("session: without \"insecure\" this machine's own address is spoken to by TLS alone") {
  Fixture f([&](const Asked&) { return json("{}"); });
  SessionOptions options;
  options.retries = 1;
  options.first_delay_ns = 1'000'000;
  auto session = Session::open(f.client, Location{f.server.host(), "me/tool", false, false}, options).value();
  CHECK_FALSE(session->manifest("latest", largest).ok());
  CHECK(f.server.asked().empty());
  CHECK(f.server.tls_hellos() >= 1);
}

TEST_CASE("session: manifests that are not what they should be") {
  SUBCASE("another digest than asked for") {
    Fixture f([&](const Asked&) { return json("{}"); });
    auto got = f.session().manifest(Digest::of("other").str(), largest);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().message().find("has the digest " + Digest::of("{}").str()) != std::string::npos);
    CHECK(got.error().fault() == Fault::infrastructure);
  }
  SUBCASE("another digest than the registry says") {
    Fixture f([&](const Asked&) {
      Answered answer = json("{}");
      answer.headers.emplace_back("Docker-Content-Digest", Digest::of("other").str());
      return answer;
    });
    CHECK_FALSE(f.session().manifest("latest", largest).ok());
  }
  SUBCASE("too large, and says so") {
    Fixture f([&](const Asked&) {
      Answered answer = json("{}");
      answer.length = 100'000'000;
      return answer;
    });
    auto got = f.session().manifest("latest", largest);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().message().find("100000000") != std::string::npos);
  }
  SUBCASE("too large without saying so") {
    Fixture f([&](const Asked& asked) {
      Answered answer = json(is_ping(asked) ? "{}" : std::string(3'000'000, ' '));
      answer.chunked = true;
      return answer;
    });
    CHECK_FALSE(f.session().manifest("latest", 1'000'000).ok());
    CHECK(f.server.asked().size() == 2);
  }
  SUBCASE("cut off, then whole") {
    std::atomic<int> times{0};
    Fixture f([&](const Asked& asked) {
      Answered answer = json(R"({"a": 1})");
      if (!is_ping(asked) && times++ < 2) answer.cut = 3;
      return answer;
    });
    auto got = f.session().manifest("latest", largest);
    REQUIRE_MESSAGE(got.ok(), (got.ok() ? "" : got.error().full()));
    CHECK(f.notes.size() == 2);
  }
  SUBCASE("not there") {
    Fixture f([&](const Asked& asked) {
      return is_ping(asked)
                 ? json("{}")
                 : json(R"({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "no\u001b[31m"}]})", 404);
    });
    auto got = f.session().manifest("1.99", largest);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().number() == ENOENT);
    CHECK(got.error().message().find(f.server.host() + "/me/tool:1.99") != std::string::npos);
    CHECK(got.error().message().find("MANIFEST_UNKNOWN: no\\x1b[31m") != std::string::npos);
  }
}

TEST_CASE("session: what passes is tried again, what does not is not") {
  std::atomic<int> number{0}, times{0};
  std::string after;
  Fixture f([&](const Asked& asked) {
    if (is_ping(asked)) return json("{}");
    if (times++ < 2)
      return status(number, after.empty() ? decltype(Answered::headers){}
                                          : decltype(Answered::headers){{"Retry-After", after}});
    return json("{}");
  });
  SUBCASE("429, 500, 502, 503, 504, 408") {
    for (int one : {429, 500, 502, 503, 504, 408}) {
      number = one;
      times = 0;
      CHECK(f.session().manifest("latest", largest).ok());
    }
    CHECK(f.notes.size() == 12);
  }
  SUBCASE("400, 403, 405, 501") {
    for (int one : {400, 403, 405, 501}) {
      number = one;
      times = 0;
      auto got = f.session().manifest("latest", largest);
      REQUIRE_FALSE(got.ok());
      CHECK(got.error().message().find(fmt::format("the answer is {}", one)) != std::string::npos);
    }
    CHECK(f.notes.empty());
  }
  SUBCASE("as long as the server wants") {
    number = 429;
    after = "1";
    const uint64_t began = sys::monotonic_ns();
    CHECK(f.session().manifest("latest", largest).ok());
    CHECK(sys::monotonic_ns() - began >= 2'000'000'000);
  }
  SUBCASE("but not for an hour") {
    number = 429;
    after = "3600";
    auto got = f.session().manifest("latest", largest);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().message().find("1h0m0s") != std::string::npos);
  }
  SUBCASE("not for ever") {
    number = 503;
    times = -1000;
    auto got = f.session().manifest("latest", largest);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().message().starts_with("tried 4 times: "));
    CHECK(times == -996);
  }
}

TEST_CASE("session: nobody there is told at once, with what helps") {
  Fixture f([&](const Asked&) { return json("{}"); });
  SessionOptions options;  // as it is outside of tests
  std::string host;
  {
    HttpServer gone([&](const Asked&) { return json("{}"); });
    host = gone.host();
  }
  for (bool insecure : {false, true}) {
    const uint64_t began = sys::monotonic_ns();
    auto session = Session::open(f.client, Location{host, "me/tool", insecure, false}, options).value();
    auto got = session->manifest("latest", largest);
    REQUIRE_FALSE(got.ok());
    CHECK(net::unreachable(got.error()));
    CHECK(got.error().hint().find("testctr-script image load") != std::string::npos);
    CHECK(sys::monotonic_ns() - began < 5'000'000'000);
  }
  CHECK_FALSE(Session::open(f.client, Location{"no host!", "x", false, false}, {}).ok());
}

TEST_CASE("session: basic authorization") {
  Fixture f([&](const Asked& asked) {
    if (asked.header("authorization") != "Basic " + text::base64("user:hunter2"))
      return status(401, {{"WWW-Authenticate", "Basic realm=\"r\""}});
    return json("{}");
  });
  SUBCASE("with credentials") {
    f.log_in();
    CHECK(f.session().manifest("latest", largest).ok());
    CHECK(f.session().manifest("latest", largest).ok());
    CHECK(f.server.asked().size() == 4);  // the ping, one without, two with
  }
  SUBCASE("without") {
    auto got = f.session().manifest("latest", largest);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().number() == EACCES);
    CHECK(got.error().message().find("without credentials") != std::string::npos);
    CHECK(got.error().hint().find("podman login " + f.server.host()) != std::string::npos);
  }
  SUBCASE("with wrong ones") {
    f.log_in(f.server.host(), R"({"username": "user", "password": "swordfish"})");
    auto got = f.session().manifest("latest", largest);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().number() == EACCES);
    CHECK(got.error().message().find("\"user\" (from " + f.authfile) != std::string::npos);
    CHECK(got.error().full().find("swordfish") == std::string::npos);
    CHECK(f.server.asked().size() == 3);
  }
  SUBCASE("of a kind that nobody knows") {
    Fixture g([&](const Asked&) { return status(401, {{"WWW-Authenticate", "Negotiate"}}); });
    g.log_in();
    auto got = g.session().manifest("latest", largest);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().message().find("\"Negotiate\"") != std::string::npos);
  }
}

namespace {

// A registry that wants tokens and the server that gives them, in one.
struct TokenRegistry {
  std::atomic<int> given{0};
  std::atomic<int> expires{300};
  std::atomic<bool> never{false};  // no token is good enough
  std::string user_header;         // what the token's server wants to see; empty: anything
  std::string content = "{}";
  std::string own_host;

  Answered answer(const Asked& asked) {
    if (asked.target.starts_with("/token")) {
      if (!user_header.empty() && asked.header("authorization") != user_header)
        return json(R"({"details": "incorrect username or password"})", 401);
      return json(fmt::format(R"({{"token": "t{}", "expires_in": {}}})", ++given, expires.load()));
    }
    if (is_ping(asked)) return json("{}");
    if (never || asked.header("authorization") != fmt::format("Bearer t{}", given.load()))
      return status(
          401, {{"WWW-Authenticate",
                 fmt::format("Bearer realm=\"http://{}/token\",service=\"s & t\",scope=\"repository:me/tool:"
                             "pull\"",
                             own_host)}});
    return json(content);
  }
};

}  // namespace

TEST_CASE("session: tokens") {
  TokenRegistry registry;
  Fixture f([&](const Asked& asked) { return registry.answer(asked); });
  registry.own_host = f.server.host();
  const std::string wanted = "GET /token?service=s%20%26%20t&scope=repository%3Ame%2Ftool%3Apull";
  SUBCASE("for anybody, and kept") {
    CHECK(f.session().manifest("latest", largest).ok());
    CHECK(f.session().manifest("latest", largest).ok());
    CHECK(f.server.lines() == std::vector<std::string>{"GET /v2/", "GET /v2/me/tool/manifests/latest", wanted,
                                                       "GET /v2/me/tool/manifests/latest",
                                                       "GET /v2/me/tool/manifests/latest"});
    CHECK(f.server.asked()[2].header("authorization").empty());
  }
  SUBCASE("for a user") {
    f.log_in();
    registry.user_header = "Basic " + text::base64("user:hunter2");
    CHECK(f.session().manifest("latest", largest).ok());
    CHECK(f.server.lines()[2] ==
          "GET /token?account=user&service=s%20%26%20t&scope=repository%3Ame%2Ftool%3Apull");
  }
  SUBCASE("for nobody with a wrong password") {
    f.log_in();
    registry.user_header = "Basic " + text::base64("user:swordfish");
    auto got = f.session().manifest("latest", largest);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().number() == EACCES);
    CHECK(got.error().message().find("incorrect username or password") != std::string::npos);
    CHECK(got.error().full().find("hunter2") == std::string::npos);
    CHECK(got.error().message().find(f.authfile) != std::string::npos);
  }
  SUBCASE("with a refresh token, in the body of a POST") {
    f.log_in(f.server.host(), R"({"identitytoken": "refresh & me"})");
    CHECK(f.session().manifest("latest", largest).ok());
    const Asked asked = f.server.asked()[2];
    CHECK(asked.method == "POST");
    CHECK(asked.target == "/token");
    CHECK(asked.header("content-type") == "application/x-www-form-urlencoded");
    CHECK(asked.body ==
          "grant_type=refresh_token&service=s%20%26%20t&client_id=testctr-script&scope=repository%3Ame%"
          "2Ftool%3Apull&"
          "refresh_token=refresh%20%26%20me");
  }
  SUBCASE("renewed when they are not good any more") {
    CHECK(f.session().manifest("latest", largest).ok());
    ++registry.given;  // somebody else got one, and ours is void
    CHECK(f.session().manifest("latest", largest).ok());
    CHECK(registry.given == 3);
  }
  SUBCASE("never good enough") {
    registry.never = true;
    auto got = f.session().manifest("latest", largest);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().number() == EACCES);
    CHECK(f.server.asked().size() <= 8);
    CHECK(f.notes.empty());
  }
  SUBCASE("one for many threads") {
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    Session& session = f.session();
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] { good += session.manifest("latest", largest).ok() ? 1 : 0; });
    for (std::thread& one : threads) one.join();
    CHECK(good == 8);
    CHECK(registry.given == 1);
  }
  SUBCASE("no JSON, no token") {
    Fixture g([&](const Asked& asked) {
      return asked.target.starts_with("/token")
                 ? json("hunter2")
                 : status(401, {{"WWW-Authenticate",
                                 "Bearer realm=\"http://" + asked.header("host") + "/token\""}});
    });
    auto got = g.session().manifest("latest", largest);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().message().find("no JSON object") != std::string::npos);
    CHECK(got.error().message().find("hunter2") == std::string::npos);
  }
  SUBCASE("a server for tokens that is busy") {
    std::atomic<int> times{0};
    Fixture g([&](const Asked& asked) {
      if (asked.target.starts_with("/token") && times++ < 2) return status(503);
      return registry.answer(asked);
    });
    registry.own_host = g.server.host();
    CHECK(g.session().manifest("latest", largest).ok());
    CHECK(g.notes.size() == 2);
  }
}

TEST_CASE("session: registries that hide what they have from strangers") {
  Fixture f([&](const Asked& asked) {
    if (!asked.header("authorization").empty()) return json("{}");
    return is_ping(asked) ? status(401, {{"WWW-Authenticate", "Basic realm=\"r\""}}) : status(404);
  });
  SUBCASE("with credentials they are asked who may come in") {
    f.log_in();
    CHECK(f.session().manifest("latest", largest).ok());
  }
  SUBCASE("without, it is not there") {
    auto got = f.session().manifest("latest", largest);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().number() == ENOENT);
  }
}

TEST_CASE("session: redirects") {
  const std::string bytes = bytes_of(100'000);
  HttpServer other([&](const Asked& asked) {
    if (asked.target == "/back") return status(302, {{"Location", asked.header("x")}});
    return ranged(asked, bytes);
  });
  std::string to;
  Fixture f([&](const Asked& asked) {
    if (asked.target.starts_with("/data/")) return ranged(asked, bytes);
    if (asked.header("authorization").empty())
      return status(401, {{"WWW-Authenticate", "Basic realm=\"r\""}});
    return status(307, {{"Location", to}});
  });
  f.log_in();
  SUBCASE("to another host go without credentials") {
    to = "http://" + other.host() + "/data/x?signature=1";
    CHECK(pulled(f.session(), blob_of(bytes)) == bytes);
    REQUIRE(other.asked().size() == 1);
    CHECK(other.asked()[0].header("authorization").empty());
    CHECK(other.asked()[0].header("host") == other.host());
  }
  SUBCASE("to the same host with them") {
    to = "/data/x";
    CHECK(pulled(f.session(), blob_of(bytes)) == bytes);
    CHECK_FALSE(f.server.asked().back().header("authorization").empty());
  }
  SUBCASE("in a circle end") {
    to = "/v2/me/tool/blobs/x";
    const std::string got = pulled(f.session(), blob_of(bytes));
    CHECK(got.find("more than 10 redirects") != std::string::npos);
    CHECK(f.server.asked().size() < 20);
  }
  SUBCASE("to nowhere") {
    to = "ftp://x/y";
    CHECK(pulled(f.session(), blob_of(bytes)).starts_with("error: "));
    to = "";
    CHECK(pulled(f.session(), blob_of(bytes)).starts_with("error: "));
  }
}

TEST_CASE("session: blobs over connections that break") {
  const std::string bytes = bytes_of(1'000'000);
  const Blob blob = blob_of(bytes);
  SUBCASE("every 64 KiB, with ranges") {
    Fixture f([&](const Asked& asked) {
      if (is_ping(asked)) return json("{}");
      Answered answer = ranged(asked, bytes);
      answer.cut = 65536;
      return answer;
    });
    CHECK(pulled(f.session(), blob) == bytes);
    CHECK(f.server.asked().size() == 1 + (bytes.size() + 65535) / 65536);
    CHECK(f.notes.empty());
  }
  SUBCASE("without ranges, a little later each time") {
    std::atomic<size_t> cut{0};
    Fixture f([&](const Asked& asked) {
      if (is_ping(asked)) return json("{}");
      Answered answer;
      answer.body = bytes;
      answer.cut = cut += 200'000;
      return answer;
    });
    CHECK(pulled(f.session(), blob) == bytes);
  }
  SUBCASE("without ranges, always at the same place") {
    Fixture f([&](const Asked& asked) {
      if (is_ping(asked)) return json("{}");
      Answered answer;
      answer.body = bytes;
      answer.cut = 65536;
      return answer;
    });
    const std::string got = pulled(f.session(), blob);
    CHECK(got.starts_with("error: tried 4 times: "));
    CHECK(f.server.asked().size() < 10);
  }
  SUBCASE("a few bytes at a time for ever") {
    Fixture f([&](const Asked& asked) {
      if (is_ping(asked)) return json("{}");
      Answered answer = ranged(asked, bytes);
      answer.cut = 10;
      return answer;
    });
    CHECK(pulled(f.session(), blob).starts_with("error: tried 4 times: "));
  }
  SUBCASE("to a server that answers with another range") {
    for (const char* range :
         {"bytes 0-9/1000000", "bytes 70000-999999/1000000", "bytes 65536-2000000/2000001", "x"}) {
      Fixture f([&](const Asked& asked) {
        if (is_ping(asked)) return json("{}");
        Answered answer = ranged(asked, bytes);
        if (answer.status == 206) answer.headers = {{"Content-Range", range}};
        answer.cut = 65536;
        return answer;
      });
      CHECK(pulled(f.session(), blob).find("was asked for, and the answer is") != std::string::npos);
    }
  }
  SUBCASE("and errors in between") {
    std::atomic<int> times{0};
    Fixture f([&](const Asked& asked) {
      if (is_ping(asked)) return json("{}");
      if (times++ % 3 != 0) return status(500);
      Answered answer = ranged(asked, bytes);
      answer.cut = 300'000;
      return answer;
    });
    CHECK(pulled(f.session(), blob) == bytes);
  }
}

TEST_CASE("session: blobs of another size than they should have") {
  const std::string bytes = bytes_of(100'000);
  const Blob blob = blob_of(bytes);
  const auto got = [&](const std::function<void(Answered&)>& change) {
    Fixture f([&](const Asked& asked) {
      if (is_ping(asked)) return json("{}");
      Answered answer = ranged(asked, bytes);
      change(answer);
      return answer;
    });
    return pulled(f.session(), blob);
  };
  CHECK(got([](Answered& a) { a.chunked = true; }) == bytes);
  CHECK(got([](Answered& a) { a.body += "x"; }).find("says that it has 100001") != std::string::npos);
  CHECK(got([](Answered& a) { a.body.pop_back(); }).starts_with("error: "));
  CHECK(got([](Answered& a) {
          a.body += "x";
          a.chunked = true;
        }).find("has more than the 100000 bytes") != std::string::npos);
  CHECK(got([](Answered& a) {
          if (a.status == 200) a.body.pop_back();
          a.chunked = true;
        }) == bytes);  // the last byte by a range
  CHECK(got([](Answered& a) {
          a.body = a.body.substr(0, 50'000);
          a.status = 200;
          a.chunked = true;
        }).find("tried 4 times") != std::string::npos);
  CHECK(got([](Answered& a) { a.length = uint64_t{1} << 62; }).starts_with("error: "));
  CHECK(got([](Answered& a) { a.status = 404; }).find("the answer is 404") != std::string::npos);
}

TEST_CASE("session: uploads") {
  const std::string bytes = bytes_of(300'000);
  const Blob blob = blob_of(bytes);
  const auto open = [&]() -> Result<std::unique_ptr<ByteSource>> { return memory_source(bytes); };
  std::string location = "/upload/1?state=abc";
  std::atomic<int> failures{0};
  std::string digest = blob.digest.str();
  int answer_to_mount = 201;
  Fixture f([&](const Asked& asked) {
    if (asked.method == "HEAD") return status(asked.target.ends_with(blob.digest.hex()) ? 200 : 404);
    if (asked.method == "POST" && asked.target.find("?mount=") != std::string::npos)
      return status(answer_to_mount, {{"Location", location}});
    if (asked.method == "POST") return status(202, {{"Location", location}});
    if (asked.method == "DELETE") return status(204);
    if (asked.method == "PUT" && failures-- > 0) return status(503);
    if (asked.method == "PUT") return status(201, {{"Docker-Content-Digest", digest}});
    return json("{}");
  });
  const std::string put = "PUT /upload/1?state=abc&digest=sha256%3A" + blob.digest.hex();
  SUBCASE("in one piece") {
    auto pushed = f.session().push_blob(blob, open);
    REQUIRE_MESSAGE(pushed.ok(), (pushed.ok() ? "" : pushed.error().full()));
    CHECK(f.server.lines() == std::vector<std::string>{"GET /v2/", "POST /v2/me/tool/blobs/uploads/", put});
    CHECK(f.server.asked()[2].body == bytes);
    CHECK(f.server.asked()[2].header("content-type") == "application/octet-stream");
  }
  SUBCASE("to an absolute place without a query") {
    location = "http://" + f.server.host() + "/upload/2";
    CHECK(f.session().push_blob(blob, open).ok());
    CHECK(f.server.lines().back() == "PUT /upload/2?digest=sha256%3A" + blob.digest.hex());
  }
  SUBCASE("again from the beginning") {
    failures = 2;
    CHECK(f.session().push_blob(blob, open).ok());
    CHECK(f.server.asked().size() == 7);
    CHECK(f.server.asked().back().body == bytes);
  }
  SUBCASE("of which the registry has got another digest") {
    digest = Digest::of("x").str();
    CHECK_FALSE(f.session().push_blob(blob, open).ok());
    CHECK_FALSE(f.session().push_manifest("latest", "{}", index_type).ok());
  }
  SUBCASE("of a manifest") {
    digest = Digest::of("{}").str();
    CHECK(f.session().push_manifest("latest", "{}", index_type).ok());
    const Asked asked = f.server.asked().back();
    CHECK(asked.target == "/v2/me/tool/manifests/latest");
    CHECK(asked.header("content-type") == index_type);
    CHECK(asked.body == "{}");
  }
  SUBCASE("that are not needed") {
    CHECK(f.session().has_blob(blob.digest).value());
    CHECK_FALSE(f.session().has_blob(Digest::of("x")).value());
    CHECK(f.session().mount_blob(blob.digest, "other/tool").value());
    CHECK(f.server.lines().back() ==
          "POST /v2/me/tool/blobs/uploads/?mount=sha256%3A" + blob.digest.hex() + "&from=other%2Ftool");
    answer_to_mount = 202;
    CHECK_FALSE(f.session().mount_blob(blob.digest, "other/tool").value());
    CHECK(f.server.lines().back() == "DELETE /upload/1?state=abc");
    answer_to_mount = 405;
    CHECK_FALSE(f.session().mount_blob(blob.digest, "other/tool").value());
  }
  SUBCASE("whose bytes cannot be read") {
    auto pushed = f.session().push_blob(blob, []() -> Result<std::unique_ptr<ByteSource>> {
      return Error(Fault::infrastructure, "reading", EIO);
    });
    REQUIRE_FALSE(pushed.ok());
    CHECK(pushed.error().number() == EIO);
  }
}
