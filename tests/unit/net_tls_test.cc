// TLS: whom we trust, and what is said where we do not.
#include "net_tls_support.h"

using namespace testctr;
using namespace testctr::net;
using namespace testctr::net::tests;

namespace {

std::string https(const Server& server, const std::string& host = "localhost") {
  return "https://" + host + ":" + std::to_string(server.port()) + "/";
}

/// Answers each request over TLS with its header.
Server::Serve tls_echo(const std::string& certificate, const std::string& client_authority = "") {
  return [=](Peer& peer) {
    TlsPeer tls(peer, certificate, client_authority);
    for (;;) {
      const std::string header = tls.header();
      if (header.empty()) return;
      tls.say("HTTP/1.1 200 OK\r\nX-Name: " + tls.server_name() +
              "\r\nContent-Length: " + std::to_string(header.size()) + "\r\n\r\n" + header);
    }
  };
}

/// No list of authorities but what a test names.
ClientOptions no_system() { return options({{"SSL_CERT_FILE", "/dev/null"}, {"SSL_CERT_DIR", "/dev/null"}}); }

/// The error of asking a server with this certificate.
Error refused(const std::string& certificate, const Tls& trust, const std::string& host = "localhost",
              ClientOptions with = no_system()) {
  Server server(tls_echo(certificate));
  Client client(std::move(with));
  Request request = get(https(server, host));
  request.tls = trust;
  auto got = client.send(request);
  return got.ok() ? Error::internal("no error") : got.error();
}

}  // namespace

TEST_CASE("net tls: a server whose authority is named is trusted, by name and by address") {
  if (no_certificates()) return;
  Server server(tls_echo("good"));
  Client client(no_system());
  for (const char* host : {"localhost", "127.0.0.1"}) {
    Request request = get(https(server, host));
    request.tls = trusting("ca.pem");
    for (int i = 0; i < 2; ++i) {
      auto got = client.send(request);
      REQUIRE_MESSAGE(got.ok(), got.error().full());
      CHECK(got.value()->header("x-name") == (std::string(host) == "localhost" ? "localhost" : ""));
      CHECK(contains(read_body(*got.value(), 10000).value(), std::string("Host: ") + host));
    }
  }
  CHECK(server.connections() == 2);  // kept, each for its name
  // Another trust is another connection.
  Request careless = get(https(server));
  careless.tls.verify = false;
  CHECK(contains(body_of(client, careless), "Host: localhost"));
  CHECK(server.connections() == 3);
}

TEST_CASE("net tls: every kind of key is understood") {
  if (no_certificates()) return;
  for (const char* kind : {"p384", "p521", "rsa", "pss", "ed25519"}) {
    CAPTURE(kind);
    Server server(tls_echo(kind));
    Client client(no_system());
    Request request = get(https(server));
    request.tls = trusting("ca.pem");
    CHECK(contains(body_of(client, request), "GET / HTTP/1.1"));
  }
}

TEST_CASE("net tls: what is not trusted is told, with the reason and what to do") {
  if (no_certificates()) return;
  const auto check = [](const Error& error, const char* part) {
    CHECK(error.number() == EPROTO);
    CHECK_FALSE(transient(error));
    CHECK_FALSE(unreachable(error));
    CHECK_MESSAGE(contains(error.message(), part), error.full());
  };
  const Error unknown = refused("good", {});
  check(unknown, "localhost is not trusted: it is signed by an unknown authority (CN=Test authority)");
  CHECK(contains(unknown.hint(), "/etc/containers/certs.d/localhost:"));
  CHECK(contains(unknown.hint(), "SSL_CERT_FILE"));
  check(refused("self", {}), "it is signed by itself");
  check(refused("expired", trusting("ca.pem")), "has expired on 20");
  check(refused("other", trusting("ca.pem")), "it is for another host: other.example, *.more.example");
  check(refused("other", trusting("ca.pem"), "127.0.0.1"),
        "127.0.0.1 is not trusted: it is for another host: other.");
  check(refused("nameless", trusting("ca.pem")), "it names no host at all");
  const Error missing = refused("good", trusting_file("/nowhere.pem"));
  CHECK(missing.number() == ENOENT);
  CHECK(contains(missing.message(), "/nowhere.pem"));
  check(refused("good", trusting("good.key")), "holds no certificate");
}

