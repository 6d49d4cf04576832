// stdout, stderr, grep, cmp, cmpenv: what was produced against what was wanted.
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/text.h"
#include "interpret/commands.h"
#include "interpret/diff.h"
#include "interpret/expand.h"
#include "interpret/pattern.h"
#include "interpret/update.h"

namespace testctr::interpret {
namespace {

struct MatchOptions {
  uint64_t count = 0;  ///< 0: any number
  bool quiet = false;
};

/// Takes the flags from the front, in any order; what follows is a pattern whatever it looks like.
Result<MatchOptions> take_flags(std::span<const std::string>& arguments) {
  constexpr std::string_view count_flag = "-count=";
  MatchOptions options;
  while (!arguments.empty() && (arguments.front() == "-q" || arguments.front().starts_with(count_flag))) {
    if (arguments.front() == "-q") {
      options.quiet = true;
      arguments = arguments.subspan(1);
      continue;
    }
    std::string_view number = std::string_view(arguments.front()).substr(count_flag.size());
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), options.count);
    if (error != std::errc() || end != number.data() + number.size() || options.count == 0) {
      return Error::usage(fmt::format("bad {}", text::printable(arguments.front())))
          .hint("a whole number, at least 1");
    }
    arguments = arguments.subspan(1);
  }
  return options;
}

/// The bytes that `lines`, a part of `valid`, stands for: what is searched has U+FFFD where bytes are no
/// UTF-8, but has the same lines.
std::string_view as_they_came(std::string_view lines, std::string_view valid, std::string_view bytes) {
  if (valid.data() == bytes.data()) return lines;
  const auto before = valid.substr(0, static_cast<size_t>(lines.data() - valid.data()));
  const auto skip = [&](size_t from, ptrdiff_t newlines) {
    while (newlines-- > 0 && from < bytes.size())
      from = std::min(bytes.find('\n', from), bytes.size() - 1) + 1;
    return from;
  };
  const size_t begin = skip(0, std::count(before.begin(), before.end(), '\n'));
  const size_t last = skip(begin, std::count(lines.begin(), lines.end(), '\n'));
  return bytes.substr(begin, std::min(bytes.find('\n', last), bytes.size()) - begin);
}

/// Looks for the pattern in `content`. @param name what it is, for messages
Answer match(Session& session, const MatchOptions& options, const std::string& expression,
             OutputBuffer& content, const std::string& name) {
  auto pattern = Pattern::compile(expression);
  if (!pattern.ok()) return Answer::misuse(pattern.error());
  OutputBuffer storage(session.setting.work);
  auto valid = valid_text(content, storage);
  if (!valid.ok()) return Answer::misuse(valid.error());
  auto bytes = content.view();
  if (!bytes.ok()) return Answer::misuse(bytes.error());
  std::string_view text = valid.value();
  const std::string_view came = bytes.value();
  std::string shown = "`" + text::printable(expression) + "`";
  std::string where = text::printable(name);
  if (options.count > 0) {
    uint64_t found = pattern.value().count(text);
    std::string expected =
        fmt::format("{} {} of {}", options.count, options.count == 1 ? "match" : "matches", shown);
    if (found == options.count) {
      return Answer::done(
          fmt::format("found {} {} of {} in {}", found, found == 1 ? "match" : "matches", shown, where),
          "not " + expected, excerpt(came));
    }
    return Answer::failed(
        fmt::format("found {} matches of {} in {}, not {}", found, shown, where, options.count), expected,
        excerpt(came));
  }
  auto found = pattern.value().find(text);
  if (!found) {
    Answer answer = Answer::failed(fmt::format("no match for {} in {}", shown, where), "a match for " + shown,
                                   excerpt(came));
    if (text.empty()) answer.failure.hint = where + " is empty";
    return answer;
  }
  std::string lines = excerpt(as_they_came(lines_around(text, *found), text, came));
  if (!options.quiet && session.command->want != script::Want::failure) session.note("matched: " + lines);
  return Answer::done(fmt::format("unexpected match for {} in {}", shown, where), "no match for " + shown,
                      lines);
}

Answer match_output(Session& session, const Arguments& arguments, OutputBuffer& content, OutputBuffer& other,
                    const char* name, const char* other_name) {
  std::span<const std::string> rest(arguments);
  auto options = take_flags(rest);
  if (!options.ok()) return Answer::misuse(options.error());
  if (rest.size() != 1)
    return Answer::misuse(fmt::format("usage: {} [-count=N] [-q] PATTERN", name),
                          "quote a pattern with blanks: 'a b'");
  Answer answer = match(session, options.value(), rest[0], content, name);
  if (answer.kind != Answer::Kind::failed || session.command->want != script::Want::success) return answer;
  OutputBuffer storage(session.setting.work);
  auto pattern = Pattern::compile(rest[0]);
  auto text = valid_text(other, storage);
  if (pattern.ok() && text.ok() && !text.value().empty() && pattern.value().find(text.value())) {
    answer.failure.hint = fmt::format("{} has a match: use `{}`", other_name, other_name);
  }
  return answer;
}

