#include "registry/retry.h"

#include <ctime>
#include <random>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::registry {
namespace {

constexpr int64_t second = 1'000'000'000;
constexpr uint64_t unreachable_window_ns = 2'000'000'000;
constexpr const char* without_network =
    "without a network an image comes as a file: testctr-script image load oci-archive:FILE";

// Between a half and the whole of it: many clients that failed together do not come back together.
int64_t with_jitter(int64_t delay) {
  static thread_local std::minstd_rand source{std::random_device{}()};
  return delay / 2 + std::uniform_int_distribution<int64_t>(0, delay - delay / 2)(source);
}

// @return false where it was cancelled meanwhile
bool wait_for(int64_t delay, const std::function<bool()>& cancelled) {
  const uint64_t end = sys::monotonic_ns() + static_cast<uint64_t>(delay);
  while (true) {
    if (cancelled && cancelled()) return false;
    const uint64_t now = sys::monotonic_ns();
    if (now >= end) return true;
    const auto part = static_cast<time_t>(std::min<uint64_t>(end - now, 100'000'000));
    timespec nap{0, static_cast<long>(part)};
    nanosleep(&nap, nullptr);
  }
}

// The error with one more thing to do about it, beside what something nearer may have said.
Error also(Error error, const std::string& hint) {
  if (error.hint().empty()) return std::move(error).hint(hint);
  return Error(error.fault(), error.message()).kind(error.number()).hint(error.hint() + "; " + hint);
}

}  // namespace

bool passing_status(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

std::optional<int64_t> parse_http_date(std::string_view value) {
  const std::string text(value);
  // strptime knows English names, as no locale is ever set here.
  for (const char* form :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    std::tm parts{};
    const char* end = strptime(text.c_str(), form, &parts);
    if (end == nullptr || *end != '\0' || end != text.c_str() + text.size()) continue;
    return timegm(&parts);
  }
  return std::nullopt;
}

std::optional<int64_t> parse_retry_after(std::string_view value, int64_t now) {
  value = text::trim(value);
  if (value.empty()) return std::nullopt;
  // A century is as good as anything longer.
  constexpr int64_t longest = int64_t{100} * 366 * 24 * 3600;
  int64_t seconds = 0;
  if (value.find_first_not_of("0123456789") == std::string_view::npos) {
    for (char c : value) seconds = std::min<int64_t>(seconds * 10 + (c - '0'), longest);
  } else {
    auto date = parse_http_date(value);
    if (!date) return std::nullopt;
    seconds = std::clamp<int64_t>(*date - now, 0, longest);
  }
  return seconds * second;
}

void look_at(const net::Response& response, Passing& passing) {
  passing.again = passing_status(response.status);
  // By the server's own clock where it shows it.
  auto date = parse_http_date(response.header("date"));
  const int64_t now = date ? *date : static_cast<int64_t>(sys::realtime_ns() / second);
  passing.after_ns = parse_retry_after(response.header("retry-after"), now);
}

Retry::Retry(const RetryOptions& options) : options_(options), began_(sys::monotonic_ns()) {}

void Retry::progressed() {
  tries_ = 0;
  at_once_ = true;
}

std::optional<Error> Retry::give_up(Error error, std::string_view why) {
  return std::move(error).in(std::string(why));
}

std::optional<Error> Retry::failed(Error error, const Passing& passing, bool reached) {
  if (!reached && (net::unreachable(error) || net::transient(error) || error.number() == ENXIO))
    error = also(std::move(error), without_network);
  if (!passing.again && !net::transient(error)) return error;
  // A name or a connection that nobody answered within the time for it is no better than no route at all.
  const bool nobody = !reached && (net::unreachable(error) || error.number() == ETIMEDOUT);
  const uint64_t elapsed = sys::monotonic_ns() - began_;
  if (nobody && (tries_ >= 1 || elapsed > unreachable_window_ns)) return error;
  if (tries_ >= options_.retries) {
    if (options_.retries == 0) return error;
    return give_up(std::move(error), fmt::format("tried {} times", tries_ + 1));
  }
  int64_t delay = options_.first_delay_ns;
  for (int i = 0; i < tries_ && delay < options_.longest_delay_ns; ++i) delay *= 2;
  delay = with_jitter(std::min(delay, options_.longest_delay_ns));
  if (passing.after_ns) {
    if (*passing.after_ns > options_.longest_delay_ns)
      return give_up(std::move(error), fmt::format("the server wants to be asked again in {} at the earliest",
                                                   text::format_duration(*passing.after_ns)));
    delay = std::max(delay, *passing.after_ns);
  }
  if (std::exchange(at_once_, false) && !passing.after_ns) delay = 0;
  ++tries_;
  if (delay > 0 && options_.note)
    options_.note(fmt::format("{}; trying again in {} ({} of {})", error.message(),
                              text::format_duration(delay / 1'000'000 * 1'000'000), tries_,
                              options_.retries));
  if (!wait_for(delay, options_.cancelled))
    return Error(Fault::infrastructure, "waiting for another try", ECANCELED);
  return std::nullopt;
}

}  // namespace testctr::registry
