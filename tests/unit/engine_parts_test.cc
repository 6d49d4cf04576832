#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "base/sys.h"
#include "engine/demultiplexer.h"
#include "engine/endpoint.h"
#include "engine/engine_info.h"
#include "engine/inner.h"
#include "engine/lane.h"
#include "net/http.h"

namespace testctr::engine {
namespace {

std::string frame(int stream, std::string_view data) {
  std::string head(8, '\0');
  head[0] = static_cast<char>(stream);
  for (int i = 0; i < 4; ++i) head[4 + i] = static_cast<char>(data.size() >> (8 * (3 - i)) & 0xff);
  return head + std::string(data);
}

TEST_CASE("a container's output is taken apart wherever it is cut") {
  const std::string all =
      frame(1, "one") + frame(2, "wrong") + frame(1, "") + frame(1, std::string(70000, 'x')) + frame(0, "in");
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{4096}, all.size()}) {
    Demultiplexer demultiplexer;
    std::string out;
    for (size_t at = 0; at < all.size(); at += piece)
      REQUIRE(demultiplexer.take(std::string_view(all).substr(at, piece), out).ok());
    CHECK(out == "one" + std::string(70000, 'x'));
    CHECK(demultiplexer.errors() == "wrongin");
  }
  Demultiplexer demultiplexer;
  std::string out;
  CHECK(demultiplexer.take(frame(2, std::string(100000, 'y') + "end"), out).ok());
  CHECK(demultiplexer.errors().size() == 4096);
  CHECK(demultiplexer.errors().ends_with("yend"));
  CHECK(!Demultiplexer().take(frame(3, "x"), out).ok());
  CHECK(!Demultiplexer().take(std::string("\1\0\1\0\0\0\0\1x", 9), out).ok());
}

TEST_CASE("what the first process is told, and tells") {
  InnerSetup setup;
  setup.user = "a:b";
  setup.working_dir = "/srv/\xff";
  setup.seccomp = "{}";
  setup.names = {"db", "web"};
  setup.work = "/work";
  setup.shared_work = true;
  setup.work_owner = 1000;
  setup.seen = {{"/mnt", 1, UINT64_MAX >> 1}};
  setup.notes = {"n"};
  const std::string sent = encode(setup);
  auto read = decode_setup(std::string_view(sent).substr(4));
  REQUIRE(read.ok());
  CHECK(read.value() == setup);
  CHECK(!decode_setup("nonsense").ok());
  CHECK(!decode_setup("").ok());

  const InnerUsage usage{.out_of_memory = true, .pids_refused = true, .peak_memory = 5, .cpu_ns = 7};
  CHECK(decode_usage(encode(usage)) == usage);
  CHECK(!decode_usage("a message"));
  CHECK(!decode_usage(""));
  CHECK(decode_usage(R"({"oom":1,"peak":-3,"cpu":"x"})") == InnerUsage());
}

TEST_CASE("bytes go from one descriptor to the other without waiting") {
  auto [in, from] = sys::socket_pair(SOCK_STREAM).value();
  auto [to, out] = sys::socket_pair(SOCK_STREAM).value();
  REQUIRE(do_not_block(from.get()).ok());
  REQUIRE(do_not_block(to.get()).ok());
  ::signal(SIGPIPE, SIG_IGN);  // as in the processes that have lanes
  Lane lane(from.get(), to.get());
  lane.put("first ");
  REQUIRE(sys::write_full(in.get(), "second").ok());
  REQUIRE(lane.move().ok());
  std::string buffer(64, '\0');
  CHECK(::recv(out.get(), buffer.data(), buffer.size(), 0) == 12);
  CHECK(buffer.starts_with("first second"));
  CHECK(!lane.writes());
  CHECK(lane.reads());
  // Nobody takes anything: a bounded part is held, and no more is read.
  std::thread writer([&] { (void)sys::write_full(in.get(), std::string(2 << 20, 'z')).ok(); });
  while (lane.reads()) REQUIRE(lane.move().ok());
  CHECK(lane.writes());
  out.reset();
  while (!lane.ended()) {
    REQUIRE(lane.move().ok());
    if (lane.broken()) in.reset();
    if (lane.broken()) break;
  }
  CHECK(lane.broken());
  CHECK(!lane.writes());
  from.reset();
  writer.join();
}

