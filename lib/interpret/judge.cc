// `!` means that the command ran and reported failure; misuse is an error always (script-language.md,
// DECISION 1).
#include "interpret/judge.h"

#include <sys/statvfs.h>

#include "base/text.h"
#include "interpret/rules.h"
#include "interpret/terminal_session.h"

namespace testctr::interpret {
namespace {

void tell_failure(Session& session, const script::Command& command, const std::string& shown,
                  Failure failure) {
  if (std::string denials = tell_denials(session); !denials.empty()) {
    failure.hint = failure.hint.empty() ? denials : failure.hint + "; " + denials;
  }
  Event event;
  event.kind = Event::Kind::failure;
  event.line = command.line;
  failure.command = session.masked(shown);
  failure.reason = session.masked(failure.reason);
  event.text = failure.reason;
  event.failure = std::move(failure);
  session.events.take(event);
  if (session.setting.at_failure) session.setting.at_failure({session.variables.all(), session.directory});
  if (session.late_failure) session.late_failure();
}

/// Whether nothing more can be written below $WORK.
bool work_is_full(const Session& session) {
  struct statvfs now {};
  if (::statvfs(session.setting.work.c_str(), &now) != 0) return false;
  return (now.f_blocks != 0 && now.f_bavail == 0) || (now.f_files != 0 && now.f_favail == 0);
}

/// What `!N` makes of an answer.
Answer demand_code(Session& session, int wanted, Answer answer) {
  if (answer.kind != Answer::Kind::done && answer.kind != Answer::Kind::failed) return answer;
  const std::string want = fmt::format("exit status {}", wanted);
  if (answer.code == wanted) {
    session.note("[" + want + "]");
    answer.kind = Answer::Kind::done;
    return answer;
  }
  const std::string is = answer.failure.actual.empty() ? answer.failure.reason : answer.failure.actual;
  // Where it was seen stands behind what was seen.
  const std::string& reason = answer.failure.reason;
  const std::string seen = reason.starts_with(is) ? reason.substr(is.size()) : "";
  answer.kind = Answer::Kind::failed;
  answer.failure.reason = fmt::format("{}, not {}{}", is, want, seen);
  answer.failure.expected = want;
  if (is.starts_with("signal"))
    answer.failure.hint = "a death by signal has no exit status: `status SIGKILL`";
  return answer;
}

}  // namespace

std::string tell_denials(Session& session) {
  if (!session.setting.take_denials) return {};
  std::string hint;
  for (Denial& denial : session.setting.take_denials()) {
    std::string one =
        fmt::format("`{}` of {}", text::printable(denial.syscall), text::printable(denial.program));
    if (hint.size() < 200) hint += (hint.empty() ? "the sandbox refused " : ", ") + one;
    Event event;
    event.kind = Event::Kind::denied;
    event.line = denial.line;
    event.denial = std::move(denial);
    session.events.take(event);
  }
  return hint;
}

Answer weigh(Session& session, const script::Command& command, Answer answer) {
  const Negation negation = session.rules->negation;
  if (negation == Negation::of_errors && answer.kind == Answer::Kind::misuse && !answer.final)
    answer.kind = Answer::Kind::failed;
  if (negation == Negation::by_command && answer.kind == Answer::Kind::done) return answer;
  if (negation == Negation::by_command && answer.kind == Answer::Kind::failed)
    answer.kind = Answer::Kind::misuse;
  if (command.exit_code) return demand_code(session, *command.exit_code, std::move(answer));
  if (answer.kind == Answer::Kind::done && command.want == script::Want::failure) {
    answer.kind = Answer::Kind::failed;
    if (answer.failure.reason.empty()) answer.failure.reason = "unexpected success";
    if (answer.failure.expected.empty()) answer.failure.expected = "a failure";
    if (answer.failure.actual.empty()) answer.failure.actual = "success";
    return answer;
  }
  if (answer.kind != Answer::Kind::failed) return answer;
  // What fails for want of space has not reported what a `!` is about.
  if (work_is_full(session)) {
    answer.kind = Answer::Kind::misuse;
    answer.failure.reason += ": the scratch space is full";
    answer.failure.hint = "--scratch SIZE allows more";
    return answer;
  }
  if (command.want == script::Want::success) return answer;
  session.note("[" + answer.failure.reason + "]");
  answer.kind = Answer::Kind::done;
  return answer;
}

Verdict judge(Session& session, const script::Command& command, const std::string& shown, Answer answer) {
  answer = weigh(session, command, std::move(answer));
  switch (answer.kind) {
    case Answer::Kind::deferred:
    case Answer::Kind::done:
      return Verdict::go_on;
    case Answer::Kind::judged:
      return Verdict::failed;
    case Answer::Kind::stop:
      return Verdict::stop;
    case Answer::Kind::skip:
      return Verdict::skip;
    case Answer::Kind::cancelled:
      return Verdict::cancelled;
    case Answer::Kind::failed:
    case Answer::Kind::misuse:
      break;
  }
  tell_failure(session, command, shown, std::move(answer.failure));
  return Verdict::failed;
}

bool judge_background(Session& session, const Background& background, Answer answer) {
  if (session.command != nullptr && session.command != background.command &&
      (answer.kind == Answer::Kind::failed || answer.kind == Answer::Kind::misuse)) {
    answer.failure.reason += fmt::format(" (in the background; seen in line {})", session.command->line);
  }
  return judge(session, *background.command, background.shown, std::move(answer)) == Verdict::go_on;
}

}  // namespace testctr::interpret
