// Requests with redirects followed: what is trusted where, and what goes along to other hosts.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "net/http.h"
#include "registry/names.h"

namespace testctr::registry {

/// A response, and where it came from.
struct Followed {
  std::unique_ptr<net::Response> response;
  net::Url url;
  bool elsewhere = false;  ///< another origin answered than the one that was asked
};

/// Gives a stream body anew, for a request that has to be sent again.
using OpenBody = std::function<Result<std::unique_ptr<ByteSource>>()>;

class Transport {
 public:
  /// @param location whose `insecure` decides on verification and plain HTTP.
  Transport(net::Client& client, const Location& location) : client_(client), location_(location) {}

  /// What is trusted at this URL: certs.d of its host; nothing is verified where the location is insecure.
  Result<net::Tls> trust(const net::Url& url);

  /// Sends the request and follows up to 10 redirects: GET and HEAD all of them, others 307 and 308.
  /// Authorization goes to the first origin alone, and not again after another one was met. From TLS to plain
  /// HTTP leads nothing, unless the location is insecure. `request.tls` is set here.
  /// @param body where the request has a stream: opened for each time it is sent
  Result<Followed> send(net::Request request, const OpenBody& body = {});

  [[nodiscard]] bool insecure() const { return location_.insecure; }
  /// Whether any server ever answered.
  [[nodiscard]] bool reached() const { return reached_.load(); }

 private:
  Result<std::unique_ptr<net::Response>> send_once(net::Request& request, const OpenBody& body);
  [[nodiscard]] Result<net::Url> next(const net::Url& from, const net::Response& response) const;

  net::Client& client_;
  const Location& location_;
  std::atomic<bool> reached_{false};
  std::mutex mutex_;
  std::map<std::string, net::Tls> trusted_;  // by host and port
};

/// The request without a header.
void remove_header(net::Request& request, std::string_view name);

}  // namespace testctr::registry
