// A session whose $WORK others write to as well: links that lead out of it are not followed.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/resolve.h"
#include "base/sys.h"
#include "interpret_host.h"

using namespace testctr;
using namespace testctr::interpret;

namespace {

/// A script in a guarded session, with a directory outside whose path is $OUT.
HostRun guarded(const std::string& source, const ScratchDirectory& outside) {
  return run_on_host(source, [&](Setting& setting) {
    setting.guarded = true;
    setting.environment["OUT"] = outside.path;
  });
}

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("guarded: open_beneath follows links within and none that lead out") {
  ScratchDirectory top, outside;
  const std::string work = top.path + "/work";
  REQUIRE(::mkdir(work.c_str(), 0755) == 0);
  REQUIRE(::mkdir((work + "/d").c_str(), 0755) == 0);
  std::ofstream(work + "/d/f") << "x";
  std::ofstream(outside.path + "/secret") << "y";
  const auto link = [&](const std::string& target, const std::string& name) {
    REQUIRE(::symlink(target.c_str(), (work + "/" + name).c_str()) == 0);
  };
  link("d/f", "near");
  link(work + "/d", "absolute");
  link("../d/./../d/f", "d/up");
  link(outside.path, "out");
  link("../../" + outside.path.substr(5), "relative");
  link(work + "x", "beside");
  link("loop", "loop");
  link("/proc/self/root", "magic");
  Fd root = sys::open(work, O_PATH | O_DIRECTORY).value();
  const auto number = [&](const std::string& path) {
    auto opened = sys::open_beneath(root.get(), work, path, O_RDONLY);
    return opened.ok() ? 0 : opened.error().number();
  };
  for (const char* path : {"d/f", "near", "absolute/f", "absolute/up", "d/../near", "d/up", "", ".", "d/"}) {
    CAPTURE(std::string(path));
    CHECK(number(path) == 0);
  }
  for (const char* path :
       {"out", "out/secret", "relative/secret", "..", "d/../..", "absolute/../..", "beside", "/d/f"}) {
    CAPTURE(std::string(path));
    CHECK(number(path) == EXDEV);
  }
  CHECK(number("loop") == ELOOP);
  CHECK(number("magic") != 0);
  CHECK(number("nothing") == ENOENT);
  CHECK(number("near/x") == ENOTDIR);
}

TEST_CASE("guarded: every command on files stays in $WORK") {
  ScratchDirectory outside;
  std::ofstream(outside.path + "/secret") << "secret\n";
  REQUIRE(::mkdir((outside.path + "/d").c_str(), 0755) == 0);
  const std::string before = "symlink out -> $OUT\nsymlink file -> $OUT/secret\nmkdir d\n";
  const char* const lines[] = {
      "cat file",
      "cat out/secret",
      "cp f file",
      "cp f out",
      "cp f out/new",
      "cp file copy",
      "cp stdout file",
      "cmp file f",
      "grep secret file",
      "exists file",
      "exists out/secret",
      "! exists file",
      "! exists out/none",
      "mkdir out/new",
      "mkdir out/new/deeper",
      "rm out/secret",
      "rm out/d",
      "mv out/secret here",
      "mv f out/there",
      "symlink out/link -> f",
      "chmod 000 file",
      "chmod 000 out/secret",
      "cd out",
      "cd out/d",
      "replace a b file",
      "cat d/../out/secret",
      "cat $WORK/out/secret",
  };
  for (const char* line : lines) {
    CAPTURE(line);
    HostRun run = guarded(before + line + "\n-- f --\ntext\n", outside);
    CAPTURE(run.error);
    CHECK(run.lines() == std::vector<uint32_t>{4});
    CHECK(run.reasons().find("leads out of $WORK") != std::string::npos);
    CHECK(content(outside.path + "/secret") == "secret\n");
  }
  CHECK(sys::list_dir(sys::open(outside.path, O_RDONLY | O_DIRECTORY).value().get()).value() ==
        std::vector<std::string>{"d", "secret"});
}

TEST_CASE("guarded: a directory that became a link is not started in") {
  ScratchDirectory outside;
  HostRun run = guarded("mkdir d\ncd d\nexec rmdir $WORK/d\nexec ln -s $OUT $WORK/d\nexec pwd\n", outside);
  CHECK(run.lines() == std::vector<uint32_t>{4});
  CHECK(run.reasons().find("is gone") != std::string::npos);
  run = guarded("mkdir d\ncd d\nexec sh -c 'rmdir ../d; ln -s $OUT $WORK/d'\nexec pwd\n", outside);
  CHECK(run.lines() == std::vector<uint32_t>{4});
  CHECK(run.reasons().find("the working directory $WORK/d leads out of $WORK") != std::string::npos);
}

TEST_CASE("guarded: links within $WORK and names outside of it work as ever") {
  ScratchDirectory outside;
  std::ofstream(outside.path + "/own") << "own\n";
  HostRun run = guarded(
      "mkdir d/e\nsymlink near -> d\nsymlink far -> $WORK/d\nsymlink dangling -> nothing\nsymlink out -> "
      "$OUT\n"
      "cp f near/f\ncat far/f\nstdout text\ncmp d/f f\nexists far/f\nchmod 600 near/f\nmkdir far/x/y\n"
      "cd far\nexec pwd\nstdout d$\ncd ..\nmv near/f near/g\nexists d/g\nrm near/g far\nexists d\n! exists "
      "far d/g\n"
      "rm out\n! exists out\nrm dangling\ncp stdout dangling\ncat $OUT/own\nstdout own\ncp f $OUT/new\n"
      "exists $OUT/new\nrm $OUT/new\nmkdir $OUT/a/b\nrm $OUT/a\nrm missing/file\ncd $OUT\nexec cat own\n-- f "
      "--\ntext\n",
      outside);
  CHECK(run.reasons() == "");
  CHECK(run.passed());
  CHECK(content(outside.path + "/own") == "own\n");
}

TEST_CASE("guarded: links that are swapped in the background lead nowhere") {
  ScratchDirectory outside;
  std::ofstream(outside.path + "/f") << "secret\n";
  HostRun run = guarded(
      "exec sh -c 'while :; do mkdir x; echo inside >x/f; rm -r x; ln -s $OUT x; rm x; done' &\n"
      "exec sh -c 'for i in 1 2 3 4 5; do sleep 0.01; done'\n" +
          [] {
            std::string lines;
            for (int i = 0; i < 400; ++i) lines += "? cat x/f\n! stdout secret\n? rm x/f\n? cp g x/g\n";
            return lines;
          }() +
          "stop\n-- g --\nnew\n",
      outside);
  CHECK(run.reasons() == "");
  CHECK(content(outside.path + "/f") == "secret\n");
  CHECK_FALSE(sys::stat_at(AT_FDCWD, outside.path + "/g").value());
}
