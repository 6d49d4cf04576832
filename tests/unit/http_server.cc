#include "http_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

namespace registry_tests {
namespace {

// @return false at the connection's end
bool read_more(int connection, std::string& bytes) {
  char buffer[65536];
  ssize_t n = 0;
  do {
    n = recv(connection, buffer, sizeof buffer, 0);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return false;
  bytes.append(buffer, static_cast<size_t>(n));
  return true;
}

void write_all(int connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(tolower(c));
  return text;
}

Asked parse_head(const std::string& head) {
  Asked asked;
  size_t at = head.find("\r\n");
  const std::string line = head.substr(0, at);
  asked.method = line.substr(0, line.find(' '));
  asked.target = line.substr(asked.method.size() + 1);
  asked.target.resize(asked.target.rfind(' '));
  while (at + 2 < head.size()) {
    const size_t end = head.find("\r\n", at + 2);
    const std::string field = head.substr(at + 2, end - at - 2);
    const size_t colon = field.find(": ");
    if (colon != std::string::npos) asked.headers[lower(field.substr(0, colon))] += field.substr(colon + 2);
    at = end;
  }
  return asked;
}

std::string as_chunks(const std::string& body) {
  std::string all;
  for (size_t at = 0; at < body.size(); at += 5000) {
    const std::string part = body.substr(at, 5000);
    all += fmt::format("{:x}\r\n{}\r\n", part.size(), part);
  }
  return all + "0\r\n\r\n";
}

}  // namespace

HttpServer::HttpServer(std::function<Answered(const Asked&)> answer) : answer_(std::move(answer)) {
  listener_ = testctr::Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_.get(), 64) != 0 ||
      getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    abort();
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

HttpServer::~HttpServer() {
  ending_ = true;
  thread_.join();
  for (std::thread& one : conversations_) one.join();
}

std::string HttpServer::host() const { return fmt::format("127.0.0.1:{}", port_); }

std::vector<Asked> HttpServer::asked() {
  std::lock_guard hold(mutex_);
  return asked_;
}

std::vector<std::string> HttpServer::lines() {
  std::vector<std::string> all;
  for (const Asked& one : asked()) all.push_back(one.method + " " + one.target);
  return all;
}

void HttpServer::serve() {
  while (!ending_) {
    pollfd wait{listener_.get(), POLLIN, 0};
    if (poll(&wait, 1, 20) <= 0) continue;
    const int connection = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    timeval limit{10, 0};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    conversations_.emplace_back([this, connection] {
      testctr::Fd own(connection);
      converse(connection);
    });
  }
}

void HttpServer::converse(int connection) {
  std::string bytes;
  while (bytes.find("\r\n\r\n") == std::string::npos) {
    if (!read_more(connection, bytes)) return;
    if (bytes[0] != 0x16) continue;
    // Somebody speaks TLS: what Go's servers say to that.
    ++tls_hellos_;
    write_all(connection,
              "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server.\n");
    return;
  }
  const size_t end = bytes.find("\r\n\r\n") + 4;
  Asked asked = parse_head(bytes.substr(0, end - 2));
  asked.body = bytes.substr(end);
  const size_t length =
      asked.header("content-length").empty() ? 0 : std::stoul(asked.header("content-length"));
  while (asked.body.size() < length)
    if (!read_more(connection, asked.body)) break;
  {
    std::lock_guard hold(mutex_);
    asked_.push_back(asked);
  }
  const Answered answer = answer_(asked);
  std::string head = fmt::format("HTTP/1.1 {} Words\r\nConnection: close\r\n", answer.status);
  for (const auto& [name, value] : answer.headers) head += name + ": " + value + "\r\n";
  if (answer.chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else {
    head += fmt::format("Content-Length: {}\r\n", answer.length.value_or(answer.body.size()));
  }
  std::string body = answer.chunked ? as_chunks(answer.body) : answer.body;
  if (asked.method == "HEAD") body.clear();
  if (answer.cut && *answer.cut < body.size()) body.resize(*answer.cut);
  write_all(connection, head + "\r\n" + body);
  shutdown(connection, SHUT_WR);
  // Until the other side has seen it all: a close with unread bytes would be a reset.
  std::string rest;
  while (rest.size() < (1U << 20) && read_more(connection, rest)) {
  }
}

}  // namespace registry_tests
