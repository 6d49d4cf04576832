#include "registry/blob_stream.h"

#include "base/text.h"
#include "registry/answer.h"

namespace testctr::registry {
namespace {

// A connection that brought as much was worth making, however it ended. With less, a server could keep us
// for as long as it likes.
constexpr uint64_t worth_a_try = uint64_t{32} << 10;

std::optional<uint64_t> number(std::string_view digits) {
  if (digits.empty() || digits.size() > 19 ||
      digits.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  uint64_t value = 0;
  for (char c : digits) value = value * 10 + static_cast<uint64_t>(c - '0');
  return value;
}

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view value) {
  value = text::trim(value);
  constexpr std::string_view unit = "bytes ";
  const size_t dash = value.find('-'), slash = value.find('/');
  if (!value.starts_with(unit) || dash == std::string_view::npos || slash == std::string_view::npos ||
      slash < dash)
    return std::nullopt;
  auto first = number(value.substr(unit.size(), dash - unit.size()));
  auto last = number(value.substr(dash + 1, slash - dash - 1));
  std::string_view whole = value.substr(slash + 1);
  auto size = number(whole);
  if (!first || !last || *last < *first || (!size && whole != "*") || (size && *last >= *size))
    return std::nullopt;
  return ContentRange{*first, *last, size};
}

BlobStream::BlobStream(Exchange& exchange, Blob blob)
    : exchange_(exchange), blob_(std::move(blob)), retry_(exchange.retry_options) {}

std::string BlobStream::what() const {
  return fmt::format("blob {} of {}/{}", blob_.digest.str(), exchange_.location.host,
                     exchange_.location.repository);
}

Status BlobStream::check_range(const net::Response& response) const {
  auto range = parse_content_range(response.header("content-range"));
  if (range && range->first == offset_ && range->last < blob_.size &&
      (!range->size || *range->size == blob_.size))
    return {};
  return Error::infrastructure(fmt::format("{}: from byte {} of {} was asked for, and the answer is {}",
                                           what(), offset_, blob_.size,
                                           text::quoted(response.header("content-range"))));
}

Status BlobStream::skip(net::Response& response, uint64_t bytes, Passing& passing) const {
  char buffer[16384];
  while (bytes > 0) {
    const size_t n = TRY(response.read(buffer, std::min<uint64_t>(sizeof buffer, bytes)));
    if (n == 0) {
      passing.again = true;
      return Error::infrastructure(fmt::format("{} ended before what was given already", what()));
    }
    bytes -= n;
  }
  return {};
}

Status BlobStream::open_once(Passing& passing) {
  Operation operation;
  operation.path = "blobs/" + blob_.digest.str();
  operation.scopes = {exchange_.scope("pull")};
  operation.what = what();
  if (offset_ > 0) operation.headers.emplace_back("Range", fmt::format("bytes={}-", offset_));
  Followed answer = TRY(exchange_.send(operation, passing));
  net::Response& response = *answer.response;
  if (response.status == 206 && offset_ > 0) {
    passing = Passing();
    CHECK_OK(check_range(response));
  } else if (response.status == 200) {
    passing = Passing();
    if (response.length && *response.length != blob_.size)
      return Error::infrastructure(fmt::format("{} should have {} bytes, and {} says that it has {}", what(),
                                               blob_.size, answer.url.origin(), *response.length));
    CHECK_OK(skip(response, offset_, passing));
  } else {
    return refusal(response, what());
  }
  response_ = std::move(answer.response);
  return {};
}

Status BlobStream::open() {
  while (true) {
    Passing passing;
    Status opened = open_once(passing);
    if (opened.ok()) return opened;
    if (auto last = retry_.failed(std::move(opened).error(), passing, exchange_.transport.reached()))
      return std::move(*last);
  }
}

Status BlobStream::begin() { return open(); }

// All bytes were given. Reading on gives the connection back, and shows whether there are more.
Result<size_t> BlobStream::end() {
  if (!response_) return size_t{0};
  char more = 0;
  auto n = response_->read(&more, 1);
  response_.reset();
  if (n.ok() && n.value() > 0)
    return Error::infrastructure(
        fmt::format("{} has more than the {} bytes that it should have", what(), blob_.size));
  return size_t{0};
}

Result<size_t> BlobStream::read(char* buffer, size_t size) {
  if (size == 0) return size_t{0};
  while (offset_ < blob_.size) {
    if (!response_) CHECK_OK(open());
    auto n = response_->read(buffer, std::min<uint64_t>(size, blob_.size - offset_));
    if (n.ok() && n.value() > 0) {
      offset_ += n.value();
      if (offset_ - mark_ >= worth_a_try) {
        retry_.progressed();
        mark_ = offset_;
      }
      return n;
    }
    response_.reset();
    Passing passing;
    passing.again = n.ok();
    Error error =
        n.ok()
            ? Error::infrastructure(fmt::format("{} ended after {} of {} bytes", what(), offset_, blob_.size))
            : std::move(n).error().in(fmt::format("{}, after {} of {} bytes", what(), offset_, blob_.size));
    if (auto last = retry_.failed(std::move(error), passing, /* reached= */ true)) return std::move(*last);
  }
  return end();
}

}  // namespace testctr::registry
