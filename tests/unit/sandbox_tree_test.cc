#include "sandbox/tree.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

namespace testctr::sandbox {
namespace {

struct Folder {
  std::string path = "/tmp/tree-XXXXXX";
  Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Folder() { (void)sys::remove_tree(path); }
  [[nodiscard]] std::string operator/(const char* name) const { return path + "/" + name; }
  [[nodiscard]] struct stat at(const char* name) const {
    struct stat st {};
    if (::lstat((path + "/" + name).c_str(), &st) != 0) st.st_mode = 0;
    return st;
  }
};

}  // namespace

TEST_CASE("sandbox tree: a copy has what the tree has, linked among itself, and no sockets") {
  Folder from, to;
  REQUIRE(sys::make_dirs(from / "d/e", 0755).ok());
  REQUIRE(sys::write_file_at(AT_FDCWD, from / "d/f", "content").ok());
  ::chmod((from / "d/f").c_str(), 06640);
  ::chmod((from / "d").c_str(), 01750);
  REQUIRE(::link((from / "d/f").c_str(), (from / "linked").c_str()) == 0);
  REQUIRE(::symlink("/nowhere", (from / "link").c_str()) == 0);
  REQUIRE(::mkfifo((from / "pipe").c_str(), 0600) == 0);
  REQUIRE(::link((from / "pipe").c_str(), (from / "pipe2").c_str()) == 0);
  REQUIRE(::mknod((from / "socket").c_str(), S_IFSOCK | 0600, 0) == 0);
  REQUIRE(::link((from / "socket").c_str(), (from / "socket2").c_str()) == 0);
  Fd source = sys::open(from.path, O_RDONLY | O_DIRECTORY).value();
  Fd target = sys::open(to.path, O_RDONLY | O_DIRECTORY).value();
  std::vector<std::string> skipped;
  const Status copied = copy_below(source.get(), target.get(), {"/d/e"}, skipped);
  CAPTURE((copied.ok() ? "" : copied.error().message()));
  REQUIRE(copied.ok());
  CHECK(sys::read_file(to / "linked").value() == "content");
  CHECK(to.at("d").st_mode == (S_IFDIR | 01750));
  CHECK(to.at("d").st_mtim.tv_sec == from.at("d").st_mtim.tv_sec);
  CHECK(to.at("d/f").st_mode == (S_IFREG | 06640));
  CHECK(to.at("d/f").st_mtim.tv_nsec == from.at("d/f").st_mtim.tv_nsec);
  CHECK(to.at("d/f").st_ino == to.at("linked").st_ino);
  CHECK(to.at("d/f").st_nlink == 2);
  CHECK(to.at("d/e").st_mode == 0);
  CHECK(S_ISLNK(to.at("link").st_mode));
  CHECK(S_ISFIFO(to.at("pipe").st_mode));
  CHECK(to.at("pipe").st_ino == to.at("pipe2").st_ino);
  CHECK(to.at("socket").st_mode == 0);
  CHECK(skipped == std::vector<std::string>{"socket", "socket2"});
}

}  // namespace testctr::sandbox
