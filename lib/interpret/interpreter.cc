// Carries a script out, line by line, and cleans up after it.
#include "interpret/interpreter.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/call.h"
#include "interpret/commands.h"
#include "interpret/conditions.h"
#include "interpret/debugger.h"
#include "interpret/documents.h"
#include "interpret/extract.h"
#include "interpret/judge.h"
#include "interpret/rules.h"
#include "interpret/script_ending.h"
#include "interpret/session.h"
#include "interpret/terminal_session.h"
#include "interpret/typed_line.h"
#include "interpret/update.h"

namespace testctr::interpret {
namespace {

constexpr std::string_view work_of_containers = "/work";

bool lies_below(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder + "/");
}

}  // namespace

struct Interpreter::Impl : Debugged {
  Impl(const Setting& setting, EventSink& events, std::unique_ptr<Children> children)
      : debugger_(setting, events), session_(setting, debugger_, std::move(children)) {
    session_.debugger = &debugger_;
    if (debugger_.on())
      session_.late_failure = [this] {
        if (script_ != nullptr)
          debugger_.stop_late(session_, *this, stop_at(Stop::Why::late, at_.state.line));
      };
  }

  Result<Continuation> carry_out(const script::Script& script, Continuation from) {
    script_ = &script;
    session_.rules = &rules_of(script.language);
    at_ = std::move(from);
    CHECK_OK(begin());
    Verdict verdict = Verdict::go_on;
    if (session_.setting.at_begin) {
      session_.setting.at_begin({session_.variables.all(), session_.directory});
      verdict = Verdict::cancelled;
    }
    while (verdict == Verdict::go_on && at_.position < script.commands.size()) {
      if (crosses_border()) return leave_for(at_.target);
      begin_phases(at_.position);
      verdict = carry_out_watched(script.commands[at_.position]);
      if (verdict == Verdict::cancelled) break;
      ++at_.position;
      if (verdict == Verdict::go_on && at_.target != session_.setting.name) {
        // A section that begins here says better where to go on than the command did.
        (void)crosses_border();
        return leave_for(at_.target);
      }
    }
    if (verdict == Verdict::go_on && debugger_.stepping()) {
      if (debugger_.stop(session_, *this, stop_at(Stop::Why::end, at_.state.line)) == Debugger::Go::quit &&
          debugger_.passed_over())
        verdict = Verdict::failed;
    }
    if (verdict == Verdict::go_on) {
      (void)crosses_border();
      begin_phases(at_.position);
      return leave_for(session_.setting.name);
    }
    return conclude(verdict);
  }

  Outcome finish(Outcome so_far) {
    const bool cancelled = so_far == Outcome::not_run;
    Outcome outcome = so_far;
    if (debugger_.passed_over() && !cancelled) outcome = Outcome::fail;
    if (!cancelled && !close_document()) outcome = Outcome::fail;
    if (cancelled) {
      document_.reset();
      session_.children->kill_all();
    } else {
      // What they stop or wait for may still run.
      const Verdict deferred = carry_out_deferred(session_);
      if (deferred == Verdict::cancelled) {
        session_.children->kill_all();
        return Outcome::not_run;
      }
      if (deferred == Verdict::failed) outcome = Outcome::fail;
      if (!finish_background(session_, outcome == Outcome::pass || outcome == Outcome::skip))
        outcome = Outcome::fail;
    }
    if (outcome == Outcome::fail) tell_background_output(session_);
    if (!cancelled) sweep(session_);
    (void)tell_denials(session_);
    return outcome;
  }

  Children& children() { return *session_.children; }
  void step(bool stepping) { debugger_.step(stepping); }

  Result<Continuation> carry_out(const std::vector<script::Document>& parts, size_t main, Continuation from,
                                 const DocumentSetting& how) {
    const uint32_t step = from.step;
    if (document_ == nullptr || document_step_ != step || document_->over()) {
      document_failed_ = !close_document() || document_failed_;
      document_ = TRY(open_document(parts, main, session_, how));
      document_step_ = step;
    }
    Continuation result = TRY(document_->go_on(std::move(from)));
    result.step = step;
    return result;
  }

 private:
  /// @return whether all that still ran beside passed
  bool close_document() {
    const bool well = document_ == nullptr || document_->over() || document_->end();
    document_.reset();
    return well && !std::exchange(document_failed_, false);
  }

