// Exchanges over plain HTTP, with servers that behave and servers that do not.
#include "net_support.h"

using namespace testctr;
using namespace testctr::net;
using namespace testctr::net::tests;

namespace {

/// What a client says of a server that sends this to whatever comes and hangs up.
std::string said_to(const std::string& bytes, const std::string& method = "GET") {
  Server server([&](Peer& peer) {
    if (peer.header().empty()) return;
    peer.say(bytes);
  });
  Client client(options());
  Request request = get(at(server));
  request.method = method;
  return body_of(client, request);
}

}  // namespace

TEST_CASE("net http: a request as it is sent, an answer as it is read") {
  Server server([](Peer& peer) {
    const std::string header = peer.header();
    peer.say("HTTP/1.1 206 Partial\r\nX-One: a\r\nx-ONE:  b \r\nContent-Length: " +
             std::to_string(header.size()) + "\r\n\r\n" + header);
  });
  Client client(options());
  Request request = get(at(server, "/v2/x?y=1"));
  request.headers = {{"Accept", "a/b"}, {"Range", "bytes=5-"}};
  auto got = client.send(request);
  REQUIRE(got.ok());
  Response& response = *got.value();
  CHECK(response.status == 206);
  CHECK(response.header("x-one") == "a, b");
  CHECK(response.header("none").empty());
  const std::string body = read_body(response, 10'000).value();
  CHECK(response.length == body.size());
  CHECK(body == "GET /v2/x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                    "\r\nUser-Agent: tests/1\r\nAccept: a/b\r\nRange: bytes=5-\r\n\r\n");
  char more = 0;
  CHECK(response.read(&more, 1).value() == 0);
}

TEST_CASE("net http: bodies by length, in chunks, until the end") {
  CHECK(said_to(answer("hello")) == "hello");
  CHECK(said_to(answer("")) == "");
  CHECK(said_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nT: "
                "z\r\n\r\n") == "hello");
  CHECK(said_to("HTTP/1.1 200 OK\r\n\r\nhello") == "hello");
  CHECK(said_to("HTTP/1.0 200 OK\r\n\r\nhello") == "hello");
  CHECK(said_to("HTTP/1.1 204 No\r\n\r\n") == "");
  CHECK(said_to("HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n") == "");
  CHECK(said_to("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD") == "");
  // Answers before the answer.
  CHECK(said_to("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + answer("hello")) ==
        "hello");
}

TEST_CASE("net http: a HEAD request tells the length") {
  Server server([](Peer& peer) {
    peer.header();
    peer.say("HTTP/1.1 200 OK\r\nContent-Length: 12345678901\r\n\r\n");
    peer.wait_for_end();
  });
  Client client(options());
  Request request = get(at(server));
  request.method = "HEAD";
  auto got = client.send(request);
  REQUIRE(got.ok());
  CHECK(got.value()->length == 12345678901U);
  CHECK(read_body(*got.value(), 1).value().empty());
}

TEST_CASE("net http: a body that is cut is an error that may pass") {
  for (const char* bytes : {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"}) {
    CAPTURE(bytes);
    Server server([&](Peer& peer) {
      peer.header();
      peer.say(bytes);
    });
    Client client(options());
    auto got = client.send(get(at(server)));
    REQUIRE(got.ok());
    auto body = read_body(*got.value(), 1000);
    REQUIRE_FALSE(body.ok());
    CHECK(transient(body.error()));
    CHECK(body.error().number() == ECONNRESET);
    CHECK(contains(body.error().message(), "127.0.0.1:" + std::to_string(server.port())));
    char more = 0;
    CHECK_FALSE(got.value()->read(&more, 1).ok());  // it stays an error
  }
  CHECK(contains(said_to(""), "without an answer"));
  CHECK(contains(said_to("HTTP/1.1 200 O"), "within the answer's header"));
}

TEST_CASE("net http: what is not HTTP is told, and not tried again") {
  const char* cases[] = {
      "SSH-2.0-OpenSSH_9.2\r\n",
      "HTTP/2 200\r\n\r\n",
      "HTTP/1.1 abc OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello",
      "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
      "HTTP/1.1 101 Switching\r\n\r\n",
      "<html>",
  };
  for (const char* bytes : cases) {
    CAPTURE(bytes);
    Server server([&](Peer& peer) {
      peer.header();
      peer.say(bytes);
    });
    Client client(options());
    auto got = client.send(get(at(server)));
    const Error error = [&] {
      if (!got.ok()) return got.error();
      auto body = read_body(*got.value(), 1000);
      return body.ok() ? Error::internal("no error: " + body.value()) : body.error();
    }();
    CHECK(error.message() != "");
    CHECK(error.number() == EBADMSG);
    CHECK_FALSE(transient(error));
  }
  CHECK(contains(said_to(std::string("\x15\x03\x01\x00\x02\x02\x16", 7)), "speaks TLS"));
}

TEST_CASE("net http: a header of almost 64 KiB is read") {
  CHECK(said_to(answer("hello", "X-Long: " + std::string(60'000, 'x') + "\r\n")) == "hello");
}

TEST_CASE("net http: connections are used again, where that is right") {
  Server server(echo);
  Client client(options());
  for (int i = 0; i < 5; ++i) CHECK(contains(body_of(client, get(at(server))), "GET / "));
  CHECK(server.connections() == 1);
  // Two at once are two.
  auto one = client.send(get(at(server)));
  auto two = client.send(get(at(server)));
  REQUIRE(one.ok());
  REQUIRE(two.ok());
  CHECK(server.connections() == 2);
  CHECK(read_body(*one.value(), 1000).ok());
  CHECK(read_body(*two.value(), 1000).ok());
  // One that was not read to its end is not used again.
  for (int i = 0; i < 2; ++i) {
    auto left = client.send(get(at(server)));
    REQUIRE(left.ok());
  }
  CHECK(contains(body_of(client, get(at(server))), "GET / "));
  CHECK(server.connections() == 3);
}

TEST_CASE("net http: connections are not kept where the server says so") {
  for (const std::string header : {"Connection: close\r\n", ""}) {
    Server server([&](Peer& peer) {
      while (!peer.header().empty()) {
        std::string bytes = answer("hello", header);
        if (header.empty()) bytes.replace(0, 8, "HTTP/1.0");
        if (!peer.say(bytes)) return;
      }
    });
    Client client(options());
    for (int i = 0; i < 3; ++i) CHECK(body_of(client, get(at(server))) == "hello");
    CHECK(server.connections() == 3);
  }
}

TEST_CASE("net http: a kept connection that the server has closed is replaced") {
  Server server([](Peer& peer) {
    peer.header();
    peer.say(answer("hello"));
  });
  Client client(options());
  CHECK(body_of(client, get(at(server))) == "hello");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(body_of(client, get(at(server))) == "hello");
  CHECK(server.connections() == 2);
}

TEST_CASE("net http: a kept connection that is closed by the next request is replaced once") {
  std::atomic<int> number = 0;
  Server server([&](Peer& peer) {
    const bool first = ++number == 1;
    peer.header();
    peer.say(answer("hello"));
    if (peer.header().empty() || first) return;  // hangs up instead of the second answer
    peer.say(answer("again"));
  });
  Client client(options());
  CHECK(body_of(client, get(at(server))) == "hello");
  CHECK(body_of(client, get(at(server))) == "hello");
  CHECK(server.connections() == 2);
  CHECK(body_of(client, get(at(server))) == "again");
  CHECK(server.connections() == 2);
  // A stream that was begun cannot be sent again; the error may pass, and the caller decides.
  Server closing([&](Peer& peer) {
    peer.header();
    peer.say(answer("hello"));
    peer.header();
  });
  CHECK(body_of(client, get(at(closing))) == "hello");
  Letters letters(10'000'000);
  Request request = get(at(closing));
  request.method = "PUT";
  request.stream = &letters;
  request.body_size = 10'000'000;
  auto got = client.send(request);
  REQUIRE_FALSE(got.ok());
  CHECK(transient(got.error()));
}

TEST_CASE("net http: bytes that nobody asked for end a kept connection") {
  Server server([](Peer& peer) {
    while (!peer.header().empty())
      if (!peer.say(answer("hello") + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")) return;
  });
  Client client(options());
  for (int i = 0; i < 3; ++i) CHECK(body_of(client, get(at(server))) == "hello");
  CHECK(server.connections() == 3);
}

TEST_CASE("net http: bodies are sent") {
  std::string seen;
  Server server([&](Peer& peer) {
    for (;;) {
      const std::string header = peer.header();
      if (header.empty()) return;
      const size_t at = header.find("Content-Length: ");
      const size_t size = at == std::string::npos ? 0 : std::stoul(header.substr(at + 16));
      const std::string body = peer.bytes(size);
      seen = header.substr(0, header.find(' ')) + (at == std::string::npos ? " none" : "");
      peer.say(answer(std::to_string(body.size()) + (body.empty() ? "" : body.substr(0, 3))));
    }
  });
  Client client(options());
  Request request = get(at(server));
  CHECK(body_of(client, request) == "0");
  CHECK(seen == "GET none");
  request.method = "POST";
  CHECK(body_of(client, request) == "0");
  CHECK(seen == "POST");
  request.method = "PATCH";
  request.body = "abcdef";
  CHECK(body_of(client, request) == "6abc");
  Letters letters(20'000'001);
  request.method = "PUT";
  request.stream = &letters;
  request.body_size = 20'000'001;
  CHECK(body_of(client, request) == "20000001xxx");
  CHECK(server.connections() == 1);
  // What gives less than it promised is not sent as if it were whole.
  Letters few(10);
  request.stream = &few;
  request.body_size = 11;
  auto got = client.send(request);
  REQUIRE_FALSE(got.ok());
  CHECK(contains(got.error().message(), "ended 1 bytes before its end"));
  CHECK_FALSE(transient(got.error()));
}

TEST_CASE("net http: an early answer stops sending") {
  for (const bool hang_up : {false, true}) {
    CAPTURE(hang_up);
    Server server([&](Peer& peer) {
      peer.header();
      peer.say("HTTP/1.1 401 Who\r\nContent-Length: 4\r\n\r\nwho?");
      if (!hang_up) {
        // Reads nothing until the client has given up.
        pollfd polled{.fd = peer.fd(), .events = POLLRDHUP, .revents = 0};
        poll(&polled, 1, 20'000);
      }
    });
    Client client(options());
    constexpr uint64_t much = uint64_t{4} << 30;
    Letters letters(much);
    Request request = get(at(server));
    request.method = "PUT";
    request.stream = &letters;
    request.body_size = much;
    auto got = client.send(request);
    if (hang_up && !got.ok()) {
      CHECK(transient(got.error()));  // the reset may overtake the answer
    } else {
      REQUIRE(got.ok());
      CHECK(got.value()->status == 401);
      if (!hang_up) CHECK(read_body(*got.value(), 100).value() == "who?");
    }
    CHECK(letters.rest() > much / 2);
  }
}

TEST_CASE("net http: headers that would end their line are not sent") {
  Server server(echo);
  Client client(options());
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"X", "a\r\nY: b"}, {"X", "a\nb"}, {"X\r\n", "a"}, {"X:", "a"}, {"", "a"}, {"X Y", "a"}}) {
    Request request = get(at(server));
    request.headers = {{name, value}};
    CHECK_FALSE(client.send(request).ok());
  }
  Request request = get(at(server));
  request.method = "GET / HTTP/1.1\r\nX:";
  CHECK_FALSE(client.send(request).ok());
  request = get(at(server));
  request.url.target = "/ HTTP/1.1\r\nX: y";
  CHECK_FALSE(client.send(request).ok());
  CHECK(server.connections() == 0);
}

TEST_CASE("net http: IPv6") {
  Server server(echo, AF_INET6);
  if (server.port() == 0) {
    MESSAGE("skipped, because this machine has no ::1");
    return;
  }
  Client client(options());
  const std::string port = std::to_string(server.port());
  CHECK(contains(body_of(client, get("http://[::1]:" + port + "/")), "Host: [::1]:" + port + "\r\n"));
  CHECK(contains(body_of(client, get("http://localhost:" + port + "/")), "Host: localhost:" + port + "\r\n"));
}

TEST_CASE("net http: several threads have connections of their own") {
  Server server(echo);
  Client client(options());
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 25; ++j) {
        const std::string target = "/" + std::to_string(i) + "/" + std::to_string(j);
        if (contains(body_of(client, get(at(server, target))), "GET " + target + " ")) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 100);
  CHECK(server.connections() <= 4);
}

TEST_CASE("net http: plain HTTP by a proxy") {
  Server proxy(echo);
  const std::string port = std::to_string(proxy.port());
  Client client(options({{"http_proxy", "http://user:word@127.0.0.1:" + port}}));
  const std::string said = body_of(client, get("http://server.invalid:8080/v2/?x=1"));
  CHECK(contains(said, "GET http://server.invalid:8080/v2/?x=1 HTTP/1.1\r\n"));
  CHECK(contains(said, "Host: server.invalid:8080\r\n"));
  CHECK(contains(said, "Proxy-Authorization: Basic dXNlcjp3b3Jk\r\n"));
  // Another host is another connection, though to the same proxy; the same is none.
  CHECK(contains(body_of(client, get("http://other.invalid/")), "GET http://other.invalid/ "));
  CHECK(contains(body_of(client, get("http://other.invalid/")), "GET http://other.invalid/ "));
  CHECK(proxy.connections() == 2);
  // This machine is asked directly, and told nothing of the proxy.
  Server server(echo);
  CHECK_FALSE(contains(body_of(client, get(at(server))), "Proxy-Authorization"));
  CHECK(proxy.connections() == 2);
}

TEST_CASE("net http: a proxy that is not there is named") {
  Client client(options({{"http_proxy", "http://proxy.invalid:3128"}}));
  const std::string said = body_of(client, get("http://server.invalid/"));
  CHECK(contains(said, "the proxy http://proxy.invalid:3128: "));
  CHECK(contains(said, "proxy.invalid"));
}

TEST_CASE("net http: a response may live longer than its client") {
  Server server(echo);
  std::unique_ptr<Response> response;
  {
    Client client(options());
    auto got = client.send(get(at(server)));
    REQUIRE(got.ok());
    response = std::move(got).value();
  }
  CHECK(contains(read_body(*response, 1000).value(), "GET / "));
}

TEST_CASE("net http: kinds of errors") {
  const auto of = [](int number) { return Error(Fault::infrastructure, "x", number); };
  for (int number : {ECONNRESET, EPIPE, ETIMEDOUT, ETIME, ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EAGAIN})
    CHECK(transient(of(number)));
  for (int number : {ENXIO, EPROTO, EBADMSG, EACCES, ENETDOWN, ECANCELED, 0})
    CHECK_FALSE(transient(of(number)));
  for (int number : {ETIMEDOUT, ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EAGAIN, ENETDOWN})
    CHECK(unreachable(of(number)));
  for (int number : {ECONNRESET, ETIME, EPROTO, ENXIO, ECANCELED, 0}) CHECK_FALSE(unreachable(of(number)));
}
