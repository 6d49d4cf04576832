// The root that a container sees: the tree, binds, devices, covered paths, and images that set traps.
#include <doctest/doctest.h>
#include <sys/file.h>

#include "sandbox/hostfs.h"
#include "sandbox_support.h"

using namespace testctr;
using namespace testctr::sandbox;
using namespace testctr::sandbox::tests;

namespace {
struct Fixture : BusyboxFixture {
  void tree() {
    spec.tree = dir / "tree";
    host("mkdir -p " + spec.tree + "/a/b && cd " + spec.tree +
         " && echo one > a/b/one && echo two > two && ln -s two link && ln two hard && chmod 640 two && "
         "chmod 750 a");
  }
};
}  // namespace

TEST_CASE("sandbox root: the tree is seen as root's, written copy on write, hidden paths are gone") {
  if (!have_busybox()) return;
  for (bool copy : {false, true}) {
    CAPTURE(copy);
    Fixture f;
    f.tree();
    f.spec.copy_tree = copy;
    f.spec.tree_hidden = {"a/b/one", "/hard", "not/there"};
    auto o = run(f.spec,
                 "cd /testctr/tree && busybox find . | busybox sort | busybox xargs stat -c '%n %A %u:%g'; "
                 "cat link; echo new > two; cat two; echo x > a/b/one && cat a/b/one");
    CHECK(o.output ==
          ". drwxr-xr-x 0:0\n./a drwxr-x--- 0:0\n./a/b drwxr-xr-x 0:0\n./link lrwxrwxrwx 0:0\n./two "
          "-rw-r----- 0:0\ntwo\nnew\nx\n");
    CHECK(std::move(sys::read_file(f.spec.tree + "/two")).value() == "two\n");
    CHECK(access((f.spec.tree + "/not").c_str(), F_OK) != 0);
  }
}

TEST_CASE("sandbox root: a tree of an ordinary owner is root's inside, also when root runs it") {
  if (!have_busybox() || geteuid() != 0) return;
  Fixture f;
  f.tree();
  host("chown -R 4321:4321 " + f.spec.tree);
  auto o = run(f.spec,
               "stat -c '%u:%g' /testctr/tree/two; echo more >> /testctr/tree/two && cat /testctr/tree/two");
  CHECK(o.output == "0:0\ntwo\nmore\n");
}

TEST_CASE("sandbox root: binds, their targets made, read-only unless asked otherwise") {
  if (without_id_mapping()) {
    Fixture old;
    old.spec.binds = {{old.dir.path(), "/x", true}};
    CHECK(run(old.spec, "true").output.find("id-mapped mounts") != std::string::npos);
    return;
  }
  if (!have_busybox()) return;
  Fixture f;
  host("mkdir -p " + (f.dir / "data") + " && echo d > " + (f.dir / "data/file"));
  host("ln -s /real " + (f.dir / "layer/alias") + "; mkdir " + (f.dir / "layer/real"));
  f.spec.binds = {{f.dir / "data", "/deep/er/dir", true},
                  {f.dir / "data/file", "/alias/sub/file", true},
                  {f.dir / "data", "/rw", false}};
  auto o =
      run(f.spec, "cat /deep/er/dir/file /real/sub/file; touch /deep/er/dir/x; touch /rw/y && echo written");
  CHECK(o.output == "d\nd\ntouch: /deep/er/dir/x: Read-only file system\nwritten\n");
  CHECK(access((f.dir / "data/y").c_str(), F_OK) == 0);
  for (const char* target : {"/proc", "/dev/x", "/testctr/bin", "/", "/proc/self", "/a/../b"}) {
    CAPTURE(target);
    f.spec.binds = {{f.dir / "data", target, true}};
    CHECK(run(f.spec, "true").ending.setup_error);
  }
}

TEST_CASE("sandbox root: an image whose directories are links to elsewhere cannot lead us astray") {
  if (!have_busybox()) return;
  Fixture f;
  std::string layer = f.dir / "layer", victim = f.dir / "victim";
  host("mkdir " + victim + " && cd " + layer +
       " && rm -rf etc && for d in dev proc sys etc work testctr tmp; do ln -s " + victim + " $d; done");
  auto o = run(f.spec,
               "ls -d /proc/self/fd >/dev/null && echo x > /dev/null && test -d /testctr/bin -a ! -h "
               "/testctr && test -c /dev/zero && echo y > /work/f && cat /work/f");
  CHECK(o.output == "y\n");
  CHECK(host("test -z \"$(ls -A " + victim + ")\""));
}

