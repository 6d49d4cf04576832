#include "net/http.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <mutex>

#include "base/sys.h"
#include "base/text.h"
#include "net/connection.h"

namespace testctr::net {
namespace {

constexpr size_t most_kept = 16;             // connections of one route
constexpr int64_t kept_ns = 60'000'000'000;  // servers close theirs after about as long
constexpr size_t sent_at_once = size_t{128} * 1024;

/// Connections that wait for the next request. Safe for several threads.
class Pool {
 public:
  void give(const Route& route, std::unique_ptr<Connection> connection) {
    std::lock_guard lock(mutex_);
    auto& kept = kept_[route];
    if (kept.size() >= most_kept) kept.erase(kept.begin());
    kept.push_back({std::move(connection), moment_in(kept_ns)});
  }
  /// One that is still open, the one that was used last first; null where there is none.
  std::unique_ptr<Connection> take(const Route& route) {
    std::lock_guard lock(mutex_);
    auto& kept = kept_[route];
    while (!kept.empty()) {
      Kept last = std::move(kept.back());
      kept.pop_back();
      if (sys::monotonic_ns() < last.until && last.connection->quiet()) return std::move(last.connection);
    }
    return nullptr;
  }

 private:
  struct Kept {
    std::unique_ptr<Connection> connection;
    uint64_t until;
  };
  std::mutex mutex_;
  std::map<Route, std::vector<Kept>> kept_;
};

/// What the responses of a client share with it; they may live longer.
struct Shared {
  explicit Shared(const Environment& environment) : contexts(environment) {}
  TlsContexts contexts;
  Pool pool;
  std::function<bool()> cancelled;
  Setup setup;
};

class BodyReader final : public Response {
 public:
  BodyReader(std::shared_ptr<Shared> shared, Route route, std::unique_ptr<Connection> connection,
             std::unique_ptr<ResponseParser> parser, bool whole)
      : shared_(std::move(shared)),
        route_(std::move(route)),
        connection_(std::move(connection)),
        parser_(std::move(parser)),
        patience_(shared_->setup.timeouts, "sent", shared_->setup.cancel),
        framing_(parser_->framing()),
        reusable_(whole && parser_->keeps_open()) {
    status = parser_->status();
    headers = parser_->headers();
    length = parser_->length();
    rest_ = framing_ == Framing::length ? length.value_or(0) : 0;
    if (framing_ == Framing::none || (framing_ == Framing::length && rest_ == 0)) end();
  }

  Result<size_t> read(char* buffer, size_t size) override {
    if (connection_ == nullptr) {
      if (error_) return *error_;
      return size_t{0};
    }
    if (size == 0) return size_t{0};
    auto got = framing_ == Framing::chunked ? read_chunked(buffer, size) : read_plain(buffer, size);
    if (got.ok()) return got;
    error_ = std::move(got).error().in("reading the answer of " + connection_->where());
    connection_ = nullptr;
    return *error_;
  }

 private:
  Result<size_t> read_plain(char* buffer, size_t size) {
    const bool counted = framing_ == Framing::length;
    if (counted) size = static_cast<size_t>(std::min<uint64_t>(size, rest_));
    size_t got = std::min(size, connection_->buffered().size());
    if (got > 0) {
      std::copy_n(connection_->buffered().data(), got, buffer);
      connection_->use(got);
      patience_.moved(got);
    } else {
      got = TRY(connection_->read(buffer, size, patience_));
    }
    if (counted) rest_ -= got;
    if (got == 0 && counted)
      return failure(ECONNRESET, fmt::format("the connection ended {} bytes before the end", rest_));
    if (got == 0 || (counted && rest_ == 0)) end();
    return got;
  }

  Result<size_t> read_chunked(char* buffer, size_t size) {
    for (;;) {
      auto piece = TRY(parser_->chunked(connection_->buffered(), buffer, size));
      connection_->use(piece.used);
      if (piece.end) end();
      if (piece.end || piece.given > 0) return piece.given;
      if (TRY(connection_->fill_waiting(patience_)) == 0)
        return failure(ECONNRESET, "the connection ended before the last chunk");
    }
  }

  void end() {
    if (reusable_ && connection_->buffered().empty()) shared_->pool.give(route_, std::move(connection_));
    connection_ = nullptr;
  }