  Status begin() {
    if (at_.position > script_->commands.size())
      return Error::infrastructure("a continuation beyond the script's end");
    State& state = at_.state;
    session_.variables = Variables(session_.setting.environment);
    const std::string base_path = session_.variables.get("PATH").value_or("");
    for (auto& [name, value] : state.environment) {
      if (!value) continue;
      if (const auto own = own_.find(name);
          own != own_.end() && replace_path(own->second, work_of_containers, work_token) == *value)
        *value = own->second;
      *value = replace_token(*value, work_token, session_.setting.work);
      if (name == "PATH") *value = replace_token(*value, path_token, base_path);
    }
    session_.variables.apply(state.environment);
    session_.directory = state.directory.empty()
                             ? session_.setting.work
                             : replace_token(state.directory, work_token, session_.setting.work);
    if (!session_.rules->hidden_pwd) session_.variables.set_local("PWD", session_.directory);
    session_.status = state.status;
    session_.signalled = state.signalled;
    session_.input = {};
    session_.tty.clear();
    session_.entered = state.targets;
    session_.goes_to.clear();
    session_.leaves = false;
    session_.out.clear();
    session_.err.clear();
    session_.exec_conditions.clear();
    CHECK_OK(session_.out.append(state.stdout_buffer));
    CHECK_OK(session_.err.append(state.stderr_buffer));
    at_.target = session_.setting.name;
    const auto lookup = [&](std::string_view name) { return session_.lookup(name); };
    if (session_.setting.update && (session_.updates == nullptr || !session_.updates->is_of(*script_)))
      session_.updates = std::make_shared<MemberUpdates>(*script_, session_.setting.work, lookup);
    if (at_.position > 0 || at_.extracted) return {};
    at_.extracted = true;
    if (session_.rules->prepare != nullptr) CHECK_OK(session_.rules->prepare(session_));
    return extract(*script_, session_);
  }

  /// Whether a section begins at the next command. It then says where to go on.
  bool crosses_border() {
    const script::Section* last = nullptr;
    for (const script::Section& section : script_->sections) {
      if (section.first == at_.position && section.line > at_.state.line) last = &section;
    }
    if (last == nullptr) return false;
    begin_phases(at_.position, last->line);
    at_.state.line = last->line;
    session_.entered.clear();
    at_.target = last->place();
    return at_.target != session_.setting.name;
  }

  /// What a `testctr` command says of where to go on.
  void go_elsewhere() {
    if (session_.leaves) {
      at_.target = session_.entered.back();
      session_.entered.pop_back();
    } else if (!session_.goes_to.empty()) {
      session_.entered.push_back(session_.setting.name);
      at_.target = session_.goes_to;
    }
    session_.leaves = false;
    session_.goes_to.clear();
  }

  /// The state as it is to cross, with what a place calls by its own names as tokens.
  Result<Continuation> leave_for(std::string target) {
    (void)tell_denials(session_);
    State& state = at_.state;
    state.status = session_.status;
    state.signalled = session_.signalled;
    if (target != session_.setting.name && session_.input.line != 0)
      session_.log(
          fmt::format("what line {} gave the next program to read is left behind", session_.input.line));
    state.targets = session_.entered;
    state.environment = session_.variables.difference();
    const auto base = session_.setting.environment.find("PATH");
    own_.clear();
    for (auto& [name, value] : state.environment) {
      if (!value) continue;
      // A path of this machine that only looks like a container's $WORK.
      if (session_.setting.work != work_of_containers && value->find(work_of_containers) != std::string::npos)
        own_[name] = *value;
      *value = replace_path(*value, session_.setting.work, work_token);
      if (name != "PATH" || base == session_.setting.environment.end() || base->second.empty()) continue;
      if (size_t at = value->find(base->second); at != std::string::npos)
        value->replace(at, base->second.size(), path_token);
    }
    // What lies elsewhere is this place's own.
    state.directory.clear();
    if (lies_below(session_.directory, session_.setting.work)) {
      state.directory = replace_path(session_.directory, session_.setting.work, work_token);
    } else if (target != session_.setting.name) {
      session_.log(fmt::format("the working directory {} is left behind: the next place begins in $WORK",
                               text::printable(session_.directory)));
    } else {
      state.directory = session_.directory;
    }
    state.stdout_buffer = TRY(session_.out.view());
    state.stderr_buffer = TRY(session_.err.view());
    at_.target = std::move(target);
    return std::move(at_);
  }