TEST_CASE("sandbox root: an image with nothing in it at all") {
  Fixture f;
  std::string empty = f.dir / "empty";
  host("mkdir " + empty);
  f.spec.root.layers = {empty};
  auto o = run(f.spec, [](Inside& in) {
    struct stat st {};
    std::string text;
    for (const char* path : {"/tmp", "/etc/hosts", "/work", "/proc/self", "/dev/null"})
      text += stat(path, &st) == 0 ? "y" : "n";
    (void)sys::write_full(in.channel(), text);
    return 0;
  });
  CHECK(o.output == "yyyyy");
}

TEST_CASE("sandbox root: a hundred and twenty layers") {
  if (!have_busybox()) return;
  Fixture f;
  for (int i = 0; i < 120; ++i) {
    std::string layer =
        f.dir / ("a-rather-long-name-of-a-layer-that-makes-the-sum-longer-than-a-page-" + std::to_string(i));
    host("mkdir " + layer + " && echo " + std::to_string(i) + " > " + layer + "/last && echo x > " + layer +
         "/f" + std::to_string(i));
    f.spec.root.layers.push_back(layer);
  }
  auto o = run(f.spec, "cat /last; ls -d /f* | busybox wc -l");
  CHECK(o.output == "119\n120\n");
}

TEST_CASE("sandbox root: devices and covered paths") {
  if (!have_busybox()) return;
  Fixture f;
  auto o = run(f.spec,
               "for d in null zero full random urandom tty ptmx; do test -c /dev/$d || echo no $d; done; ls "
               "/dev | busybox tr '\\n' ' '; echo >/dev/null; "
               "for p in /proc/kcore /proc/keys /proc/timer_list; do test -e $p && cat $p; done; echo 1 > "
               "/proc/sys/kernel/hostname; "
               "test -w /dev/shm && stat -c %a /dev/shm /tmp; ls /sys | busybox grep -c kernel; cat "
               "/proc/1/comm > /dev/null && echo end");
  CHECK(o.output ==
        "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero sh: can't create "
        "/proc/sys/kernel/hostname: Read-only file system\n1777\n1777\n1\nend\n");
}

TEST_CASE("sandbox root: the image's user") {
  if (!have_busybox()) return;
  Fixture f;
  for (const char* user : {"1234", "alice", "1234:1234"}) {
    CAPTURE(user);
    f.spec.user = user;
    auto o =
        run(f.spec, "id -u; id -g; echo x > /work/f && stat -c '%u' /work/f; grep CapEff /proc/self/status");
    CHECK(o.output == "1234\n1234\n1234\nCapEff:\t0000000000000000\n");
  }
  f.spec.user = "nobody-of-this-name";
  auto o = run(f.spec, "true");
  CHECK(o.output.find("/etc/passwd") != std::string::npos);
}

TEST_CASE("sandbox hostfs: directories with mounts below are told from those without") {
  auto points = mount_points(
      "22 28 0:21 / /proc rw - proc proc rw\n30 28 0:25 / /mnt/with\\040blank rw - tmpfs t rw\n28 1 254:0 / "
      "/ rw - ext4 /dev/vda rw\n31 28 0:3 / /usr rw - x x rw\n");
  REQUIRE(points.size() == 4);
  CHECK(points[1] == "/mnt/with blank");
  CHECK(kind_of_directory("/mnt", points) == HostEntry::Kind::bind);
  CHECK(kind_of_directory("/mnt/with blank", points) == HostEntry::Kind::overlay);
  CHECK(kind_of_directory("/usr", points) == HostEntry::Kind::overlay);
  CHECK(kind_of_directory("/us", points) == HostEntry::Kind::overlay);
}