TEST_CASE("net tls: a server's own certificate may be what is trusted") {
  if (no_certificates()) return;
  for (const char* name : {"self", "good"}) {
    Server server(tls_echo(name));
    Client client(no_system());
    Request request = get(https(server));
    request.tls = trusting(std::string(name) + ".pem");
    CHECK(contains(body_of(client, request), "GET / "));
  }
}

TEST_CASE("net tls: without verification anybody is believed") {
  if (no_certificates()) return;
  for (const char* name : {"good", "self", "expired", "other"}) {
    Server server(tls_echo(name));
    Client client(no_system());
    Request request = get(https(server));
    request.tls.verify = false;
    CHECK(contains(body_of(client, request), "GET / "));
  }
}

TEST_CASE("net tls: the system's list is a file, or the files of folders") {
  if (no_certificates()) return;
  const Certificates& files = Certificates::all();
  REQUIRE(files.shell("mkdir -p folder empty && cp ca.pem folder/any-name && cat self.pem ca.pem >list.pem"));
  const std::map<std::string, std::string> good[] = {
      {{"SSL_CERT_FILE", files.file("list.pem")}, {"SSL_CERT_DIR", "/dev/null"}},
      {{"SSL_CERT_FILE", "/dev/null"}, {"SSL_CERT_DIR", files.file("empty") + ":" + files.file("folder")}},
  };
  for (const auto& environment : good) {
    Server server(tls_echo("good"));
    Client client(options(environment));
    CHECK(contains(body_of(client, get(https(server))), "GET / "));
  }
  // What is named beside the system's list does not take its place.
  Server server(tls_echo("good"));
  Client client(options(good[0]));
  Request request = get(https(server));
  request.tls = trusting("self.pem");
  CHECK(contains(body_of(client, request), "GET / "));
  const Error error =
      refused("good", {}, "localhost",
              options({{"SSL_CERT_FILE", files.file("self.pem")}, {"SSL_CERT_DIR", "/dev/null"}}));
  CHECK(contains(error.hint(), files.file("self.pem")));
}

TEST_CASE("net tls: a certificate of one's own") {
  if (no_certificates()) return;
  const Certificates& files = Certificates::all();
  Server server(tls_echo("good", "ca.pem"));
  Client client(no_system());
  Request request = get(https(server));
  request.tls = trusting("ca.pem");
  CHECK(contains(body_of(client, request), "error: "));
  request.tls.certificate = files.file("client.pem");
  request.tls.key = files.file("client.key");
  CHECK(contains(body_of(client, request), "GET / "));
  request.tls.key = files.file("good.key");
  CHECK(contains(body_of(client, request), "the key"));
  REQUIRE(files.shell("openssl ec -in client.key -aes128 -passout pass:secret -out locked.key"));
  request.tls.key = files.file("locked.key");
  CHECK(contains(body_of(client, request), "not encrypted"));
}

