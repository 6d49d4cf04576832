#include <doctest/doctest.h>

#include <cstdlib>

#include "base/sys.h"

using namespace testctr;

namespace {
struct Scratch {
  Scratch() {
    std::string name = "/tmp/testctr-unit-XXXXXX";
    path = mkdtemp(name.data());
    dir = sys::open(path, O_RDONLY | O_DIRECTORY).value();
  }
  ~Scratch() { (void)sys::remove_tree(path); }
  std::string path;
  Fd dir;
};
std::string content(const Result<Fd>& fd) {
  return fd.ok() ? sys::read_all(fd.value().get(), 1000).value() : fd.error().message();
}
}  // namespace

TEST_CASE("open_in_root never leaves the root") {
  Scratch s;
  REQUIRE(sys::make_dirs(s.path + "/etc/deep", 0755).ok());
  REQUIRE(sys::write_file_at(s.dir.get(), "etc/passwd", "mine").ok());
  REQUIRE(::symlinkat("/etc", s.dir.get(), "abs") == 0);
  REQUIRE(::symlinkat("../../../../../etc", s.dir.get(), "up") == 0);
  REQUIRE(::symlinkat("loop", s.dir.get(), "loop") == 0);
  CHECK(content(sys::open_in_root(s.dir.get(), "abs/passwd", O_RDONLY)) == "mine");
  CHECK(content(sys::open_in_root(s.dir.get(), "up/passwd", O_RDONLY)) == "mine");
  CHECK(content(sys::open_in_root(s.dir.get(), "/etc/deep/../../../etc/passwd", O_RDONLY)) == "mine");
  CHECK(sys::open_in_root(s.dir.get(), "loop", O_RDONLY).error().number() == ELOOP);
  CHECK(sys::open_in_root(s.dir.get(), "none", O_RDONLY).error().number() == ENOENT);
}

TEST_CASE("atomic writing leaves the old file on failure and no temporary") {
  Scratch s;
  REQUIRE(sys::write_file_atomic(s.dir.get(), "a", "one").ok());
  REQUIRE(sys::write_file_atomic(s.dir.get(), "a", "two").ok());
  CHECK(sys::read_file(s.path + "/a").value() == "two");
  CHECK_FALSE(sys::write_file_atomic(s.dir.get(), "missing/a", "x").ok());
  CHECK(sys::list_dir(s.dir.get()).value() == std::vector<std::string>{"a"});
}

TEST_CASE("remove_tree opens closed directories and does not follow links") {
  Scratch s;
  REQUIRE(sys::make_dirs(s.path + "/t/closed/inner", 0755).ok());
  REQUIRE(sys::write_file_at(s.dir.get(), "keep", "x").ok());
  REQUIRE(::symlinkat("../keep", s.dir.get(), "t/link") == 0);
  REQUIRE(::fchmodat(s.dir.get(), "t/closed", 0, 0) == 0);
  REQUIRE(sys::remove_tree_at(s.dir.get(), "t").ok());
  CHECK(sys::list_dir(s.dir.get()).value() == std::vector<std::string>{"keep"});
  CHECK(sys::remove_tree_at(s.dir.get(), "t").ok());
}

TEST_CASE("read limits are errors") {
  Scratch s;
  REQUIRE(sys::write_file_at(s.dir.get(), "big", std::string(5000, 'x')).ok());
  CHECK_FALSE(sys::read_file_at(s.dir.get(), "big", 4999).ok());
  CHECK(sys::read_file_at(s.dir.get(), "big", 5000).ok());
}
