#include "interpret/script_ending.h"

#include "base/text.h"
#include "interpret/call.h"
#include "interpret/commands.h"
#include "interpret/rules.h"

namespace testctr::interpret {
namespace {

constexpr uint64_t stop_grace_ns = 1'000'000'000;

bool judge_ended(Session& session, const Background& background) {
  Answer answer = answer_of(background);
  if (!answer.failure.reason.empty())
    answer.failure.reason += " (in the background; seen at the end of the script)";
  return judge(session, *background.command, background.shown, std::move(answer)) == Verdict::go_on;
}

}  // namespace

Verdict carry_out_deferred(Session& session) {
  Verdict all = Verdict::go_on;
  while (!session.deferred.empty()) {
    const Deferred deferred = std::move(session.deferred.back());
    session.deferred.pop_back();
    session.rules = deferred.rules;
    session.command = deferred.call->command;
    session.variables = deferred.variables;
    session.directory = deferred.directory;
    session.input = {};
    session.note("[deferred] " + deferred.call->shown);
    Answer answer = make(session, *deferred.call);
    if (!answer.failure.reason.empty()) answer.failure.reason += " (deferred; at the end of the script)";
    const Verdict one = judge(session, *deferred.call->command, deferred.call->shown, std::move(answer));
    if (one == Verdict::cancelled) return one;
    if (one != Verdict::go_on) all = Verdict::failed;
  }
  session.command = nullptr;
  return all;
}

bool finish_background(Session& session, bool judged) {
  if (session.background.empty()) return true;
  session.children->look();
  if (session.rules->end_background != nullptr) return session.rules->end_background(session, judged);
  bool well = true;
  std::string stopped;
  for (const Background& background : session.background) {
    if (background.job == nullptr) continue;  // sleep: nothing to stop
    if (background.job->trouble || !background.job->overflow.empty()) {
      Answer answer = Answer::misuse(
          "its output could not be kept whole (in the background; seen at the end of the script)");
      if (judged)
        well = judge(session, *background.command, background.shown, std::move(answer)) == Verdict::go_on &&
               well;
    } else if (background.job->status) {
      if (!judged) continue;
      well = judge_ended(session, background) && well;
    } else if (background.command->want != script::Want::either && background.signal == 0) {
      stopped += fmt::format("{}{} (line {})", stopped.empty() ? "" : ", ", background.shown,
                             background.command->line);
    }
  }
  session.children->stop_jobs(stop_grace_ns);
  session.command = nullptr;
  if (!stopped.empty()) session.log("still running at the end of the script and stopped: " + stopped);
  return well;
}

void tell_background_output(Session& session) {
  for (Background& background : session.background) {
    if (background.job == nullptr) continue;
    session.command = background.command;
    if (background.job->output.empty() && background.job->error.empty()) continue;
    session.note("[background] " + background.shown);
    session.tell_output("stdout", background.job->output);
    session.tell_output("stderr", background.job->error);
  }
  session.command = nullptr;
}

void sweep(Session& session) {
  if (!session.children->any_left()) return;
  session.command = nullptr;
  auto below = Children::left_behind();
  session.children->kill_all();
  if (!below)
    return session.log("processes that the script left behind were killed (there is no /proc to name them)");
  if (below->empty()) return;
  session.log("left behind by the script and killed: " + named(*below));
}

}  // namespace testctr::interpret
