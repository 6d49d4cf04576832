// A slim layer of an image: what is in it, and what is not.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

#include "base/sys.h"
#include "base/text.h"
#include "image/slim.h"
#include "image/tar_out.h"

using namespace testctr;
using namespace testctr::image;

namespace {

struct Member {
  mode_t mode = 0;
  std::string link, hardlink, content;
  int64_t seconds = 0, uid = 0;
  std::map<std::string, std::string> attributes;
};

struct Fixture {
  std::string directory;
  RootFilesystem root;
  SlimLayer layer;
  std::string bytes;
  std::map<std::string, Member> members;
  std::vector<std::string> order;

  Fixture() {
    const char* base = std::getenv("TMPDIR");
    directory = std::string(base != nullptr ? base : "/tmp") + "/slim-test-XXXXXX";
    REQUIRE(mkdtemp(directory.data()) != nullptr);
    for (const char* layer_name : {"/low", "/high"}) {
      root.layers.push_back(directory + layer_name);
      REQUIRE(mkdir(root.layers.back().c_str(), 0755) == 0);
    }
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  ~Fixture() { (void)sys::remove_tree(directory); }

  void low(const std::string& commands) const { in("low", commands); }
  void high(const std::string& commands) const { in("high", commands); }
  void in(const std::string& layer_name, const std::string& commands) const {
    REQUIRE(std::system(("cd " + directory + "/" + layer_name + " && umask 022 && " + commands).c_str()) ==
            0);
  }
  void write(const std::vector<std::string>& touched) {
    Fd out = std::move(sys::memory_file("layer")).value();
    auto made = write_slim_layer(out.get(), root, touched);
    if (!made.ok()) FAIL(made.error().full());
    layer = std::move(made).value();
    lseek(out.get(), 0, SEEK_SET);
    bytes = std::move(sys::read_all(out.get(), size_t{64} << 20)).value();
    CHECK(bytes.size() == layer.size);
    CHECK(Digest::of(bytes) == layer.diff_id);
    read();
  }
  void read() {
    members.clear();
    order.clear();
    ArchiveReader reader(archive_read_new());
    archive_read_support_format_tar(reader.get());
    REQUIRE(archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) == ARCHIVE_OK);
    struct archive_entry* e = nullptr;
    while (archive_read_next_header(reader.get(), &e) <= ARCHIVE_OK && e != nullptr) {
      Member m;
      m.mode = archive_entry_mode(e);
      m.seconds = archive_entry_mtime(e);
      m.uid = archive_entry_uid(e);
      if (const char* link = archive_entry_symlink(e)) m.link = link;
      if (const char* link = archive_entry_hardlink(e)) m.hardlink = link;
      m.content.resize(static_cast<size_t>(archive_entry_size(e)));
      archive_read_data(reader.get(), m.content.data(), m.content.size());
      const char* name = nullptr;
      const void* value = nullptr;
      size_t size = 0;
      archive_entry_xattr_reset(e);
      while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK)
        m.attributes[name] = std::string(static_cast<const char*>(value), size);
      order.emplace_back(archive_entry_pathname(e));
      members[order.back()] = std::move(m);
    }
  }
  [[nodiscard]] bool has(const std::string& name) const { return members.contains(name); }
};

}  // namespace

