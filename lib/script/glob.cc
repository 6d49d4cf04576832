#include "script/glob.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "script/escapes.h"

namespace testctr::script {

namespace {

std::u32string characters(std::string_view bytes) {
  std::u32string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const auto [value, size] = first_character(bytes);
    out += value;
    bytes.remove_prefix(size);
  }
  return out;
}

bool fits(std::u32string_view segment, std::u32string_view text, char32_t any) {
  return std::equal(segment.begin(), segment.end(), text.begin(),
                    [any](char32_t a, char32_t b) { return a == any || a == b; });
}

// Where `segment` first fits in `text` from `from` on: all its prefixes are held in bits at once (Shift-And).
size_t find_segment(std::u32string_view segment, std::u32string_view text, size_t from, char32_t any) {
  const size_t words = (segment.size() + 63) / 64;
  std::vector<uint64_t> wild(words), state(words);
  std::unordered_map<char32_t, std::vector<uint64_t>> masks;
  for (size_t i = 0; i < segment.size(); ++i) {
    const uint64_t bit = uint64_t{1} << i % 64;
    if (segment[i] == any)
      wild[i / 64] |= bit;
    else
      masks.try_emplace(segment[i], words).first->second[i / 64] |= bit;
  }
  for (size_t at = from; at < text.size(); ++at) {
    const auto found = masks.find(text[at]);
    uint64_t carry = 1;
    for (size_t w = 0; w < words; ++w) {
      const uint64_t shifted = state[w] << 1 | carry;
      carry = state[w] >> 63;
      state[w] = shifted & (wild[w] | (found == masks.end() ? 0 : found->second[w]));
    }
    if (state[words - 1] >> (segment.size() - 1) % 64 & 1) return at + 1 - segment.size();
  }
  return std::u32string_view::npos;
}

}  // namespace

Result<Glob> Glob::make(std::string_view pattern, bool escapes) {
  Glob glob;
  std::u32string segment;
  std::string bytes;
  auto close = [&] {
    glob.segments_.push_back(std::move(segment));
    glob.bytes_.push_back(std::move(bytes));
    segment.clear();
    bytes.clear();
  };
  while (!pattern.empty()) {
    auto [value, size] = first_character(pattern);
    if (value == '\\' && escapes) {
      if (pattern.size() == 1)
        return Error::usage("the glob ends in a lone backslash; write \\\\ for a backslash");
      if (std::strchr("*?\\", pattern[1]) != nullptr && pattern[1] != '\0') {
        pattern.remove_prefix(1);
        value = static_cast<unsigned char>(pattern[0]);
      }
    } else if (value == '*') {
      pattern.remove_prefix(1);
      close();
      continue;
    } else if (value == '?') {
      value = any_one;
    }
    if (value == any_one || (value >= invalid_byte && value != any_one)) glob.plain_ = false;
    segment += value;
    bytes += pattern.substr(0, size);
    pattern.remove_prefix(size);
  }
  close();
  return glob;
}

bool Glob::matches(std::string_view text) const {
  return plain_ ? matches_bytes(text) : matches_characters(characters(text));
}

bool Glob::matches_bytes(std::string_view text) const {
  if (bytes_.size() == 1) return text == bytes_[0];
  const std::string &first = bytes_.front(), &last = bytes_.back();
  if (text.size() < first.size() + last.size() || !text.starts_with(first) || !text.ends_with(last))
    return false;
  text = text.substr(first.size(), text.size() - first.size() - last.size());
  for (size_t i = 1; i + 1 < bytes_.size(); ++i) {
    if (bytes_[i].empty()) continue;
    const void* found = memmem(text.data(), text.size(), bytes_[i].data(), bytes_[i].size());
    if (found == nullptr) return false;
    text.remove_prefix(static_cast<size_t>(static_cast<const char*>(found) - text.data()) + bytes_[i].size());
  }
  return true;
}

bool Glob::matches_characters(const Text& text) const {
  std::u32string_view rest = text;
  const Text &first = segments_.front(), &last = segments_.back();
  if (segments_.size() == 1) return rest.size() == first.size() && fits(first, rest, any_one);
  if (rest.size() < first.size() + last.size() || !fits(first, rest, any_one) ||
      !fits(last, rest.substr(rest.size() - last.size()), any_one))
    return false;
  rest = rest.substr(first.size(), rest.size() - first.size() - last.size());
  for (size_t i = 1; i + 1 < segments_.size(); ++i) {
    if (segments_[i].empty()) continue;
    const size_t at = find_segment(segments_[i], rest, 0, any_one);
    if (at == std::u32string_view::npos) return false;
    rest.remove_prefix(at + segments_[i].size());
  }
  return true;
}

std::string quote_glob(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '*' || c == '?' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace testctr::script
