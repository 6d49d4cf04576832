// stdout, stderr, grep, cmp and cmpenv of cmd/go's script tests and of testscript.
#include <re2/re2.h>

#include <charconv>

#include "base/text.h"
#include "interpret/diff.h"
#include "interpret/go_family.h"
#include "interpret/pattern.h"
#include "interpret/update.h"

namespace testctr::interpret::go_family {
namespace {

/// `text` in back quotes, as Go's %#q has it.
std::string back_quoted(std::string_view text) {
  if (text.find('`') != std::string_view::npos) return text::quoted(text);
  return fmt::format("`{}`", text::printable(text));
}

struct Options {
  uint64_t count = 0;  ///< 0: any number
  bool quiet = false;
};

/// The options, in their order. @return what is wrong with them
std::optional<Answer> take_options(Session& session, std::span<const std::string>& rest, Options& options) {
  constexpr std::string_view count_flag = "-count=";
  if (!rest.empty() && rest.front().starts_with(count_flag)) {
    if (session.command->want == script::Want::failure) return fatal("cannot use -count= with negated match");
    const std::string_view number = std::string_view(rest.front()).substr(count_flag.size());
    int64_t count = 0;
    const char* begin = number.data() + (number.starts_with('+') ? 1 : 0);
    const auto [end, problem] = std::from_chars(begin, number.data() + number.size(), count);
    if (problem == std::errc::result_out_of_range)
      return fatal(
          fmt::format("bad -count=: strconv.Atoi: parsing {}: value out of range", text::quoted(number)));
    if (problem != std::errc() || end != number.data() + number.size())
      return fatal(
          fmt::format("bad -count=: strconv.Atoi: parsing {}: invalid syntax", text::quoted(number)));
    if (count < 1) return fatal("bad -count=: must be at least 1");
    options.count = static_cast<uint64_t>(count);
    rest = rest.subspan(1);
  }
  if (is_cmdgo(session) && !rest.empty() && rest.front() == "-q") {
    options.quiet = true;
    rest = rest.subspan(1);
  }
  return std::nullopt;
}

/// What Go's regexp package says of an expression that is none; RE2's codes are the same ones.
std::string regexp_error(const std::string& expression, const Error& ours) {
  constexpr std::pair<RE2::ErrorCode, std::string_view> codes[] = {
      {RE2::ErrorBadEscape, "invalid escape sequence"},
      {RE2::ErrorBadCharClass, "invalid character class"},
      {RE2::ErrorBadCharRange, "invalid character class range"},
      {RE2::ErrorMissingBracket, "missing closing ]"},
      {RE2::ErrorMissingParen, "missing closing )"},
      {RE2::ErrorUnexpectedParen, "unexpected )"},
      {RE2::ErrorTrailingBackslash, "trailing backslash at end of expression"},
      {RE2::ErrorRepeatArgument, "missing argument to repetition operator"},
      {RE2::ErrorRepeatSize, "invalid repeat count"},
      {RE2::ErrorRepeatOp, "invalid nested repetition operator"},
      {RE2::ErrorBadPerlOp, "invalid or unsupported Perl syntax"},
      {RE2::ErrorBadUTF8, "invalid UTF-8"},
      {RE2::ErrorBadNamedCapture, "invalid named capture"},
  };
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 regexp("(?m)" + expression, options);
  for (const auto& [code, words] : codes) {
    if (regexp.error_code() == code)
      return fmt::format("error parsing regexp: {}: `{}`", words, text::printable(regexp.error_arg()));
  }
  return ours.message();
}

/// Looks for a pattern. @param shown it as the message has it
Answer look(Session& session, const Options& options, const Pattern& pattern, const std::string& shown,
            std::string_view text, const std::string& name, bool grep) {
  const auto fail = [&](std::string reason) {
    if (grep && !options.quiet) session.note(fmt::format("[{}]\n{}", text::printable(name), excerpt(text)));
    Answer answer = fatal(std::move(reason));
    answer.failure.actual = excerpt(text);
    return answer;
  };
  const auto found = pattern.find(text);
  if (session.command->want == script::Want::failure) {
    if (!found) return Answer::done();
    return fail(fmt::format("unexpected match for {} found in {}: {}", shown, text::printable(name), *found));
  }
  if (!found) return fail(fmt::format("no match for {} found in {}", shown, text::printable(name)));
  if (options.count == 0) return Answer::done();
  const uint64_t count = pattern.count(text);
  if (count == options.count) return Answer::done();
  return fail(fmt::format("have {} matches for {}, want {}", count, shown, options.count));
}

/// @param name the command; `content` is looked through unless it is grep
Answer match(Session& session, const Arguments& arguments, OutputBuffer* content, const std::string& name) {
  const bool grep = content == nullptr, cmdgo = is_cmdgo(session);
  if (cmdgo && session.command->want == script::Want::either)
    return fatal(fmt::format("unsupported: ? {}", name));
  std::span<const std::string> rest(arguments);
  Options options;
  if (auto wrong = take_options(session, rest, options)) return *std::move(wrong);
  if (rest.size() != (grep ? 2 : 1))
    return fatal(fmt::format("usage: {} [-count=N] 'pattern'{}", name, grep ? " file" : ""));
  auto pattern = Pattern::compile(rest[0]);
  if (!pattern.ok()) {
    std::string said = regexp_error(rest[0], pattern.error());
    if (cmdgo) said = fmt::format("regexp.Compile({}): {}", text::quoted("(?m)" + rest[0]), said);
    return fatal(std::move(said), pattern.error().hint());
  }
  OutputBuffer loaded(session.setting.work), storage(session.setting.work);
  if (grep) {
    auto file = read_whole(session, rest[1]);
    if (!file.ok()) return fatal(file.error().message(), file.error().hint());
    loaded = std::move(file).value();
    content = &loaded;
  }
  auto valid = valid_text(*content, storage);
  if (!valid.ok()) return fatal(valid.error().message());
  std::string masked;
  std::string_view text = valid.value();
  if (cmdgo && text.find(session.setting.work) != std::string_view::npos) {
    masked = with_work_masked(session, text);
    text = masked;
  }
  const std::string shown = back_quoted(cmdgo ? "(?m)" + rest[0] : rest[0]);
  return look(session, options, pattern.value(), shown, text, grep ? rest[1] : name, grep);
}

/// The first side of a comparison. The second one is always a file.
Result<OutputBuffer> read_side(Session& session, const std::string& name, bool may_be_output) {
  return may_be_output && session.is_output(name) ? session.load_any(name) : read_whole(session, name);
}

Status expand_side(Session& session, OutputBuffer& content) {
  OutputBuffer expanded(session.setting.work);
  CHECK_OK(expand(
      TRY(content.view()), [&](std::string_view n) { return session.lookup(n); },
      [&](std::string_view part) { return expanded.append(part); }, session.rules->expansion));
  content = std::move(expanded);
  return {};
}

Answer compare(Session& session, const Arguments& arguments, bool env, const char* name) {
  const bool cmdgo = is_cmdgo(session);
  std::span<const std::string> names(arguments);
  const bool quiet = cmdgo && !names.empty() && names.front() == "-q";
  if (quiet) names = names.subspan(1);
  if (names.size() != 2) return fatal(fmt::format("usage: {} file1 file2", name));
  auto first = read_side(session, names[0], true);
  if (!first.ok()) return fatal(first.error().message(), first.error().hint());
  if (!cmdgo && names[0] == names[1])
    return fatal(fmt::format("cannot compare a file against itself: {}", text::printable(names[0])));
  auto second = read_side(session, names[1], false);
  if (!second.ok()) return fatal(second.error().message(), second.error().hint());
  Status expanded;
  if (env && cmdgo) expanded = expand_side(session, first.value());
  if (env && expanded.ok()) expanded = expand_side(session, second.value());
  if (!expanded.ok()) return fatal(expanded.error().message());
  auto left = first.value().view(), right = second.value().view();
  if (!left.ok() || !right.ok()) return fatal((left.ok() ? right : left).error().message());
  const bool equal = left.value() == right.value();
  const std::string pair = fmt::format("{} and {}", text::printable(names[0]), text::printable(names[1]));
  const script::Want want = session.command->want;
  if (want == script::Want::either) session.note(pair + (equal ? " do not differ" : " differ"));
  if (want == script::Want::failure && equal) return fatal(pair + " do not differ");
  // As testscript does it: never for cmpenv, and what is expected is the second file.
  const bool updates = session.updates != nullptr && !env && want == script::Want::success;
  const Status taken =
      updates ? session.updates->take(session, {names[0], names[1], false, equal, true}) : Status();
  if (equal && !taken.ok()) return fatal(pair + " do not differ, but " + taken.error().message());
  if (want != script::Want::success || equal) return Answer::done();
  if (updates && taken.ok()) {
    session.note("[the script is to be updated]");
    return Answer::done();
  }
  Answer answer = fatal(pair + " differ");
  if (!taken.ok()) answer.failure.hint = not_updatable + taken.error().message();
  // What there is comes first here, what is wanted second.
  if (!quiet)
    answer.failure.diff =
        unified_diff(text::printable(names[0]), left.value(), text::printable(names[1]), right.value());
  return answer;
}

}  // namespace

Answer run_stdout(Session& session, const Arguments& arguments) {
  return match(session, arguments, &session.out, "stdout");
}
Answer run_stderr(Session& session, const Arguments& arguments) {
  return match(session, arguments, &session.err, "stderr");
}
Answer run_ttyout(Session& session, const Arguments& arguments) {
  return match(session, arguments, &session.tty, "ttyout");
}
Answer run_grep(Session& session, const Arguments& arguments) {
  return match(session, arguments, nullptr, "grep");
}
Answer run_cmp(Session& session, const Arguments& arguments) {
  return compare(session, arguments, false, "cmp");
}
Answer run_cmpenv(Session& session, const Arguments& arguments) {
  return compare(session, arguments, true, "cmpenv");
}

}  // namespace testctr::interpret::go_family
