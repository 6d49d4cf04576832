// One connection to a server: made within its time, through a proxy where one is asked for, read through a
// buffer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http.h"
#include "net/proxy.h"
#include "net/resolver.h"
#include "net/response_parser.h"
#include "net/stream.h"
#include "net/trust.h"

namespace testctr::net {

/// Where a connection leads; those that are equal may be used for each other.
struct Route {
  bool tls = true;
  std::string host;
  uint16_t port = 443;
  std::optional<Proxy> proxy;
  Tls trust;
  std::string socket;  ///< of a Unix socket; empty: by the host's addresses
  auto operator<=>(const Route&) const = default;
  /// "host:port", or the socket's path, for people.
  [[nodiscard]] std::string peer() const;
};

/// What connections of one client have in common.
struct Setup {
  Timeouts timeouts;
  Cancel cancel = nullptr;
  std::string user_agent;
  TlsContexts* contexts = nullptr;
};

class Connection {
 public:
  /// Connects to each of the host's addresses, a quarter of a second after the one before (sooner where that
  /// failed), and takes the first that answers; shakes hands, with the proxy, too. All within connect_ns.
  static Result<std::unique_ptr<Connection>> open(const Route& route, const Setup& setup);

  /// Over a stream that is there already.
  Connection(std::unique_ptr<Stream> stream, std::string where);

  /// "host:port (address)", with the proxy where there is one: for messages.
  [[nodiscard]] const std::string& where() const { return where_; }
  /// Whether it may be used again: still open, and nothing came that nobody asked for.
  bool quiet();

  [[nodiscard]] std::string_view buffered() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void use(size_t bytes);
  /// Reads more into the buffer, without waiting. @return how much; 0 at the end; nothing where none is
  /// there. An error (EBADMSG) when the buffer is full.
  Result<std::optional<size_t>> fill();
  /// Reads past the buffer, which must be empty, and waits. @return 0 at the end.
  Result<size_t> read(char* bytes, size_t size, Patience& patience);
  /// Reads and parses a header. @return the parser; ECONNRESET where the connection ended before.
  /// @param other whether 101 is an answer: the server may go on in another protocol
  Result<std::unique_ptr<ResponseParser>> read_header(bool head, Patience& patience, bool other = false);
  /// Gives up the socket, of a connection without TLS.
  Fd release() { return stream_->release(); }
  /// Sends all. @return true; false where an answer (not one of status 1xx) came first, which is in the
  /// buffer then: the rest is not sent.
  Result<bool> send(std::string_view bytes, Patience& patience);
  /// Whether any byte was received since `use_again` or the beginning.
  [[nodiscard]] bool heard() const { return heard_; }
  void use_again() {
    heard_ = false;
    interim_ = 0;
  }
  /// Waits until the stream can go on, and fills the buffer. @return 0 at the end.
  Result<size_t> fill_waiting(Patience& patience);

 private:
  /// Passes over answers of status 1xx in the buffer. @return whether no other begins there.
  Result<bool> only_interim();
  static Result<std::unique_ptr<Connection>> open_socket(const Route& route);
  Status ask_proxy(const Route& route, const Setup& setup, Patience& patience);

  std::unique_ptr<Stream> stream_;
  std::string where_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;
  bool heard_ = false;
  int interim_ = 0;  // answers of status 1xx that came while we sent
};

/// Connects to the first of these addresses that answers. @return the socket and which it was; else the error
/// of that which came furthest, ETIMEDOUT where none answered in time.
Result<std::pair<Fd, Address>> connect_any(const std::vector<Address>& addresses, const std::string& peer,
                                           const Patience& patience);

}  // namespace testctr::net
