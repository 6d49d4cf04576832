// How long a container with an empty body takes from start to end, beside `bwrap --unshare-all` doing nothing, round-robin in one process.
//   bench-start LAYER [ROUNDS]      LAYER: a directory with /bin/busybox in it
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/sys.h"
#include "sandbox/container.h"

namespace {

using testctr::sys::monotonic_ns;

double own_start(const testctr::sandbox::Spec& spec) {
  uint64_t begin = monotonic_ns();
  auto container = testctr::sandbox::Container::start(spec, [](testctr::sandbox::Inside&) { return 0; });
  if (!container.ok()) {
    std::fprintf(stderr, "%s\n", container.error().full().c_str());
    std::exit(1);
  }
  auto ending = container.value().finish();
  if (!ending.ok() || ending.value().exit_status != 0) {
    std::fprintf(stderr, "%s\n", ending.ok() && ending.value().setup_error ? ending.value().setup_error->full().c_str() : "the container failed");
    std::exit(1);
  }
  return static_cast<double>(monotonic_ns() - begin) / 1e6;
}

double spawned(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  uint64_t begin = monotonic_ns();
  pid_t pid = -1;
  int status = 0;
  if (posix_spawnp(&pid, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0 || waitpid(pid, &status, 0) < 0 || status != 0) return -1;
  return static_cast<double>(monotonic_ns() - begin) / 1e6;
}

void show(const char* name, std::vector<double> times, double reference) {
  std::sort(times.begin(), times.end());
  double median = times[times.size() / 2];
  std::printf("%-28s median %6.2f ms   min %6.2f   p90 %6.2f   ratio to bwrap %.2f\n", name, median, times.front(), times[times.size() * 9 / 10], median / reference);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 100;
  testctr::sandbox::Spec spec;
  spec.root.layers = {argv[1]};
  auto self = testctr::sys::self_path();
  if (self.ok()) spec.program = self.value();
  std::vector<double> own, bwrap, plain;
  const std::string layer = argv[1];
  for (int i = 0; i < rounds; ++i) {
    own.push_back(own_start(spec));
    bwrap.push_back(spawned({"bwrap", "--unshare-all", "--ro-bind", layer, "/", "--proc", "/proc", "--dev", "/dev", "/bin/busybox", "true"}));
    plain.push_back(spawned({layer + "/bin/busybox", "true"}));
  }
  std::sort(bwrap.begin(), bwrap.end());
  double reference = bwrap[bwrap.size() / 2];
  show("bwrap --unshare-all", bwrap, reference);
  show("container, empty body", own, reference);
  show("fork and exec", plain, reference);
  return 0;
}
