#include "engine/merged_copy.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

namespace testctr::engine {
namespace {

struct Folder {
  std::string path = "/tmp/merged-XXXXXX";
  Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Folder() { (void)sys::remove_tree(path); }
  void dir(const std::string& name, mode_t mode = 0755) const {
    REQUIRE(sys::make_dirs(path + "/" + name, 0755).ok());
    ::chmod((path + "/" + name).c_str(), mode);
  }
  void file(const std::string& name, const std::string& text) const {
    REQUIRE(sys::write_file_at(AT_FDCWD, path + "/" + name, text).ok());
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    auto text = sys::read_file(path + "/" + name);
    return text.ok() ? text.value() : "(none)";
  }
  [[nodiscard]] struct stat at(const std::string& name) const {
    struct stat st {};
    ::lstat((path + "/" + name).c_str(), &st);
    return st;
  }
};

}  // namespace

TEST_CASE("engine: layers are copied as they are seen together") {
  Folder low, high, to;
  low.dir("d/below");
  low.file("d/below/f", "low");
  low.file("d/kept", "kept");
  low.dir("opaque");
  low.file("opaque/hidden", "low");
  low.file("was-file", "file");
  low.dir("was-dir");
  low.file("was-dir/x", "x");
  low.file("one", "linked");
  REQUIRE(::link((low.path + "/one").c_str(), (low.path + "/two").c_str()) == 0);
  REQUIRE(::symlink("/etc", (low.path + "/leads-out").c_str()) == 0);
  low.file("script", "#!");
  ::chmod((low.path + "/script").c_str(), 04755);
  high.dir("d", 0711);
  high.file("d/new", "high");
  high.dir("opaque");
  high.file("opaque/seen", "high");
  high.dir("was-file");
  high.file("was-dir", "file now");
  high.dir("leads-out");
  high.file("leads-out/inside", "inside");
  const bool marks = ::setxattr((high.path + "/opaque").c_str(), "user.overlay.opaque", "y", 1, 0) == 0 &&
                     ::mknod((high.path + "/d/below").c_str(), S_IFCHR, makedev(0, 0)) == 0;
  Fd target = sys::open(to.path, O_RDONLY | O_DIRECTORY).value();
  std::vector<std::string> notes;
  const Status copied = copy_merged({low.path, high.path}, 0750, target.get(), notes);
  REQUIRE(copied.ok());
  CHECK((to.at("").st_mode & 07777) == 0750);
  CHECK((to.at("d").st_mode & 07777) == 0711);
  CHECK(to.read("d/kept") == "kept");
  CHECK(to.read("d/new") == "high");
  if (marks) {
    CHECK(to.read("opaque/hidden") == "(none)");
    CHECK(to.at("d/below").st_mode == 0);
    CHECK(::getxattr((to.path + "/opaque").c_str(), "user.overlay.opaque", nullptr, 0) < 0);
  }
  CHECK(to.read("opaque/seen") == "high");
  CHECK(S_ISDIR(to.at("was-file").st_mode));
  CHECK(to.read("was-dir") == "file now");
  CHECK(to.read("leads-out/inside") == "inside");
  CHECK(::access("/etc/inside", F_OK) != 0);
  CHECK((to.at("script").st_mode & 07777) == 04755);
  CHECK(to.at("script").st_mtim.tv_nsec == low.at("script").st_mtim.tv_nsec);
  // Linked to each other, and to nothing of the layer.
  CHECK(to.at("one").st_ino == to.at("two").st_ino);
  CHECK(to.at("one").st_nlink == 2);
  CHECK(to.at("one").st_ino != low.at("one").st_ino);
}

}  // namespace testctr::engine
