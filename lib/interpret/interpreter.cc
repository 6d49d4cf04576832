// Carries a script out, line by line, and cleans up after it.
#include "interpret/interpreter.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/commands.h"
#include "interpret/conditions.h"
#include "interpret/expand.h"
#include "interpret/extract.h"
#include "interpret/judge.h"
#include "interpret/session.h"

namespace testctr::interpret {
namespace {

constexpr uint64_t stop_grace_ns = 1'000'000'000;
constexpr size_t named_at_most = 8;

/// Which argument is a regular expression: the first that is no flag, looked at before it is expanded.
size_t pattern_argument(const script::Command& command) {
  for (size_t i = 0; i < command.arguments.size(); ++i) {
    std::string raw;
    for (const script::Fragment& fragment : command.arguments[i]) raw += fragment.text;
    if (!raw.starts_with('-')) return i;
    if (raw == "--") return i + 1;
  }
  return SIZE_MAX;
}

class Engine {
 public:
  Engine(const script::Script& script, Continuation from, Session& session)
      : script_(script), at_(std::move(from)), session_(session) {}

  Status begin() {
    if (at_.position > script_.commands.size())
      return Error::infrastructure("a continuation beyond the script's end");
    State& state = at_.state;
    for (auto& [name, value] : state.environment) {
      if (value) *value = with_work(*value);
    }
    session_.variables.apply(state.environment);
    session_.directory = state.directory.empty() ? session_.setting.work : with_work(state.directory);
    session_.variables.set_local("PWD", session_.directory);
    session_.status = state.status;
    CHECK_OK(session_.out.append(state.stdout_buffer));
    CHECK_OK(session_.err.append(state.stderr_buffer));
    if (at_.position > 0) return {};
    return extract(script_, session_.setting.work,
                   [&](std::string_view name) { return session_.lookup(name); });
  }

  Continuation run() {
    Verdict verdict = Verdict::go_on;
    while (verdict == Verdict::go_on && at_.position < script_.commands.size()) {
      begin_phases(at_.position);
      verdict = carry_out_line(script_.commands[at_.position]);
      ++at_.position;
    }
    if (verdict == Verdict::go_on) begin_phases(at_.position);
    return finish(verdict);
  }

 private:
  [[nodiscard]] std::string with_work(const std::string& text) const {
    std::string out;
    size_t done = 0;
    for (size_t at = text.find(work_token); at != std::string::npos; at = text.find(work_token, done)) {
      out += text.substr(done, at - done) + session_.setting.work;
      done = at + work_token.size();
    }
    return out + text.substr(done);
  }

  void begin_phases(uint32_t position) {
    for (const script::Phase& phase : script_.phases) {
      if (phase.first != position) continue;
      Event event;
      event.kind = Event::Kind::phase;
      event.line = phase.line;
      event.text = phase.title;
      at_.state.phase = phase.title;
      session_.events.take(event);
    }
  }

  Verdict carry_out_line(const script::Command& command) {
    session_.command = &command;
    at_.state.line = command.line;
    if (session_.setting.at_line) session_.setting.at_line(command.line);
    Event event;
    event.kind = Event::Kind::command;
    event.line = command.line;
    event.text = command.text;
    session_.events.take(event);
    for (const script::Condition& condition : command.conditions) {
      if (holds(session_, condition.text) != condition.negated) continue;
      session_.note("[condition not met]");
      return Verdict::go_on;
    }
    std::string shown = command.name;
    Answer answer = answer_to(command, shown);
    Verdict verdict = judge(session_, command, shown, std::move(answer));
    if (verdict == Verdict::stop || verdict == Verdict::skip) at_.reason = last_text_;
    if (verdict == Verdict::go_on) (void)tell_denials(session_);
    return verdict;
  }

  Answer answer_to(const script::Command& command, std::string& shown) {
    const CommandInfo* info = find_command(command.name);
    size_t pattern = info != nullptr && info->pattern ? pattern_argument(command) : SIZE_MAX;
    Arguments arguments;
    for (size_t i = 0; i < command.arguments.size(); ++i) {
      auto word = expand(
          command.arguments[i], [&](std::string_view name) { return session_.lookup(name); }, i == pattern);
      if (!word.ok()) return Answer::misuse(word.error());
      arguments.push_back(std::move(word).value());
    }
    shown = quoted_words(command.name, arguments);
    Answer answer =
        info != nullptr ? info->run(session_, arguments) : run_program(session_, command.name, arguments);
    last_text_ = answer.text;
    return answer;
  }

