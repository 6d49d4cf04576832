// One request to the registry, whatever is needed for it: finding out how it is spoken to, redirects,
// authorization. Retries are made of these by the callers, which know what begins anew.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/http.h"
#include "registry/authorizer.h"
#include "registry/client.h"
#include "registry/retry.h"
#include "registry/transport.h"

namespace testctr::registry {

struct Operation {
  std::string method = "GET";
  std::string path;            ///< below /v2/REPOSITORY/
  std::optional<net::Url> at;  ///< instead of `path`: where the registry sent us
  std::vector<std::string> scopes;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  OpenBody stream;
  uint64_t stream_size = 0;
  std::string what;  ///< for messages: "the manifest ..."
};

class Exchange {
 public:
  Exchange(net::Client& client, Location location, SessionOptions options);

  /// The answer, whatever its status but 401, which has become an error (EACCES) by then. `passing` is filled
  /// in from the answer, or by whoever failed.
  Result<Followed> send(const Operation& operation, Passing& passing);

  /// Does `once` until it succeeds or nothing more is to be expected from another try.
  template <class T>
  Result<T> with_retries(const std::function<Result<T>(Passing&)>& once) {
    Retry retry(retry_options);
    while (true) {
      Passing passing;
      Result<T> result = once(passing);
      if (result.ok()) return result;
      if (auto last = retry.failed(std::move(result).error(), passing, transport.reached()))
        return std::move(*last);
    }
  }

  /// "repository:NAME:pull" or "...:pull,push" of this or another repository.
  [[nodiscard]] std::string scope(std::string_view actions, const std::string& repository = "") const;

  const Location location;
  RetryOptions retry_options;
  Transport transport;

 private:
  Result<net::Url> base(Passing& passing);
  Result<Followed> send_as(const Operation& operation, const net::Url& url, const std::string& authorization);
  /// Asks /v2/ who may come in, where the answer to a request did not say it. @return whether it says
  /// something now
  Result<bool> ask_for_challenge(const Operation& operation, const net::Url& base, Passing& passing);

  Authorizer authorizer_;
  std::mutex base_mutex_;
  std::optional<net::Url> base_;
  std::mutex note_mutex_;
};

}  // namespace testctr::registry
