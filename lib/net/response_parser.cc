#include "net/response_parser.h"

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <cerrno>
#include <limits>

#include "base/text.h"
#include "net/stream.h"

namespace testctr::net {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;

Error bad_answer(const error_code& code, std::string_view bytes) {
  if (code == http::error::header_limit)
    return failure(EBADMSG, fmt::format("the answer's header is larger than {}",
                                        text::human_size(ResponseParser::largest_header)));
  // A TLS record: an alert, as servers send it that wanted TLS.
  if (bytes.size() >= 2 && bytes[0] == 0x15 && bytes[1] == 0x03)
    return failure(EBADMSG, "the server speaks TLS there, and was asked in plain HTTP")
        .hint("its URL begins with https://");
  std::string begin = text::quoted(bytes.substr(0, std::min<size_t>(bytes.size(), 60)));
  return failure(EBADMSG, fmt::format("the answer is not right HTTP ({}): {}", code.message(), begin));
}

}  // namespace

struct ResponseParser::Impl {
  http::response_parser<http::buffer_body> parser;
  bool head = false;
  bool begun = false;  // whether the first bytes were seen, and were right
};

ResponseParser::ResponseParser(bool head) : impl_(std::make_unique<Impl>()) {
  impl_->parser.header_limit(largest_header);
  impl_->parser.body_limit(std::numeric_limits<uint64_t>::max());
  impl_->parser.eager(false);
  impl_->parser.skip(head);
  impl_->head = head;
}

ResponseParser::~ResponseParser() = default;

bool ResponseParser::header_done() const { return impl_->parser.is_header_done(); }

Result<size_t> ResponseParser::header(std::string_view bytes) {
  // What is something else is seen from its first bytes on, however few come.
  constexpr std::string_view begin = "HTTP/1.";
  if (!impl_->begun && bytes.substr(0, begin.size()) != begin.substr(0, bytes.size()))
    return bad_answer(http::error::bad_version, bytes);
  impl_->begun = impl_->begun || bytes.size() >= begin.size();
  size_t used = 0;
  while (!header_done() && used < bytes.size()) {
    error_code code;
    const size_t n =
        impl_->parser.put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), code);
    used += n;
    if (code == http::error::need_more) break;
    if (code.failed()) return bad_answer(code, bytes.substr(used - n));
  }
  if (!header_done() && bytes.size() - used >= largest_header)
    return bad_answer(http::error::header_limit, bytes);
  if (header_done() && framing() == Framing::until_close &&
      impl_->parser.get().find(http::field::transfer_encoding) != impl_->parser.get().end())
    return failure(EBADMSG, "the answer's Transfer-Encoding is another than chunked");
  return used;
}

int ResponseParser::status() const { return static_cast<int>(impl_->parser.get().result_int()); }

std::map<std::string, std::string> ResponseParser::headers() const {
  std::map<std::string, std::string> all;
  for (const auto& field : impl_->parser.get()) {
    std::string name(field.name_string().data(), field.name_string().size());
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const std::string_view value(field.value().data(), field.value().size());
    auto [at, fresh] = all.emplace(std::move(name), value);
    if (!fresh) at->second.append(", ").append(value);
  }
  return all;
}

Framing ResponseParser::framing() const {
  const int code = status();
  if (impl_->head || code / 100 == 1 || code == 204 || code == 304) return Framing::none;
  if (impl_->parser.chunked()) return Framing::chunked;
  return impl_->parser.content_length() ? Framing::length : Framing::until_close;
}

std::optional<uint64_t> ResponseParser::length() const {
  if (impl_->parser.chunked()) return {};
  const auto& fields = impl_->parser.get();
  const auto field = fields.find(http::field::content_length);
  if (field == fields.end()) return {};
  uint64_t number = 0;
  for (char c : field->value()) {
    if (c < '0' || c > '9' || number > (std::numeric_limits<uint64_t>::max() - 9) / 10) return {};
    number = number * 10 + static_cast<uint64_t>(c - '0');
  }
  return number;
}

bool ResponseParser::keeps_open() const {
  return framing() != Framing::until_close && impl_->parser.get().keep_alive();
}

Result<ResponseParser::Piece> ResponseParser::chunked(std::string_view bytes, char* buffer, size_t size) {
  Piece piece;
  auto& body = impl_->parser.get().body();
  body.data = buffer;
  body.size = size;
  body.more = true;
  while (!impl_->parser.is_done() && body.size > 0 && piece.used < bytes.size()) {
    error_code code;
    piece.used += impl_->parser.put(
        boost::asio::const_buffer(bytes.data() + piece.used, bytes.size() - piece.used), code);
    if (code == http::error::need_more || code == http::error::need_buffer) break;
    if (code.failed())
      return failure(EBADMSG, fmt::format("the answer's body is not rightly chunked ({})", code.message()));
  }
  piece.given = size - body.size;
  piece.end = impl_->parser.is_done();
  return piece;
}

}  // namespace testctr::net
