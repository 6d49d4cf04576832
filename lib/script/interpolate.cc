#include "script/interpolate.h"

#include <algorithm>

namespace testctr::script {

namespace {

constexpr std::string_view name_characters =
    "_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// The name behind a `$`, and in `size` the length of all that stands for it; no name: size 0.
std::string_view name_behind(std::string_view text, Compat compat, size_t& size) {
  const bool braces = text.starts_with('{');
  const std::string_view rest = text.substr(braces ? 1 : 0);
  const std::string_view characters =
      braces && compat == Compat::scrut ? name_characters.substr(1) : name_characters;
  const std::string_view name = rest.substr(0, std::min(rest.find_first_not_of(characters), rest.size()));
  const bool closed = !braces || rest.substr(name.size()).starts_with('}');
  size = name.empty() || !closed ? 0 : name.size() + (braces ? 2 : 0);
  return name;
}

}  // namespace

std::string interpolate(std::string_view text, const Variables& variables, Compat compat,
                        const std::function<std::string(std::string_view)>& quote) {
  std::string out;
  while (true) {
    const size_t dollar = std::min(text.find('$'), text.size());
    out += text.substr(0, dollar);
    if (dollar == text.size()) return out;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    size_t size = 0;
    const std::string_view name = name_behind(text, compat, size);
    const auto found = size == 0 ? variables.end() : variables.find(name);
    if (found == variables.end()) {
      out += '$';
      continue;
    }
    out += quote(found->second);
    text.remove_prefix(size);
  }
}

std::string quote_interpolation(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    // A `$` before anything else stands for itself, and a number is no variable.
    constexpr std::string_view digits = "0123456789";
    const char next = i + 1 < text.size() ? text[i + 1] : ' ';
    const bool means =
        next == '$' || next == '{' ||
        (name_characters.find(next) != std::string_view::npos && digits.find(next) == std::string_view::npos);
    if (text[i] == '$' && means) out += '$';
  }
  return out;
}

}  // namespace testctr::script
