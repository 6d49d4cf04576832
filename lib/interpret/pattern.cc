// Matches with RE2 by the rules of Go's regexp package.
#include "interpret/pattern.h"

#include <re2/re2.h>

#include "base/text.h"

namespace testctr::interpret {
namespace {

// The length of the character at the front of valid, not empty UTF-8.
size_t character_size(std::string_view text) {
  auto c = static_cast<unsigned char>(text.front());
  size_t size = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
  return std::min(size, text.size());
}

}  // namespace

Result<Pattern> Pattern::compile(std::string_view expression) {
  RE2::Options options;
  options.set_log_errors(false);
  auto regexp = std::make_unique<RE2>("(?m)" + std::string(expression), options);
  if (regexp->ok()) return Pattern(std::move(regexp));
  std::string what = fmt::format("bad regular expression {}: {}", text::quoted(expression), regexp->error());
  Error error = Error::usage(std::move(what));
  if (!text::is_utf8(expression))
    return std::move(error).hint(
        "an expression is written in UTF-8; a byte that is none can be matched by `.`");
  return std::move(error).hint("the syntax is RE2's; a literal text can be written \\Qlike this\\E");
}

Pattern::Pattern(std::unique_ptr<re2::RE2> regexp) : regexp_(std::move(regexp)) {}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

std::optional<std::string_view> Pattern::find(std::string_view text) const {
  re2::StringPiece input(text.data(), text.size());
  re2::StringPiece match;
  if (!regexp_->Match(input, 0, text.size(), RE2::UNANCHORED, &match, 1)) return std::nullopt;
  return text.substr(static_cast<size_t>(match.data() - input.data()), match.size());
}

std::optional<std::string_view> Pattern::find_group(std::string_view text) const {
  re2::StringPiece input(text.data(), text.size());
  re2::StringPiece matches[2];
  const int wanted = regexp_->NumberOfCapturingGroups() > 0 ? 2 : 1;
  if (!regexp_->Match(input, 0, text.size(), RE2::UNANCHORED, matches, wanted)) return std::nullopt;
  const re2::StringPiece& taken = matches[wanted - 1];
  if (taken.data() == nullptr) return text.substr(0, 0);
  return text.substr(static_cast<size_t>(taken.data() - input.data()), taken.size());
}

uint64_t Pattern::count(std::string_view text) const {
  re2::StringPiece input(text.data(), text.size());
  uint64_t count = 0;
  size_t previous_end = SIZE_MAX;
  for (size_t at = 0; at <= text.size();) {
    re2::StringPiece match;
    if (!regexp_->Match(input, at, text.size(), RE2::UNANCHORED, &match, 1)) break;
    size_t begin = static_cast<size_t>(match.data() - input.data());
    size_t end = begin + match.size();
    bool accepted = true;
    if (end == at) {
      accepted = begin != previous_end;
      at += at < text.size() ? character_size(text.substr(at)) : 1;
    } else {
      at = end;
    }
    previous_end = end;
    if (accepted) ++count;
  }
  return count;
}

std::string quote_meta(std::string_view text) {
  std::string quoted;
  for (char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) quoted += '\\';
    quoted += c;
  }
  return quoted;
}

std::string_view lines_around(std::string_view text, std::string_view match) {
  size_t begin = static_cast<size_t>(match.data() - text.data());
  size_t end = begin + match.size();
  while (begin > 0 && text[begin - 1] != '\n') --begin;
  end = std::min(text.find('\n', end), text.size());
  std::string_view lines = text.substr(begin, end - begin);
  if (lines.ends_with('\n')) lines.remove_suffix(1);
  return lines;
}

}  // namespace testctr::interpret
