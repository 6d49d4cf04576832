// What a server may send: however it is cut into pieces, it means the same, and no more comes of it than was
// sent.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "net/connection.h"

namespace {
using namespace testctr;
using namespace testctr::net;

class Pieces final : public Stream {
 public:
  Pieces(std::string_view bytes, size_t piece) : rest_(bytes), piece_(piece) {}
  Result<std::optional<size_t>> read(char* buffer, size_t size) override {
    const size_t n = std::min({size, piece_, rest_.size()});
    std::memcpy(buffer, rest_.data(), n);
    rest_.remove_prefix(n);
    return std::optional(n);
  }
  Result<std::optional<size_t>> write(const char*, size_t size) override { return std::optional(size); }
  [[nodiscard]] short wants() const override { return POLLIN; }
  [[nodiscard]] int fd() const override { return -1; }

 private:
  std::string_view rest_;
  size_t piece_;
};

Result<std::string> body_of(Connection& connection, ResponseParser& parser, Patience& patience) {
  std::string body;
  char buffer[64];
  for (;;) {
    auto piece = TRY(parser.chunked(connection.buffered(), buffer, sizeof buffer));
    connection.use(piece.used);
    body.append(buffer, piece.given);
    if (piece.end) return body;
    if (piece.given > 0) continue;
    if (TRY(connection.fill_waiting(patience)) == 0) return failure(ECONNRESET, "cut");
  }
}

/// All that can be said of an answer, as text; errors alike.
std::string meaning(std::string_view input, bool head, size_t piece) {
  Connection connection(std::make_unique<Pieces>(input, piece), "fuzzer");
  Patience patience(1'000'000'000, ETIME, "nothing", nullptr);
  auto parser = connection.read_header(head, patience);
  if (!parser.ok()) return "error";
  std::string text = std::to_string(parser.value()->status()) + (parser.value()->keeps_open() ? " open" : "");
  for (const auto& [name, value] : parser.value()->headers()) text += "\n" + name + ": " + value;
  if (auto length = parser.value()->length()) text += "\nlength " + std::to_string(*length);
  text += "\n" + std::to_string(static_cast<int>(parser.value()->framing()));
  if (parser.value()->framing() != Framing::chunked) return text;
  auto body = body_of(connection, *parser.value(), patience);
  if (body.ok() && body.value().size() > input.size()) abort();
  return text + (body.ok() ? "\n" + body.value() : "\nerror");
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const bool head = size > 0 && data[size - 1] % 2 == 0;
  const std::string whole = meaning(input, head, SIZE_MAX);
  if (meaning(input, head, 1) != whole || meaning(input, head, 7) != whole) abort();
  return 0;
}