TEST_CASE("net tls: TLS and plain HTTP mistaken for each other") {
  if (no_certificates()) return;
  Server plain([](Peer& peer) {
    peer.until("\n");
    peer.say("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
  });
  Server silent([](Peer& peer) { peer.wait_for_end(); });
  ClientOptions quick = no_system();
  quick.timeouts.connect_ns = 400 * ms;
  Client client(quick);
  Server shouting([](Peer& peer) {
    peer.say("220 mail.example ESMTP\r\n");
    peer.wait_for_end();
  });
  auto got = client.send(get(https(shouting)));
  REQUIRE_FALSE(got.ok());
  CHECK(got.error().number() == EPROTO);
  CHECK(contains(got.error().message(), "does not speak TLS"));
  CHECK(contains(got.error().hint(), "insecure"));
  auto late = client.send(get(https(silent)));
  REQUIRE_FALSE(late.ok());
  CHECK(late.error().number() == ETIMEDOUT);
  CHECK(contains(late.error().message(),
                 "no connection to localhost:" + std::to_string(silent.port()) + " within 400ms"));
  Server tls(tls_echo("good"));
  CHECK(contains(body_of(client, get("http://localhost:" + std::to_string(tls.port()))), "error: "));
}

TEST_CASE("net tls: an end without a farewell is a cut") {
  if (no_certificates()) return;
  for (const bool farewell : {true, false}) {
    Server server([&](Peer& peer) {
      TlsPeer tls(peer, "good");
      tls.header();
      tls.say("HTTP/1.1 200 OK\r\n\r\nhello");
      if (farewell) tls.farewell();
    });
    Client client(no_system());
    Request request = get(https(server));
    request.tls = trusting("ca.pem");
    const std::string said = body_of(client, request);
    CHECK_MESSAGE((farewell ? said == "hello" : contains(said, "without TLS's farewell")), said);
  }
}

TEST_CASE("net tls: large bodies go both ways") {
  if (no_certificates()) return;
  const std::string large(5'000'000, 'y');
  Server server([&](Peer& peer) {
    TlsPeer tls(peer, "good");
    tls.header();
    tls.say("HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + large);
    tls.header();
  });
  Client client(no_system());
  Request request = get(https(server));
  request.tls = trusting("ca.pem");
  CHECK(body_of(client, request) == large);
}

TEST_CASE("net tls: through a proxy that speaks plainly, and one that speaks TLS") {
  if (no_certificates()) return;
  for (const bool tls_proxy : {false, true}) {
    CAPTURE(tls_proxy);
    std::string asked;
    Server proxy([&](Peer& peer) {
      if (tls_proxy) {
        TlsPeer outer(peer, "good");
        asked = outer.header();
        outer.say("HTTP/1.1 403 No\r\n\r\n");
        return;
      }
      asked = peer.header();
      peer.say("HTTP/1.1 200 Connected\r\n\r\n");
      tls_echo("good")(peer);
    });
    const Certificates& files = Certificates::all();
    const std::string address = "user:word@localhost:" + std::to_string(proxy.port());
    Client client(options({{"HTTPS_PROXY", (tls_proxy ? "https://" : "http://") + address},
                           {"SSL_CERT_FILE", files.file("ca.pem")},
                           {"SSL_CERT_DIR", "/dev/null"}}));
    const std::string said = body_of(client, get("https://server.invalid/x"));
    CHECK(contains(asked, "CONNECT server.invalid:443 HTTP/1.1\r\nHost: server.invalid:443\r\n"));
    CHECK(contains(asked, "Proxy-Authorization: Basic dXNlcjp3b3Jk\r\n"));
    if (tls_proxy) {
      CHECK(contains(said, "the proxy makes no connection to server.invalid:443 (it answered 403)"));
      continue;
    }
    CHECK(contains(said, "GET /x HTTP/1.1\r\nHost: server.invalid\r\n"));
    CHECK_FALSE(contains(said, "Proxy-Authorization"));
    CHECK(contains(body_of(client, get("https://server.invalid/y")), "GET /y"));
    CHECK(proxy.connections() == 1);
  }
}

TEST_CASE("net tls: TLS within a proxy's TLS") {
  if (no_certificates()) return;
  const Certificates& files = Certificates::all();
  // One server takes the proxy's TLS off and hands on what is in it to another, which goes on as proxy and
  // server.
  Server unwrapped([&](Peer& peer) {
    if (!contains(peer.header(), "CONNECT server.invalid:443 ")) return;
    peer.say("HTTP/1.1 200 OK\r\n\r\n");
    tls_echo("good")(peer);
  });
  Server proxy([&](Peer& peer) {
    Fd inner(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(unwrapped.port());
    if (connect(inner.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return;
    TlsPeer outer(peer, "good");
    outer.carry(peer.fd(), inner.get());
  });
  Client client(options({{"HTTPS_PROXY", "https://localhost:" + std::to_string(proxy.port())},
                         {"SSL_CERT_FILE", files.file("ca.pem")},
                         {"SSL_CERT_DIR", "/dev/null"}}));
  for (int i = 0; i < 3; ++i)
    CHECK(contains(body_of(client, get("https://server.invalid/x")), "GET /x HTTP/1.1\r\n"));
  CHECK(proxy.connections() == 1);
}

TEST_CASE("net tls: what proxies refuse") {
  struct Case {
    const char* answer;
    int number;
    const char* part;
  };
  const Case cases[] = {
      {"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\n\r\n", EACCES, "wants to know who asks"},
      {"HTTP/1.1 403 No\r\n\r\n", EACCES, "it answered 403"},
      {"HTTP/1.1 502 Gone\r\n\r\n", EHOSTUNREACH, "it answered 502"},
      {"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK", EBADMSG, "before the server was asked"},
      {"hello\r\n", EBADMSG, "not right HTTP"},
      {"", ECONNRESET, "without an answer"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.answer);
    Server proxy([&](Peer& peer) {
      peer.header();
      peer.say(one.answer);
    });
    Client client(options({{"https_proxy", "127.0.0.1:" + std::to_string(proxy.port())}}));
    auto got = client.send(get("https://server.invalid/"));
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().number() == one.number);
    CHECK_MESSAGE(contains(got.error().message(), one.part), got.error().full());
    CHECK(contains(got.error().message(), "the proxy http://127.0.0.1:"));
  }
}

TEST_CASE("net tls: servers of every version and cipher that is meant to be understood, and of no other") {
  if (no_certificates()) return;
  const Certificates& files = Certificates::all();
  struct Kind {
    const char* arguments;
    bool understood;
  };
  const Kind kinds[] = {
      {"-cert rsa.pem -key rsa.key -tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256", true},
      {"-cert rsa.pem -key rsa.key -tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384 -groups P-521", true},
      {"-cert rsa.pem -key rsa.key -tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256 -groups P-256", true},
      {"-cert rsa.pem -key rsa.key -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", true},
      {"-cert rsa.pem -key rsa.key -tls1_2 -cipher ECDHE-RSA-AES256-SHA384", true},
      {"-cert rsa.pem -key rsa.key -tls1_2 -cipher ECDHE-RSA-AES128-SHA", true},
      {"-cert rsa.pem -key rsa.key -tls1_2 -cipher AES128-GCM-SHA256", true},
      {"-cert good.pem -key good.key -tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305 -groups P-384", true},
      {"-cert ed25519.pem -key ed25519.key -tls1_2", true},
      {"-cert good.pem -key good.key -tls1_1 -cipher DEFAULT@SECLEVEL=0", false},
  };
  for (const Kind& kind : kinds) {
    CAPTURE(kind.arguments);
    // A port that was free a moment ago.
    const uint16_t port = [] { return Server([](Peer&) {}).port(); }();
    const std::string number = std::to_string(port);
    REQUIRE(files.shell("setsid openssl s_server -www -quiet -accept 127.0.0.1:" + number + " " +
                        kind.arguments + " >server.log 2>&1 </dev/null & echo $! >server.pid"));
    Client client(no_system());
    Request request = get("https://localhost:" + number + "/");
    request.tls = trusting("ca.pem");
    std::string said;
    for (int i = 0; i < 100; ++i) {
      auto got = client.send(request);
      said = got.ok() ? std::to_string(got.value()->status) : got.error().full();
      if (got.ok() || got.error().number() != ECONNREFUSED) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    files.shell("kill $(cat server.pid)");
    CHECK_MESSAGE((said == "200") == kind.understood, said);
  }
}
