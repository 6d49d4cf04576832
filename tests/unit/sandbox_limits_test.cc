// Limits: memory by the watch, processes, scratch space, core files, and the end of everything when the
// runner ends.
#include <doctest/doctest.h>
#include <malloc.h>
#include <poll.h>

#include <chrono>

#include "sandbox/watch.h"
#include "sandbox_support.h"

using namespace testctr;
using namespace testctr::sandbox;
using namespace testctr::sandbox::tests;

namespace {
using Fixture = BusyboxFixture;

Ending watched(const Spec& spec, const Body& body, int seconds) {
  auto container = std::move(Container::start(spec, body)).value();
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  for (;;) {
    pollfd ready{.fd = container.channel(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, 20) > 0) break;
    container.check_limits();
    if (std::chrono::steady_clock::now() > end) break;
  }
  return std::move(container.finish()).value();
}
}  // namespace

TEST_CASE("sandbox limits: a container over its memory is killed, one below it is not") {
  if (sanitized) {
    MESSAGE("skipped, because what the sanitizer keeps in memory beside ours counts as the container's");
    return;
  }
  if (!have_busybox()) return;
  // A container is a clone of this process: what earlier tests have left in its heap would count as its own.
  malloc_trim(0);
  constexpr size_t limit = size_t{192} << 20;
  Fixture f;
  f.spec.limits.memory = limit;
  auto use = [](size_t bytes) {
    return [bytes](Inside&) {
      std::vector<char> memory(bytes, 'x');
      for (int i = 0; i < 50; ++i) {
        usleep(10000);
        memory[static_cast<size_t>(i)] = 'y';
      }
      return memory[3] == 'y' ? 0 : 1;
    };
  };
  auto over = watched(f.spec, use(limit + (size_t{64} << 20)), 20);
  CHECK(over.memory_exceeded);
  CHECK(over.signal == SIGKILL);
  CHECK(over.peak_memory >= limit);
  auto below = watched(f.spec, use(16 << 20), 20);
  CHECK_FALSE(below.memory_exceeded);
  CHECK(below.exit_status == 0);
  CHECK(below.peak_memory >= uint64_t{16} << 20);
}

TEST_CASE("sandbox limits: processes, scratch space, core files") {
  if (!have_busybox()) return;
  Fixture f;
  f.spec.limits.pids = 20;
  f.spec.limits.scratch = 1 << 20;
  auto o = run(f.spec,
               "ulimit -c; busybox dd if=/dev/zero of=/big bs=64k count=64 2>&1 | grep -c 'No space'; i=0; "
               "while test $i -lt 60; do sleep 5 & i=$((i+1)); done 2>&1 | busybox head -n 1; echo end");
  CHECK(o.output.find("0\n1\n") == 0);
  CHECK(o.output.find("fork") != std::string::npos);
}

TEST_CASE("sandbox limits: which kernels count processes by namespace") {
  CHECK(process_limit_is_per_namespace("6.1.0-18-amd64"));
  CHECK(process_limit_is_per_namespace("5.14"));
  CHECK_FALSE(process_limit_is_per_namespace("5.10.0"));
  CHECK_FALSE(process_limit_is_per_namespace("weird"));
}

TEST_CASE("sandbox limits: when the runner dies, so does everything inside") {
  if (!have_busybox()) return;
  Fixture f;
  auto [reader, writer] = std::move(sys::pipe()).value();
  pid_t runner = fork();
  if (runner == 0) {
    // The pipe's end is the sign of life: whoever is inside holds it open.
    f.spec.keep_open = {writer.get()};
    auto container = Container::start(f.spec, [](Inside&) {
      pause();
      return 0;
    });
    usleep(300000);
    kill(getpid(), SIGKILL);
  }
  writer.reset();
  int status = 0;
  waitpid(runner, &status, 0);
  CHECK(WIFSIGNALED(status));
  pollfd ready{.fd = reader.get(), .events = POLLIN, .revents = 0};
  CHECK(poll(&ready, 1, 5000) == 1);
}