  /// The test is over here.
  Continuation conclude(Verdict verdict) {
    if (debugger_.passed_over() && verdict != Verdict::cancelled) verdict = Verdict::failed;
    at_.outcome = Outcome::pass;
    if (verdict == Verdict::failed) at_.outcome = Outcome::fail;
    if (verdict == Verdict::skip) at_.outcome = Outcome::skip;
    if (verdict == Verdict::cancelled) {
      at_.outcome = Outcome::not_run;
      at_.reason = "interrupted";
      session_.children->kill_all();
    }
    at_.done = true;
    at_.target.clear();
    // Nobody goes on from here: what was written last has been told already, and may be large.
    at_.state.stdout_buffer.clear();
    at_.state.stderr_buffer.clear();
    at_.state.status = session_.status;
    at_.state.signalled = session_.signalled;
    at_.state.directory = replace_path(session_.directory, session_.setting.work, work_token);
    return std::move(at_);
  }

  /// The phases that begin at `position`, those above the line `below` alone.
  void begin_phases(uint32_t position, uint32_t below = UINT32_MAX) {
    for (const script::Phase& phase : script_->phases) {
      if (phase.first != position || phase.line <= at_.state.line || phase.line >= below) continue;
      Event event;
      event.kind = Event::Kind::phase;
      event.line = phase.line;
      event.text = phase.title;
      at_.state.phase = phase.title;
      at_.state.line = phase.line;
      session_.events.take(event);
    }
  }

  // ---- where it stands still

  [[nodiscard]] Stop stop_at(Stop::Why why, uint32_t line) const {
    return {why, script_->name, script_->source, line};
  }

  Standpoint stands() override { return {session_.variables.all(), session_.directory}; }
  [[nodiscard]] bool is_unknown(const std::string& word) const override {
    return is_unknown_command(session_, word);
  }
  [[nodiscard]] std::vector<std::string> first_words() const override { return command_names(session_); }

  std::string carry_out_typed(const std::string& line) override {
    const uint32_t at = at_.state.line;
    const std::string text = std::exchange(last_text_, "");
    const script::Command* before = session_.command;
    TypedLine typed(session_, typed_, at,
                    [this](const script::Command& command) { return carry_out_line(command); });
    const std::string carried = typed.carry_out(line, script_->language);
    session_.command = before;
    last_text_ = text;
    at_.state.line = at;
    return carried;
  }

  /// @return go_on, or what becomes of the test instead
  Verdict stop_before(const script::Command& command) {
    if (!debugger_.stops_before(script_->name, command.line)) return Verdict::go_on;
    const uint32_t line = std::exchange(at_.state.line, command.line);
    const bool quits =
        debugger_.stop(session_, *this, stop_at(Stop::Why::before, command.line)) == Debugger::Go::quit;
    at_.state.line = line;
    if (!quits) return Verdict::go_on;
    return debugger_.passed_over() ? Verdict::failed : Verdict::cancelled;
  }

  bool breaks_at(const script::Command& command) {
    if (!session_.setting.at_break || !is_break(session_.setting.breaks, script_->name, command.line))
      return false;
    session_.setting.at_break(stands());
    return true;
  }

  /// A line, with the user's say before and behind it.
  Verdict carry_out_watched(const script::Command& command) {
    if (breaks_at(command)) return Verdict::cancelled;
    if (!debugger_.on()) return carry_out_line(command);
    if (const Verdict before = stop_before(command); before != Verdict::go_on) return before;
    debugger_.begin_line();
    Verdict verdict = carry_out_line(command);
    Stop::Why why = Stop::Why::failed;
    while (verdict == Verdict::failed || why == Stop::Why::held) {
      const Debugger::Go go = debugger_.stop(session_, *this, stop_at(why, command.line));
      if (go == Debugger::Go::quit) return Verdict::failed;
      if (go != Debugger::Go::again) return Verdict::go_on;
      debugger_.begin_line();
      debugger_.set_apart(true);
      verdict = carry_out_line(command);
      debugger_.set_apart(false);
      why = verdict == Verdict::failed ? Stop::Why::failed : Stop::Why::held;
      if (verdict == Verdict::cancelled) return verdict;
    }
    debugger_.end_line();
    return verdict;
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
    const script::Command* resolved = &command;
    if (session_.rules->resolve != nullptr) {
      session_.resolved.push_back(session_.rules->resolve(session_, command));
      resolved = session_.command = &session_.resolved.back();
    }
    Verdict verdict = carry_out_command(*resolved);
    // What runs in the background is judged by it later.
    if (resolved != &command && !resolved->background) session_.resolved.pop_back();
    if (verdict == Verdict::stop || verdict == Verdict::skip) at_.reason = last_text_;
    if (verdict == Verdict::go_on) go_elsewhere();
    if (verdict == Verdict::go_on) (void)tell_denials(session_);
    return verdict;
  }

