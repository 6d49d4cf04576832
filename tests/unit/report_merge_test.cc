// Events that were written are read again, and those of several files become one run.
#include <doctest/doctest.h>
#include <fcntl.h>

#include "base/sys.h"
#include "base/text.h"
#include "report/json_lines.h"
#include "report/merge.h"
#include "report_support.h"

using namespace testctr;
using namespace testctr::report;
using namespace testctr::report_test;

namespace {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/merge-test-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Folder() { static_cast<void>(sys::remove_tree(path_)); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string write(const std::string& name, const std::string& content) const {
    REQUIRE(sys::write_file_at(AT_FDCWD, path_ + "/" + name, content).ok());
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

std::string lines_of(const RunStart& start, const std::function<void(EventSink&)>& play_all,
                     const RunEnding& ending = {}) {
  StringWriter out;
  Collector collector(false);
  collector.add(std::make_unique<JsonLines>(out));
  collector.start(start);
  play_all(collector);
  CHECK(collector.finish(ending).ok());
  return out.text();
}

RunStart shard(uint32_t index, uint32_t count, size_t scripts, size_t selected) {
  RunStart start;
  start.scripts = scripts;
  start.selection = "abc";
  start.selected = selected;
  start.shard = index;
  start.shards = count;
  start.sharded_by = "count";
  start.unix_ns = 1'700'000'000'000'000'000 + index * 1'000'000;
  return start;
}

/// A run of tests that pass.
std::string passing(const RunStart& start, const std::vector<std::string>& names) {
  return lines_of(start, [&](EventSink& sink) {
    for (uint32_t i = 0; i < names.size(); ++i) {
      sink.take(started(i, names[i], i));
      sink.take(ended(i, Outcome::pass, "", i + 5));
    }
  });
}

std::string without_last_line(const std::string& text) {
  return text.substr(0, text.rfind('\n', text.size() - 2) + 1);
}

/// What is wrong with these files.
std::string refusal(const std::vector<std::string>& paths) {
  const Result<Merge> merge = Merge::read(paths);
  if (merge.ok()) return "";
  return fmt::format("{} {}", merge.error().fault() == Fault::usage ? 2 : 3, merge.error().full());
}

bool has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  MESSAGE("no " << part << " in: " << text);
  return false;
}

}  // namespace

TEST_CASE("events: what is read and written again is the same to the byte") {
  for (const auto& play_all : {play, play_document, play_attempts}) {
    RunStart start = shard(2, 3, 9, 20);
    start.seed = UINT64_MAX;
    start.parallel = 4;
    const std::string text = lines_of(start, play_all);
    StringWriter out;
    JsonLines again(out);
    for (std::string_view line : text::lines(text)) {
      line.remove_suffix(1);
      const auto read = read_event_line(line);
      REQUIRE(read.ok());
      if (const auto* begun = std::get_if<RunStart>(&read.value())) again.run_started(*begun);
      if (const auto* event = std::get_if<Event>(&read.value())) again.event(*event);
    }
    CHECK(out.text() == without_last_line(text));
  }
}

TEST_CASE("events: each member is what it has to be") {
  const std::pair<const char*, const char*> bad[] = {
      {"{", "not valid JSON"},
      {"[]", "not a JSON object"},
      {"{}", "\"version\" is missing"},
      {R"({"version":2,"type":"output"})", "of version 2"},
      {R"({"version":1,"type":7})", "\"type\" is not a string"},
      {R"({"version":1,"type":"output"})", "\"script\" is missing"},
      {R"({"version":1,"type":"output","script":-1})", "\"script\" is not a whole number"},
      {R"({"version":1,"type":"output","script":0,"line":4294967296})", "\"line\" is not"},
      {R"({"version":1,"type":"output","script":0,"data":{"base64":"?"}})", "\"data\" is not a string"},
      {R"({"version":1,"type":"script_ended","script":0,"outcome":"fine"})", "\"outcome\" is \"fine\""},
      {R"({"version":1,"type":"script_ended","script":0})", "\"outcome\" is"},
      {R"({"version":1,"type":"script_ended","script":0,"outcome":"pass","last":1})", "\"last\" is not true"},
      {R"({"version":1,"type":"case_ended","script":0,"outcome":"pass","code":256})", "\"code\" is not"},
      {R"({"version":1,"type":"run_started"})", "\"scripts\" is missing"},
      {R"({"version":1,"type":"run_started","scripts":1,"shard":3,"shards":2})", "\"shard\" is 3 of 2"},
      {R"({"version":1,"type":"run_started","scripts":1,"shard":1})", "\"shard\" is 1 of 0"},
      {R"({"version":1,"type":"run_started","scripts":99999999999})", "\"scripts\" is not"},
      {R"({"version":1,"type":"run_ended","passed":1})", "\"failed\" is missing"}};
  for (const auto& [line, why] : bad) {
    CAPTURE(line);
    const auto read = read_event_line(line);
    REQUIRE_FALSE(read.ok());
    CHECK(read.error().fault() == Fault::usage);
    CHECK(has(read.error().message(), why));
  }
  const auto unknown = read_event_line(R"({"version":1,"type":"verdict","x":[]})");
  REQUIRE(unknown.ok());
  CHECK(std::get<UnknownLine>(unknown.value()).type == "verdict");
}

TEST_CASE("merge: shards are one run, its tests numbered anew and its times those of the first") {
  const Folder folder;
  // In any order.
  Result<Merge> merge = Merge::read({folder.write("2", passing(shard(2, 2, 1, 3), {"c"})),
                                     folder.write("1", passing(shard(1, 2, 2, 3), {"a", "b"}))});
  REQUIRE(merge.ok());
  CHECK(merge.value().missing().empty());
  CHECK(merge.value().start().scripts == 3);
  CHECK(merge.value().start().shards == 0);
  StringWriter out;
  Collector collector(false);
  collector.add(std::make_unique<JsonLines>(out));
  const Result<RunEnding> ending = merge.value().play(collector);
  REQUIRE(ending.ok());
  CHECK(collector.finish(ending.value()).ok());
  CHECK(collector.tally().passed() == 3);
  CHECK(collector.tally().exit_code(ending.value()) == 0);
  CHECK(has(
      out.text(),
      R"("type":"script_started","script":2,"attempt":0,"place":"container","sequence":0,"time_ns":1000000,"name":"c")"));
}

TEST_CASE("merge: what is missing makes the run no green one") {
  const Folder folder;
  const std::string first = passing(shard(1, 3, 2, 4), {"a", "b"});
  const std::string second = passing(shard(2, 3, 1, 4), {"c"});
  const std::string third = passing(shard(3, 3, 1, 4), {"d"});
  const struct {
    std::vector<std::string> shards;
    std::string missing;
    size_t scripts;
    uint64_t not_run;
  } all[] = {{{first, second}, "shard 3 of 3 is missing: no file of it was given", 4, 0},
             {{first, second, passing(shard(3, 3, 0, 4), {})},
              "the shards are not all of the run: 3 tests in them, 4 were selected",
              4,
              0},
             {{without_last_line(first), second, third},
              "is cut off after line 5: 0 tests had not ended, 0 tests had not begun",
              5,
              0},
             {{without_last_line(without_last_line(first)), second, third},
              "is cut off after line 4: 1 test had not ended, 0 tests had not begun",
              5,
              1},
             {{first.substr(0, first.size() - 1), second, third}, "is cut off after line 5: 0 tests", 5, 0},
             {{first.substr(0, first.find('\n') + 1), second, third},
              "is cut off after line 1: 0 tests had not ended, 2 tests had not begun",
              3,
              0}};
  for (const auto& one : all) {
    CAPTURE(one.missing);
    std::vector<std::string> paths;
    for (const std::string& content : one.shards)
      paths.push_back(folder.write(std::to_string(paths.size() + 1), content));
    Result<Merge> merge = Merge::read(paths);
    REQUIRE(merge.ok());
    REQUIRE(merge.value().missing().size() == 1);
    CHECK(has(merge.value().missing()[0], one.missing));
    CHECK(merge.value().start().scripts == one.scripts);
    Collector collector(false);
    const Result<RunEnding> ending = merge.value().play(collector);
    REQUIRE(ending.ok());
    CHECK(collector.tally().total() == one.scripts);
    CHECK(collector.tally().of(Outcome::error) == 1);
    CHECK(collector.tally().of(Outcome::not_run) == one.not_run);
    CHECK(collector.tally().exit_code(ending.value()) == 3);
  }
}

TEST_CASE("merge: what is no run of shards is refused") {
  const Folder folder;
  const std::string a = folder.write("a", passing(shard(1, 2, 1, 2), {"x"}));
  CHECK(has(refusal({a, folder.write("same", passing(shard(2, 2, 1, 2), {"x"}))}),
            "2 test \"x\" is in two shards"));
  CHECK(has(refusal({a, folder.write("twice", passing(shard(1, 2, 1, 2), {"y"}))}),
            "2 shard 1 of 2 is there twice"));
  CHECK(has(refusal({a, folder.write("three", passing(shard(2, 3, 1, 2), {"y"}))}), "of 2 shards and of 3"));
  CHECK(has(refusal({a, folder.write("more", passing(shard(2, 2, 1, 9), {"y"}))}),
            "other tests were selected (2 and 9)"));
  RunStart other = shard(2, 2, 1, 2);
  other.selection = "def";
  CHECK(has(refusal({a, folder.write("other", passing(other, {"y"}))}), "other tests were selected"));
  RunStart whole;
  whole.scripts = 1;
  CHECK(has(refusal({a, folder.write("whole", passing(whole, {"y"}))}), "whole is a whole run"));
  CHECK(has(refusal({folder.write("none", "")}), "3 "));
  CHECK(has(refusal({folder.write("none", "")}), "none is cut off before its first line"));
  CHECK(has(refusal({folder.write("text", "hello\n")}), "text:1: not valid JSON"));
  CHECK(has(refusal({"/"}), "is not a file"));
}

TEST_CASE("merge: events out of order are refused with their line") {
  const Folder folder;
  const std::string good = lines_of(shard(1, 1, 5, 5), play_attempts);
  REQUIRE(refusal({folder.write("good", good)}) == "");
  std::vector<std::string> lines;
  for (std::string_view line : text::lines(good)) lines.emplace_back(line);
  // Each line but the first left out, and each said twice: told of, unless it is one that nothing depends on.
  size_t left_out = 0, doubled = 0;
  for (size_t i = 1; i + 1 < lines.size(); ++i) {
    const bool matters = lines[i].find("script_") != std::string::npos;
    std::string less, more;
    for (size_t k = 0; k < lines.size(); ++k) {
      if (k != i) less += lines[k];
      more += lines[k] + (k == i ? lines[k] : "");
    }
    CAPTURE(lines[i]);
    if (!matters) continue;
    CHECK(has(refusal({folder.write("less", less)}), "2 "));
    CHECK(has(refusal({folder.write("more", more)}), "2 "));
    ++left_out;
    ++doubled;
  }
  CHECK(left_out == 18);
  CHECK(doubled == 18);
  std::string changed = good;
  changed.replace(changed.find("\"passed\":3"), 10, "\"passed\":4");
  CHECK(has(refusal({folder.write("changed", changed)}), "the file was changed"));
  CHECK(has(refusal({folder.write("twice", good + good)}), "a second run begins here"));
  CHECK(has(refusal({folder.write("behind", good + lines[1])}), "stands behind run_ended"));
}

TEST_CASE("merge: a run whose flaky tests failed it stays one") {
  const Folder folder;
  StringWriter out;
  Collector collector(false);
  collector.add(std::make_unique<JsonLines>(out));
  collector.fail_flaky();
  collector.start(shard(1, 1, 5, 5));
  play_attempts(collector);
  CHECK(collector.finish({}).ok());
  const Result<Merge> merge = Merge::read({folder.write("1", out.text())});
  REQUIRE(merge.ok());
  CHECK(merge.value().flaky_fails());
  const Result<Merge> other = Merge::read({folder.write("1", lines_of(shard(1, 1, 5, 5), play_attempts))});
  REQUIRE(other.ok());
  CHECK_FALSE(other.value().flaky_fails());
}

TEST_CASE("events: a line is bounded, and one without its end is not there") {
  Fd file = sys::memory_file("lines").value();
  REQUIRE(sys::write_full(file.get(), "one\n\ntwo\nthree is long\nfour").ok());
  REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0);
  LineReader lines(std::move(file), 5);
  CHECK(lines.next().value() == "one");
  CHECK(lines.next().value() == "");
  CHECK(lines.next().value() == "two");
  CHECK(lines.line() == 3);
  const auto tooLong = lines.next();
  REQUIRE_FALSE(tooLong.ok());
  CHECK(lines.line() == 4);
  CHECK(lines.next().value() == std::nullopt);
  CHECK(lines.is_cut());
}
