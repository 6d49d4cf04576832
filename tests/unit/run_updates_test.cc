// What is believed of what a place tells about comparisons.
#include "run/script_updates.h"

#include <doctest/doctest.h>

using namespace testctr;
using namespace testctr::run;

namespace {

struct Nobody : EventSink {
  void take(const Event& event) override { kinds.push_back(event.kind); }
  std::vector<Event::Kind> kinds;
};

/// A run of scripts, each in a job of its own.
struct Told {
  explicit Told(const std::vector<std::string>& sources) {
    for (const std::string& source : sources) {
      plan::Job job;
      job.file = job.name = "t.txt";
      job.source = source;
      plan.jobs.push_back(job);
    }
  }

  void event(Event event, uint32_t script = 0) {
    event.script = script;
    events.push_back(std::move(event));
  }
  void wants(uint32_t line, const std::string& member, const std::string& content, bool more = false,
             bool quoted = false, uint32_t script = 0) {
    Event told;
    told.kind = Event::Kind::compared;
    told.line = line;
    told.text = content;
    told.compared = {member, quoted, false, more};
    event(std::move(told), script);
  }
  void keeps(uint32_t line, const std::string& member, uint32_t script = 0) {
    Event told;
    told.kind = Event::Kind::compared;
    told.line = line;
    told.compared = {member, false, true, false};
    event(std::move(told), script);
  }
  void fails(uint32_t line, const std::string& reason, const std::string& actual,
             const std::string& hint = "") {
    Event told;
    told.kind = Event::Kind::failure;
    told.line = line;
    told.failure.reason = reason;
    told.failure.actual = actual;
    told.failure.hint = hint;
    event(std::move(told));
  }

  /// The updated source, then a line for each problem.
  std::string result(Outcome outcome = Outcome::pass, bool all = false) {
    MemberObserver observer(plan, nobody);
    for (const Event& one : events) observer.take(one);
    for (uint32_t i = 0; i < plan.jobs.size(); ++i) {
      Event end;
      end.kind = Event::Kind::script_ended;
      end.script = i;
      end.outcome = outcome;
      observer.take(end);
    }
    std::string text;
    for (const ScriptUpdate& update : script_updates(plan, observer.ended(), all)) {
      std::vector<script::Edit> edits;
      for (const MemberChange& change : update.changes)
        edits.insert(edits.end(), change.edits.begin(), change.edits.end());
      text += edits.empty() ? "same\n" : script::with_edits(update.source, edits).value();
      for (const std::string& problem : update.problems) text += problem + "\n";
    }
    return text;
  }

  plan::Plan plan;
  std::vector<Event> events;
  Nobody nobody;
};

const std::string two =
    "exec a\ncmp stdout x\ncmp stdout y\n! cmp stdout x\nstdout b\n-- x --\n1\n-- y --\n2\n";
const std::string refused = "same\nt.txt:";

}  // namespace

TEST_CASE("updates: what comparisons want is written") {
  Told told({two});
  told.wants(2, "x", "new", true);
  told.wants(2, "x", " line\n");
  told.keeps(3, "y");
  CHECK(told.result() ==
        "exec a\ncmp stdout x\ncmp stdout y\n! cmp stdout x\nstdout b\n-- x --\nnew line\n-- y --\n2\n");
  CHECK(told.nobody.kinds ==
        std::vector<Event::Kind>{Event::Kind::script_ended});  // nobody else hears of them
}

TEST_CASE("updates: nothing is to be said of what holds") {
  Told told({two});
  told.keeps(2, "x");
  CHECK(told.result().empty());
  CHECK(told.result(Outcome::pass, true) == "same\n");
}

TEST_CASE("updates: a place that tells what the script does not have is not believed") {
  for (const auto& [line, member] : std::vector<std::pair<uint32_t, std::string>>{
           {1, "x"}, {4, "x"}, {5, "x"}, {99, "x"}, {0, "x"}, {2, "z"}, {2, "../x"}, {2, ""}}) {
    Told told({two});
    told.wants(line, member, "evil\n");
    CAPTURE(line);
    CAPTURE(member);
    CHECK(told.result().starts_with(refused));
  }
  Told quoted({two});
  quoted.wants(2, "x", "evil\n", false, true);
  CHECK(quoted.result().starts_with("same\nt.txt:2: a file was told of as quoted"));
}

