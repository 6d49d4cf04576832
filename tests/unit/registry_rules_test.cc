// The small rules of the protocol: challenges, tokens, delays, ranges, what refusals say.
#include <doctest/doctest.h>

#include "base/sys.h"
#include "registry/answer.h"
#include "registry/blob_stream.h"
#include "registry/challenge.h"
#include "registry/retry.h"
#include "registry/token.h"

using namespace testctr;
using namespace testctr::registry;

namespace {

std::string shown(std::string_view header) {
  std::string all;
  for (const Challenge& c : parse_challenges(header)) {
    all += (all.empty() ? "" : "; ") + c.scheme;
    for (const auto& [name, value] : c.parameters) all += fmt::format(" {}=<{}>", name, value);
  }
  return all;
}

constexpr int64_t second = 1'000'000'000;

}  // namespace

TEST_CASE("challenges: one and several, with quoted strings") {
  CHECK(
      shown(
          R"(Bearer realm="https://auth.example/token",service="r.example",scope="repository:a/b:pull,push")") ==
      "bearer realm=<https://auth.example/token> scope=<repository:a/b:pull,push> service=<r.example>");
  CHECK(shown("Basic realm=plain") == "basic realm=<plain>");
  CHECK(shown("Basic") == "basic");
  CHECK(shown("bearer REALM = \"x\" , Service=y") == "bearer realm=<x> service=<y>");
  CHECK(shown(R"(Basic realm="a, b=c \"d\"", Bearer realm="x")") ==
        "basic realm=<a, b=c \"d\">; bearer realm=<x>");
  CHECK(shown("Negotiate, Basic realm=x") == "negotiate; basic realm=<x>");
  CHECK(shown("Negotiate YWJj==, Bearer realm=x") == "negotiate; bearer realm=<x>");
  CHECK(shown(", ,Basic realm=x,,error=\"\",") == "basic error=<> realm=<x>");
  CHECK(shown("Digest realm=a, nonce=\"b\", Basic realm=\"c\"") ==
        "digest nonce=<b> realm=<a>; basic realm=<c>");
  CHECK(shown("") == "");
}

TEST_CASE("challenges: what cannot be understood ends the list") {
  CHECK(shown("Basic realm=x, Bearer realm=\"never ends") == "basic realm=<x>; bearer");
  CHECK(shown("Bearer realm=\"ends with\\") == "bearer");
  CHECK(shown("(") == "");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "Basic realm=x, ";
  CHECK(parse_challenges(many).size() == 16);
  many = "Bearer ";
  for (int i = 0; i < 1000; ++i) many += fmt::format("p{}=x, ", i);
  CHECK(parse_challenges(many).size() == 1);
  CHECK(parse_challenges(many)[0].parameters.size() <= 33);
}

TEST_CASE("Retry-After: seconds and the three forms of a date") {
  constexpr int64_t now = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
  CHECK(parse_retry_after("0", now) == 0);
  CHECK(parse_retry_after(" 120 ", now) == 120 * second);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now) == 60 * second);
  CHECK(parse_retry_after("Sunday, 06-Nov-94 08:50:37 GMT", now) == 60 * second);
  CHECK(parse_retry_after("Sun Nov  6 08:50:37 1994", now) == 60 * second);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now) == 0);
  CHECK(parse_retry_after("99999999999999999999999999", now).value() > int64_t{3600} * second);
  for (const char* bad : {"", "soon", "-1", "1.5", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:50:37 GMT!"})
    CHECK_MESSAGE(!parse_retry_after(bad, now), bad);
}

TEST_CASE("retries: which, how often, how long") {
  RetryOptions options;
  options.retries = 3;
  options.first_delay_ns = 20'000'000;
  options.longest_delay_ns = 40'000'000;
  std::vector<std::string> notes;
  options.note = [&](const std::string& text) { notes.push_back(text); };
  const Error cut(Fault::infrastructure, "reading", ECONNRESET);
  Passing none;

  SUBCASE("a limited number, with growing delays") {
    Retry retry(options);
    const uint64_t began = sys::monotonic_ns();
    for (int i = 0; i < 3; ++i) CHECK_FALSE(retry.failed(cut, none, true));
    auto last = retry.failed(cut, none, true);
    REQUIRE(last);
    CHECK(last->message() == "tried 4 times: reading: Connection reset by peer");
    CHECK(last->number() == ECONNRESET);
    const uint64_t took = sys::monotonic_ns() - began;
    CHECK(took >= 50'000'000);  // half of 20 + 40 + 40
    CHECK(notes.size() == 3);
    CHECK(notes[0].starts_with("reading: Connection reset by peer; trying again in "));
    CHECK(notes[0].ends_with("(1 of 3)"));
  }
  SUBCASE("what does not pass is not tried again") {
    for (int number : {0, ENOENT, EACCES, EPROTO, ENXIO, ECANCELED, ENETDOWN})
      CHECK(Retry(options).failed(Error(Fault::infrastructure, "x", number), none, true));
    Passing passing;
    passing.again = true;
    CHECK_FALSE(Retry(options).failed(Error::infrastructure("503"), passing, true));
  }
  SUBCASE("Retry-After is kept, and one that is too long is an error at once") {
    Passing passing;
    passing.again = true;
    passing.after_ns = 40'000'000;
    const uint64_t began = sys::monotonic_ns();
    CHECK_FALSE(Retry(options).failed(Error::infrastructure("429"), passing, true));
    CHECK(sys::monotonic_ns() - began >= 40'000'000);
    passing.after_ns = 3600 * second;
    auto last = Retry(options).failed(Error::infrastructure("429"), passing, true);
    REQUIRE(last);
    CHECK(last->message() == "the server wants to be asked again in 1h0m0s at the earliest: 429");
  }
  SUBCASE("a network that reaches nobody is tried once more") {
    const Error nobody(Fault::infrastructure, "connect", ENETUNREACH);
    Retry retry(options);
    CHECK_FALSE(retry.failed(nobody, none, false));
    auto last = retry.failed(nobody, none, false);
    REQUIRE(last);
    CHECK(last->hint().find("testctr-script image load") != std::string::npos);
    Retry known(options);
    for (int i = 0; i < 3; ++i) CHECK_FALSE(known.failed(nobody, none, true));
    CHECK(known.failed(nobody, none, true)->hint().empty());
    Retry slow(options);
    CHECK_FALSE(slow.failed(Error(Fault::infrastructure, "connect", ETIMEDOUT), none, false));
    CHECK(slow.failed(Error(Fault::infrastructure, "connect", ETIMEDOUT), none, false));
    auto unknown = Retry(options).failed(Error(Fault::infrastructure, "no such name", ENXIO), none, false);
    CHECK(unknown->hint().find("testctr-script image load") != std::string::npos);
  }
  SUBCASE("progress begins the count anew") {
    Retry retry(options);
    for (int i = 0; i < 20; ++i) {
      retry.progressed();
      CHECK_FALSE(retry.failed(cut, none, true));
    }
    CHECK(notes.empty());
  }
  SUBCASE("cancelled while waiting") {
    options.cancelled = [] { return true; };
    options.first_delay_ns = options.longest_delay_ns = 60 * second;
    auto last = Retry(options).failed(cut, none, true);
    REQUIRE(last);
    CHECK(last->number() == ECANCELED);
  }
}

TEST_CASE("tokens: names, lives, and what is none") {
  const uint64_t now = 1000 * static_cast<uint64_t>(second);
  const auto life = [&](const std::string& json) {
    return static_cast<int64_t>(parse_token(json, now).value().good_until - now) / second;
  };
  CHECK(parse_token(R"({"token": "abc"})", now).value().value == "abc");
  CHECK(parse_token(R"({"access_token": "abc"})", now).value().value == "abc");
  CHECK(parse_token(R"({"access_token": "b", "token": "a"})", now).value().value == "a");
  CHECK(life(R"({"token": "a"})") == 55);
  CHECK(life(R"({"token": "a", "expires_in": 5})") == 55);
  CHECK(life(R"({"token": "a", "expires_in": -5})") == 55);
  CHECK(life(R"({"token": "a", "expires_in": "300"})") == 55);
  CHECK(life(R"({"token": "a", "expires_in": 300})") == 295);
  CHECK(life(R"({"token": "a", "expires_in": 18446744073709551615})") == int64_t{30} * 24 * 3600 - 5);
  for (const char* bad : {"", "[]", "{}", R"({"token": ""})", R"({"token": 5})", R"({"token": "a b"})",
                          R"({"token": "a\r\nX: y"})", R"({"token": "hunter2 )"}) {
    auto none = parse_token(bad, now);
    CHECK_MESSAGE(!none.ok(), bad);
    CHECK(none.error().message().find("hunter2") == std::string::npos);
  }
}

TEST_CASE("Content-Range") {
  auto range = parse_content_range("bytes 10-19/20");
  REQUIRE(range);
  CHECK(range->first == 10);
  CHECK(range->last == 19);
  CHECK(range->size == 20);
  CHECK(parse_content_range("bytes 0-0/*").has_value());
  for (const char* bad :
       {"", "bytes", "bytes */20", "bytes 19-10/20", "bytes 10-20/20", "bytes 10-/20", "items 1-2/3",
        "bytes -5/20", "bytes 1-2", "bytes 1-99999999999999999999/*", "bytes 1/2-3"})
    CHECK_MESSAGE(!parse_content_range(bad), bad);
}

TEST_CASE("what refusals say is bounded and printable") {
  CHECK(told_in(R"({"errors": [{"code": "DENIED", "message": "no"}, {"code": "UNKNOWN"}]})") ==
        "DENIED: no; UNKNOWN");
  CHECK(told_in(R"({"details": "incorrect username or password"})") == "incorrect username or password");
  CHECK(told_in(R"({"message": "x"})") == "x");
  CHECK(told_in(R"({"errors": {"a": 1}})") == "");
  CHECK(told_in("plain words\nand more") == "plain words");
  CHECK(told_in("<html>\n<body>") == "");
  CHECK(told_in("") == "");
  CHECK(told_in("{\"message\": \"a\\u001b[31mb\\u0007\"}") == "a\\x1b[31mb\\x07");
  const std::string long_one = told_in("{\"message\": \"" + std::string(100000, 'a') + "\"}");
  CHECK(long_one.size() == 303);
  std::string many = "{\"errors\": [";
  for (int i = 0; i < 1000; ++i) many += "{\"code\": \"C\"},";
  CHECK(told_in(many + "{}]}") == "C; C; C");
}
