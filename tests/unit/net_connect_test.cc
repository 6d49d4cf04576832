// Names and addresses: who is asked, in which order, and for how long.
#include "base/text.h"
#include "net/connection.h"
#include "net/resolver.h"
#include "net_support.h"

using namespace testctr;
using namespace testctr::net;
using namespace testctr::net::tests;

namespace {

Patience within(int64_t milliseconds, Cancel cancel = nullptr) {
  return {milliseconds * ms, ETIMEDOUT, "no connection", cancel};
}

/// A name server on loopback. Knows "both.test", "four.test" and "six.test"; fails for "broken.test", gives
/// no answer for "silent.test", and for the IPv6 address of "half.test".
class NameServer {
 public:
  NameServer() : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    files_.port = ntohs(address.sin_port);
    char name[] = "/tmp/net-tests-resolv-XXXXXX";
    Fd fd(mkstemp(name));
    REQUIRE(sys::write_full(fd.get(), "nameserver 127.0.0.1\n").ok());
    files_.resolv_conf = name;
    answering_ = std::thread([this] { answer_all(); });
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;
  ~NameServer() {
    stopping_ = true;
    answering_.join();
    unlink(files_.resolv_conf.c_str());
  }
  [[nodiscard]] const ResolverFiles& files() const { return files_; }
  [[nodiscard]] int questions() const { return questions_; }

