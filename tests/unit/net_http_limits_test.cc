// Servers that flood, drip or are silent, and callers that stop: everything ends, and soon.
#include "net_support.h"

using namespace testctr;
using namespace testctr::net;
using namespace testctr::net::tests;

TEST_CASE("net http: floods end at a limit") {
  const auto flood = [](const std::string& begin, const std::string& unit) {
    std::atomic<size_t> sent = 0;
    std::string said;
    {
      Server server([&](Peer& peer) {
        peer.header();
        peer.say(begin);
        std::string piece;
        while (piece.size() < 60'000) piece += unit;
        while (sent < size_t{256} << 20 && peer.say(piece)) sent += piece.size();
      });
      Client client(options());
      said = body_of(client, get(at(server)));
    }
    CHECK(sent < size_t{32} << 20);
    return said;
  };
  CHECK(contains(flood("HTTP/1.1 200 OK\r\n", "X-Flood: 123456789\r\n"), "larger than 64"));
  CHECK(contains(flood("HTTP/1.1 200 OK\r\nX: ", "123456789"), "larger than 64"));
  CHECK(contains(flood("HTTP/1.1 200 ", "123456789"), "larger than 64"));
  CHECK(contains(flood("", "HTTP/1.1 103 Hints\r\n\r\n"), "1xx"));
  CHECK(contains(flood("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "123456789"), "too large"));
  CHECK(contains(flood("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-Flood: 1\r\n"),
                 "error: "));
  Server server([](Peer& peer) {
    peer.header();
    peer.say(answer(std::string(100'000, 'x')));
  });
  Client client(options());
  auto got = client.send(get(at(server)));
  REQUIRE(got.ok());
  auto body = read_body(*got.value(), 50'000);
  REQUIRE_FALSE(body.ok());
  CHECK(contains(body.error().message(), "larger than"));
}

TEST_CASE("net http: interim answers do not stop sending, a flood of them does") {
  constexpr size_t much = 64'000'000;  // more than lies in sockets: the server speaks before it is all sent
  const auto said = [](int interim) {
    Server server([&](Peer& peer) {
      peer.header();
      for (int i = 0; i < interim; ++i) {
        peer.say("HTTP/1.1 10");
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        peer.say("0 Continue\r\nX: y\r\n\r\n");
      }
      size_t got = 0;
      while (got < much) {
        const size_t n = peer.bytes(std::min<size_t>(1'000'000, much - got)).size();
        if (n == 0) return;
        got += n;
      }
      peer.say(answer(std::to_string(got)));
    });
    Client client(options());
    Letters letters(much);
    Request request = get(at(server));
    request.method = "PUT";
    request.stream = &letters;
    request.body_size = much;
    return body_of(client, request);
  };
  CHECK(said(1) == "64000000");
  CHECK(said(3) == "64000000");
  CHECK(contains(said(200), "1xx"));
}

TEST_CASE("net http: slow and silent servers end within the limits") {
  ClientOptions quick = options();
  quick.timeouts.idle_ns = 400 * ms;
  quick.timeouts.header_ns = 400 * ms;
  quick.timeouts.slow_bytes = 1000;
  quick.timeouts.slow_window_ns = 600 * ms;
  Client client(quick);
  const auto timed = [&](const Server::Serve& serve, const char* what) {
    Server server(serve);
    Stopwatch watch;
    auto got = client.send(get(at(server)));
    const Error error = [&] {
      if (!got.ok()) return got.error();
      auto body = read_body(*got.value(), 1000000);
      return body.ok() ? Error::internal("no error: " + body.value()) : body.error();
    }();
    CHECK(error.number() == ETIME);
    CHECK(transient(error));
    CHECK_FALSE(unreachable(error));
    CHECK(watch.ms() >= 300);
    CHECK(watch.ms() < 5000);
    CHECK_MESSAGE(contains(error.message(), what), error.message());
  };
  const auto drip = [](Peer& peer, const std::string& begin) {
    peer.header();
    peer.say(begin);
    while (peer.say("x")) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  timed([](Peer& peer) { peer.wait_for_end(); }, "no answer within 400ms");
  timed([&](Peer& peer) { drip(peer, "HTTP/1.1 200 OK\r\nX: "); }, "no answer within 400ms");
  timed(
      [](Peer& peer) {
        peer.header();
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
        peer.wait_for_end();
      },
      "sent nothing for 400ms");
  timed([&](Peer& peer) { drip(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"); },
        "bytes in 600ms");
  timed([&](Peer& peer) { drip(peer, "HTTP/1.1 200 OK\r\n\r\n"); }, "bytes in 600ms");
  timed([&](Peer& peer) { drip(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n"); },
        "bytes in 600ms");
}

TEST_CASE("net http: a server that takes nothing is an error, a caller that takes its time is none") {
  ClientOptions quick = options();
  quick.timeouts.idle_ns = 300 * ms;
  quick.timeouts.slow_window_ns = 300 * ms;
  Client client(quick);
  {
    Server server([](Peer& peer) {
      pollfd polled{.fd = peer.fd(), .events = POLLRDHUP, .revents = 0};
      poll(&polled, 1, 20'000);
    });
    Letters letters(uint64_t{1} << 30);
    Request request = get(at(server));
    request.method = "PUT";
    request.stream = &letters;
    request.body_size = uint64_t{1} << 30;
    Stopwatch watch;
    auto got = client.send(request);
    REQUIRE_FALSE(got.ok());
    CHECK(contains(got.error().message(), "took nothing for 300ms"));
    CHECK(watch.ms() < 5000);
  }
  Server server([](Peer& peer) {
    peer.header();
    peer.say(answer(std::string(100, 'x')));
    peer.wait_for_end();
  });
  auto got = client.send(get(at(server)));
  REQUIRE(got.ok());
  char byte = 0;
  for (int i = 0; i < 4; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    CHECK(got.value()->read(&byte, 1).value() == 1);
  }
}

TEST_CASE("net http: being cancelled ends whatever waits") {
  std::atomic<bool> cancel = false;
  ClientOptions stoppable = options();
  stoppable.cancelled = [&] { return cancel.load(); };
  Client client(stoppable);
  Server silent([](Peer& peer) { peer.wait_for_end(); });
  Server stalling([](Peer& peer) {
    peer.header();
    peer.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
    peer.wait_for_end();
  });
  for (Server* server : {&silent, &stalling}) {
    cancel = false;
    std::thread stopper([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(150));
      cancel = true;
    });
    Stopwatch watch;
    const std::string said = body_of(client, get(at(*server)));
    CHECK(watch.ms() < 1500);
    CHECK(contains(said, "stopped waiting"));
    stopper.join();
  }
  auto got = client.send(get(at(silent)));
  REQUIRE_FALSE(got.ok());
  CHECK(got.error().number() == ECANCELED);
  CHECK_FALSE(transient(got.error()));
}

TEST_CASE("net http: offline nothing is asked") {
  Server server(echo);
  ClientOptions off = options();
  off.offline = true;
  Client client(off);
  auto got = client.send(get(at(server)));
  REQUIRE_FALSE(got.ok());
  CHECK(got.error().number() == ENETDOWN);
  CHECK(unreachable(got.error()));
  CHECK_FALSE(transient(got.error()));
  CHECK(contains(got.error().message(), "offline"));
  CHECK(server.connections() == 0);
}