TEST_CASE("sandbox hostfs: the machine's own root, which stays as it is") {
  Fixture f;
  f.spec.root.layers.clear();
  f.spec.root.kind = Root::Kind::hostfs;
  auto o = run(f.spec,
               "export PATH=/usr/bin:/bin; id -u; cat /etc/passwd >/dev/null && echo read; ls /tmp /run | wc "
               "-w; mkdir /usr/made-by-a-test 2>/dev/null; echo x > /tmp/y && cat /tmp/y; touch "
               "/testctr/bin/testctr-script");
  CAPTURE(o.output);
  CHECK(o.output.find("0\nread\n") == 0);
  CHECK(o.output.find("x\n") != std::string::npos);
  CHECK(o.output.find("cannot touch") != std::string::npos);
  CHECK(access("/usr/made-by-a-test", F_OK) != 0);
}

TEST_CASE(
    "sandbox root: copies that a killed runner left are swept, those in use and those of others are not") {
  TemporaryDirectory dir;
  for (const char* name : {"testctr-copy-dead1", "testctr-copy-alive", "other"})
    REQUIRE(mkdir((dir / name).c_str(), 0711) == 0);
  REQUIRE(host("mkdir -p " + (dir / "testctr-copy-dead1/0/deep") + " && ln -s /etc " +
               (dir / "testctr-copy-link")));
  Fd alive = std::move(sys::open(dir / "testctr-copy-alive", O_RDONLY | O_DIRECTORY)).value();
  REQUIRE(std::move(sys::lock(alive.get(), LOCK_EX)).value());
  CHECK(sweep_copies(dir.path()) == 1);
  CHECK(access((dir / "testctr-copy-dead1").c_str(), F_OK) != 0);
  for (const char* name : {"testctr-copy-alive", "other", "testctr-copy-link"})
    CHECK(access((dir / name).c_str(), F_OK) == 0);
}

TEST_CASE("sandbox root: what is copied for a container's ids is copied once for all that share the copies") {
  if (geteuid() != 0) {
    MESSAGE("skipped, because only root makes such copies");
    return;
  }
  TemporaryDirectory dir;
  REQUIRE(host("mkdir -p " + (dir / "layer") + " " + (dir / "tree") + " && echo one >" + (dir / "layer/f") +
               " && echo two >" + (dir / "tree/t") + " && chown 7:8 " + (dir / "layer/f") + " " +
               (dir / "tree/t")));
  Spec wanted;
  wanted.root.layers = {dir / "layer"};
  wanted.tree = dir / "tree";
  wanted.program = dir / "layer/f";
  wanted.binds = {{.source = dir / "tree/t", .target = "/testctr/t", .ours = true}};
  Spec first = wanted, second = wanted, other = wanted;
  auto copies = std::make_shared<Copies>();
  REQUIRE(copies->use(first, 700000).ok());
  // What is there already is not looked at again.
  REQUIRE(host("echo changed >" + (dir / "layer/f")));
  REQUIRE(copies->use(second, 700000).ok());
  CHECK(second.root.layers == first.root.layers);
  CHECK(second.tree == first.tree);
  CHECK(second.program == first.program);
  CHECK(second.binds[0].source == first.binds[0].source);
  CHECK(std::move(sys::read_file(second.root.layers[0] + "/f")).value() == "one\n");
  struct stat st {};
  REQUIRE(stat((first.root.layers[0] + "/f").c_str(), &st) == 0);
  CHECK(st.st_uid == 700007);
  CHECK(st.st_gid == 700008);
  REQUIRE(stat((first.tree + "/t").c_str(), &st) == 0);
  CHECK(st.st_uid == 700000);
  // For other ids the layer is another one; a file stays nobody's.
  REQUIRE(copies->use(other, 800000).ok());
  CHECK(other.root.layers != first.root.layers);
  CHECK(other.program == first.program);
  const std::string folder = first.program.substr(0, first.program.rfind('/'));
  SUBCASE("half a copy is none") {
    Spec broken = wanted;
    broken.root.layers = {dir / "missing"};
    CHECK_FALSE(copies->use(broken, 700000).ok());
    REQUIRE(host("mkdir " + (dir / "missing")));
    CHECK(copies->use(broken, 700000).ok());
  }
  SUBCASE("nobody sweeps what is in use") {
    CHECK(sweep_copies(folder.substr(0, folder.rfind('/'))) == 0);
    CHECK(access(first.program.c_str(), F_OK) == 0);
  }
  copies.reset();
  CHECK(access(folder.c_str(), F_OK) != 0);
}
