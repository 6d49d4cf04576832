#include "net/connection.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "net/tls.h"

namespace testctr::net {
namespace {

// A header must fit in; the rest is for what comes behind it.
constexpr size_t buffer_size = ResponseParser::largest_header + size_t{16} * 1024;
constexpr const char* no_answer = "the server ended the connection without an answer";
constexpr int most_interim = 32;  // answers before the answer

std::string host_port(const std::string& host, uint16_t port) {
  return fmt::format("{}:{}", host.find(':') == std::string::npos ? host : "[" + host + "]", port);
}

Error too_many_interim() {
  return failure(EBADMSG, fmt::format("more than {} answers of status 1xx", most_interim));
}

}  // namespace

std::string Route::peer() const { return socket.empty() ? host_port(host, port) : socket; }

Connection::Connection(std::unique_ptr<Stream> stream, std::string where)
    : stream_(std::move(stream)), where_(std::move(where)), buffer_(buffer_size) {}

// The kernel connects at once, or says why not: a full queue of who wants to is an answer, too.
Result<std::unique_ptr<Connection>> Connection::open_socket(const Route& route) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (route.socket.size() >= sizeof address.sun_path)
    return failure(ENAMETOOLONG, fmt::format("the path of the socket {} is too long for the kernel",
                                             text::quoted(route.socket)));
  std::copy(route.socket.begin(), route.socket.end(), address.sun_path);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return Error::system("socket", "AF_UNIX");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Error::system("connect", route.socket);
  return std::make_unique<Connection>(plain_stream(std::move(fd)), route.socket);
}

Result<std::unique_ptr<Connection>> Connection::open(const Route& route, const Setup& setup) {
  if (!route.socket.empty()) return open_socket(route);
  Patience patience(setup.timeouts.connect_ns, ETIMEDOUT, "no connection to " + route.peer(), setup.cancel);
  const auto& proxy = route.proxy;
  const std::string peer = proxy ? "the proxy " + proxy->str() : route.peer();
  auto addresses = resolve(proxy ? proxy->host : route.host, proxy ? proxy->port : route.port, patience);
  if (!addresses.ok() && proxy) return std::move(addresses).error().in(peer);
  const auto list = TRY(std::move(addresses));
  auto [socket, address] = TRY(connect_any(list, peer, patience));
  std::string where = fmt::format("{}{} ({})", route.peer(), proxy ? " by " + peer : "", address.str());
  auto stream = plain_stream(std::move(socket));
  if (proxy && proxy->tls) {
    stream = TRY_IN(tls_stream(std::move(stream), *setup.contexts, Tls{}, proxy->host,
                               host_port(proxy->host, proxy->port), patience),
                    where);
  }
  auto made = std::make_unique<Connection>(std::move(stream), where);
  if (proxy && route.tls) TRY_IN(made->ask_proxy(route, setup, patience), where);
  if (route.tls) {
    made->stream_ = TRY_IN(tls_stream(std::move(made->stream_), *setup.contexts, route.trust, route.host,
                                      route.port == 443 ? route.host : route.peer(), patience),
                           where);
  }
  return made;
}

Status Connection::ask_proxy(const Route& route, const Setup& setup, Patience& patience) {
  std::string request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", route.peer());
  if (!setup.user_agent.empty()) request += "User-Agent: " + setup.user_agent + "\r\n";
  if (!route.proxy->authorization.empty())
    request += "Proxy-Authorization: " + route.proxy->authorization + "\r\n";
  TRY(send(request + "\r\n", patience));
  // As to HEAD: where the proxy agrees, what follows is the server's.
  const auto answer = TRY_IN(read_header(true, patience), "asking the proxy for a connection");
  const int status = answer->status();
  if (status / 100 == 2) {
    if (!buffered().empty())
      return failure(EBADMSG, "the proxy sent something before the server was asked anything");
    heard_ = false;
    return {};
  }
  if (status == 407) {
    return failure(EACCES, "the proxy wants to know who asks (407)")
        .hint("a user and a password belong in the proxy's variable: http://USER:PASSWORD@HOST:PORT");
  }
  // What a proxy says that it could not do may be possible a moment later; what it refuses is not.
  return failure(status >= 500 ? EHOSTUNREACH : EACCES,
                 fmt::format("the proxy makes no connection to {} (it answered {})", route.peer(), status));
}

bool Connection::quiet() {
  if (begin_ != end_) return false;
  auto more = fill();
  return more.ok() && !more.value();
}

void Connection::use(size_t bytes) {
  begin_ += bytes;
  if (begin_ == end_) begin_ = end_ = 0;
}

Result<std::optional<size_t>> Connection::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) return failure(EBADMSG, "the answer's header or a chunk's is too large");
  auto got = TRY(stream_->read(buffer_.data() + end_, buffer_.size() - end_));
  if (got) end_ += *got;
  if (got && *got > 0) heard_ = true;
  return got;
}

Result<size_t> Connection::fill_waiting(Patience& patience) {
  for (;;) {
    if (auto got = TRY(fill())) {
      patience.moved(*got);
      return *got;
    }
    TRY(patience.wait(stream_->fd(), stream_->wants()));
  }
}

Result<size_t> Connection::read(char* bytes, size_t size, Patience& patience) {
  for (;;) {
    if (auto got = TRY(stream_->read(bytes, size))) {
      patience.moved(*got);
      return *got;
    }
    TRY(patience.wait(stream_->fd(), stream_->wants()));
  }
}

Result<std::unique_ptr<ResponseParser>> Connection::read_header(bool head, Patience& patience, bool other) {
  for (int interim = 0; interim <= most_interim; ++interim) {
    auto parser = std::make_unique<ResponseParser>(head);
    for (;;) {
      if (!buffered().empty()) use(TRY(parser->header(buffered())));
      if (parser->header_done()) break;
      if (TRY(fill_waiting(patience)) == 0)
        return failure(ECONNRESET, heard_ ? "the connection ended within the answer's header" : no_answer);
    }
    if (parser->status() == 101 && other) return parser;
    if (parser->status() == 101) return failure(EBADMSG, "the server wants to speak another protocol (101)");
    if (parser->status() / 100 != 1) return parser;
  }
  return too_many_interim();
}

Result<bool> Connection::only_interim() {
  constexpr std::string_view begin = "HTTP/1.";
  constexpr size_t status_at = begin.size() + 2;
  for (;;) {
    const std::string_view came = buffered();
    if (came.substr(0, begin.size()) != begin.substr(0, came.size())) return false;
    if (came.size() <= status_at) return true;  // it is not seen yet
    if (came[status_at] != '1') return false;
    const size_t end = came.find("\r\n\r\n");
    if (end == std::string_view::npos) return true;
    use(end + 4);
    if (++interim_ > most_interim) return too_many_interim();
  }
}

Result<bool> Connection::send(std::string_view bytes, Patience& patience) {
  while (!bytes.empty()) {
    // A server that answers before it has heard all will hear no more, one that has ended will never answer.
    if (end_ == buffer_.size()) return false;
    if (auto came = TRY(fill())) {
      if (*came == 0) return failure(ECONNRESET, no_answer);
      if (!TRY(only_interim())) return false;
    }
    auto sent = TRY(stream_->write(bytes.data(), bytes.size()));
    if (sent) {
      patience.moved(*sent);
      bytes.remove_prefix(*sent);
    } else {
      TRY(patience.wait(stream_->fd(), static_cast<short>(stream_->wants() | POLLIN)));
    }
  }
  return true;
}

}  // namespace testctr::net
