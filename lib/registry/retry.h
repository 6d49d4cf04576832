// What is tried again, when, and how often.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace testctr::registry {

/// What somebody who failed knows about another try: filled in beside an error.
struct Passing {
  bool again = false;               ///< the server's state may pass
  std::optional<int64_t> after_ns;  ///< Retry-After
};

/// Whether a status may be another one soon: 408, 429, 500, 502, 503, 504.
bool passing_status(int status);

/// Retry-After (RFC 9110 section 10.2.3): seconds, or a date in one of HTTP's three forms.
/// @param now in seconds since the epoch. @return nanoseconds from now, never negative; nothing for what is
/// neither.
std::optional<int64_t> parse_retry_after(std::string_view value, int64_t now);

/// A date in one of HTTP's three forms, as seconds since the epoch.
std::optional<int64_t> parse_http_date(std::string_view value);

/// Fills in what a response's status and headers say about another try.
void look_at(const net::Response& response, Passing& passing);

struct RetryOptions {
  int retries = 5;
  int64_t first_delay_ns = 500'000'000;
  int64_t longest_delay_ns = 30'000'000'000;
  std::function<void(const std::string&)> note;
  std::function<bool()> cancelled;  ///< ends the waiting; may be empty
};

/// The delays of one undertaking.
class Retry {
 public:
  explicit Retry(const RetryOptions& options);

  /// After a failure: waits, and says whether to try again. While no server was ever reached, errors of a
  /// network that reaches nobody are tried again once and only within the first two seconds, so that being
  /// without one is told at once, and how images come without one.
  /// @param reached whether the server ever answered
  /// @return nothing to try again; the error to give up with
  std::optional<Error> failed(Error error, const Passing& passing, bool reached);
  /// Something was achieved since: the count begins anew, and the next try comes without delay.
  void progressed();

 private:
  std::optional<Error> give_up(Error error, std::string_view why);

  const RetryOptions& options_;
  uint64_t began_;
  int tries_ = 0;
  bool at_once_ = false;
};

}  // namespace testctr::registry
