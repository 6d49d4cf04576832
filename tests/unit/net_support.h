// Servers on loopback, for tests of the HTTP client: each connection is given to a function of the test, in a
// thread of its own.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/sys.h"
#include "net/http.h"
#include "net/stream.h"

namespace testctr::net::tests {

/// What a server's function has in its hands: blocking calls, which end when the server is stopped.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  [[nodiscard]] int fd() const { return fd_; }
  /// Up to and with `end`; shorter where the client hung up.
  std::string until(const std::string& end) {
    while (came_.find(end) == std::string::npos) {
      char buffer[4096];
      const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) return std::exchange(came_, "");
      came_.append(buffer, static_cast<size_t>(n));
    }
    const size_t size = came_.find(end) + end.size();
    std::string head = came_.substr(0, size);
    came_.erase(0, size);
    return head;
  }
  /// A request's header; empty where the client hung up.
  std::string header() { return until("\r\n\r\n"); }
  /// Exactly so many bytes, or fewer where the client hung up.
  std::string bytes(size_t size) {
    while (came_.size() < size) {
      char buffer[65536];
      const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) break;
      came_.append(buffer, static_cast<size_t>(n));
    }
    std::string some = came_.substr(0, size);
    came_.erase(0, some.size());
    return some;
  }
  /// @return whether all was taken.
  bool say(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  /// Until the client hangs up or the server is stopped.
  void wait_for_end() {
    char buffer[4096];
    while (recv(fd_, buffer, sizeof buffer, 0) > 0) {
    }
  }

 private:
  int fd_;
  std::string came_;
};

class Server {
 public:
  using Serve = std::function<void(Peer&)>;

  explicit Server(Serve serve, int family = AF_INET) : serve_(std::move(serve)) {
    listening_ = Fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(listening_.valid());
    sockaddr_storage address{};
    address.ss_family = static_cast<sa_family_t>(family);
    auto* four = reinterpret_cast<sockaddr_in*>(&address);
    auto* six = reinterpret_cast<sockaddr_in6*>(&address);
    socklen_t size = family == AF_INET ? sizeof *four : sizeof *six;
    if (family == AF_INET) {
      four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
      six->sin6_addr = in6addr_loopback;
    }
    if (bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return;
    REQUIRE(listen(listening_.get(), 64) == 0);
    REQUIRE(getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(family == AF_INET ? four->sin_port : six->sin6_port);
    accepting_ = std::thread([this] { accept_all(); });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    stopping_ = true;
    if (listening_.valid()) shutdown(listening_.get(), SHUT_RDWR);
    if (accepting_.joinable()) accepting_.join();
    {
      std::lock_guard lock(mutex_);
      for (const Fd& fd : connections_)
        if (fd.valid()) shutdown(fd.get(), SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
  }

  /// 0 where this machine has no such address.
  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] int connections() const { return count_; }

 private:
  void accept_all() {
    while (!stopping_) {
      Fd fd(accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd.valid()) return;
      std::lock_guard lock(mutex_);
      ++count_;
      connections_.push_back(std::move(fd));
      threads_.emplace_back([this, &connection = connections_.back()] {
        // OpenSSL's servers write without MSG_NOSIGNAL. The client has no such excuse, in its own thread.
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &set, nullptr);
        Peer peer(connection.get());
        serve_(peer);
        std::lock_guard end(mutex_);
        connection.reset();
      });
    }
  }

  Serve serve_;
  Fd listening_;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> count_ = 0;
  std::mutex mutex_;
  std::list<Fd> connections_;
  std::list<std::thread> threads_;
  std::thread accepting_;
};

/// A client whose environment is what is given, and none of this process.
inline ClientOptions options(std::map<std::string, std::string> environment = {}) {
  ClientOptions made;
  made.user_agent = "tests/1";
  made.environment = [environment = std::move(environment)](const std::string& name) {
    auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
  return made;
}

inline Request get(const std::string& url) {
  Request request;
  auto parsed = Url::parse(url);
  REQUIRE(parsed.ok());
  request.url = parsed.value();
  return request;
}

inline std::string at(const Server& server, const std::string& target = "/") {
  return "http://127.0.0.1:" + std::to_string(server.port()) + target;
}

/// The answer's body or the error, for a comparison.
inline std::string body_of(Client& client, const Request& request) {
  auto answer = client.send(request);
  if (!answer.ok()) return "error: " + answer.error().full();
  auto body = read_body(*answer.value(), size_t{64} << 20);
  return body.ok() ? body.value() : "error: " + body.error().full();
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::string answer(const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more + "\r\n" + body;
}

/// Answers every request on a connection with its first line and the headers that came.
inline void echo(Peer& peer) {
  for (;;) {
    const std::string header = peer.header();
    if (header.empty() || !peer.say(answer(header))) return;
  }
}

/// A body of so many letters, and how much of it was taken.
class Letters final : public ByteSource {
 public:
  explicit Letters(uint64_t size) : rest_(size) {}
  Result<size_t> read(char* buffer, size_t size) override {
    ++reads;
    const auto n = static_cast<size_t>(std::min<uint64_t>(size, rest_));
    std::fill_n(buffer, n, 'x');
    rest_ -= n;
    return n;
  }
  [[nodiscard]] uint64_t rest() const { return rest_; }
  int reads = 0;

 private:
  uint64_t rest_;
};

class Stopwatch {
 public:
  [[nodiscard]] int64_t ms() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

constexpr int64_t ms = 1'000'000;

}  // namespace testctr::net::tests