  Verdict carry_out_command(const script::Command& command) {
    for (const script::Condition& condition : command.conditions) {
      const Result<bool> met = session_.rules->holds(session_, condition.text);
      if (!met.ok()) {
        Answer answer = Answer::misuse(met.error());
        answer.final = true;
        return judge(session_, command, command.text, std::move(answer));
      }
      if (met.value() != condition.negated) continue;
      session_.note("[condition not met]");
      return Verdict::go_on;
    }
    std::string shown = command.name;
    Answer answer;
    if (command.defect.empty()) {
      answer = answer_to(command, shown);
    } else {
      shown = command.text;
      answer = Answer::misuse(command.defect);
      answer.final = true;
    }
    return judge(session_, command, shown, std::move(answer));
  }

  Answer answer_to(const script::Command& command, std::string& shown) {
    const CommandInfo* info = find_command(*session_.rules, command.name);
    if (info == nullptr && session_.rules->unknown != nullptr && !is_program(command.name)) {
      Answer answer = Answer::misuse(session_.rules->unknown(session_, command));
      answer.final = true;
      return answer;
    }
    auto call = call_of(session_, command);
    if (!call.ok()) {
      Answer answer = Answer::misuse(call.error());
      answer.final = session_.setting.strict_env;
      return answer;
    }
    shown = call.value().shown;
    if (info != nullptr && session_.rules->resolve != nullptr) {
      // Our own are looked through before anything runs.
      if (command.background && !info->background) {
        Answer answer = Answer::misuse("command cannot be run in background");
        answer.final = true;
        return answer;
      }
      const size_t count = call.value().arguments.size();
      if (count < info->least || (info->most != 0 && count > info->most))
        return Answer::misuse("invalid usage", fmt::format("usage: {} {}", info->name, info->usage));
    }
    Answer answer = make(session_, call.value());
    last_text_ = answer.text;
    return answer;
  }

  [[nodiscard]] bool is_program(const std::string& name) const {
    const auto& programs = session_.setting.programs;
    return std::find(programs.begin(), programs.end(), name) != programs.end();
  }

  const script::Script* script_ = nullptr;
  Continuation at_;
  Debugger debugger_;
  Session session_;
  TypedLine::Kept typed_;                   ///< what was typed and still runs
  std::unique_ptr<OpenDocument> document_;  ///< the last one
  uint32_t document_step_ = 0;
  bool document_failed_ = false;  ///< something that ran beside the cases of one before
  std::string last_text_;
  std::map<std::string, std::string>
      own_;  ///< variables as they were left whose paths a container takes for its own
};

Interpreter::Interpreter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Interpreter::~Interpreter() = default;

Result<std::unique_ptr<Interpreter>> Interpreter::create(const Setting& setting, EventSink& events) {
  Children::Options options{setting.work, setting.max_output, setting.cancel_fd};
  auto impl = std::make_unique<Impl>(setting, events, TRY(Children::create(std::move(options))));
  return std::unique_ptr<Interpreter>(new Interpreter(std::move(impl)));
}

Result<Continuation> Interpreter::carry_out(const script::Script& script, Continuation from) {
  const mode_t before = ::umask(022);
  auto result = impl_->carry_out(script, std::move(from));
  ::umask(before);
  return result;
}

Result<Continuation> Interpreter::carry_out(const std::vector<script::Document>& parts, size_t main,
                                            Continuation from, const DocumentSetting& how) {
  return impl_->carry_out(parts, main, std::move(from), how);
}

Outcome Interpreter::finish(Outcome so_far) { return impl_->finish(so_far); }
void Interpreter::step(bool stepping) { impl_->step(stepping); }
Children& Interpreter::children() { return impl_->children(); }

Result<Continuation> carry_out(const script::Script& script, Continuation from, const Setting& setting,
                               EventSink& events) {
  CHECK_OK(check(script, setting.programs, setting.conditions));
  auto interpreter = TRY(Interpreter::create(setting, events));
  Continuation end = TRY(interpreter->carry_out(script, std::move(from)));
  const bool elsewhere = !end.done && end.target != setting.name;
  if (elsewhere) return end;
  end.outcome = interpreter->finish(end.done ? end.outcome : Outcome::pass);
  end.done = true;
  end.target.clear();
  return end;
}

}  // namespace testctr::interpret