  std::shared_ptr<Shared> shared_;
  Route route_;
  std::unique_ptr<Connection> connection_;  // null from the end on
  std::unique_ptr<ResponseParser> parser_;
  Patience patience_;
  Framing framing_;
  bool reusable_;
  uint64_t rest_ = 0;
  std::optional<Error> error_;
};

/// Whether a name and a value can stand in a header: nothing in them ends the line.
bool can_be_sent(std::string_view name, std::string_view value) {
  const auto control = [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; };
  const auto no_token = [](unsigned char c) { return c <= 0x20 || c >= 0x7f || c == ':'; };
  return !name.empty() && std::none_of(name.begin(), name.end(), no_token) &&
         std::none_of(value.begin(), value.end(), control);
}

uint64_t body_size(const Request& request) {
  return request.stream != nullptr ? request.body_size : request.body.size();
}

Result<std::string> header_text(const Request& request, const Route& route, const Setup& setup) {
  const Url& url = request.url;
  const bool by_proxy = route.proxy && !url.tls;
  if (!can_be_sent(request.method, url.target) || !url.target.starts_with("/") ||
      url.target.find(' ') != std::string::npos)
    return Error::internal(fmt::format("a request that cannot be sent: {}", text::quoted(url.shown())));
  std::string text = fmt::format("{} {}{} HTTP/1.1\r\nHost: {}\r\n", request.method,
                                 by_proxy ? url.origin() : "", url.target, url.authority());
  if (!setup.user_agent.empty()) text += "User-Agent: " + setup.user_agent + "\r\n";
  if (by_proxy && !route.proxy->authorization.empty())
    text += "Proxy-Authorization: " + route.proxy->authorization + "\r\n";
  for (const auto& [name, value] : request.headers) {
    if (!can_be_sent(name, value))
      return Error::infrastructure(
          fmt::format("the value of the header {} has bytes that cannot be sent", text::printable(name)));
    text += name + ": " + value + "\r\n";
  }
  const bool takes_body = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (request.chunked) {
    text += "Transfer-Encoding: chunked\r\n";
  } else if (takes_body || body_size(request) > 0)
    text += fmt::format("Content-Length: {}\r\n", body_size(request));
  return text + "\r\n";
}

/// One request over one connection.
class Exchange {
 public:
  Exchange(const Request& request, const Setup& setup, Connection& connection)
      : request_(request), setup_(setup), connection_(connection) {}

  /// @return the answer's header.
  /// @param other whether the server may go on in another protocol
  Result<std::unique_ptr<ResponseParser>> run(const std::string& header, bool other = false) {
    Patience sending(setup_.timeouts, "took", setup_.cancel);
    auto sent = send_all(header, sending);
    // Who hangs up while we send may have said before why.
    const bool cut = !sent.ok() && (sent.error().number() == EPIPE || sent.error().number() == ECONNRESET);
    if (!sent.ok() && (!cut || stream_failed_)) return std::move(sent).error();
    whole_ = sent.ok() && sent.value();
    Patience waiting(setup_.timeouts.header_ns, ETIME, "no answer", setup_.cancel);
    auto answer = connection_.read_header(request_.method == "HEAD", waiting, other);
    if (!answer.ok() && !sent.ok()) return std::move(sent).error();
    return answer;
  }

  /// Whether all of the request was sent.
  [[nodiscard]] bool whole() const { return whole_; }
  /// Whether something was taken from the request's stream.
  [[nodiscard]] bool stream_used() const { return stream_used_; }

 private:
  Result<bool> send_all(const std::string& header, Patience& sending) {
    if (request_.stream == nullptr) return connection_.send(header + request_.body, sending);
    if (!TRY(connection_.send(header, sending))) return false;
    if (request_.chunked) return send_chunks(sending);
    std::vector<char> piece(static_cast<size_t>(std::min<uint64_t>(sent_at_once, request_.body_size)));
    for (uint64_t rest = request_.body_size; rest > 0;) {
      stream_used_ = stream_failed_ = true;
      const size_t n = TRY_IN(
          request_.stream->read(piece.data(), static_cast<size_t>(std::min<uint64_t>(piece.size(), rest))),
          "reading what is to be sent");
      if (n == 0)
        return Error::infrastructure(fmt::format("what is to be sent ended {} bytes before its end", rest));
      stream_failed_ = false;
      if (!TRY(connection_.send({piece.data(), n}, sending))) return false;
      rest -= n;
    }
    return true;
  }

  Result<bool> send_chunks(Patience& sending) {
    std::vector<char> piece(sent_at_once);
    for (;;) {
      stream_used_ = stream_failed_ = true;
      const size_t n =
          TRY_IN(request_.stream->read(piece.data(), piece.size()), "reading what is to be sent");
      stream_failed_ = false;
      const std::string size = fmt::format("{:x}\r\n", n);
      if (n == 0) return connection_.send(size + "\r\n", sending);
      if (!TRY(connection_.send(size, sending)) || !TRY(connection_.send({piece.data(), n}, sending)) ||
          !TRY(connection_.send("\r\n", sending)))
        return false;
    }
  }