 private:
  void answer_all() {
    while (!stopping_) {
      pollfd polled{.fd = socket_.get(), .events = POLLIN, .revents = 0};
      if (poll(&polled, 1, 50) <= 0) continue;
      char buffer[1024];
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t n =
          recvfrom(socket_.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (n < 12) continue;
      ++questions_;
      const std::string answer = answer_to(std::string(buffer, static_cast<size_t>(n)));
      if (!answer.empty())
        sendto(socket_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }

  static std::string answer_to(std::string question) {
    std::string name;
    size_t at = 12;
    while (at < question.size() && question[at] != 0) {
      const auto length = static_cast<size_t>(question[at]);
      name += (name.empty() ? "" : ".") + question.substr(at + 1, length);
      at += length + 1;
    }
    const bool six = question[at + 2] == 28;
    question.resize(at + 5);  // without what comes behind the question
    if (name == "silent.test" || (name == "half.test" && six)) return "";
    std::string address;
    if (name != "six.test" && !six) address = std::string("\x7f\x00\x00\x01", 4);
    if ((name == "both.test" || name == "six.test") && six) address = std::string(15, '\0') + '\1';
    const bool known =
        name == "both.test" || name == "four.test" || name == "six.test" || name == "half.test";
    if (!known) address.clear();
    question[2] = static_cast<char>(0x81);
    question[3] = static_cast<char>(0x80 | (name == "broken.test" ? 2 : known ? 0 : 3));
    question[7] = address.empty() ? 0 : 1;
    question[9] = question[11] = 0;
    if (!address.empty()) {
      question += std::string("\xc0\x0c\x00", 3) + (six ? '\x1c' : '\x01') +
                  std::string("\x00\x01\x00\x00\x00\x3c\x00", 7);
      question += static_cast<char>(address.size());
      question += address;
    }
    return question;
  }

  Fd socket_;
  ResolverFiles files_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> questions_ = 0;
  std::thread answering_;
};

std::string resolved(const std::string& host, const ResolverFiles& files = {}, int64_t limit = 8000) {
  auto addresses = resolve(host, 80, within(limit), files);
  if (!addresses.ok())
    return "error " + std::to_string(addresses.error().number()) + ": " + addresses.error().message();
  std::string list;
  for (const Address& address : addresses.value()) list += (list.empty() ? "" : " ") + address.str();
  return list;
}

/// A listening socket whose queue is full: who connects gets no answer.
class DeadAddress {
 public:
  explicit DeadAddress(const char* text) {
    Address address = *Address::literal(text, 0);
    const int family = address.socket.ss_family;
    listening_ = Fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (bind(listening_.get(), reinterpret_cast<sockaddr*>(&address.socket), address.size()) != 0) return;
    REQUIRE(listen(listening_.get(), 0) == 0);
    socklen_t size = sizeof address.socket;
    getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&address.socket), &size);
    address_ = address;
    for (int i = 0; i < 4; ++i) {
      fill_.emplace_back(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      (void)connect(fill_.back().get(), reinterpret_cast<sockaddr*>(&address.socket), address.size());
    }
  }
  [[nodiscard]] const std::optional<Address>& address() const { return address_; }

 private:
  Fd listening_;
  std::optional<Address> address_;
  std::vector<Fd> fill_;
};

}  // namespace

TEST_CASE("net connect: addresses as text and this machine's name need no lookup") {
  const ResolverFiles nothing{.resolv_conf = "/nowhere"};
  CHECK(resolved("192.0.2.1", nothing) == "192.0.2.1:80");
  CHECK(resolved("2001:db8::1", nothing) == "[2001:db8::1]:80");
  CHECK(resolved("localhost", nothing) == "[::1]:80 127.0.0.1:80");
  CHECK(resolved("registry.localhost", nothing) == "[::1]:80 127.0.0.1:80");
  CHECK(Address::literal("127.8.0.1", 1)->loopback());
  CHECK(Address::literal("::1", 1)->loopback());
  CHECK_FALSE(Address::literal("128.0.0.1", 1)->loopback());
  CHECK_FALSE(Address::literal("localhost", 1));
  CHECK_FALSE(Address::literal("127.1", 1));
}

TEST_CASE("net connect: names are asked of name servers") {
  NameServer server;
  CHECK(resolved("four.test", server.files()) == "127.0.0.1:80");
  CHECK(resolved("six.test", server.files()) == "[::1]:80");
  const std::string both = resolved("both.test", server.files());
  CHECK((both == "[::1]:80 127.0.0.1:80" || both == "127.0.0.1:80 [::1]:80"));
  const std::string none = resolved("none.test", server.files());
  CHECK(contains(none, "error " + std::to_string(ENXIO)));
  CHECK(contains(none, "no host is known by the name none.test"));
  CHECK(contains(resolved("broken.test", server.files()), "error " + std::to_string(EAGAIN)));
  // The answer that came counts, and the other one is not waited for.
  Stopwatch watch;
  CHECK(resolved("half.test", server.files()) == "127.0.0.1:80");
  CHECK(watch.ms() < 1400);
}

TEST_CASE("net connect: a name server that is silent, or not there, ends within the limit") {
  NameServer server;
  Stopwatch watch;
  const std::string silent = resolved("silent.test", server.files(), 700);
  CHECK(contains(silent, "error " + std::to_string(EAGAIN)));
  CHECK(contains(silent, "no name server answered"));
  CHECK(watch.ms() >= 600);
  CHECK(watch.ms() < 3000);
  const std::function<bool()> cancel = [] { return true; };
  auto stopped = resolve("silent.test", 80, within(5000, &cancel), server.files());
  REQUIRE_FALSE(stopped.ok());
  CHECK(stopped.error().number() == ECANCELED);
  ResolverFiles deaf = server.files();
  deaf.port = [] { return Server([](Peer&) {}).port(); }();
  const std::string refused = resolved("four.test", deaf);
  CHECK(contains(refused, "error " + std::to_string(EAGAIN)));
  CHECK(contains(refused, "no name server can be asked"));
}

TEST_CASE("net connect: names of /etc/hosts are known without a name server") {
  // The first name there that is not one that we know ourselves.
  auto read = sys::read_file("/etc/hosts");
  const std::string hosts = read.ok() ? read.value() : "";
  std::string name, address;
  for (std::string_view line : text::lines(hosts)) {
    std::vector<std::string> words;
    for (const std::string& word : text::split(text::trim(line.substr(0, line.find('#'))), ' '))
      for (const std::string& part : text::split(word, '\t'))
        if (!part.empty()) words.push_back(part);
    if (words.size() < 2 || !Address::literal(words[0], 0) || words[1].find("localhost") != std::string::npos)
      continue;
    address = Address::literal(words[0], 80)->str();
    name = words[1];
    break;
  }
  if (name.empty()) {
    MESSAGE("skipped, because /etc/hosts has no name but localhost");
    return;
  }
  CAPTURE(name);
  NameServer server;
  CHECK(contains(resolved(name, server.files()), address));
  CHECK(server.questions() == 0);
}

TEST_CASE("net connect: a dead address takes a quarter of a second, not the whole time") {
  const DeadAddress dead("127.0.0.1");
  Server server([](Peer& peer) { peer.wait_for_end(); });
  REQUIRE(dead.address());
  const Address good = *Address::literal("127.0.0.1", server.port());
  const Address refusing = *Address::literal("127.0.0.1", [] { return Server([](Peer&) {}).port(); }());
  Stopwatch watch;
  auto connected = connect_any({*dead.address(), good}, "peer", within(8000));
  REQUIRE(connected.ok());
  CHECK(connected.value().second.str() == good.str());
  CHECK(watch.ms() >= 200);
  CHECK(watch.ms() < 3000);
  CHECK((fcntl(connected.value().first.get(), F_GETFD) & FD_CLOEXEC) != 0);
  // Who refuses is passed over at once.
  Stopwatch at_once;
  connected = connect_any({refusing, refusing, refusing, good}, "peer", within(8000));
  REQUIRE(connected.ok());
  CHECK(at_once.ms() < 500);
}

TEST_CASE("net connect: nobody answers") {
  const DeadAddress dead("127.0.0.1");
  REQUIRE(dead.address());
  const Address refusing = *Address::literal("127.0.0.1", [] { return Server([](Peer&) {}).port(); }());
  Stopwatch watch;
  auto connected = connect_any({*dead.address(), refusing}, "peer:1", within(600));
  REQUIRE_FALSE(connected.ok());
  CHECK(watch.ms() < 3000);
  CHECK(connected.error().number() == ETIMEDOUT);
  CHECK(unreachable(connected.error()));
  CHECK(contains(connected.error().message(),
                 "connecting to peer:1 (" + dead.address()->str() + ", " + refusing.str() + ")"));
  connected = connect_any({refusing}, "peer:1", within(600));
  REQUIRE_FALSE(connected.ok());
  CHECK(connected.error().number() == ECONNREFUSED);
  // Nowhere at all: no such network here, or nobody on it.
  ClientOptions quick = options();
  quick.timeouts.connect_ns = 600 * ms;
  Client client(quick);
  Stopwatch nowhere;
  auto got = client.send(get("http://192.0.2.1:5000/"));
  REQUIRE_FALSE(got.ok());
  CHECK(nowhere.ms() < 3000);
  CHECK(unreachable(got.error()));
  CHECK(contains(got.error().message(), "192.0.2.1:5000"));
  const std::function<bool()> cancel = [] { return true; };
  auto stopped = connect_any({*dead.address()}, "peer", within(5000, &cancel));
  REQUIRE_FALSE(stopped.ok());
  CHECK(stopped.error().number() == ECANCELED);
}
