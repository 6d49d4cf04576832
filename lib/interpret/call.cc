#include "interpret/call.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/expand.h"
#include "interpret/judge.h"
#include "interpret/rules.h"

namespace testctr::interpret {
namespace {

constexpr uint64_t first_pause_ns = 10'000'000;
constexpr uint64_t longest_pause_ns = 1'000'000'000;

std::string raw(const script::Word& word) {
  std::string text;
  for (const script::Fragment& fragment : word) text += fragment.text;
  return text;
}

bool is_output(std::string_view word) { return word == "stdout" || word == "stderr" || word == "ttyout"; }

Result<std::string> expanded(Session& session, const script::Word& word, bool in_pattern) {
  Expansion known = session.rules->expansion;
  known.strict = session.setting.strict_env;
  return expand(
      word, [&](std::string_view name) { return session.lookup(name); }, in_pattern, known);
}

/// Sets a member for as long as this lives.
template <class T>
class Meanwhile {
 public:
  Meanwhile(T& place, T value) : place_(place), before_(std::exchange(place, std::move(value))) {}
  Meanwhile(const Meanwhile&) = delete;
  Meanwhile& operator=(const Meanwhile&) = delete;
  ~Meanwhile() { place_ = std::move(before_); }

 private:
  T& place_;
  T before_;
};

/// What is carried out by another command, with what its own prefix makes of it.
Answer make_inner(Session& session, Call& inner) {
  const Meanwhile<const script::Command*> its(session.command, inner.command);
  return weigh(session, *inner.command, make(session, inner));
}

Result<int64_t> positive(const std::string& word) {
  const auto duration = text::parse_duration(word);
  if (duration && *duration > 0) return *duration;
  return Error::usage(fmt::format("{} is not a duration", text::quoted(word)))
      .hint("a number with a unit: 300ms, 1.5s, 2m");
}

Answer run_timeout(Session& session, Call& call) {
  const auto limit = positive(call.arguments.front());
  if (!limit.ok()) return Answer::misuse(limit.error());
  const int64_t shorter = std::min(limit.value(), session.limit_ns.value_or(INT64_MAX));
  const Meanwhile<std::optional<int64_t>> its(session.limit_ns, shorter);
  return make_inner(session, *call.inner);
}

/// What is given to a program, once more.
NextInput again(const NextInput& given) {
  NextInput copy;
  copy.typed = given.typed;
  copy.typed_is_stdin = given.typed_is_stdin;
  copy.line = given.line;
  if (!given.file.valid()) return copy;
  copy.file = Fd(::fcntl(given.file.get(), F_DUPFD_CLOEXEC, 3));
  (void)::lseek(copy.file.get(), 0, SEEK_SET);
  return copy;
}

/// One attempt, of which nothing is told.
Answer attempt(Session& session, Call& inner, uint64_t until) {
  const Meanwhile<bool> quiet(session.quiet, true);
  const uint64_t earlier = std::min(until, session.attempt_until.value_or(UINT64_MAX));
  const Meanwhile<std::optional<uint64_t>> its(session.attempt_until, earlier);
  return make_inner(session, inner);
}

/// A failure, and what the attempt wrote.
struct Attempt {
  Answer answer;
  std::string out, err;
};

/// Keeps a failure for the case that the next attempt is cut short, which says less.
Attempt remember(Session& session, const Answer& answer) {
  Attempt attempt;
  attempt.answer = answer;
  for (auto [buffer, text] : {std::pair{&session.out, &attempt.out}, std::pair{&session.err, &attempt.err}}) {
    auto all = buffer->size() <= OutputBuffer::memory_bound ? buffer->view() : Result<std::string_view>("");
    if (all.ok()) *text = all.value();
  }
  return attempt;
}

Answer recall(Session& session, Attempt attempt) {
  session.out.clear();
  session.err.clear();
  (void)session.out.append(attempt.out);
  (void)session.err.append(attempt.err);
  return std::move(attempt.answer);
}

Answer run_retry(Session& session, Call& call) {
  if (call.arguments.size() != 2) return Answer::misuse("usage: retry -timeout D COMMAND...");
  const std::string& word = call.arguments.back();
  const auto limit = positive(word);
  if (!limit.ok()) return Answer::misuse(limit.error());
  const uint64_t until = sys::monotonic_ns() + static_cast<uint64_t>(limit.value());
  uint64_t pause = first_pause_ns;
  const auto repeats = [](const Answer& answer) {
    return !answer.final && (answer.kind == Answer::Kind::failed || answer.kind == Answer::Kind::misuse);
  };
  session.kept_quiet = false;
  const NextInput given = std::exchange(session.input, {});
  Answer answer;
  std::optional<Attempt> before;
  for (uint32_t attempts = 1;; ++attempts, pause = std::min(pause * 2, longest_pause_ns)) {
    session.input = again(given);
    answer = attempt(session, *call.inner, until);
    const bool over = sys::monotonic_ns() + pause >= until;
    if (repeats(answer) && !over) {
      before = remember(session, answer);
      const Pause waited = session.children->wait_until(sys::monotonic_ns() + pause);
      if (waited == Pause::late) continue;
      return judge_pause(session, waited, nullptr, "retry");
    }
    if (answer.late && before && sys::monotonic_ns() >= until)
      answer = recall(session, *std::exchange(before, std::nullopt));
    if (repeats(answer))
      answer.failure.reason += fmt::format(" (attempt {}, the last one within {})", attempts, word);
    if (attempts > 1 && answer.kind == Answer::Kind::done)
      session.note(fmt::format("[attempt {} succeeded]", attempts));
    break;
  }
  // The last attempt's alone.
  if (std::exchange(session.kept_quiet, false)) {
    session.tell_output("stdout", session.out);
    session.tell_output("stderr", session.err);
  }
  return answer;
}

Answer run_defer(Session& session, Call& call) {
  session.deferred.push_back(
      {session.rules, std::shared_ptr<Call>(std::move(call.inner)), session.variables, session.directory});
  return Answer::done();
}

}  // namespace

size_t pattern_argument(const script::Command& command) {
  const auto& words = command.arguments;
  if (command.name == "capture") {
    const size_t at = words.size() > 1 && is_output(raw(words[1])) ? 2 : 1;
    return at < words.size() ? at : SIZE_MAX;
  }
  if (command.name == "waitfor") {
    const size_t at = words.size() < 3 ? 0 : words.size() - 3;
    return is_output(raw(words.empty() ? script::Word() : words[at])) ? at + 2 : SIZE_MAX;
  }
  // The first that is no flag.
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string text = raw(words[i]);
    if (!text.starts_with('-')) return i;
    if (text == "--") return i + 1;
  }
  return SIZE_MAX;
}

