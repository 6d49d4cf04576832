// make_plan: which word is the image, which files run, and what a wrong request is told.
#include "plan/make_plan.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "plan/words.h"

using namespace testctr;
using namespace testctr::plan;

namespace {

/// An empty folder that is the current one while this lives.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/plan-test-XXXXXX";
    path_ = ::mkdtemp(name);
    char buffer[4096];
    before_ = ::getcwd(buffer, sizeof buffer);
    REQUIRE(::chdir(path_.c_str()) == 0);
  }
  ~Folder() {
    static_cast<void>(::chdir(before_.c_str()));
    static_cast<void>(sys::remove_tree(path_));
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  void file(const std::string& name, const std::string& text = "echo hi\n") const {
    const size_t slash = name.rfind('/');
    if (slash != std::string::npos) REQUIRE(sys::make_dirs(name.substr(0, slash), 0755).ok());
    REQUIRE(sys::write_file_at(AT_FDCWD, name, text).ok());
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_, before_;
};

Surroundings alone(std::string home = "") {
  return {std::move(home), [](const std::string& name) -> std::optional<std::string> {
            if (name == "GIVEN") return "value";
            return std::nullopt;
          }};
}

Result<Plan> plan_of(std::vector<std::string> words, const std::string& home = "") {
  RunRequest request;
  request.words = std::move(words);
  return make_plan(request, alone(home));
}

std::string message(const Result<Plan>& plan) {
  REQUIRE_FALSE(plan.ok());
  CHECK(plan.error().fault() == Fault::usage);
  return plan.error().full();
}

bool has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  MESSAGE("in: " << text);
  return false;
}

}  // namespace

TEST_CASE("plan: the first of two words is the image") {
  Folder here;
  here.file("a.txt");
  const Result<Plan> plan = plan_of({"golang:latest", "a.txt"});
  REQUIRE(plan.ok());
  REQUIRE(plan.value().jobs.size() == 1);
  const Job& job = plan.value().jobs[0];
  CHECK(job.image == "golang:latest");
  CHECK(job.name == "a.txt");
  CHECK(job.file == "a.txt");
  CHECK(job.source == "echo hi\n");
  CHECK(job.tree == here.path());
  CHECK_FALSE(job.error);
  CHECK(plan.value().parallel == 1);
  CHECK(job.limits == Limits{});
}

TEST_CASE("plan: without an image nothing is planned") {
  Folder here;
  here.file("a.txt");
  here.file("b.txt");
  here.file("tests/c.txt");
  CHECK(has(message(plan_of({"a.txt"})), "name an image"));
  CHECK(has(message(plan_of({"a.txt"})), "testctr-script run builtin a.txt"));
  CHECK(has(message(plan_of({"a.txt", "b.txt"})), "name an image"));
  CHECK(has(message(plan_of({"./tests", "b.txt"})), "name an image"));
  CHECK(has(message(plan_of({here.path() + "/tests", "b.txt"})), "name an image"));
  CHECK(has(message(plan_of({"/nosuchfolder", "b.txt"})), "/nosuchfolder"));
  CHECK(has(message(plan_of({"tests"})), "name an image"));
  CHECK(has(message(plan_of({"builtin"})), "no script is named"));
  CHECK(has(message(plan_of({"golang:latest"})), "no script is named"));
  CHECK(has(message(plan_of({""})), "empty word"));
  here.file("My Tests/x.txt");
  CHECK(has(message(plan_of({"My Tests", "a.txt"})), "name an image"));
}

TEST_CASE("plan: a word that could be image and path is refused with both spellings") {
  Folder here;
  here.file("golang/a.txt");
  here.file("b.txt");
  const std::string text = message(plan_of({"golang", "b.txt"}));
  CHECK(has(text, "\"golang\" could be an image and is also a path"));
  CHECK(has(text, "`./golang`"));
  CHECK(has(text, "`golang:latest`"));
  CHECK(plan_of({"golang:latest", "b.txt"}).ok());
  here.file("builtin/x.txt");
  CHECK(plan_of({"builtin", "b.txt"}).ok());  // a word of ours is never a path
}

TEST_CASE("plan: what cannot be selected is told, all of it at once") {
  Folder here;
  here.file("a.txt");
  here.file("hello.py");
  here.file("doc.md");
  here.file("doc.t");
  CHECK(has(message(plan_of({"builtin", "nope.txt"})), "nope.txt: no such file or folder"));
  CHECK(has(message(plan_of({"builtin", "b.txt"})), "did you mean `a.txt`?"));
  CHECK(has(message(plan_of({"builtin", "hello.py"})), "hello.py: its extension is that of no known format"));
  CHECK(has(message(plan_of({"builtin", "hello.py"})), "--format script"));
  const Result<Plan> without_tests = plan_of({"builtin", "doc.md", "doc.t"});
  REQUIRE(without_tests.ok());
  CHECK(has(without_tests.value().jobs[0].error->message(), "doc.md: no test was found in it"));
  CHECK(has(without_tests.value().jobs[1].error->message(), "doc.t: no test was found in it"));
  const std::string both = message(plan_of({"builtin", "a.txt", "nope.txt", "hello.py"}));
  CHECK(has(both, "nope.txt: no such file"));
  CHECK(has(both, "hello.py: its extension"));
  REQUIRE(::mkfifo("pipe.txt", 0600) == 0);
  CHECK(has(message(plan_of({"builtin", "pipe.txt"})), "pipe.txt: neither a regular file nor a folder"));
}

