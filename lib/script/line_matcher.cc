#include <optional>

#include "base/text.h"
#include "script/cram_match.h"
#include "script/escapes.h"
#include "script/expectation.h"
#include "script/glob.h"
#include "script/interpolate.h"
#include "script/json_equal.h"
#include "script/line_regex.h"

#include <re2/re2.h>

namespace testctr::script {

namespace {

std::string_view without_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  return line;
}

std::string quote_backslashes(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\') out += c;
    out += c;
  }
  return out;
}

std::string as_is(std::string_view text) { return std::string(text); }

// Strings within a JSON value, interpolated; the depth is bounded by the parser.
void interpolate_strings(Json& value, const Variables& variables, Compat compat) {
  if (value.is_string()) {
    value = text::to_utf8(interpolate(value.get_ref<const std::string&>(), variables, compat, as_is));
  } else if (value.is_structured()) {
    for (Json& member : value) interpolate_strings(member, variables, compat);
  }
}

Result<Json> expected_json(std::string_view pattern, Compat compat, const Variables* variables) {
  auto parsed = json::parse(pattern);
  if (parsed.ok()) {
    if (variables != nullptr) interpolate_strings(parsed.value(), *variables, compat);
    return parsed;
  }
  if (variables != nullptr) parsed = json::parse(interpolate(pattern, *variables, compat, as_is));
  if (!parsed.ok())
    return Error::usage(fmt::format("the expected JSON is invalid: {}", parsed.error().message()));
  return parsed;
}

}  // namespace

struct LineMatcher::Impl {
  Dialect dialect = Dialect::markdown;
  Compat compat = Compat::none;
  std::vector<std::string> named;
  bool exact = true;
  std::optional<Glob> glob, rendered_glob;
  std::optional<LineRegex> regex;
  std::optional<Json> json;
  std::string indent, cram_line;
  std::optional<CramPattern> cram;

  // In Cram's documents only "(no-eol)" stands for a last line that does not end.
  [[nodiscard]] bool needs_end() const { return dialect == Dialect::cram && compat != Compat::scrut; }

  Status build(const Expectation& expectation, const Variables* variables);
  Status build_text(const Expectation& expectation, std::string pattern);
  Status build_glob(const Expectation& expectation, std::string pattern, const Variables* variables);
  [[nodiscard]] bool fits(std::string_view line, bool rendered) const;
  [[nodiscard]] bool fits_json(std::string_view line) const;
};

// equal, no_eol and escaped.
Status LineMatcher::Impl::build_text(const Expectation& expectation, std::string pattern) {
  if (expectation.rule == Rule::escaped || expectation.unescape)
    pattern = TRY(needs_end() ? unescape_python(pattern) : unescape_scrut(pattern));
  const bool either = compat == Compat::scrut && expectation.unescape;  // Scrut drops "(no-eol)" there
  if (expectation.rule != Rule::no_eol || either) named.push_back(pattern + "\n");
  if (expectation.rule == Rule::no_eol || (expectation.rule == Rule::escaped && !needs_end()))
    named.push_back(std::move(pattern));
  return {};
}

Status LineMatcher::Impl::build_glob(const Expectation& expectation, std::string pattern,
                                     const Variables* variables) {
  exact = false;
  const bool escapes = compat != Compat::scrut || dialect == Dialect::cram;
  const auto glob_quote = [&](std::string_view value) {
    return compat == Compat::scrut ? as_is(value) : quote_glob(value);
  };
  if (needs_end()) {
    std::string rendered = pattern + (expectation.unescape ? " (esc)" : "");
    if (variables != nullptr) rendered = interpolate(rendered, *variables, compat, glob_quote);
    rendered_glob = TRY(Glob::make(rendered, escapes));
  }
  if (expectation.unescape) pattern = TRY(needs_end() ? unescape_python(pattern) : unescape_scrut(pattern));
  if (variables != nullptr) pattern = interpolate(pattern, *variables, compat, glob_quote);
  glob = TRY(Glob::make(pattern, escapes));
  return {};
}