/// One side of a comparison.
struct Side {
  std::string name;
  bool output = false;  ///< stdout, stderr or ttyout
  OutputBuffer content;
};

Result<Side> load_side(Session& session, const std::string& name, bool expand_variables) {
  Side side{name, session.is_output(name), OutputBuffer(session.setting.work)};
  side.content = TRY(session.load_any(name));
  if (!expand_variables) return side;
  OutputBuffer expanded(session.setting.work);
  CHECK_OK(expand(
      TRY(side.content.view()), [&](std::string_view n) { return session.lookup(n); },
      [&](std::string_view part) { return expanded.append(part); }));
  side.content = std::move(expanded);
  return side;
}

/// Whether both names lead to one file (or are one output), which never differs from itself.
bool same_file(const Session& session, const std::string& one, const std::string& other) {
  if (one == other) return true;
  if (session.is_output(one) || session.is_output(other)) return false;
  return session.same_file(one, other);
}

Answer compare(Session& session, const Arguments& arguments, const char* command, bool expand_variables) {
  std::span<const std::string> names(arguments);
  bool quiet = names.front() == "-q";
  if (quiet) names = names.subspan(1);
  if (names.size() != 2) return Answer::misuse(fmt::format("usage: {} [-q] ACTUAL EXPECTED", command));
  if (same_file(session, names[0], names[1]))
    return Answer::misuse(names[0] == names[1]
                              ? fmt::format("{} is compared with itself", text::printable(names[0]))
                              : fmt::format("{} and {} are the same file", text::printable(names[0]),
                                            text::printable(names[1])),
                          "name what is wanted in another file");
  auto first = load_side(session, names[0], expand_variables);
  if (!first.ok()) return Answer::misuse(first.error());
  auto second = load_side(session, names[1], expand_variables);
  if (!second.ok()) return Answer::misuse(second.error());
  // What a program wrote is the actual side, wherever it stands; of two files it is the first.
  bool swapped = second.value().output && !first.value().output;
  Side& actual = swapped ? second.value() : first.value();
  Side& expected = swapped ? first.value() : second.value();
  auto actual_text = actual.content.view();
  auto expected_text = expected.content.view();
  if (!actual_text.ok()) return Answer::misuse(actual_text.error());
  if (!expected_text.ok()) return Answer::misuse(expected_text.error());
  std::string pair = fmt::format("{} and {}", text::printable(names[0]), text::printable(names[1]));
  const bool equal = actual_text.value() == expected_text.value();
  const bool updates = session.updates != nullptr && session.command->want == script::Want::success;
  Status taken =
      updates ? session.updates->take(session, {names[0], names[1], expand_variables, equal}) : Status();
  if (equal && taken.ok()) {
    return Answer::done(pair + " do not differ", "a difference", excerpt(actual_text.value()));
  }
  if (equal) return Answer::failed(pair + " do not differ, but " + taken.error().message());
  if (updates && taken.ok()) {
    session.note("[the script is to be updated]");
    return Answer::done();
  }
  Answer answer =
      Answer::failed(pair + " differ", excerpt(expected_text.value()), excerpt(actual_text.value()));
  if (!quiet && session.command->want != script::Want::failure) {
    answer.failure.diff = unified_diff(text::printable(expected.name), expected_text.value(),
                                       text::printable(actual.name), actual_text.value());
  }
  if (!taken.ok()) {
    const Error& error = taken.error();
    answer.failure.hint = not_updatable + error.message() + (error.hint().empty() ? "" : ": ") + error.hint();
  }
  return answer;
}

}  // namespace

Answer run_stdout(Session& session, const Arguments& arguments) {
  return match_output(session, arguments, session.out, session.err, "stdout", "stderr");
}

Answer run_stderr(Session& session, const Arguments& arguments) {
  return match_output(session, arguments, session.err, session.out, "stderr", "stdout");
}

Answer run_ttyout(Session& session, const Arguments& arguments) {
  std::span<const std::string> rest(arguments);
  auto options = take_flags(rest);
  if (!options.ok()) return Answer::misuse(options.error());
  if (rest.size() != 1)
    return Answer::misuse("usage: ttyout [-count=N] [-q] PATTERN", "quote a pattern with blanks: 'a b'");
  return match(session, options.value(), rest[0], session.tty, "ttyout");
}

Answer run_grep(Session& session, const Arguments& arguments) {
  std::span<const std::string> rest(arguments);
  auto options = take_flags(rest);
  if (!options.ok()) return Answer::misuse(options.error());
  if (rest.size() != 2)
    return Answer::misuse("usage: grep [-count=N] [-q] PATTERN FILE", "quote a pattern with blanks: 'a b'");
  auto content = session.load(rest[1]);
  if (!content.ok()) return Answer::misuse(content.error());
  return match(session, options.value(), rest[0], content.value(), rest[1]);
}

Answer run_cmp(Session& session, const Arguments& arguments) {
  return compare(session, arguments, "cmp", false);
}

Answer run_cmpenv(Session& session, const Arguments& arguments) {
  return compare(session, arguments, "cmpenv", true);
}

}  // namespace testctr::interpret
