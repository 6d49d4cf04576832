#include "script/python_regex.h"

namespace testctr::script {

namespace {

class Translator {
 public:
  explicit Translator(std::string_view pattern) : rest_(pattern) {}

  std::optional<std::string> run() {
    while (!rest_.empty() && good_) step();
    if (!good_) return std::nullopt;
    return std::move(out_);
  }

 private:
  void copy(size_t size) {
    out_ += rest_.substr(0, size);
    rest_.remove_prefix(size);
  }

  void step() {
    const char c = rest_[0];
    const size_t braces = c == '{' ? repetition() : 0;
    if (c == '*' || c == '+' || c == '?' || braces != 0) {
      quantifier(braces);
      return;
    }
    quantified_ = false;
    if (c == '\\') {
      escape(false);
    } else if (c == '[') {
      character_class();
    } else if (c == '{') {
      out_ += "\\{";
      rest_.remove_prefix(1);
    } else {
      if (c == '(' && sets_flags() && !out_.empty()) good_ = false;
      copy(c == '(' && rest_.starts_with("(?") ? 2 : 1);
    }
  }

  // "(?i)": for Python only at the very beginning.
  [[nodiscard]] bool sets_flags() const {
    if (!rest_.starts_with("(?")) return false;
    const size_t end = rest_.find_first_not_of("aiLmsuxU-", 2);
    return end != std::string_view::npos && end > 2 && rest_[end] == ')';
  }

  // The length of "{n}", "{n,}", "{,m}" or "{n,m}" at the front; 0: the brace is one.
  [[nodiscard]] size_t repetition() const {
    size_t i = 1, digits = 0;
    bool comma = false;
    for (; i < rest_.size(); ++i) {
      if (rest_[i] >= '0' && rest_[i] <= '9')
        ++digits;
      else if (rest_[i] == ',' && !comma)
        comma = true;
      else
        break;
    }
    return (digits != 0 || comma) && i < rest_.size() && rest_[i] == '}' ? i + 1 : 0;
  }

  // A second one is an error for Python, save "?" (lazy) and "+" (never goes back: RE2 has none, but at the
  // end of the pattern it makes no difference).
  void quantifier(size_t braces) {
    if (quantified_ || out_.empty()) {
      good_ = false;
      return;
    }
    quantified_ = true;
    if (braces != 0) {
      const std::string_view inside = rest_.substr(1, braces - 2);
      out_ += inside.starts_with(',') ? "{0" + std::string(inside) + "}" : "{" + std::string(inside) + "}";
      rest_.remove_prefix(braces);
    } else {
      copy(1);
    }
    if (rest_.starts_with('?')) {
      copy(1);
    } else if (rest_.starts_with('+')) {
      rest_.remove_prefix(1);
      good_ = rest_.empty();
    }
  }

  void escape(bool in_class) {
    if (rest_.size() < 2) {
      good_ = false;
      return;
    }
    const char c = rest_[1];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    constexpr std::string_view everywhere = "dDsSwWafnrtvx", outside = "AbBZ";
    if (c == 'Z' && !in_class) {
      out_ += "\\z";
      rest_.remove_prefix(2);
    } else if (in_class && c == 'b') {
      out_ += "\\x08";
      rest_.remove_prefix(2);
    } else if (letter && everywhere.find(c) == std::string_view::npos &&
               (in_class || outside.find(c) == std::string_view::npos)) {
      good_ = false;
    } else if (c == 'x') {
      // Two digits, no braces.
      good_ = rest_.size() >= 4 && rest_[2] != '{';
      copy(good_ ? 4 : rest_.size());
    } else {
      copy(2);
    }
  }

  // A "[" within is one, not the beginning of a named class.
  void character_class() {
    copy(1);
    if (rest_.starts_with('^')) copy(1);
    for (bool first = true; !rest_.empty() && good_; first = false) {
      if (rest_[0] == ']' && !first) {
        copy(1);
        return;
      }
      if (rest_[0] == '\\') {
        escape(true);
      } else if (rest_[0] == '[' || rest_[0] == ']') {
        out_ += '\\';
        copy(1);
      } else {
        copy(1);
      }
    }
    good_ = false;
  }

  std::string_view rest_;
  std::string out_;
  bool good_ = true, quantified_ = false;
};

}  // namespace

std::optional<std::string> python_regex(std::string_view pattern) { return Translator(pattern).run(); }

}  // namespace testctr::script