TEST_CASE("updates: two lines that want different contents get neither") {
  Told told({two});
  told.wants(2, "x", "a\n");
  told.wants(3, "x", "b\n");
  CHECK(told.result() ==
        "same\nt.txt:3: not updatable: it wants another content of \"x\" than line 2: neither is written\n");
  Told kept({two});
  kept.keeps(2, "x");
  kept.wants(3, "x", "b\n");
  CHECK(kept.result().starts_with("same\nt.txt:3: not updatable: it wants another"));
  Told same({two});
  same.wants(2, "x", "a\n");
  same.wants(3, "x", "a\n");
  CHECK(same.result().find("-- x --\na\n") != std::string::npos);
}

TEST_CASE("updates: a file that several jobs run gets what all of them want") {
  Told told({two, two});
  told.wants(2, "x", "a\n", false, false, 0);
  told.wants(2, "x", "b\n", false, false, 1);
  CHECK(told.result().starts_with("same\nt.txt:2: not updatable"));
  Told kept({two, two});
  kept.wants(2, "x", "a\n", false, false, 0);
  kept.keeps(2, "x", 1);
  CHECK(kept.result().starts_with("same\nt.txt:2: not updatable"));
}

TEST_CASE("updates: what is not whole, too large or secret is not written") {
  Told open({two});
  open.wants(2, "x", "a\n", true);
  CHECK(open.result().starts_with("same\nt.txt:2: not updatable: there is more than is kept"));
  Told large({two});
  const std::string piece(size_t{1} << 20, 'x');
  for (int i = 0; i < 5; ++i) large.wants(2, "x", piece, i < 4);
  CHECK(large.result().starts_with("same\nt.txt:2: not updatable: there is more than is kept"));
  Told between({two});
  between.wants(2, "x", "a\n", true);
  between.wants(3, "y", "b\n");
  CHECK(between.result().find("-- x --\n1\n-- y --\nb\n") != std::string::npos);
  Told secret({two});
  secret.plan.jobs[0].environment["TOKEN"] = "hunter22";
  secret.plan.jobs[0].secrets = {"TOKEN"};
  secret.wants(2, "x", "it is hunt", true);
  secret.wants(2, "x", "er22\n");
  CHECK(secret.result() == "same\nt.txt:2: not updatable: the value of a secret is in it\n");
  Told no_end({two});
  no_end.wants(2, "x", "a");
  CHECK(no_end.result().starts_with("same\nt.txt:2: its last line has no end"));
}

TEST_CASE("updates: a test that failed is written, one that went wrong is not") {
  Told told({two});
  told.wants(2, "x", "a\n");
  CHECK(told.result(Outcome::fail).find("-- x --\na\n") != std::string::npos);
  CHECK(told.result(Outcome::skip).find("-- x --\na\n") != std::string::npos);
  CHECK(told.result(Outcome::error).starts_with("same\nt.txt: nothing is written"));
  CHECK(told.result(Outcome::not_run).starts_with("same\nt.txt: nothing is written"));
}

TEST_CASE("updates: what cannot be updated is listed with what there was") {
  Told told({two});
  told.fails(5, "no match for `b` in stdout", "c\n");
  CHECK(told.result(Outcome::fail) ==
        "same\nt.txt:5: not updatable: no match for `b` in stdout: there was\nc\n\n");
  Told compared({two});
  compared.fails(2, "x and y differ", "c\n", "not updatable: neither is a file of the script");
  CHECK(compared.result(Outcome::fail) == "same\nt.txt:2: not updatable: neither is a file of the script\n");
  // The report tells of others; where there is none, it is told here.
  Told other({two});
  other.fails(1, "exit status 1", "");
  CHECK(other.result(Outcome::fail).empty());
  CHECK(other.result(Outcome::fail, true) == "same\nt.txt:1: exit status 1\n");
}

TEST_CASE("updates: another attempt begins anew") {
  Told told({two});
  told.wants(2, "x", "first\n");
  Event start;
  start.kind = Event::Kind::script_started;
  told.event(start);
  told.wants(2, "x", "second\n");
  CHECK(told.result().find("-- x --\nsecond\n") != std::string::npos);
}
