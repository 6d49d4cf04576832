// The values of secrets are taken out of everything that is told of a test: as they are, in hex, in base64,
// and as URLs write them; hex and base64 also where they are broken over lines.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "interpret/event.h"

namespace testctr::run {

/// Values shorter than this are not looked for: they would be found everywhere.
inline constexpr size_t least_secret = 4;

/// Finds secrets in bytes.
class Secrets {
 public:
  /// A value, and the forms that it takes in hex, in base64 (whatever stands before it) and in URLs.
  void add(std::string_view value);
  [[nodiscard]] bool empty() const { return forms_.empty(); }
  /// The text with "***" for each; one "***" for those that overlap.
  [[nodiscard]] std::string masked(std::string_view text) const;
  /// Whether any of them is in it.
  [[nodiscard]] bool in(std::string_view text) const;
  /// How many bytes at the text's end may belong to one that what follows it makes whole, or longer.
  [[nodiscard]] size_t open_at_end(std::string_view text) const;
  /// The length of the longest form, broken over lines of no less than 16 columns.
  [[nodiscard]] size_t longest() const { return forms_.empty() ? 0 : forms_.front().size() * 2 + 32; }

 private:
  struct Span {
    size_t begin, end;
  };
  [[nodiscard]] std::vector<Span> spans(std::string_view text) const;
  /// Of forms that are broken over lines.
  void add_broken(std::string_view text, std::vector<Span>& all) const;
  [[nodiscard]] size_t open_broken(std::string_view text) const;

  std::vector<std::string> forms_;   ///< the longest first
  std::vector<std::string> broken_;  ///< those of them that tools break over lines
};

/// Masks every event on its way. Output that ends with what may be the beginning of a secret waits for the
/// next piece of the same stream, whatever other streams of the script say meanwhile.
class Masker : public EventSink {
 public:
  /// @param sink borrowed
  Masker(EventSink& sink, Secrets secrets) : sink_(sink), secrets_(std::move(secrets)) {}
  void take(const Event& event) override;

 private:
  struct Held {
    Event event;
    std::string bytes;
  };
  void tell(Event event);
  void release(uint32_t script);
  std::string take_held(const Event& output);

  EventSink& sink_;
  Secrets secrets_;
  std::map<uint32_t, uint64_t> sequence_;       ///< of each script, of what is told next
  std::map<uint32_t, std::vector<Held>> held_;  ///< of each script, one for each of its streams
};

}  // namespace testctr::run