  const Request& request_;
  const Setup& setup_;
  Connection& connection_;
  bool whole_ = false, stream_used_ = false, stream_failed_ = false;
};

}  // namespace

std::string Response::header(const std::string& name) const {
  auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

Result<std::string> read_body(Response& response, size_t limit) {
  std::string all;
  size_t used = 0;
  for (;;) {
    if (all.size() - used < size_t{16} * 1024) all.resize(all.size() + size_t{64} * 1024);
    const size_t n = TRY(response.read(all.data() + used, all.size() - used));
    used += n;
    if (used > limit)
      return failure(EBADMSG, fmt::format("the answer is larger than {}", text::human_size(limit)));
    if (n == 0) break;
  }
  all.resize(used);
  return all;
}

bool transient(const Error& error) {
  switch (error.number()) {
    case ECONNRESET:
    case EPIPE:
    case ETIMEDOUT:
    case ETIME:
    case ECONNREFUSED:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EAGAIN:
      return true;
    default:
      return false;
  }
}

bool unreachable(const Error& error) {
  switch (error.number()) {
    case ECONNREFUSED:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ETIMEDOUT:
    case EAGAIN:
    case ENETDOWN:
      return true;
    default:
      return false;
  }
}

struct Client::Impl {
  ClientOptions options;
  std::shared_ptr<Shared> shared;

  [[nodiscard]] Result<Route> route_of(const Request& request) const {
    const Url& url = request.url;
    Route route{.tls = url.tls,
                .host = url.host,
                .port = url.port,
                .proxy = {},
                .trust = request.tls,
                .socket = request.socket};
    if (route.socket.empty()) route.proxy = TRY(proxy_for(url, options.environment));
    return route;
  }
};

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>()) {
  if (!options.environment) {
    options.environment = [](const std::string& name) -> std::optional<std::string> {
      const char* value = getenv(name.c_str());
      return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
  }
  impl_->shared = std::make_shared<Shared>(options.environment);
  impl_->shared->cancelled = options.cancelled;
  impl_->shared->setup = {.timeouts = options.timeouts,
                          .cancel = &impl_->shared->cancelled,
                          .user_agent = options.user_agent,
                          .contexts = &impl_->shared->contexts};
  impl_->options = std::move(options);
}

Client::~Client() = default;

Result<std::unique_ptr<Response>> Client::send(const Request& request) {
  const Url& url = request.url;
  if (impl_->options.offline)
    return failure(ENETDOWN,
                   fmt::format("{} is not asked for anything: this run is offline", url.authority()));
  Shared& shared = *impl_->shared;
  Route route = TRY(impl_->route_of(request));
  const std::string header = TRY(header_text(request, route, shared.setup));
  auto connection = shared.pool.take(route);
  for (;;) {
    const bool kept = connection != nullptr;
    if (kept) {
      connection->use_again();
    } else {
      connection = TRY(Connection::open(route, shared.setup));
    }
    Exchange exchange(request, shared.setup, *connection);
    auto answer = exchange.run(header);
    if (answer.ok()) {
      return std::unique_ptr<Response>(
          std::make_unique<BodyReader>(impl_->shared, std::move(route), std::move(connection),
                                       std::move(answer).value(), exchange.whole()));
    }
    const int number = answer.error().number();
    const bool closed = number == EPIPE || number == ECONNRESET;
    if (!kept || !closed || connection->heard() || exchange.stream_used())
      return std::move(answer).error().in(fmt::format("asking {}", connection->where()));
    connection = nullptr;  // the server had closed it; once more, with a new one
  }
}

Result<std::variant<Upgraded, std::unique_ptr<Response>>> Client::upgrade(const Request& request) {
  if (impl_->options.offline || request.url.tls)
    return Error::internal("another protocol is asked for where that cannot be");
  Route route = TRY(impl_->route_of(request));
  const Setup& setup = impl_->shared->setup;
  const std::string header = TRY(header_text(request, route, setup));
  auto connection = TRY(Connection::open(route, setup));
  Exchange exchange(request, setup, *connection);
  auto parser = TRY_IN(exchange.run(header, /*other=*/true), fmt::format("asking {}", connection->where()));
  const bool agreed =
      parser->status() == 101 || (parser->status() == 200 && parser->framing() == Framing::until_close);
  using Either = std::variant<Upgraded, std::unique_ptr<Response>>;
  if (!agreed)
    return Either(std::make_unique<BodyReader>(impl_->shared, std::move(route), std::move(connection),
                                               std::move(parser), exchange.whole()));
  Upgraded upgraded;
  upgraded.received = connection->buffered();
  upgraded.socket = connection->release();
  return Either(std::move(upgraded));
}

}  // namespace testctr::net