TEST_CASE("image slim: touched files, with the links and folders on their way") {
  Fixture f;
  f.low(
      "mkdir -p usr/bin usr/lib/deep opt && ln -s usr/bin bin && echo a > usr/bin/a && echo b > usr/bin/b && "
      "ln -s ../lib/deep/real usr/bin/c && echo real > usr/lib/deep/real && echo other > usr/lib/other && "
      "chmod 750 usr/lib/deep && chmod 4755 usr/bin/a && touch -d @1000 usr/lib/deep/real usr/lib/deep");
  f.write({"/bin/a", "/usr/bin/c", "/usr/lib/none", "/opt/none/at/all"});
  for (const char* name : {"./", "bin", "usr/", "usr/bin/", "usr/bin/a", "usr/bin/c", "usr/lib/",
                           "usr/lib/deep/", "usr/lib/deep/real", "opt/"})
    CHECK_MESSAGE(f.has(name), name);
  CHECK_FALSE(f.has("usr/bin/b"));
  CHECK_FALSE(f.has("usr/lib/other"));
  CHECK(f.members["bin"].link == "usr/bin");
  CHECK(f.members["usr/bin/a"].mode == (S_IFREG | 04755));
  CHECK(f.members["usr/bin/a"].content == "a\n");
  CHECK(f.members["usr/lib/deep/"].mode == (S_IFDIR | 0750));
  CHECK(f.members["usr/lib/deep/"].seconds == 1000);
  CHECK(f.members["usr/lib/deep/real"].seconds == 1000);
  CHECK(f.layer.kept.files == 2);
  CHECK(f.layer.kept.bytes == 7);
  CHECK(f.layer.left_out.files == 2);
  CHECK(f.layer.left_out.bytes == 8);
}

TEST_CASE("image slim: the layers as one, whatever hides what") {
  Fixture f;
  f.low(
      "mkdir -p data etc gone && echo low > data/file && echo low > data/other && echo x > gone/file && "
      "echo passwd > etc/passwd");
  f.high(
      "mkdir data gone && echo high > data/file && echo y > gone/new && "
      "setfattr -n user.overlay.opaque -v y gone 2>/dev/null || python3 -c \"import os; "
      "os.setxattr('gone', 'user.overlay.opaque', b'y')\"");
  f.write({"/data/file", "/data/other", "/gone/file", "/gone/new"});
  CHECK(f.members["data/file"].content == "high\n");
  CHECK(f.members["data/other"].content == "low\n");
  CHECK_FALSE(f.has("gone/file"));
  CHECK(f.has("gone/new"));
  CHECK(f.members["gone/"].attributes.empty());
  CHECK(f.has("etc/passwd"));
}

TEST_CASE("image slim: what is there for everybody") {
  Fixture f;
  f.low(
      "mkdir -p tmp var/tmp root proc sys dev usr/lib usr/share/zoneinfo etc/ld.so.conf.d home && chmod 1777 "
      "tmp && "
      "ln -s usr/lib lib && ln -s /usr/share/zoneinfo/UTC etc/localtime && echo tz > usr/share/zoneinfo/UTC "
      "&& "
      "echo c > etc/ld.so.conf.d/a.conf && echo g > etc/group && echo n > etc/nsswitch.conf && echo s > "
      "etc/shadow && "
      "echo h > .hidden && mkdir -p srv/app");
  f.root.config.working_dir = "/srv/app";
  f.root.root_mode = 0711;
  f.write({});
  for (const char* name : {"tmp/", "var/tmp/", "root/", "proc/", "sys/", "dev/", "home/", "lib",
                           "etc/localtime", "usr/share/zoneinfo/UTC", "etc/ld.so.conf.d/a.conf", "etc/group",
                           "etc/nsswitch.conf", ".hidden", "srv/app/"})
    CHECK_MESSAGE(f.has(name), name);
  CHECK_FALSE(f.has("etc/shadow"));
  CHECK_FALSE(f.has("usr/lib/"));
  CHECK(f.members["tmp/"].mode == (S_IFDIR | 01777));
  CHECK(f.members["./"].mode == (S_IFDIR | 0711));
}