TEST_CASE("plan: --format") {
  Folder here;
  here.file("script.sh");
  here.file("a.t");
  RunRequest request;
  request.words = {"builtin", "script.sh", "a.t"};
  request.format = "script";
  const Result<Plan> plan = make_plan(request, alone());
  REQUIRE(plan.ok());
  CHECK(plan.value().jobs.size() == 2);
  request.format = "scripd";
  CHECK(has(message(make_plan(request, alone())), "did you mean `script`?"));
  request.format = "cram";
  CHECK(make_plan(request, alone()).value().jobs[0].format == Format::cram);
}

TEST_CASE("plan: a folder gives the scripts that lie directly in it, sorted, and counts the rest") {
  Folder here;
  here.file("tests/b.txt");
  here.file("tests/a.txtar");
  here.file("tests/B.txt");
  here.file("tests/notes.org");
  here.file("tests/.hidden.txt");
  here.file("tests/deep/c.txt");
  here.file("tests/deep/one.t");
  here.file("tests/deep/plain.md", "# Text\n");
  here.file("tests/deep/two.md", "# Text\n\n```scrut\n$ true\n```\n");
  const Result<Plan> plan = plan_of({"builtin", "tests"});
  REQUIRE(plan.ok());
  std::vector<std::string> names;
  for (const Job& job : plan.value().jobs) names.push_back(job.name);
  CHECK(names == std::vector<std::string>{"tests/B.txt", "tests/a.txtar", "tests/b.txt", "tests/deep/one.t",
                                          "tests/deep/two.md"});
  CHECK(plan.value().jobs[4].format == Format::markdown);
  CHECK(plan.value().not_tests == 3);
  CHECK(plan.value().jobs[0].tree == here.path() + "/tests");
  CHECK(plan_of({"builtin", "tests/"}).value().jobs[0].name == "tests/B.txt");
}

TEST_CASE("plan: a folder without scripts gives no jobs and says so") {
  Folder here;
  here.file("empty/readme.org");
  const Result<Plan> plan = plan_of({"builtin", "./empty"});
  REQUIRE(plan.ok());
  CHECK(plan.value().jobs.empty());
  CHECK(has(plan.value().notes.at(0),
            "./empty: no scripts lie directly in it and no documents below it (1 other files)"));
}

TEST_CASE("plan: a file that is named twice runs once") {
  Folder here;
  here.file("tests/a.txt");
  const Result<Plan> plan = plan_of({"builtin", "tests", "tests/a.txt", "./tests/../tests/a.txt"});
  REQUIRE(plan.ok());
  CHECK(plan.value().jobs.size() == 1);
  CHECK(plan.value().notes.size() == 2);
  CHECK(has(plan.value().notes.at(0), "runs once"));
}

TEST_CASE("plan: a script that does not parse is a job with an error; the others stay") {
  Folder here;
  here.file("good.txt");
  here.file("bad.txt", "echo 'unterminated\n");
  const Result<Plan> plan = plan_of({"builtin", "bad.txt", "good.txt"});
  REQUIRE(plan.ok());
  REQUIRE(plan.value().jobs.size() == 2);
  REQUIRE(plan.value().jobs[0].error);
  CHECK(plan.value().jobs[0].error->fault() == Fault::usage);
  CHECK(plan.value().jobs[0].error->message().starts_with("bad.txt:1:"));
  CHECK_FALSE(plan.value().jobs[1].error);
}

// Root reads everything; the dangling link below serves both.
TEST_CASE("plan: a script that cannot be read is a job with an error" * doctest::skip(::geteuid() == 0)) {
  Folder here;
  here.file("closed.txt");
  REQUIRE(::chmod("closed.txt", 0) == 0);
  const Result<Plan> plan = plan_of({"builtin", "closed.txt"});
  REQUIRE(plan.ok());
  REQUIRE(plan.value().jobs[0].error);
  CHECK(has(plan.value().jobs[0].error->message(), "closed.txt: cannot be read"));
}

TEST_CASE("plan: a dangling link in a folder is a job with an error") {
  Folder here;
  here.file("tests/good.txt");
  REQUIRE(::symlink("nowhere", "tests/link.txt") == 0);
  const Result<Plan> plan = plan_of({"builtin", "./tests"});
  REQUIRE(plan.ok());
  REQUIRE(plan.value().jobs.size() == 2);
  REQUIRE(plan.value().jobs[1].error);
  CHECK(has(plan.value().jobs[1].error->message(), "tests/link.txt: cannot be read"));
}

