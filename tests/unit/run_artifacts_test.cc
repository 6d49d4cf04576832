// Artifacts: patterns over paths, and what a hostile inside can make of the frames.
#include <doctest/doctest.h>

#include "base/sys.h"
#include "base/text.h"
#include "run/artifacts.h"
#include "run/channel.h"
#include "run/conversation.h"
#include "sandbox_support.h"

using namespace testctr;
using namespace testctr::run;
using testctr::sandbox::tests::TemporaryDirectory;

namespace {

struct Logged : EventSink {
  void take(const Event& event) override { text += event.text + "\n"; }
  std::string text;
};

bool covers(const char* pattern, const char* name) {
  return script::PathGlob::make(pattern).value().covers(text::split(name, '/'));
}

Json file(int64_t index, std::string_view name, int64_t size, int64_t mode = 0644) {
  return Json{{"t", "artifact"}, {"i", index}, {"n", json::binary(name)}, {"m", mode}, {"s", size}};
}
Json data_frame(std::string_view bytes) { return Json{{"t", "data"}, {"d", json::binary(bytes)}}; }

// "" or what is wrong with these frames.
std::string answer(ArtifactTaker& taker, const std::vector<Json>& frames) {
  Logged events;
  for (const Json& frame : frames) {
    const std::string type = frame["t"].get<std::string>();
    if (!taker.takes(type)) return "not its frame";
    auto status = taker.take(type, frame, events);
    if (!status.ok()) return status.error().message();
  }
  return "";
}

}  // namespace

TEST_CASE("path globs") {
  CHECK(covers("*.log", "a.log"));
  CHECK_FALSE(covers("*.log", ".a.log"));
  CHECK_FALSE(covers("*.log", "a.txt"));
  CHECK(covers("*.log", "dir.log/below/it"));
  CHECK(covers("**/*.log", "a.log"));
  CHECK(covers("**/*.log", "x/y/a.log"));
  CHECK_FALSE(covers("**/*.log", "x/.y/a.log"));
  CHECK(covers("a/*/c", "b/c"));
  CHECK_FALSE(covers("a/*/c", "b/d"));
  CHECK(covers("a/b", "b"));
  CHECK(covers("\\*x", "*x"));
  CHECK_FALSE(covers("\\*x", "yx"));
  CHECK(covers("?/**/z", "a/z"));
  const auto glob = script::PathGlob::make("/var//log/x*/y").value();
  CHECK(glob.absolute());
  CHECK(glob.base() == std::vector<std::string>{"var", "log"});
  for (const char* bad : {"", "/", "a/../b", "./a", "a\\"}) CHECK_FALSE(script::PathGlob::make(bad).ok());
  CHECK_FALSE(script::PathGlob::make(std::string("a\0b", 3)).ok());
}

TEST_CASE("artifacts: a hostile inside writes nothing but what was asked for") {
  TemporaryDirectory dir;
  const std::string out = dir / "out";
  auto taker = [&] { return ArtifactTaker({{"*.log", out, ""}, {"x/**", out, "job"}}, {3, 100}); };
  auto said = [&](const std::vector<Json>& frames) {
    ArtifactTaker t = taker();
    return answer(t, frames);
  };
  for (const std::string& name :
       std::vector<std::string>{"../a.log", "a.log/../../b.log", "/a.log", "", "a.log/", "a.log//x", ".",
                                "..", std::string("a\0.log", 6), "b.txt", ".b.log"}) {
    CAPTURE(name);
    CHECK(said({file(0, name, 0)}) != "");
  }
  CHECK(said({file(0, std::string("a\0b.log", 7), 0)}) != "");
  CHECK(said({file(0, std::string(300, 'a') + ".log", 0)}) != "");
  CHECK(said({file(2, "a.log", 0)}) != "");
  CHECK(said({file(-1, "a.log", 0)}) != "");
  CHECK(said({file(0, "a.log", -1)}) != "");
  CHECK(said({file(0, "a.log", 101)}) != "");
  CHECK(said({file(0, "a.log", 60), data_frame(std::string(60, 'x')), file(0, "b.log", 60)}) != "");
  CHECK(said({file(0, "a.log", 3), data_frame("long")}) != "");
  CHECK(said({file(0, "a.log", 3), data_frame("")}) != "");
  CHECK(said({file(0, "a.log", 3), file(0, "b.log", 3)}) == "not its frame");
  CHECK(said({data_frame("x")}) == "not its frame");
  CHECK(said({Json{{"t", "artifacts_done"}}, file(0, "a.log", 0)}) == "not its frame");
  CHECK(said({file(0, "a.log", 0), file(0, "b.log", 0), file(0, "c.log", 0), file(0, "d.log", 0)}) != "");
  CHECK(said({Json{{"t", "artifact"}, {"i", 0}}}) != "");
  // Nothing unfinished is left.
  CHECK(said({file(0, "half.log", 5), data_frame("xx"), Json{{"t", "artifact_end"}}}) == "");
  CHECK(said({file(0, "half2.log", 5), data_frame("xx")}) == "");
  CHECK_FALSE(sys::stat_at(AT_FDCWD, out + "/half.log").value());
  CHECK_FALSE(sys::stat_at(AT_FDCWD, out + "/half2.log").value());

  ArtifactTaker good = taker();
  CHECK(good.lost());
  CHECK(answer(good, {file(0, "sub.log/f", 4, 06755), data_frame("ab"), data_frame("cd"), file(1, "y/z", 0),
                      Json{{"t", "artifacts_done"}}}) == "");
  CHECK_FALSE(good.lost());
  CHECK(sys::read_file(out + "/sub.log/f").value() == "abcd");
  CHECK((sys::stat_at(AT_FDCWD, out + "/sub.log/f").value()->st_mode & 07777) == 0755);
  CHECK(sys::stat_at(AT_FDCWD, out + "/job/y/z").value());
}

TEST_CASE("artifacts: the conversation takes their frames only where they are asked for") {
  Logged events;
  const std::string hello = encode_frame(Json{{"t", "hello"}, {"v", protocol_version}}).value();
  const std::string sent = hello + encode_frame(file(0, "a", 0)).value();
  auto conversation = Conversation::begin(Assignment()).value();
  auto status = conversation.take(sent, events);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().message().find("broke the channel's protocol") != std::string::npos);
  CHECK_FALSE(conversation.lost());
  TemporaryDirectory dir;
  auto expecting = Conversation::begin(Assignment()).value();
  expecting.expect({{"a", dir.path(), ""}});
  CHECK(expecting.take(sent, events).ok());
  CHECK(expecting.lost());
  CHECK(expecting.take(encode_frame(Json{{"t", "artifacts_done"}}).value(), events).ok());
  CHECK_FALSE(expecting.lost());
  CHECK(sys::stat_at(AT_FDCWD, dir / "a").value());
}
