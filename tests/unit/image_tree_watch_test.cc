// Whether a test tree is still the same, asked again and again.
#include "image/tree_watch.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"

using namespace testctr;
using namespace testctr::image;

namespace {

void write_to(const std::string& path, std::string_view text) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  REQUIRE(::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

/// Folders and files enough that looking through them takes its time.
struct Forest {
  std::string directory, tree;

  Forest() {
    const char* base = std::getenv("TMPDIR");
    directory = std::string(base != nullptr ? base : "/tmp") + "/watch-test-XXXXXX";
    REQUIRE(mkdtemp(directory.data()) != nullptr);
    tree = directory + "/tree";
    REQUIRE(mkdir(tree.c_str(), 0755) == 0);
    for (int folder = 0; folder < 20; ++folder) {
      const std::string name = fmt::format("{}/f{}", tree, folder);
      REQUIRE(mkdir(name.c_str(), 0755) == 0);
      for (int file = 0; file < 50; ++file) write_to(fmt::format("{}/{}", name, file), "text");
    }
    write_to(tree + "/.testctrignore", "f0/1\n");
    REQUIRE(link((tree + "/f1/1").c_str(), (directory + "/other-name").c_str()) == 0);
  }
  Forest(const Forest&) = delete;
  Forest& operator=(const Forest&) = delete;
  ~Forest() { (void)sys::remove_tree(directory); }

  /// One that has been asked for so long that it follows what the kernel says.
  [[nodiscard]] TreeWatch watch() const {
    auto scanned = scan_tree(tree);
    REQUIRE(scanned.ok());
    TreeWatch watch(std::move(scanned).value());
    const uint64_t began = sys::monotonic_ns();
    bool same = true;
    while (same && sys::monotonic_ns() - began < 200'000'000) same = watch.same();
    REQUIRE(same);
    return watch;
  }
};

/// Within a time in which it has to have looked.
bool becomes_another(TreeWatch& watch) {
  const uint64_t began = sys::monotonic_ns();
  while (sys::monotonic_ns() - began < 20'000'000'000) {
    if (!watch.same()) return true;
    ::usleep(1000);
  }
  return false;
}

/// How many folders this process has the kernel watch (proc(5), "inotify files").
size_t followed() {
  size_t count = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    const auto told = sys::read_file(fmt::format("/proc/self/fdinfo/{}", fd));
    if (!told.ok()) continue;
    for (std::string_view line : text::lines(told.value())) count += line.starts_with("inotify wd:") ? 1 : 0;
  }
  return count;
}

}  // namespace

TEST_SUITE("image/tree_watch") {
  TEST_CASE("every kind of change is seen at once, and for good") {
    const Forest forest;
    const std::string file = forest.tree + "/f7/9", folder = forest.tree + "/f7";
    const std::function<void()> changes[] = {
        [&] { write_to(file, "TEXT"); },
        [&] { REQUIRE(chmod(file.c_str(), 0600) == 0); },
        [&] { write_to(folder + "/new", ""); },
        [&] { REQUIRE(unlink(file.c_str()) == 0); },
        [&] { REQUIRE(rename((folder + "/10").c_str(), (folder + "/11").c_str()) == 0); },
        [&] { REQUIRE(rename((forest.tree + "/f8").c_str(), (forest.tree + "/f9x").c_str()) == 0); },
        [&] { REQUIRE(mkdir((forest.tree + "/sub").c_str(), 0755) == 0); },
        [&] { REQUIRE(symlink("x", (forest.tree + "/f2/link").c_str()) == 0); },
        [&] { REQUIRE(chmod(forest.tree.c_str(), 0700) == 0); },
    };
    for (const auto& change : changes) {
      TreeWatch watch = forest.watch();
      change();
      CHECK_FALSE(watch.same());
      CHECK_FALSE(watch.same());
    }
  }

  TEST_CASE("reading, and what is hidden, change nothing") {
    const Forest forest;
    TreeWatch watch = forest.watch();
    CHECK(sys::read_file(forest.tree + "/f3/3").ok());
    CHECK(watch.same());
    write_to(forest.tree + "/f0/1", "changed");
    CHECK(watch.same());
    CHECK(watch.same());
    write_to(forest.tree + "/f0/2", "changed");
    CHECK_FALSE(watch.same());
  }

  TEST_CASE("the kernel is asked only when looking has taken its time") {
    const Forest forest;
    auto scanned = scan_tree(forest.tree);
    REQUIRE(scanned.ok());
    TreeWatch fresh(std::move(scanned).value());
    CHECK(fresh.same());
    CHECK(followed() == 0);
    {
      const TreeWatch watch = forest.watch();
      CHECK(followed() == 21);
    }
    CHECK(followed() == 0);
  }

  TEST_CASE("a file that is written by a name outside is found by looking") {
    const Forest forest;
    TreeWatch watch = forest.watch();
    write_to(forest.directory + "/other-name", "TEXT");
    CHECK(becomes_another(watch));
  }
}
