// A run of scripts as events, for the tests of the reports.
#pragma once

#include <string>

#include "report/collector.h"

namespace testctr::report_test {

inline Event event(Event::Kind kind, uint32_t script, uint32_t line, std::string text, int64_t time_ms) {
  Event e;
  e.kind = kind;
  e.script = script;
  e.line = line;
  e.text = std::move(text);
  e.time_ns = time_ms * 1'000'000;
  e.place = "container";
  return e;
}

inline Event started(uint32_t script, std::string name, int64_t time_ms = 0) {
  Event e = event(Event::Kind::script_started, script, 0, std::move(name), time_ms);
  e.detail = "builtin";
  return e;
}

inline Event ended(uint32_t script, Outcome outcome, std::string reason, int64_t time_ms,
                   std::string fault = "") {
  Event e = event(Event::Kind::script_ended, script, 0, std::move(reason), time_ms);
  e.outcome = outcome;
  e.detail = std::move(fault);
  e.duration_ns = time_ms * 1'000'000;
  return e;
}

inline Event output(uint32_t script, std::string stream, std::string bytes, int64_t time_ms = 0) {
  Event e = event(Event::Kind::output, script, 0, std::move(bytes), time_ms);
  e.stream = std::move(stream);
  return e;
}

inline Event failure(uint32_t script, uint32_t line, Failure what, int64_t time_ms = 0) {
  Event e = event(Event::Kind::failure, script, line, "", time_ms);
  e.failure = std::move(what);
  return e;
}

inline Event denied(uint32_t script, Denial denial) {
  Event e = event(Event::Kind::denied, script, denial.line, "", 0);
  e.denial = std::move(denial);
  return e;
}

/// Four scripts, the first two interleaved: bad.txt fails in its second phase, good.txt passes, broken.txt
/// cannot be parsed, other.txt skips.
inline void play(EventSink& sink) {
  using Kind = Event::Kind;
  sink.take(started(0, "t/bad.txt"));
  sink.take(started(1, "good.txt"));
  sink.take(event(Kind::phase, 0, 1, "prepare", 1));
  sink.take(event(Kind::command, 0, 2, "exec true", 1));
  sink.take(event(Kind::command, 1, 1, "exec echo hi", 2));
  sink.take(output(1, "stdout", "hi\n"));
  sink.take(output(0, "stdout", "not to be seen\n"));
  sink.take(event(Kind::phase, 0, 4, "look", 3));
  sink.take(event(Kind::command, 0, 5, "exec show $WORK", 3));
  sink.take(output(0, "stdout", "one \x1b[31mred\n"));
  sink.take(output(0, "stdout", "in /work/a\n"));
  sink.take(output(0, "stderr", "bad byte \xff"));
  sink.take(event(Kind::note, 0, 5, "[exit status 1]", 3));
  sink.take(denied(0, {5, "show", "mount", 2}));
  sink.take(denied(0, {5, "show", "mount", 1}));
  sink.take(event(Kind::command, 0, 6, "stdout two", 4));
  sink.take(failure(
      0, 6,
      {"stdout two", "no match for `two` in stdout", "two", "one\nred\n", "", "look at <it> & \"that\""}));
  sink.take(ended(1, Outcome::pass, "", 7));
  sink.take(ended(0, Outcome::fail, "", 8));
  sink.take(started(2, "broken.txt", 8));
  sink.take(ended(2, Outcome::error, "broken.txt:1:6: unterminated quote\n  close it", 1, "usage"));
  sink.take(started(3, "other.txt", 8));
  sink.take(ended(3, Outcome::skip, "no #git here", 2));
}

inline Event case_ended(uint32_t script, uint32_t line, std::string title, Outcome outcome,
                        std::string reason = "", std::optional<int> code = 0, std::string file = "") {
  Event e = event(Event::Kind::case_ended, script, line, std::move(title), 0);
  e.outcome = outcome;
  e.detail = std::move(reason);
  e.code = code;
  e.file = std::move(file);
  e.duration_ns = 2'000'000;
  return e;
}

/// A document with a case of each end: one runs beside the others, one is of another document.
inline void play_document(EventSink& sink) {
  using Kind = Event::Kind;
  sink.take(started(0, "doc/a.md"));
  sink.take(event(Kind::command, 0, 3, "serve", 1));
  sink.take(event(Kind::note, 0, 3, "[detached]", 1));
  sink.take(event(Kind::command, 0, 8, "echo good", 1));
  sink.take(output(0, "stdout", "good\n"));
  sink.take(case_ended(0, 8, "Goes well", Outcome::pass));
  sink.take(event(Kind::command, 0, 14, "for i in 1 2; do\n  echo /work/$i\ndone", 1));
  sink.take(output(0, "stdout", "/work/1\n/work/2\n"));
  sink.take(output(0, "stderr", "oops \xff\n"));
  Event wrong = failure(0, 18,
                        {"for i in 1 2; do\n  echo /work/$i\ndone", "the output is not what was expected", "",
                         "", " /work/1\n-three\n+/work/2\n", ""});
  wrong.stream = "stdout";
  sink.take(wrong);
  sink.take(case_ended(0, 14, "Goes\nwrong", Outcome::fail));
  Event inner = event(Kind::command, 0, 4, "(exit 3)", 1);
  inner.file = "doc/b.md";
  sink.take(inner);
  sink.take(output(0, "stderr", "trouble\n"));
  sink.take(event(Kind::note, 0, 4, "[exit status 3]", 1));
  Event code = failure(0, 4, {"(exit 3)", "exit status 3", "exit status 0", "exit status 3", "", ""});
  code.file = "doc/b.md";
  sink.take(code);
  sink.take(case_ended(0, 4, "", Outcome::fail, "", 3, "doc/b.md"));
  sink.take(case_ended(0, 30, "Goes well", Outcome::not_run, "fail_fast: line 4 failed", std::nullopt));
  sink.take(case_ended(0, 35, "", Outcome::not_run, "fail_fast: line 4 failed", std::nullopt));
  sink.take(output(0, "stdout", "served #1\n"));
  sink.take(failure(0, 3, {"serve", "exit status 9", "exit status 0", "exit status 9", "", ""}));
  sink.take(case_ended(0, 3, "Serves", Outcome::fail, "", 9));
  sink.take(event(Kind::log, 0, 0, "left behind: cat", 4));
  sink.take(ended(0, Outcome::fail, "", 5));
}

/// An attempt at a script that fails in its second line.
inline void play_failing_attempt(EventSink& sink, uint32_t script, const std::string& name, uint32_t attempt,
                                 bool last, int64_t time_ms) {
  Event begun = started(script, name, time_ms);
  Event command = event(Event::Kind::command, script, 2, "stdout never", time_ms + 1);
  Event wrong = failure(
      script, 2,
      {"stdout never", fmt::format("no match in attempt {}", attempt + 1), "never", "<again>\n", "", ""},
      time_ms + 2);
  Event end = ended(script, Outcome::fail, "", time_ms + 3);
  end.last = last;
  end.duration_ns = 3'000'000;
  for (Event* each : {&begun, &command, &wrong, &end}) {
    each->attempt = attempt;
    sink.take(*each);
  }
}

/// flaky.txt passes in its third attempt, never.txt fails twice, a.md passes in its second attempt (its
/// second case failed in the first, its third was in that alone), known.txt fails as expected, mended.txt
/// does not.
inline void play_attempts(EventSink& sink) {
  play_failing_attempt(sink, 0, "t/flaky.txt", 0, false, 0);
  play_failing_attempt(sink, 0, "t/flaky.txt", 1, false, 10);
  Event begun = started(0, "t/flaky.txt", 20);
  begun.attempt = 2;
  sink.take(begun);
  Event end = ended(0, Outcome::flaky, "", 25);
  end.attempt = 2;
  end.duration_ns = 5'000'000;
  end.peak_memory = 1 << 20;
  end.cpu_ns = 2'500'000;
  sink.take(end);
  play_failing_attempt(sink, 1, "never.txt", 0, false, 30);
  play_failing_attempt(sink, 1, "never.txt", 1, true, 40);
  for (const uint32_t attempt : {0U, 1U}) {
    std::vector<Event> all{started(2, "a.md", 50), case_ended(2, 3, "Steady", Outcome::pass)};
    if (attempt == 0) {
      all.push_back(event(Event::Kind::command, 2, 8, "sometimes", 51));
      all.push_back(failure(2, 8, {"sometimes", "exit status 1", "", "", "", ""}));
      all.push_back(case_ended(2, 8, "Sometimes", Outcome::fail, "", 1));
      all.push_back(ended(2, Outcome::fail, "", 52));
      all.back().last = false;
    } else {
      all.push_back(case_ended(2, 8, "Sometimes", Outcome::pass));
      all.push_back(ended(2, Outcome::flaky, "", 55));
    }
    for (Event& each : all) {
      each.attempt = attempt;
      sink.take(each);
    }
  }
  sink.take(started(3, "known.txt", 60));
  sink.take(failure(3, 1, {"exec false", "exit status 1", "", "", "", ""}));
  sink.take(ended(3, Outcome::xfail, "issue #12", 61));
  sink.take(started(4, "mended.txt", 62));
  sink.take(ended(4, Outcome::xpass, "it was broken", 63));
}

}  // namespace testctr::report_test