TEST_CASE("plan: the tree is never / or the home folder") {
  Folder here;
  here.file("a.txt", "exists $TREE/x\n");
  here.file("b.txt");
  here.file("tree/x");
  RunRequest request;
  request.words = {"builtin", "b.txt"};
  const Result<Plan> unasked = make_plan(request, alone(here.path()));
  CHECK(unasked.value().jobs[0].tree.empty());
  CHECK(unasked.value().notes.empty());
  request.words = {"builtin", "a.txt"};
  const Result<Plan> at_home = make_plan(request, alone(here.path()));
  REQUIRE(at_home.ok());
  CHECK(at_home.value().jobs[0].tree.empty());
  CHECK(has(at_home.value().notes.at(0), "get no test tree"));
  request.tree = "tree";
  CHECK(make_plan(request, alone(here.path())).value().jobs[0].tree == here.path() + "/tree");
  for (const char* word : {"/", "/tmp/..", "."}) {
    request.tree = word;
    CHECK(has(message(make_plan(request, alone(here.path()))), "never shown to a script"));
  }
  request.tree = "nowhere";
  CHECK(has(message(make_plan(request, alone())), "--tree: realpath(nowhere)"));
  request.tree = "a.txt";
  CHECK(has(message(make_plan(request, alone())), "--tree: a.txt is not a folder"));
}

TEST_CASE("plan: variables") {
  Folder here;
  here.file("a.txt");
  RunRequest request;
  request.words = {"builtin", "a.txt"};
  request.env = {"A=1", "B=x=y", "C="};
  request.pass_env = {"GIVEN"};
  const Result<Plan> plan = make_plan(request, alone());
  REQUIRE(plan.ok());
  CHECK(plan.value().jobs[0].environment ==
        std::map<std::string, std::string>{{"A", "1"}, {"B", "x=y"}, {"C", ""}, {"GIVEN", "value"}});
  const std::pair<std::vector<std::string>, const char*> wrong_env[] = {
      {{"A"}, "--env: \"A\" is not NAME=VALUE"},
      {{"=1"}, "a variable without a name"},
      {{"WORK=/x"}, "WORK is set by testctr-script"},
      {{"A=1", "A=2"}, "A is given more than once"}};
  for (const auto& [env, text] : wrong_env) {
    request.env = env;
    CHECK(has(message(make_plan(request, alone())), text));
  }
  request.env = {};
  const std::pair<const char*, const char*> wrong_pass[] = {
      {"ABSENT", "ABSENT is not set here"}, {"PATH", "PATH means nothing"}, {"A=1", "not a variable's name"}};
  for (const auto& [name, text] : wrong_pass) {
    request.pass_env = {name};
    CHECK(has(message(make_plan(request, alone())), text));
  }
}

TEST_CASE("plan: seccomp and layer name files that are there") {
  Folder here;
  here.file("a.txt");
  here.file("b.txt");
  here.file("profile.json");
  RunRequest request;
  request.words = {"builtin", "a.txt"};
  request.seccomp = "profile.json";
  CHECK(make_plan(request, alone()).value().jobs[0].seccomp == here.path() + "/profile.json");
  request.seccomp = "unconfined";
  CHECK(make_plan(request, alone()).value().jobs[0].seccomp == "unconfined");
  request.seccomp = "nope.json";
  CHECK(has(message(make_plan(request, alone())), "--seccomp: realpath(nope.json)"));
  request.seccomp = "strict";
  CHECK(has(message(make_plan(request, alone())), "not supported yet"));
  request.seccomp = "default";
  request.layer = "nope.tar";
  CHECK(has(message(make_plan(request, alone())), "--layer: realpath(nope.tar)"));
  request.layer = "profile.json";
  CHECK(make_plan(request, alone()).value().jobs[0].layer == here.path() + "/profile.json");
  request.words.push_back("b.txt");
  CHECK(has(message(make_plan(request, alone())), "a layer holds one script, but 2 are named"));
}

TEST_CASE("plan: parallel is what was asked for, at most one per script") {
  Folder here;
  for (const char* name : {"a.txt", "b.txt", "c.txt"}) here.file(name);
  RunRequest request;
  request.words = {"builtin", "a.txt", "b.txt", "c.txt"};
  request.parallel = 2;
  CHECK(make_plan(request, alone()).value().parallel == 2);
  request.parallel = 99;
  CHECK(make_plan(request, alone()).value().parallel == 3);
  request.parallel.reset();
  CHECK(make_plan(request, alone()).value().parallel == std::min(processors(), 3U));
}

TEST_CASE("plan: formats by extension") {
  CHECK(format_of("a.txt") == Format::script);
  CHECK(format_of("x/a.txtar") == Format::script);
  CHECK(format_of("a.md") == Format::markdown);
  CHECK(format_of("a.scrut") == Format::markdown);
  CHECK(format_of("a.t") == Format::cram);
  CHECK(format_of("a.cram") == Format::cram);
  CHECK_FALSE(format_of("a.TXT"));
  CHECK_FALSE(format_of(".txt"));
  CHECK_FALSE(format_of("dir.txt/a"));
  CHECK_FALSE(format_of("a"));
}
