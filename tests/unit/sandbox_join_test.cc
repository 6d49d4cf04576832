// Containers that share a user and a network namespace.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "sandbox_support.h"

using namespace testctr;
using namespace testctr::sandbox;
using namespace testctr::sandbox::tests;

namespace {

sockaddr_in loopback() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(4321);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Listens, says "r", hands what the first caller sends to the channel.
int serve(Inside& in) {
  Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback();
  if (bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 2;
  if (listen(listener.get(), 1) != 0) return 3;
  if (!sys::write_full(in.channel(), "r").ok()) return 4;
  Fd caller(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  auto said = sys::read_all(caller.get(), 100);
  if (!said.ok()) return 5;
  return sys::write_full(in.channel(), said.value()).ok() ? 0 : 6;
}

int call(Inside& in) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback();
  if (connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    (void)sys::write_full(in.channel(), strerror(errno));
    return 2;
  }
  return sys::write_full(socket.get(), fmt::format("hello from {}", getpid())).ok() ? 0 : 3;
}

}  // namespace

TEST_CASE("sandbox join: a port of one container is reached from another in its network, and from no other") {
  if (!have_busybox()) return;
  BusyboxFixture fixture;
  Spec& spec = fixture.spec;
  auto first = std::move(Container::start(spec, serve)).value();
  char ready = 0;
  REQUIRE(sys::read_full(first.channel(), &ready, 1).ok());
  REQUIRE(ready == 'r');

  auto apart = run(spec, call);
  CHECK(apart.status == 2);
  CHECK(apart.output == "Connection refused");

  auto namespaces = first.namespaces();
  REQUIRE(namespaces.ok());
  Spec other = spec;
  other.join_user = namespaces.value().user;
  other.join_network = namespaces.value().network;
  auto joined = run(other, call);
  CAPTURE(joined.output);
  CHECK(joined.status == 0);
  // Each is the first process of its own.
  CHECK(std::move(sys::read_all(first.channel(), 100)).value() == "hello from 1");
  CHECK(std::move(first.finish()).value().exit_status == 0);

  // Programs run there as anywhere, under the filter.
  auto shell = run(other,
                   "id -u; grep -h -E '^(Seccomp|NoNewPrivs|CapEff):' /proc/self/status | tr '\\t' ' '; echo "
                   "x > /work/x && cat /work/x");
  if (shell.status != 0 || shell.output.find("Seccomp: 2") == std::string::npos)
    shell = run(other,
                "id -u; grep -h -E '^(Seccomp|NoNewPrivs|CapEff):' /proc/self/status | busybox tr '\\t' ' '; "
                "echo x > /work/x && cat /work/x");
  CHECK(shell.output == "0\nCapEff: 00000000800405fb\nNoNewPrivs: 1\nSeccomp: 2\nx\n");
}

TEST_CASE("sandbox join: images with different users share a network, also where one id is mapped") {
  if (!have_busybox()) return;
  BusyboxFixture fixture;
  Spec& spec = fixture.spec;
  auto first = std::move(Container::start(spec, serve)).value();
  char ready = 0;
  REQUIRE(sys::read_full(first.channel(), &ready, 1).ok());
  auto namespaces = first.namespaces();
  REQUIRE(namespaces.ok());
  Spec other = spec;
  other.user = "1234:2345";
  other.join_user = namespaces.value().user;
  other.join_network = namespaces.value().network;
  auto who = run(other, [](Inside& in) {
    return sys::write_full(in.channel(), fmt::format("{}:{}", getuid(), getgid())).ok() ? 0 : 2;
  });
  CHECK(who.output == "1234:2345");
  auto joined = run(other, call);
  CAPTURE(joined.output);
  CHECK(joined.status == 0);
  CHECK(std::move(first.finish()).value().exit_status == 0);
}

TEST_CASE("sandbox join: a network without its user namespace, and what is no namespace, are refused") {
  if (!have_busybox()) return;
  BusyboxFixture fixture;
  Spec& spec = fixture.spec;
  Fd own = std::move(sys::open("/proc/self/ns/net", O_RDONLY)).value();
  spec.join_network = own.get();
  CHECK(run(spec, "true").output.find("only together with the user namespace") != std::string::npos);
  spec.join_user = own.get();
  CHECK(run(spec, "true").output.find("joining the user namespace") != std::string::npos);
}