Status LineMatcher::Impl::build(const Expectation& expectation, const Variables* variables) {
  if (compat == Compat::cram && dialect == Dialect::cram) {
    cram_line = indent + expectation.text + "\n";
    cram.emplace(cram_line);
    exact = false;
    return {};
  }
  const auto with_variables = [&](std::string_view text, std::string (*quote)(std::string_view)) {
    if (variables == nullptr) return std::string(text);
    return interpolate(text, *variables, compat, compat == Compat::scrut ? as_is : quote);
  };
  switch (expectation.rule) {
    case Rule::equal:
      CHECK_OK(build_text(expectation, with_variables(expectation.pattern, as_is)));
      break;
    case Rule::no_eol:
    case Rule::escaped: {
      const bool escapes = expectation.rule == Rule::escaped || expectation.unescape;
      CHECK_OK(
          build_text(expectation, with_variables(expectation.pattern, escapes ? quote_backslashes : as_is)));
      break;
    }
    case Rule::glob:
      CHECK_OK(build_glob(expectation, expectation.pattern, variables));
      break;
    case Rule::regex:
      exact = false;
      regex = TRY(LineRegex::make(
          with_variables(expectation.pattern,
                         [](std::string_view value) { return RE2::QuoteMeta(re2::StringPiece(value)); }),
          compat));
      break;
    case Rule::json:
      exact = false;
      json = TRY(expected_json(expectation.pattern, compat, variables));
      break;
  }
  if (compat != Compat::scrut && expectation.text != expectation.pattern)
    named.push_back(with_variables(expectation.text, as_is) + "\n");
  return {};
}

bool LineMatcher::Impl::fits_json(std::string_view line) const {
  line = text::trim(line);
  if (line.empty()) return false;
  // What it begins with says what it is: most lines need no parser.
  if ((line[0] == '{') != json->is_object() || (line[0] == '[') != json->is_array() ||
      (line[0] == '"') != json->is_string())
    return false;
  const auto parsed = json::parse(line);
  return parsed.ok() && json_equal(parsed.value(), *json);
}

bool LineMatcher::Impl::fits(std::string_view line, bool rendered) const {
  if (glob) return rendered ? rendered_glob->matches(line) : glob->matches(line);
  return regex && regex->matches(line);
}

Result<LineMatcher> LineMatcher::make(const Expectation& expectation, Dialect dialect, Compat compat,
                                      const Variables* variables, size_t indent) {
  auto impl = std::make_unique<Impl>();
  impl->dialect = dialect;
  // Markdown has nothing of Cram's.
  impl->compat = compat == Compat::cram && dialect == Dialect::markdown ? Compat::none : compat;
  impl->indent.assign(indent, ' ');
  CHECK_OK(impl->build(expectation, variables));
  return LineMatcher(std::move(impl));
}

LineMatcher::LineMatcher(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LineMatcher::LineMatcher(LineMatcher&&) noexcept = default;
LineMatcher& LineMatcher::operator=(LineMatcher&&) noexcept = default;
LineMatcher::~LineMatcher() = default;

const std::vector<std::string>& LineMatcher::named_lines() const { return impl_->named; }
bool LineMatcher::is_exact() const { return impl_->exact; }

bool LineMatcher::matches(std::string_view line) const {
  for (const std::string& named : impl_->named) {
    if (named == line) return true;
  }
  if (impl_->exact) return false;
  if (impl_->cram) return impl_->cram->matches(impl_->indent + cram_rendering(line));
  if (impl_->json) return impl_->fits_json(line);
  if (!impl_->needs_end()) return impl_->fits(without_end(line), false);
  if (line.ends_with('\n') && impl_->fits(without_end(line), false)) return true;
  return impl_->fits(without_end(cram_rendering(line)), true);
}

Variables LineMatcher::captures(std::string_view line) const {
  if (!impl_->regex) return {};
  Variables taken = impl_->regex->captures(without_end(line));
  if (taken.empty() && impl_->needs_end()) taken = impl_->regex->captures(without_end(cram_rendering(line)));
  return taken;
}

}  // namespace testctr::script
