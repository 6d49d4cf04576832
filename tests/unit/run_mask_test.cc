#include "run/mask.h"

#include <doctest/doctest.h>

#include "base/text.h"

namespace testctr::run {
namespace {

struct Told : EventSink {
  std::vector<Event> events;
  void take(const Event& event) override { events.push_back(event); }
  /// All that one stream said.
  [[nodiscard]] std::string of(const std::string& stream, uint32_t script = 0) const {
    std::string all;
    for (const Event& event : events)
      if (event.kind == Event::Kind::output && event.stream == stream && event.script == script)
        all += event.text;
    return all;
  }
};

Secrets of(std::initializer_list<std::string_view> values) {
  Secrets secrets;
  for (const std::string_view value : values) secrets.add(value);
  return secrets;
}

Event output(const std::string& text, const std::string& stream = "stdout", uint32_t script = 0,
             const std::string& place = "container") {
  Event event;
  event.kind = Event::Kind::output;
  event.text = text;
  event.stream = stream;
  event.script = script;
  event.place = place;
  return event;
}

Event other(Event::Kind kind, uint32_t script = 0) {
  Event event;
  event.kind = kind;
  event.script = script;
  return event;
}

TEST_CASE("values of secrets are masked, short ones are not") {
  const Secrets secrets = of({"hunter2!", "abc", ""});
  CHECK(secrets.masked("x hunter2! y hunter2!hunter2!") == "x *** y ******");
  CHECK(secrets.masked("abc hunter2") == "abc hunter2");
  CHECK(secrets.masked("").empty());
  CHECK(secrets.in("-hunter2!"));
  CHECK_FALSE(secrets.in("hunter2"));
  CHECK(of({"abc"}).empty());
  CHECK_FALSE(of({"abcd"}).empty());
}

TEST_CASE("in base64, whatever stands around it") {
  for (const std::string value : {"s3cr3t/tok+en", "four", "\xff\xfe\xfd\xfc\xfb", "exactly9!"}) {
    const Secrets secrets = of({value});
    for (size_t before = 0; before < 4; ++before) {
      for (size_t after = 0; after < 4; ++after) {
        std::string whole = text::base64(std::string(before, 'x') + value + std::string(after, 'y'));
        CAPTURE(whole);
        CHECK(secrets.in(whole));
        for (char& c : whole) c = c == '+' ? '-' : c == '/' ? '_' : c;
        CHECK(secrets.in(whole));
      }
    }
  }
}

std::string hex(std::string_view value, bool lower) {
  std::string digits;
  for (const char c : value)
    digits += lower ? fmt::format("{:02x}", static_cast<unsigned char>(c))
                    : fmt::format("{:02X}", static_cast<unsigned char>(c));
  return digits;
}

std::string in_lines(const std::string& digits, size_t columns, const std::string& end) {
  std::string lines;
  for (size_t at = 0; at < digits.size(); at += columns) lines += digits.substr(at, columns) + end;
  return lines;
}

TEST_CASE("in hex") {
  const Secrets secrets = of({"s3cr\xc3\xbct"});
  CHECK(secrets.masked("<73336372c3bc74>") == "<***>");
  CHECK(secrets.masked("<73336372C3BC74>") == "<***>");
  CHECK(secrets.masked("<73336372C3BC>") == "<73336372C3BC>");
}

TEST_CASE("in base64 and in hex that is broken over lines") {
  const std::string secret =
      "a long secret with / and + and \xc3\xbc, and more of it than a line can hold, 0123456789!";
  const Secrets secrets = of({secret, "other secret"});
  for (const size_t columns : {76, 64, 60}) {
    for (const std::string end : {"\n", "\r\n", "\n  "}) {
      for (size_t before = 0; before < 100; before += 7) {
        const std::string whole = std::string(before, 'x') + secret + "yy";
        for (const std::string& digits : {text::base64(whole), hex(whole, true), hex(whole, false)}) {
          const std::string lines = in_lines(digits, columns, end);
          CAPTURE(lines);
          CHECK(secrets.in(lines));
          CHECK(secrets.in(lines.substr(lines.size() - std::min(lines.size(), secrets.longest() + 4))));
          const std::string masked = secrets.masked("first\n" + lines + "last\n");
          CHECK(masked.starts_with("first\n"));
          CHECK(masked.ends_with("last\n"));
          CHECK(masked.find("***") != std::string::npos);
          CHECK_FALSE(secrets.in(masked));
          CHECK(masked.size() < lines.size() - digits.size() / 2 + 200);
        }
      }
    }
  }
  // Not what merely lies about in several lines.
  CHECK_FALSE(secrets.in("other\n secret"));
  CHECK(secrets.masked("a\nb\n") == "a\nb\n");
}

TEST_CASE("what is broken over lines is masked when it comes in pieces") {
  const std::string secret(150, 's');
  const std::string lines = in_lines(text::base64(secret + "?"), 76, "\n");
  const Secrets secrets = of({secret});
  for (size_t cut = 0; cut <= lines.size(); ++cut) {
    Told told;
    Masker masker(told, secrets);
    masker.take(output("before " + lines.substr(0, cut)));
    masker.take(output(lines.substr(cut) + "after"));
    masker.take(other(Event::Kind::script_ended));
    CAPTURE(cut);
    CHECK_FALSE(secrets.in(told.of("stdout")));
    CHECK(told.of("stdout").find("***") != std::string::npos);
    CHECK(told.of("stdout").ends_with("after"));
  }
}

TEST_CASE("as URLs write it") {
  const Secrets secrets = of({"a b/\xc3\xbc~&+1"});
  CHECK(secrets.masked("?q=a%20b%2F%C3%BC~%26%2B1&x") == "?q=***&x");
  CHECK(secrets.masked("?q=a%20b%2f%c3%bc~%26%2b1&x") == "?q=***&x");
  CHECK(secrets.masked("?q=a+b%2F%C3%BC~%26%2B1&x") == "?q=***&x");
}

TEST_CASE("secrets that overlap, or are a part of each other, leave nothing behind") {
  CHECK(of({"secretA", "Axyz"}).masked("-secretAxyz-") == "-***-");
  CHECK(of({"hunter2", "hunter22"}).masked("hunter22 hunter2") == "*** ***");
  CHECK(of({"aaaa"}).masked("aaaaaa b") == "*** b");
}

TEST_CASE("output that repeats a secret is masked in one go") {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "pass.";
  CHECK(of({"pass"}).masked(text).size() == 200'000 * 4);
}

TEST_CASE("a secret that is cut anywhere is masked") {
  const std::string secret = "topsecret value", whole = "before " + secret + " after";
  for (size_t one = 0; one <= whole.size(); ++one) {
    for (size_t two = one; two <= whole.size(); ++two) {
      Told told;
      Masker masker(told, of({secret}));
      masker.take(output(whole.substr(0, one)));
      masker.take(output(whole.substr(one, two - one)));
      masker.take(output(whole.substr(two)));
      masker.take(other(Event::Kind::script_ended));
      CHECK(told.of("stdout") == "before *** after");
    }
  }
}

TEST_CASE("a secret of which another is the beginning is masked whole") {
  Told told;
  Masker masker(told, of({"hunter2", "hunter2-long"}));
  masker.take(output("x hunter2"));
  masker.take(output("-long y hunter2"));
  masker.take(output("-lo"));
  masker.take(other(Event::Kind::script_ended));
  CHECK(told.of("stdout") == "x *** y ***-lo");
}

TEST_CASE("one that ends as it begins is not cut") {
  Told told;
  Masker masker(told, of({"abxxab"}));
  masker.take(output("-abxxab"));
  masker.take(output("xxab-"));
  masker.take(other(Event::Kind::script_ended));
  CHECK(told.of("stdout") == "-***-");
}

TEST_CASE("what is held back is told before what follows, and when the script ends") {
  Told told;
  Masker masker(told, of({"topsecret"}));
  masker.take(output("a tops"));
  REQUIRE(told.events.size() == 1);
  CHECK(told.events[0].text == "a ");
  masker.take(other(Event::Kind::note));
  REQUIRE(told.events.size() == 3);
  CHECK(told.events[1].text == "tops");
  CHECK(told.events[2].kind == Event::Kind::note);
  masker.take(output("topsec"));
  CHECK(told.events.size() == 3);
  masker.take(other(Event::Kind::script_ended));
  REQUIRE(told.events.size() == 5);
  CHECK(told.events[3].text == "topsec");
  for (size_t i = 0; i < told.events.size(); ++i) CHECK(told.events[i].sequence == i);
}

TEST_CASE("streams, places and scripts between do not tear a secret apart") {
  Told told;
  Masker masker(told, of({"topsecret"}));
  masker.take(output("tops"));
  masker.take(output("on stderr", "stderr"));
  masker.take(output("of another top", "stdout", 1));
  masker.take(other(Event::Kind::note, 1));
  masker.take(output("host tops", "stdout", 0, "host"));
  masker.take(output("ecret"));
  masker.take(output("ecret", "stdout", 0, "host"));
  masker.take(other(Event::Kind::script_ended));
  CHECK(told.of("stdout") == "host ******");
  CHECK(told.of("stderr") == "on stderr");
  CHECK(told.of("stdout", 1) == "of another top");
}

TEST_CASE("output that is nothing but beginnings is not held for ever") {
  Told told;
  Masker masker(told, of({"abababab"}));
  for (int i = 0; i < 5000; ++i) masker.take(output(std::string(64, 'a')));
  for (int i = 0; i < 5000; ++i) masker.take(output("abababababababababababababababab"));
  CHECK_FALSE(told.events.empty());
  masker.take(other(Event::Kind::script_ended));
  CHECK(told.of("stdout").find("abababab") == std::string::npos);
}

TEST_CASE("all texts of an event are masked") {
  Event event = other(Event::Kind::failure);
  std::vector<std::string Event::*> own{&Event::text, &Event::detail, &Event::values, &Event::file};
  for (const auto member : own) event.*member = "-topsecret-";
  event.denial.program = "topsecret";
  std::vector<std::string Failure::*> failure{&Failure::command, &Failure::reason, &Failure::expected,
                                              &Failure::actual,  &Failure::diff,   &Failure::hint};
  for (const auto member : failure) event.failure.*member = "-topsecret-";
  Told told;
  Masker(told, of({"topsecret"})).take(event);
  for (const auto member : own) CHECK(told.events.at(0).*member == "-***-");
  for (const auto member : failure) CHECK(told.events[0].failure.*member == "-***-");
  CHECK(told.events[0].denial.program == "***");
}

}  // namespace
}  // namespace testctr::run