TEST_CASE("who owns a container, and whether he is gone") {
  const Owner self = Owner::self();
  CHECK(!Owner::is_gone(self.str()));
  Owner other = self;
  other.started = "1";
  CHECK(Owner::is_gone(other.str()));
  other = self;
  other.pid = 1 << 22;
  CHECK(Owner::is_gone(other.str()));
  // Of them nothing is known.
  other.boot = "another";
  CHECK(!Owner::is_gone(other.str()));
  other = self;
  other.started = "1";
  other.space = "pid:[1]";
  CHECK(!Owner::is_gone(other.str()));
  CHECK(!Owner::is_gone(""));
  CHECK(!Owner::is_gone("a b c d"));
}

TEST_CASE("requests go over a Unix socket, in chunks, and on in another protocol") {
  const std::string folder = sys::temporary_folders({}).front() + "/tc-unit-XXXXXX";
  std::string path = folder;
  REQUIRE(::mkdtemp(path.data()) != nullptr);
  const std::string socket = path + "/s";
  Fd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(socket.begin(), socket.end(), address.sun_path);
  REQUIRE(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listening.get(), 4) == 0);
  std::string heard;
  std::thread server([&] {
    for (const char* answer : {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
                               "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\n\r\nraw",
                               "HTTP/1.1 409 No\r\nContent-Length: 2\r\n\r\nno"}) {
      const Fd one(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
      std::string buffer(4096, '\0');
      do {
        const ssize_t n = ::recv(one.get(), buffer.data(), buffer.size(), 0);
        if (n <= 0) break;
        heard.append(buffer.data(), static_cast<size_t>(n));
      } while (!heard.ends_with("\r\n\r\n") ||
               (heard.find("chunked") != std::string::npos && heard.find("0\r\n\r\n") == std::string::npos));
      (void)sys::write_full(one.get(), answer).ok();
      if (std::string_view(answer).find("raw") != std::string_view::npos) {
        const ssize_t n = ::recv(one.get(), buffer.data(), buffer.size(), 0);
        heard.append(buffer.data(), static_cast<size_t>(std::max<ssize_t>(n, 0)));
      }
    }
  });
  net::ClientOptions options;
  net::Client client(std::move(options));
  net::Request request;
  request.method = "PUT";
  request.url = {.tls = false, .host = "localhost", .port = 80, .target = "/x"};
  request.socket = socket;
  request.chunked = true;
  const auto body = memory_source("some bytes");
  request.stream = body.get();
  {
    auto response = client.send(request);
    REQUIRE(response.ok());
    CHECK(net::read_body(*response.value(), 10).value() == "ok");
  }
  net::Request other;
  other.method = "POST";
  other.url = request.url;
  other.socket = socket;
  auto upgraded = client.upgrade(other);
  REQUIRE(upgraded.ok());
  auto* agreed = std::get_if<net::Upgraded>(&upgraded.value());
  REQUIRE(agreed != nullptr);
  REQUIRE(sys::write_full(agreed->socket.get(), "and on").ok());
  std::string rest(64, '\0');
  while (agreed->received.size() < 3) {
    // Never blocks.
    const ssize_t n = ::recv(agreed->socket.get(), rest.data(), rest.size(), 0);
    if (n > 0) agreed->received.append(rest.data(), static_cast<size_t>(n));
  }
  CHECK(agreed->received == "raw");
  auto refused = client.upgrade(other);
  REQUIRE(refused.ok());
  auto* response = std::get_if<std::unique_ptr<net::Response>>(&refused.value());
  REQUIRE(response != nullptr);
  CHECK((*response)->status == 409);
  server.join();
  CHECK(heard.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(heard.find("a\r\nsome bytes\r\n0\r\n\r\n") != std::string::npos);
  CHECK(heard.find("Content-Length: 10") == std::string::npos);
  CHECK(heard.find("and on") != std::string::npos);
  (void)sys::remove_tree(path).ok();
}

}  // namespace
}  // namespace testctr::engine
