#include "script/cram_match.h"

#include <re2/re2.h>

#include <cstring>
#include <optional>

#include "script/escapes.h"
#include "script/python_regex.h"

namespace testctr::script {

namespace {

constexpr std::string_view esc = " (esc)\n", glob = " (glob)\n", re = " (re)\n";

// The glob as a regular expression on bytes; nothing where Cram would fail with a traceback.
std::optional<std::string> glob_expression(std::string_view pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      if (i + 1 == pattern.size()) return std::nullopt;
      const bool escapes = pattern[i + 1] == '*' || pattern[i + 1] == '?' || pattern[i + 1] == '\\';
      out += RE2::QuoteMeta(escapes ? pattern.substr(++i, 1) : pattern.substr(i, 1));
    } else if (c == '*') {
      out += ".*";
    } else if (c == '?') {
      out += '.';
    } else {
      out += c == '\0' ? "\\x00" : RE2::QuoteMeta(pattern.substr(i, 1));
    }
  }
  return out;
}

// The line with what its "(esc)" says undone; nothing when that cannot be.
std::optional<std::string> unescaped(std::string_view line) {
  if (!line.ends_with(esc)) return std::string(line);
  auto text = unescape_python(line.substr(0, line.size() - esc.size()));
  if (!text.ok()) return std::nullopt;
  return std::move(text).value() + "\n";
}

}  // namespace

struct CramPattern::Impl {
  std::string_view line;
  std::string_view suffix;           ///< " (glob)\n", " (re)\n" or none
  std::optional<std::string> plain;  ///< without escapes
  bool compiled = false;
  std::unique_ptr<RE2> expression;  ///< null: matches nothing

  void compile() {
    compiled = true;
    const std::string_view pattern = line.substr(0, line.size() - suffix.size());
    auto text = suffix == glob ? glob_expression(pattern) : python_regex(pattern);
    if (!text) return;
    RE2::Options options(RE2::Latin1);
    options.set_log_errors(false);
    options.set_max_mem(2 << 20);
    expression = std::make_unique<RE2>(*text + "\\z", options);
    if (!expression->ok()) expression.reset();
  }
};

CramPattern::CramPattern(std::string_view line) : impl_(std::make_unique<Impl>()) {
  impl_->line = line;
  for (std::string_view suffix : {glob, re}) {
    if (line.ends_with(suffix)) impl_->suffix = suffix;
  }
  impl_->plain = unescaped(line);
}
CramPattern::CramPattern(CramPattern&&) noexcept = default;
CramPattern& CramPattern::operator=(CramPattern&&) noexcept = default;
CramPattern::~CramPattern() = default;

bool CramPattern::is_pattern() const { return !impl_->suffix.empty() || impl_->line.ends_with(esc); }

bool CramPattern::matches(std::string_view line) const {
  if (line == impl_->line) return true;
  if (impl_->plain) {
    if (line == *impl_->plain) return true;
    if (line.ends_with(esc) && unescaped(line) == *impl_->plain) return true;
  }
  if (impl_->suffix.empty()) return false;
  if (!impl_->compiled) impl_->compile();
  if (!impl_->expression) return false;
  if (line.ends_with('\n')) line.remove_suffix(1);
  return impl_->expression->Match(line, 0, line.size(), RE2::ANCHOR_START, nullptr, 0);
}

}  // namespace testctr::script
