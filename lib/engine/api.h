// An engine's API, as Docker and Podman both have it: HTTP over a Unix socket, every answer bounded in time
// and size, and believed in nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/byte_source.h"
#include "base/json.h"
#include "base/result.h"
#include "engine/endpoint.h"
#include "net/http.h"

namespace testctr::engine {

/// Writes something to a descriptor, to its end.
using Write = std::function<Status(int out)>;

class Api {
 public:
  /// Opens nothing yet. A process that forks makes another one.
  /// @param cancelled asked while something is waited for: true ends that with an error
  Api(Maker maker, Endpoint endpoint, std::function<bool()> cancelled = {});

  struct Answer {
    int status = 0;
    std::string body;
    [[nodiscard]] bool good() const { return status / 100 == 2; }
  };
  /// One request. @param target path and query @param body JSON; null: none
  /// @return whatever the engine answers, at most 16 MiB of it
  Result<Answer> ask(const std::string& method, const std::string& target, const Json& body = nullptr);
  /// The same; what is not of status 2xx is an error with what the engine says.
  Result<Json> get(const std::string& target);
  Status post(const std::string& target, const Json& body = nullptr);
  /// What it calls itself: "Docker/20.10.24 (linux)".
  Result<std::string> server();
  /// Sends what `write` writes in a process of its own, so that nothing of it is held anywhere. The calling
  /// process is single-threaded.
  Result<Answer> upload(const std::string& method, const std::string& target, const Write& write);
  /// A container's standard streams. @return the connection
  Result<net::Upgraded> attach(const std::string& container);

  /// The error that an answer is. @param doing "making the container"
  [[nodiscard]] Error refused(const Answer& answer) const;
  [[nodiscard]] Maker maker() const { return maker_; }
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

 private:
  [[nodiscard]] net::Request request(const std::string& method, const std::string& target) const;
  [[nodiscard]] Error failed(Error error) const;
  Result<Answer> read(net::Response& response) const;

  Maker maker_;
  Endpoint endpoint_;
  std::unique_ptr<net::Client> client_;
};

}  // namespace testctr::engine
