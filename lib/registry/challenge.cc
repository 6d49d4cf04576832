#include "registry/challenge.h"

#include <optional>

namespace testctr::registry {
namespace {

constexpr size_t most_challenges = 16, most_parameters = 32;

// tchar of RFC 9110 section 5.6.2.
bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::vector<Challenge> parse() {
    std::vector<Challenge> challenges;
    while (challenges.size() < most_challenges) {
      skip(", \t");
      std::string_view scheme = token();
      if (scheme.empty()) break;
      Challenge challenge;
      challenge.scheme = lower(scheme);
      const bool whole = parameters(challenge);
      challenges.push_back(std::move(challenge));
      if (!whole) break;
    }
    return challenges;
  }

 private:
  void skip(std::string_view which) {
    size_t n = rest_.find_first_not_of(which);
    rest_.remove_prefix(n == std::string_view::npos ? rest_.size() : n);
  }

  std::string_view token() {
    size_t n = 0;
    while (n < rest_.size() && is_token_char(rest_[n])) ++n;
    std::string_view found = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return found;
  }

  // A token or a quoted string; nothing where it does not end.
  std::optional<std::string> value() {
    if (!rest_.starts_with('"')) return std::string(token());
    std::string out;
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return out;
      }
      if (rest_[i] == '\\' && ++i == rest_.size()) break;
      out += rest_[i];
    }
    return std::nullopt;
  }

  // The parameters up to the next challenge, which is told apart by having no "=" behind its first word.
  // @return whether more may follow.
  bool parameters(Challenge& challenge) {
    for (size_t n = 0; n <= most_parameters; ++n) {
      skip(", \t");
      if (rest_.empty()) return true;
      const std::string_view before = rest_;
      const std::string name = lower(token());
      skip(" \t");
      if (name.empty()) return false;
      if (!rest_.starts_with('=')) {
        rest_ = before;
        return true;
      }
      rest_.remove_prefix(1);
      skip(" \t");
      if (rest_.empty() || rest_.starts_with('=') || rest_.starts_with(',')) {
        // The "=" were the end of a token68 ("Negotiate abc=="): no parameter.
        skip("=");
        continue;
      }
      auto text = value();
      if (!text) return false;
      challenge.parameters.emplace(name, std::move(*text));
    }
    return false;
  }

  std::string_view rest_;
};

}  // namespace

std::string Challenge::parameter(const std::string& name) const {
  auto found = parameters.find(name);
  return found == parameters.end() ? "" : found->second;
}

std::vector<Challenge> parse_challenges(std::string_view header) { return Parser(header).parse(); }

}  // namespace testctr::registry