  Continuation finish(Verdict verdict) {
    Outcome outcome = Outcome::pass;
    if (verdict == Verdict::failed) outcome = Outcome::fail;
    if (verdict == Verdict::skip) outcome = Outcome::skip;
    if (verdict == Verdict::cancelled) {
      outcome = Outcome::not_run;
      at_.reason = "interrupted";
      session_.children->kill_all();
    } else if (!finish_background(outcome != Outcome::fail)) {
      outcome = Outcome::fail;
    }
    if (outcome == Outcome::fail) tell_background_output();
    if (verdict != Verdict::cancelled) sweep();
    (void)tell_denials(session_);
    at_.outcome = outcome;
    at_.done = true;
    at_.target.clear();
    at_.state.status = session_.status;
    at_.state.environment = session_.variables.difference();
    for (auto& [name, value] : at_.state.environment) {
      if (value) *value = replace_path(*value, session_.setting.work, work_token);
    }
    at_.state.directory = replace_path(session_.directory, session_.setting.work, work_token);
    // Nobody goes on from here: what was written last has been told already, and may be large.
    at_.state.stdout_buffer.clear();
    at_.state.stderr_buffer.clear();
    return std::move(at_);
  }

  /// What was started with `&` and never waited for. @param judged whether its ends count @return whether all
  /// is well
  bool finish_background(bool judged) {
    if (session_.background.empty()) return true;
    session_.children->look();
    bool well = true;
    std::string stopped;
    for (const Background& background : session_.background) {
      if (background.job == nullptr) continue;  // sleep: nothing to stop
      if (background.job->trouble || !background.job->overflow.empty()) {
        Answer answer = Answer::misuse(
            "its output could not be kept whole (in the background; seen at the end of the script)");
        if (judged)
          well =
              judge(session_, *background.command, background.shown, std::move(answer)) == Verdict::go_on &&
              well;
      } else if (background.job->status) {
        if (!judged) continue;
        well = judge_ended(background) && well;
      } else if (background.command->want != script::Want::either) {
        stopped += fmt::format("{}{} (line {})", stopped.empty() ? "" : ", ", background.shown,
                               background.command->line);
      }
    }
    session_.children->stop_jobs(stop_grace_ns);
    session_.command = nullptr;
    if (!stopped.empty()) session_.log("still running at the end of the script and stopped: " + stopped);
    return well;
  }

  bool judge_ended(const Background& background) {
    int status = *background.job->status;
    std::string described = describe_status(status);
    Answer answer =
        status == 0 ? Answer::done("unexpected success (in the background; seen at the end of the script)",
                                   "a failure", described)
                    : Answer::failed(described + " (in the background; seen at the end of the script)",
                                     "exit status 0", described);
    return judge(session_, *background.command, background.shown, std::move(answer)) == Verdict::go_on;
  }

  /// The reason why a script failed is often what its server had to say.
  void tell_background_output() {
    for (Background& background : session_.background) {
      if (background.job == nullptr) continue;
      session_.command = background.command;
      if (background.job->output.empty() && background.job->error.empty()) continue;
      session_.note("[background] " + background.shown);
      session_.tell_output("stdout", background.job->output);
      session_.tell_output("stderr", background.job->error);
    }
    session_.command = nullptr;
  }

  /// Ends and names what programs of the script left behind.
  void sweep() {
    if (!session_.children->any_left()) return;
    session_.command = nullptr;
    auto below = Children::left_behind();
    session_.children->kill_all();
    if (!below)
      return session_.log(
          "processes that the script left behind were killed (there is no /proc to name them)");
    if (below->empty()) return;
    std::string names;
    for (size_t i = 0; i < below->size() && i < named_at_most; ++i) {
      names += fmt::format("{}{} (process {})", i == 0 ? "" : ", ", text::printable((*below)[i].name),
                           (*below)[i].pid);
    }
    if (below->size() > named_at_most) names += fmt::format(" and {} more", below->size() - named_at_most);
    session_.log("left behind by the script and killed: " + names);
  }

  const script::Script& script_;
  Continuation at_;
  Session& session_;
  std::string last_text_;
};

}  // namespace

Result<Continuation> carry_out(const script::Script& script, Continuation from, const Setting& setting,
                               EventSink& events) {
  CHECK_OK(check(script, setting.programs));
  Children::Options options{setting.work, setting.max_output, setting.cancel_fd};
  Session session(setting, events, TRY(Children::create(std::move(options))));
  Engine engine(script, std::move(from), session);
  mode_t before = ::umask(022);
  Status begun = engine.begin();
  if (!begun.ok()) {
    ::umask(before);
    return std::move(begun).error();
  }
  Continuation end = engine.run();
  ::umask(before);
  return end;
}

}  // namespace testctr::interpret
