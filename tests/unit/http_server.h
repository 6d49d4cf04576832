// A server of HTTP/1.1 for tests, on a port of this machine's loopback address: what it answers is up to the
// test, mistakes included. One request for each connection.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace registry_tests {

struct Asked {
  std::string method, target, body;
  std::map<std::string, std::string> headers;  // names in lower case
  [[nodiscard]] std::string header(const std::string& name) const {
    auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

struct Answered {
  int status = 200;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<uint64_t> length;  // Content-Length, where it is not the body's
  std::optional<size_t> cut;       // the connection ends after so many bytes of the body
  bool chunked = false;
};

class HttpServer {
 public:
  explicit HttpServer(std::function<Answered(const Asked&)> answer);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // "127.0.0.1:PORT"
  [[nodiscard]] std::string host() const;
  // All that was asked so far, but for the first words of TLS.
  std::vector<Asked> asked();
  // "GET /v2/", ... in order
  std::vector<std::string> lines();
  [[nodiscard]] int tls_hellos() const { return tls_hellos_; }

 private:
  void serve();
  void converse(int connection);

  std::function<Answered(const Asked&)> answer_;
  testctr::Fd listener_;
  uint16_t port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<int> tls_hellos_{0};
  std::mutex mutex_;
  std::vector<Asked> asked_;
  std::vector<std::thread> conversations_;
  std::thread thread_;
};

}  // namespace registry_tests