TEST_CASE("image slim: directories whose entries were read") {
  Fixture f;
  f.low(
      "mkdir -p d/sub/deep d/touched && echo small > d/small && head -c 16384 /dev/zero > d/limit && "
      "head -c 16385 /dev/zero > d/large && head -c 20000 /dev/zero > d/needed && ln -s nowhere d/link && "
      "echo x > d/sub/x && echo y > d/touched/y && ln -s d e && mkfifo d/pipe");
  f.write({"/e/", "/d/needed", "/d/touched/y"});
  for (const char* name :
       {"e", "d/", "d/sub/", "d/small", "d/limit", "d/needed", "d/link", "d/touched/y", "d/pipe"})
    CHECK_MESSAGE(f.has(name), name);
  for (const char* name : {"d/large", "d/sub/x", "d/sub/deep/"}) CHECK_MESSAGE(!f.has(name), name);
  CHECK(f.members["d/link"].link == "nowhere");
  CHECK(f.layer.missing_in_lists.files == 1);
  CHECK(f.layer.missing_in_lists.bytes == 16385);
}

TEST_CASE("image slim: interpreters and loaders") {
  Fixture f;
  f.low(
      "mkdir -p bin lib opt && printf '#! /bin/python -I\\n' > bin/tool && ln -s python3 bin/python && "
      "printf '#!/opt/real\\n' > bin/python3 && echo > opt/real && chmod 755 bin/* opt/real && "
      "printf '#!/opt/never\\n' > bin/text && chmod 644 bin/text && echo > opt/never");
  if (std::system(("cp /bin/true " + f.root.layers[0] + "/bin/dynamic && mkdir " + f.root.layers[0] +
                   "/lib64 && echo loader > " + f.root.layers[0] + "/lib64/ld-linux-x86-64.so.2")
                      .c_str()) != 0)
    FAIL("cp");
  f.write({"/bin/tool", "/bin/text", "/bin/dynamic"});
  for (const char* name : {"bin/tool", "bin/python", "bin/python3", "opt/real", "bin/text"})
    CHECK_MESSAGE(f.has(name), name);
  CHECK_FALSE(f.has("opt/never"));
  CHECK(f.has("lib64/ld-linux-x86-64.so.2"));
}

TEST_CASE("image slim: hard links among what is kept, and attributes") {
  Fixture f;
  f.low("mkdir d && echo one > d/a && ln d/a d/b && ln d/a d/c");
  setxattr((f.root.layers[0] + "/d/a").c_str(), "user.color", "blue", 4, 0);
  const bool attributes = setxattr((f.root.layers[0] + "/d").c_str(), "user.shape", "round", 5, 0) == 0;
  f.write({"/d/c", "/d/b"});
  CHECK_FALSE(f.has("d/a"));
  CHECK(f.members["d/b"].content == "one\n");
  CHECK(f.members["d/c"].hardlink == "d/b");
  if (attributes) CHECK(f.members["d/b"].attributes["user.color"] == "blue");
  if (attributes) CHECK(f.members["d/"].attributes["user.shape"] == "round");
  CHECK(f.layer.kept.files == 2);
  CHECK(f.layer.kept.bytes == 4);
  CHECK(f.layer.left_out.bytes == 0);
}

TEST_CASE("image slim: the same bytes whatever the order, and names that lead nowhere") {
  Fixture f;
  f.low(
      "mkdir -p a/b c && echo 1 > a/b/1 && echo 2 > c/2 && ln -s y c/x && ln -s x c/y && ln -s /../../../a "
      "c/up && "
      "printf 'n' > 'c/\xff\xfe'");
  f.write({"/a/b/1", "/c/2", "/c/x", "/c/up/b/1", "/c/\xff\xfe", "/c/2/3", "/c/2/../2"});
  const std::string first = f.bytes;
  CHECK(f.has("c/x"));
  CHECK(f.has("c/y"));
  CHECK(f.has("c/up"));
  CHECK(f.has("c/\xff\xfe"));
  f.low("touch -d @7 .");
  f.high("touch -d @8 .");
  f.write({"/c/\xff\xfe", "/c/x", "/c/2", "/c/2", "/c/up/b/1", "/a/b/1"});
  CHECK(f.bytes == first);
}

TEST_CASE("image slim: this machine's own root is refused") {
  RootFilesystem root;
  root.kind = RootFilesystem::Kind::hostfs;
  auto made = write_slim_layer(-1, root, {"/etc/passwd"});
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().fault() == Fault::usage);
}