Result<Call> call_of(Session& session, const script::Command& command) {
  Call call;
  call.command = &command;
  call.info = find_command(*session.rules, command.name);
  size_t own = command.arguments.size();
  if (call.info != nullptr && call.info->run == nullptr) {
    auto inner = TRY(script::inner_command(command));
    own = *script::words_before_inner(command);
    auto held = std::make_unique<script::Command>(*std::move(inner));
    call.inner = std::make_unique<Call>(TRY(call_of(session, *held)));
    call.inner->owned = std::move(held);
  }
  const size_t pattern = call.info != nullptr && call.info->pattern ? pattern_argument(command) : SIZE_MAX;
  for (size_t i = 0; i < own; ++i)
    call.arguments.push_back(TRY(expanded(session, command.arguments[i], i == pattern)));
  call.shown = quoted_words(command.name, call.arguments);
  if (!call.inner) return call;
  const script::Command& inner = *call.inner->command;
  if (inner.exit_code) {
    call.shown += fmt::format(" !{}", *inner.exit_code);
  } else if (inner.want != script::Want::success) {
    call.shown += inner.want == script::Want::failure ? " !" : " ?";
  }
  call.shown += " " + call.inner->shown;
  return call;
}

Answer make(Session& session, Call& call) {
  const script::Command& command = *call.command;
  if (call.inner == nullptr) {
    const auto program = session.rules->program != nullptr ? session.rules->program : run_program;
    return call.info != nullptr ? call.info->run(session, call.arguments)
                                : program(session, command.name, call.arguments);
  }
  if (command.name == "timeout") return run_timeout(session, call);
  return command.name == "retry" ? run_retry(session, call) : run_defer(session, call);
}

}  // namespace testctr::interpret
