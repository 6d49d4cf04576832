#include "script/line_regex.h"

#include <re2/re2.h>

#include <vector>

#include "base/text.h"

namespace testctr::script {

namespace {

std::unique_ptr<RE2> compiled(const std::string& expression, RE2::CannedOptions encoding) {
  RE2::Options options(encoding);
  options.set_log_errors(false);
  options.set_max_mem(2 << 20);
  return std::make_unique<RE2>(expression, options);
}

// The text every match begins with; none where alternatives or flags could say otherwise.
std::string literal_prefix(std::string_view expression) {
  if (expression.find('|') != std::string_view::npos || expression.find("(?") != std::string_view::npos)
    return {};
  const size_t end = std::min(expression.find_first_of("\\.[](){}^$*+?"), expression.size());
  std::string prefix(expression.substr(0, end));
  if (end < expression.size() && std::string_view("*?{").find(expression[end]) != std::string_view::npos) {
    while (!prefix.empty() && (prefix.back() & 0xc0) == 0x80) prefix.pop_back();
    if (!prefix.empty()) prefix.pop_back();
  }
  return prefix;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The length of `{n}` or `{n,m}` at the start of `text`, 0 when there is none.
size_t repetition(std::string_view text) {
  size_t i = 1;
  auto number = [&] {
    const size_t begin = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i > begin;
  };
  if (!number()) return 0;
  if (i < text.size() && text[i] == ',') {
    ++i;
    if (!number()) return 0;
  }
  return i < text.size() && text[i] == '}' ? i + 1 : 0;
}

}  // namespace

std::string scrut_repaired(std::string_view expression) {
  constexpr std::string_view keep = "[]{}()|?*+-.^$\\";
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (c == '\\' && i + 1 < expression.size()) {
      const char next = expression[++i];
      if (keep.find(next) != std::string_view::npos || is_letter(next)) out += c;
      out += next;
    } else if (in_class) {
      if (c == '[' && !expression.substr(i).starts_with("[:")) out += '\\';
      out += c;
      in_class = c != ']';
    } else if (c == '{') {
      const size_t size = repetition(expression.substr(i));
      out += size == 0 ? "\\{" : expression.substr(i, size);
      if (size != 0) i += size - 1;
    } else if (c == '}' || c == ']') {
      out += '\\';
      out += c;
    } else {
      out += c;
      in_class = c == '[';
    }
  }
  return out;
}

LineRegex::LineRegex() = default;
LineRegex::LineRegex(LineRegex&&) noexcept = default;
LineRegex& LineRegex::operator=(LineRegex&&) noexcept = default;
LineRegex::~LineRegex() = default;

Result<LineRegex> LineRegex::make(std::string_view expression, Compat compat) {
  LineRegex made;
  made.anchored_ = compat != Compat::scrut;
  made.expression_ = made.anchored_ ? std::string(expression) : "^" + scrut_repaired(expression) + "$";
  if (made.anchored_) made.prefix_ = literal_prefix(expression);
  const bool is_text = text::is_utf8(expression);
  auto& engine = is_text ? made.text_ : made.bytes_;
  engine = compiled(made.expression_, is_text ? RE2::DefaultOptions : RE2::Latin1);
  if (!engine->ok()) {
    auto error = Error::usage(fmt::format("the regular expression {} is invalid: {}",
                                          text::quoted(expression), text::printable(engine->error())));
    return std::move(error).hint(
        "the syntax is RE2's, without look-around and references back: "
        "https://github.com/google/re2/wiki/Syntax");
  }
  return made;
}

const RE2* LineRegex::engine_for(std::string_view line) const {
  if (text_ && text::is_utf8(line)) return text_.get();
  if (!bytes_) bytes_ = compiled(expression_, RE2::Latin1);
  return bytes_->ok() ? bytes_.get() : nullptr;
}

bool LineRegex::matches(std::string_view line) const {
  if (!line.starts_with(prefix_)) return false;
  const RE2* engine = engine_for(line);
  return engine != nullptr &&
         engine->Match(line, 0, line.size(), anchored_ ? RE2::ANCHOR_BOTH : RE2::UNANCHORED, nullptr, 0);
}

Variables LineRegex::captures(std::string_view line) const {
  const RE2* engine = engine_for(line);
  if (engine == nullptr || engine->NamedCapturingGroups().empty()) return {};
  std::vector<re2::StringPiece> groups(static_cast<size_t>(engine->NumberOfCapturingGroups()) + 1);
  if (!engine->Match(line, 0, line.size(), anchored_ ? RE2::ANCHOR_BOTH : RE2::UNANCHORED, groups.data(),
                     static_cast<int>(groups.size())))
    return {};
  Variables taken;
  for (const auto& [name, number] : engine->NamedCapturingGroups()) {
    const re2::StringPiece& group = groups[static_cast<size_t>(number)];
    if (group.data() != nullptr) taken[name] = std::string(group.data(), group.size());
  }
  return taken;
}

}  // namespace testctr::script
