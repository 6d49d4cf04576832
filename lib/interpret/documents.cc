// The loop over the cases of a document.
#include "interpret/documents.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <list>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/case_telling.h"
#include "interpret/case_verdict.h"
#include "interpret/cram_verdict.h"
#include "interpret/debugger.h"
#include "interpret/detached_cases.h"
#include "interpret/document_crossing.h"
#include "interpret/document_place.h"
#include "interpret/judge.h"
#include "interpret/session.h"
#include "interpret/shell.h"
#include "interpret/terminal_session.h"

namespace testctr::interpret {
namespace {

constexpr uint64_t look_interval_ns = 5'000'000;
constexpr uint64_t kill_patience_ns = 5'000'000'000;
constexpr std::string_view fail_fast_words = "fail_fast:";
constexpr const char* overflow_hint = "--max-output SIZE allows more";

/// What the cases say themselves: the names in it are the document's.
std::string words_of(const std::vector<script::Document>& parts) {
  std::string words;
  for (const script::Document& part : parts) {
    for (const script::Case& test : part.cases) {
      words += test.expression + "\n";
      for (const script::Expectation& line : test.expectations) words += line.text + "\n";
    }
  }
  return words;
}

class DocumentRun : public OpenDocument, private Debugged {
 public:
  DocumentRun(const std::vector<script::Document>& parts, size_t main, Session& session,
              const DocumentSetting& how)
      : parts_(parts), main_(main), session_(session), how_(how) {}

  Result<Continuation> go_on(Continuation from) override {
    at_ = std::move(from);
    const bool fresh = shell_ == nullptr;
    if (fresh) CHECK_OK(begin());
    set_deadline();
    if (!how_.alone) CHECK_OK(enter(fresh));
    if (session_.setting.at_begin) {
      session_.setting.at_begin(standpoint());
      cancelled_ = true;
      return finish();
    }
    return run();
  }

  bool end() override {
    if (over_) return true;
    const bool failed_before = std::exchange(failed_, false);
    finish_detached();
    close();
    const bool well = !failed_;
    failed_ = failed_ || failed_before;
    return well;
  }

  [[nodiscard]] bool over() const override { return over_; }

 private:
  Status begin() {
    if (!how_.alone) {
      for (const Process& process : Children::left_behind().value_or(std::vector<Process>()))
        before_.insert(process.pid);
      crossing_.emplace(session_, how_, session_.setting.name == "host" ? words_of(parts_) : "");
    }
    place_ = TRY_IN(make_place(document(), session_, how_), "making the document's directories");
    ShellSetting setting;
    setting.program = TRY(shell_program(document(), session_, how_, place_));
    setting.control = place_.control;
    setting.directory = place_.directory;
    setting.one_process = document().dialect == script::Dialect::cram;
    setting.environment = document_environment(document(), session_, how_, place_, setting.program);
    environment_ = setting.environment;
    if (crossing_) setting.environment = crossing_->environment(std::move(setting.environment), at_.state);
    if (setting.one_process && how_.compat == script::Compat::cram)
      cram_.emplace(parts_, setting.program, place_.control, session_.setting.max_output);
    shell_ = TRY(Shell::start(std::move(setting), *session_.children));
    return {};
  }

  void set_deadline() {
    total_deadline_ns_ = UINT64_MAX;
    total_ns_ = document().config.total_timeout_ns.value_or(how_.timeout_ns);
    if (total_ns_ > 0)
      total_deadline_ns_ =
          sys::monotonic_ns() + static_cast<uint64_t>(std::max<int64_t>(total_ns_ - at_.state.spent_ns, 0));
  }

  Status enter(bool fresh) {
    CHECK_OK(crossing_->enter(*shell_, fresh, at_.state));
    // Where a case has gone itself is its own affair.
    if (!fresh && at_.state.directory.empty()) return {};
    return stays_below();
  }

  /// A container may have made a link of a folder in the $WORK that it shares with the host: what the host's
  /// cases name without a folder would be elsewhere.
  Status stays_below() {
    if (!session_.setting.guarded || place_.lies_outside) return {};
    const std::vector<pid_t> own = shell_->own();
    if (own.empty()) return {};
    auto where = sys::read_link_at(AT_FDCWD, fmt::format("/proc/{}/cwd", own.front()));
    if (!where.ok()) return {};
    const std::string& work = session_.setting.work;
    if (where.value() == work || where.value().starts_with(work + "/")) return {};
    return Error::infrastructure(
               fmt::format("the working directory of the document leads out of $WORK, to {}",
                           text::printable(where.value())))
        .hint("a link below $WORK stands where the document's own folder was");
  }

  Result<Continuation> run() {
    size_t number = 0;
    for (size_t part = 0; part < parts_.size(); ++part) {
      for (const script::Case& test : parts_[part].cases) {
        if (++number <= at_.position) continue;
        if (stopped_) {
          tell_cram();
          unfinished_ = true;
          tell_end(part, test, stopped_as_, stopped_why_, std::nullopt, 0);
          continue;
        }
        if (!how_.alone) {
          std::string place = script::place_of(test, document().config.defaults, how_.where);
          if (!place.empty() && place != session_.setting.name) return leave_for(std::move(place));
        }
        CHECK_OK(carry_out_watched(part, test, number));
        if (!stopped_) at_.position = static_cast<uint32_t>(number);
      }
    }
    at_.position = static_cast<uint32_t>(number);
    if (session_.debugger != nullptr && session_.debugger->stepping() && !cancelled_)
      (void)ask(stop_at(Stop::Why::end, at_part_, command_.line));
    tell_cram();
    if (!cancelled_) finish_detached();
    return finish();
  }

  /// What the next case needs goes along; the rest stays and waits.
  Result<Continuation> leave_for(std::string target) {
    tell_cram();
    session_.command = nullptr;
    (void)tell_denials(session_);
    CHECK_OK(crossing_->leave(*shell_, std::exchange(assignments_, {}), at_.state));
    at_.target = std::move(target);
    return std::move(at_);
  }

  const script::Document& document() const { return parts_[main_]; }

  // ---- where it stands still

  [[nodiscard]] Stop stop_at(Stop::Why why, size_t part, uint32_t line) const {
    return {why, parts_[part].name, parts_[part].source, line};
  }
  /// The time that it takes is nobody's.
  Debugger::Go ask(const Stop& at) {
    const uint64_t began = sys::monotonic_ns();
    const Debugger::Go go = session_.debugger->stop(session_, *this, at);
    if (total_deadline_ns_ != UINT64_MAX) total_deadline_ns_ += sys::monotonic_ns() - began;
    return go;
  }
  Standpoint stands() override { return standpoint(); }
  [[nodiscard]] bool is_unknown(const std::string&) const override { return false; }
  [[nodiscard]] std::vector<std::string> first_words() const override { return {}; }

  std::string carry_out_typed(const std::string& line) override {
    if (!shell_->alive()) return "the document's shell has ended";
    CaseOrder order;
    order.expression = line;
    order.stream = script::Stream::combined;
    order.place = "typed";
    order.assignments = std::exchange(assignments_, {});
    order.deadline_ns = UINT64_MAX;
    if (session_.setting.case_timeout_ns > 0)
      order.deadline_ns = sys::monotonic_ns() + static_cast<uint64_t>(session_.setting.case_timeout_ns);
    auto ended = shell_->run(order);
    if (!ended.ok()) return ended.error().message();
    CaseEnd& end = ended.value();
    if (end.out) session_.tell_output("stdout", *end.out);
    remember(end);
    for (const std::string& note : shell_->take_notes()) session_.note(note);
    (void)tell_denials(session_);
    if (end.state_lost)
      stop(Outcome::not_run,
           "the shell died at the prompt, and what the cases before had set could not be saved");
    if (!shell_->alive())
      stop(Outcome::not_run, "the shell ended at the prompt, and all cases of a Cram document share it");
    if (end.how == CaseEnd::How::ended) return fmt::format("[exit status {}]", end.code);
    return end.how == CaseEnd::How::signalled ? fmt::format("[{}]", describe_status(end.signal))
                                              : "[it was stopped]";
  }

  /// For who asks at the prompt.
  void remember(CaseEnd& end) {
    if (session_.debugger == nullptr || !session_.debugger->on()) return;
    for (auto [from, to] : {std::pair{&end.out, &session_.out}, std::pair{&end.err, &session_.err}}) {
      to->clear();
      auto view = *from ? (*from)->view() : Result<std::string_view>("");
      if (view.ok()) (void)to->append(view.value());
    }
  }

  /// A case, with the user's say before and behind it.
  Status carry_out_watched(size_t part, const script::Case& test, size_t number) {
    at_part_ = part;
    if (session_.setting.at_break && is_break(session_.setting.breaks, parts_[part].name, test.line)) {
      session_.setting.at_break(standpoint());
      return leave_it();
    }
    Debugger* debugger = session_.debugger;
    if (debugger == nullptr || !debugger->on()) return carry_out_case(part, test, number);
    if (debugger->stops_before(parts_[part].name, test.line) &&
        ask(stop_at(Stop::Why::before, part, test.line)) == Debugger::Go::quit)
      return leave_it();
    const bool failed_before = std::exchange(failed_, false);
    debugger->begin_line();
    CHECK_OK(carry_out_case(part, test, number));
    if (failed_) CHECK_OK(stand_behind(*debugger, part, test, number));
    debugger->end_line();
    failed_ = failed_ || failed_before;
    return {};
  }

  Status stand_behind(Debugger& debugger, size_t part, const script::Case& test, size_t number) {
    for (Stop::Why why = Stop::Why::failed;;) {
      const Debugger::Go go = ask(stop_at(why, part, test.line));
      failed_ = true;
      if (go == Debugger::Go::quit) return leave_it();
      // Whoever goes on wants what follows, whatever the document says of its first failure.
      if (go != Debugger::Go::again) {
        if (stopped_ && shell_->alive() && stopped_why_.starts_with(fail_fast_words)) stopped_ = false;
        return {};
      }
      debugger.begin_line();
      debugger.set_apart(true);
      failed_ = false;
      Status run = carry_out_case(part, test, number);
      debugger.set_apart(false);
      CHECK_OK(run);
      if (cancelled_) return {};
      why = failed_ ? Stop::Why::failed : Stop::Why::held;
    }
  }

  /// The user wants nothing more of it.
  Status leave_it() {
    if (!failed_) cancelled_ = true;
    if (!stopped_) stop(Outcome::not_run, "the test was ended at the prompt");
    return {};
  }

  // ---- a case
  // -------------------------------------------------------------------------------------------------

  Status carry_out_case(size_t part, const script::Case& test, size_t number) {
    const script::Document& from = parts_[part];
    const script::CaseConfig config =
        effective_config(from, test, document().config.defaults, how_.overrides);
    begin_case(part, test);
    const uint64_t started = sys::monotonic_ns();
    if (config.wait) {
      if (std::string problem = wait_for(*config.wait); !problem.empty()) {
        if (cancelled_) return {};
        CHECK_OK(fail_case(part, test, Outcome::error, problem, "", started));
        if (out_of_time()) stop(Outcome::not_run, "the document's time limit was reached");
        return {};
      }
    }
    std::string problem = unusable_name(config);
    if (problem.empty()) problem = unusable_input(config, session_);
    if (!problem.empty()) return fail_case(part, test, Outcome::error, problem, "", started);
    CaseOrder order = TRY(order_for(from, test, config));
    if (cram_) order.expression = cram_->expression(part, test);
    if (config.detached.value_or(false)) {
      Detached process = TRY(shell_->detach(order, number));
      detached_.push_back({&from, &test, part, number, config, process, started});
      session_.note("[detached]");
      return {};
    }
    if (!shell_->alive()) return Error::internal("a case without a shell");
    CaseEnd end = TRY(shell_->run(order));
    for (const std::string& note : shell_->take_notes()) session_.log(note);
    if (end.how == CaseEnd::How::cancelled) {
      cancelled_ = true;
      stop(Outcome::not_run, "interrupted");
      return {};
    }
    return conclude(part, test, config, end, started);
  }

  void begin_case(size_t part, const script::Case& test) {
    if (session_.setting.at_line) session_.setting.at_line(test.line);
    command_.line = test.line;
    session_.command = &command_;
    Event event;
    event.kind = Event::Kind::command;
    event.line = test.line;
    event.file = file_of(part);
    event.text = test.expression;
    session_.events.take(event);
  }

  [[nodiscard]] bool out_of_time() const { return sys::monotonic_ns() >= total_deadline_ns_; }

  std::string file_of(size_t part) const { return part == main_ ? "" : parts_[part].name; }

  /// `wait:`. @return why not, or nothing
  std::string wait_for(const script::Wait& wait) {
    const uint64_t until =
        std::min(sys::monotonic_ns() + static_cast<uint64_t>(wait.timeout_ns), total_deadline_ns_);
    if (wait.path.empty()) {
      cancelled_ = session_.children->wait_until(until) == Pause::cancelled;
      return cancelled_ ? "interrupted" : "";
    }
    const std::string path = wait.path.starts_with('/') ? wait.path : place_.temporary + "/" + wait.path;
    for (;;) {
      if (::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return "";
      const uint64_t now = sys::monotonic_ns();
      if (now >= until) {
        return fmt::format("{} did not appear within {}", text::printable(session_.masked(path)),
                           text::format_duration(wait.timeout_ns));
      }
      if (session_.children->wait_until(std::min(until, now + look_interval_ns)) == Pause::cancelled) {
        cancelled_ = true;
        return "interrupted";
      }
    }
  }

  Result<CaseOrder> order_for(const script::Document& from, const script::Case& test,
                              const script::CaseConfig& config) {
    CaseOrder order;
    order.expression = test.expression;
    order.stream = *config.stream;
    order.place = fmt::format("{}:{}", from.name, test.line);
    order.environment = config.environment;
    order.assignments = std::exchange(assignments_, {});
    if (config.input) {
      order.input = place_.control + "/stdin";
      if (config.input->is_file) {
        order.input = input_path(*config.input, session_);
      } else {
        CHECK_OK(sys::write_file_at(AT_FDCWD, order.input, config.input->text));
      }
    }
    const int64_t limit = config.timeout_ns.value_or(session_.setting.case_timeout_ns);
    order.deadline_ns = total_deadline_ns_;
    if (limit > 0)
      order.deadline_ns = std::min(order.deadline_ns, sys::monotonic_ns() + static_cast<uint64_t>(limit));
    return order;
  }

  /// What a case that has ended means for it and for those after it.
  Status conclude(size_t part, const script::Case& test, const script::CaseConfig& config, CaseEnd& end,
                  uint64_t started) {
    CaseOutput output = TRY(output_of(part, config, end));
    remember(end);
    shell_ended_ = end.shell_ended;
    switch (end.how) {
      case CaseEnd::How::ended:
      case CaseEnd::How::signalled:
        CHECK_OK(judge_ended(part, test, config, end, output, started));
        break;
      case CaseEnd::How::late: {
        const bool over = out_of_time();
        const int64_t limit = config.timeout_ns.value_or(session_.setting.case_timeout_ns);
        CHECK_OK(
            fail_case(part, test, Outcome::fail,
                      fmt::format("{} time limit of {} was reached", over ? "the document's" : "the case's",
                                  text::format_duration(over ? total_ns_ : limit)),
                      fmt::format("`{}:` {} allows more", over ? "total_timeout" : "timeout",
                                  over ? "in the front matter" : "in its configuration or --case-timeout"),
                      started));
        if (over) stop(Outcome::not_run, "the document's time limit was reached");
        break;
      }
      case CaseEnd::How::overflow:
        CHECK_OK(fail_case(part, test, Outcome::error, overflow_text(), overflow_hint, started));
        break;
      case CaseEnd::How::silent:
        CHECK_OK(fail_case(part, test, Outcome::error,
                           "its shell could not tell how it ended: an option or a function that it has set "
                           "stands in the way",
                           "`set -n`, or `builtin` or `echo` disabled or defined anew", started));
        break;
      case CaseEnd::How::not_begun:
        CHECK_OK(fail_case(
            part, test, Outcome::error,
            "it was not run: its shell could not read it in, or ended before that",
            "what have the cases before set (constants, limits, functions named like builtins)?", started));
        break;
      case CaseEnd::How::cancelled:
        break;
    }
    conclude_shell(test, end);
    return {};
  }

  [[nodiscard]] std::string overflow_text() const {
    return fmt::format("output limit: it wrote more than {} and was stopped",
                       text::human_size(session_.setting.max_output));
  }

  /// What a shell that has ended means for the cases after this one.
  void conclude_shell(const script::Case& test, const CaseEnd& end) {
    if (stopped_ || !end.shell_ended) return;
    if (end.state_lost) {
      stop(Outcome::not_run, fmt::format("the shell died in line {}, and what the cases before had set "
                                         "could not be saved",
                                         test.line));
    } else if (!shell_->alive()) {
      stop(Outcome::not_run,
           fmt::format("the shell ended in line {}, and all cases of a Cram document share it", test.line));
    }
  }

  /// Tells what a case has printed. @return it, as long as `end` lives
  Result<CaseOutput> output_of(size_t part, const script::CaseConfig& config, CaseEnd& end) {
    for (std::optional<OutputBuffer>* buffer : {&end.out, &end.err}) {
      if (!*buffer) buffer->emplace(place_.control);
    }
    OutputBuffer& first = *end.out;
    OutputBuffer& second = *end.err;
    const bool errors = *config.stream == script::Stream::err;
    CaseOutput output;
    output.compared = TRY((errors ? second : first).view());
    // Mostly there is nothing to be changed, and a copy of a large output is large.
    const bool strip = config.strip_ansi_escaping.value_or(false);
    if ((!*config.keep_crlf && output.compared.find('\r') != std::string_view::npos) ||
        (strip && output.compared.find('\x1b') != std::string_view::npos)) {
      output.changed =
          std::make_unique<const std::string>(script::normalised(output.compared, *config.keep_crlf, strip));
      output.compared = *output.changed;
    }
    if (auto words = cram_ ? cram_->as_from_input(output.compared) : std::nullopt) {
      output.changed = std::make_unique<const std::string>(*std::move(words));
      output.compared = *output.changed;
    }
    if (how_.whole_output) {
      tell_whole(part, output.compared);
    } else {
      session_.tell_output("stdout", first);
      session_.tell_output("stderr", second);
    }
    return output;
  }

  void tell_whole(size_t part, std::string_view text) {
    constexpr size_t piece = size_t{256} << 10;
    for (; !text.empty(); text.remove_prefix(std::min(text.size(), piece))) {
      Event event;
      event.kind = Event::Kind::output;
      event.line = command_.line;
      event.file = file_of(part);
      event.stream = "stdout";
      event.text = text.substr(0, piece);
      session_.events.take(event);
    }
  }

  Status judge_ended(size_t part, const script::Case& test, const script::CaseConfig& config,
                     const CaseEnd& end, const CaseOutput& output, uint64_t started) {
    const std::string described = end.how == CaseEnd::How::signalled
                                      ? describe_status(end.signal)
                                      : fmt::format("exit status {}", end.code);
    if (end.code != 0) session_.note(fmt::format("[{}]", described));
    const bool expected_skip =
        cram_ ? !end.shell_ended
              : test.code && test.code->value == end.code && how_.compat == script::Compat::none;
    if (end.code == *config.skip_document_code && !expected_skip && end.how == CaseEnd::How::ended) {
      skip_document(part, test, end.code, started);
      return {};
    }
    std::optional<script::Variables> variables = TRY(variables_for(test, config));
    CaseView view{parts_[part], test, config, how_.compat, variables ? &*variables : nullptr};
    auto judged = judge_case(view, output, end.code, described);
    if (!judged.ok())
      return fail_case(part, test, Outcome::error, judged.error().message(), judged.error().hint(), started);
    CaseVerdict& verdict = judged.value();
    if (cram_) return put_off(part, test, end, output, std::move(verdict), started);
    const std::string values = variables ? joined(*variables) : "";
    // Of a case that failed, too: what it captured in lines that hold is no reason for others to fail.
    for (auto& [name, value] : verdict.captures) captures_[name] = assignments_[name] = value;
    if (verdict.passed) {
      (void)tell_denials(session_);
      tell_end(part, test, Outcome::pass, "", end.code, started, values);
      return {};
    }
    std::string shown = shown_stream(config, verdict.failure);
    tell_failure(part, test, verdict.line, std::move(verdict.failure), std::move(shown));
    tell_end(part, test, Outcome::fail, "", end.code, started, values);
    failed_ = true;
    // An update makes it hold: what the others print is asked for, too.
    if (config.fail_fast.value_or(false) && !how_.whole_output)
      stop(Outcome::not_run, fmt::format("{} line {} failed", fail_fast_words, test.line));
    return {};
  }

  /// Cram's verdict is one over the whole document.
  Status put_off(size_t part, const script::Case& test, const CaseEnd& end, const CaseOutput& output,
                 CaseVerdict verdict, uint64_t started) {
    if (!cram_->has_room(output.compared.size())) {
      return fail_case(part, test, Outcome::error,
                       fmt::format("output limit: the cases of the document wrote more than {}",
                                   text::human_size(session_.setting.max_output)),
                       "--max-output SIZE allows more", started);
    }
    verdict.failure.hint = tell_denials(session_);
    CramCase ended{part, &test, std::string(output.compared), end.code, end.shell_ended, std::move(verdict)};
    ended.duration_ns = sys::monotonic_ns() - started;
    cram_->take(std::move(ended));
    return {};
  }

  void tell_cram() {
    if (!cram_) return;
    for (CramCase& ended : cram_->settle()) {
      const uint64_t started = sys::monotonic_ns() - ended.duration_ns;
      shell_ended_ = ended.shell_ended;
      if (stopped_ && stopped_as_ == Outcome::skip) {
        tell_end(ended.part, *ended.test, Outcome::skip, stopped_why_, ended.code, started);
      } else if (ended.verdict.passed) {
        tell_end(ended.part, *ended.test, Outcome::pass, "", ended.code, started);
      } else {
        failed_ = true;
        tell_failure(ended.part, *ended.test, ended.verdict.line, std::move(ended.verdict.failure));
        tell_end(ended.part, *ended.test, Outcome::fail, "", ended.code, started);
      }
    }
  }

  Result<std::optional<script::Variables>> variables_for(const script::Case& test,
                                                         const script::CaseConfig& config) {
    if (!config.interpolated.value_or(false)) return std::optional<script::Variables>();
    script::Variables variables = TRY(shell_->values_of(names_in(test)));
    return std::optional<script::Variables>(std::move(variables));
  }

  void skip_document(size_t part, const script::Case& test, int code, uint64_t started) {
    const std::string reason =
        fmt::format("line {} ended with exit status {}, which skips the document", test.line, code);
    tell_end(part, test, Outcome::skip, reason, code, started);
    stop(Outcome::skip, reason);
  }

  /// The cases that follow are not run.
  void stop(Outcome as, std::string why) {
    stopped_ = true;
    stopped_as_ = as;
    stopped_why_ = std::move(why);
  }

  // ---- telling

  void tell_failure(size_t part, const script::Case& test, uint32_t line, Failure failure,
                    std::string shown = "") {
    if (failure.command.empty()) failure.command = test.expression;
    session_.events.take(failure_event(session_, file_of(part), line, std::move(failure), std::move(shown)));
    if (session_.debugger != nullptr)
      session_.debugger->stop_late(session_, *this, stop_at(Stop::Why::late, part, line));
    if (!session_.setting.at_failure) return;
    const uint64_t began = sys::monotonic_ns();
    session_.setting.at_failure(standpoint());
    if (total_deadline_ns_ != UINT64_MAX) total_deadline_ns_ += sys::monotonic_ns() - began;
  }

  /// Where the shell stands, as far as it can be asked; else where it began.
  Standpoint standpoint() {
    Standpoint at{environment_, place_.directory};
    if (shell_ == nullptr || !shell_->alive()) return at;
    std::vector<std::string> names;
    for (const auto& [name, value] : environment_)
      if (is_shell_name(name)) names.push_back(name);
    auto values = shell_->values_of(names);
    auto state = shell_->state();
    if (!values.ok() || !state.ok()) return at;
    for (const std::string& name : names) at.environment.erase(name);
    for (auto& [name, value] : values.value()) at.environment[name] = value;
    for (const auto& [name, variable] : state.value().variables) {
      const bool exported = variable.attributes.find('x') != std::string::npos;
      if (exported && variable.kind == ShellVariable::Kind::scalar && !variable.values.empty())
        at.environment[name] = variable.values.front().second;
    }
    if (state.value().directory.starts_with('/')) at.directory = state.value().directory;
    at.environment["PWD"] = at.directory;
    return at;
  }

  Status fail_case(size_t part, const script::Case& test, Outcome outcome, const std::string& reason,
                   const std::string& hint, uint64_t started) {
    if (cram_) cram_->give_up();
    Failure failure;
    failure.reason = reason;
    failure.hint = hint;
    tell_failure(part, test, test.line, std::move(failure));
    tell_end(part, test, outcome, reason, std::nullopt, started);
    failed_ = true;
    return {};
  }

  void tell_end(size_t part, const script::Case& test, Outcome outcome, std::string reason,
                std::optional<int> code, uint64_t started, std::string values = "") {
    Event event = end_event(file_of(part), test, outcome, std::move(reason), code, started);
    event.shell_ended = shell_ended_ && code;
    event.values = std::move(values);
    session_.events.take(event);
  }

  // ---- the end
  // ------------------------------------------------------------------------------------------------

  void finish_detached() {
    stop_detached(detached_, *session_.children, place_.control);
    for (Beside& beside : detached_) judge_detached(beside);
  }

  void judge_detached(Beside& beside) {
    command_.line = beside.test->line;
    CaseEnd end;
    bool over = false;
    for (auto [source, target] :
         {std::pair{beside.process.out, &end.out}, std::pair{beside.process.err, &end.err}}) {
      if (source == nullptr) continue;
      (void)session_.children->drain_now(*source);
      over = over || source->overflow;
      *target = std::exchange(source->buffer, OutputBuffer(place_.control));
      session_.children->discard(source);
    }
    auto output = output_of(beside.part, beside.config, end);
    if (!output.ok()) {
      (void)fail_case(beside.part, *beside.test, Outcome::error, output.error().message(), "",
                      beside.started_ns);
      return;
    }
    if (over) {
      (void)fail_case(beside.part, *beside.test, Outcome::error, overflow_text(), overflow_hint,
                      beside.started_ns);
      return;
    }
    const std::optional<int> code = beside.process.status;
    // One that still ran was ended by us: only what it was to print can be held against it. A server that
    // nothing is expected of may print what it likes.
    const bool says_nothing = beside.test->expectations.empty();
    if (!code && beside.test->code) {
      (void)fail_case(beside.part, *beside.test, Outcome::fail,
                      fmt::format("it still ran at the document's end, expected exit status {}",
                                  beside.test->code->value),
                      "", beside.started_ns);
      return;
    }
    if (says_nothing) output.value().compared = {};
    CaseView view{*beside.document, *beside.test, beside.config, how_.compat, nullptr};
    const std::string described = code ? fmt::format("exit status {}", *code) : "";
    auto verdict = judge_case(view, output.value(), code, described);
    if (!verdict.ok()) {
      (void)fail_case(beside.part, *beside.test, Outcome::error, verdict.error().message(), "",
                      beside.started_ns);
      return;
    }
    if (!verdict.value().passed) {
      failed_ = true;
      std::string shown = shown_stream(beside.config, verdict.value().failure);
      tell_failure(beside.part, *beside.test, verdict.value().line, std::move(verdict.value().failure),
                   std::move(shown));
    }
    tell_end(beside.part, *beside.test, verdict.value().passed ? Outcome::pass : Outcome::fail, "", code,
             beside.started_ns);
  }

  Result<Continuation> finish() {
    Continuation end;
    end.position = at_.position;
    end.state.line = at_.state.line;
    end.done = true;
    end.outcome = failed_ ? Outcome::fail : Outcome::pass;
    if (cancelled_) {
      end.outcome = Outcome::not_run;
      end.reason = "interrupted";
    } else if (!failed_ && stopped_ && (unfinished_ || stopped_as_ == Outcome::skip)) {
      // A document of which something was not run has not passed.
      end.outcome = stopped_as_ == Outcome::skip ? Outcome::skip : Outcome::fail;
      end.reason = stopped_why_;
      if (end.outcome == Outcome::fail) {
        Failure failure;
        failure.reason = stopped_why_;
        session_.events.take(failure_event(session_, "", command_.line, std::move(failure), ""));
      }
    }
    session_.command = nullptr;
    if (!how_.alone && end.outcome == Outcome::pass) {
      // Others go on from here.
      if (shell_->alive()) CHECK_OK(crossing_->leave(*shell_, std::exchange(assignments_, {}), at_.state));
      at_.target = session_.setting.name;
      close();
      return std::move(at_);
    }
    close();
    return end;
  }

  /// Ends what is the document's, and names what its cases have left behind.
  void close() {
    over_ = true;
    if (shell_ == nullptr) return;
    std::vector<pid_t> own = shell_->own();
    const std::set<pid_t> spared = others(own);
    own.insert(own.end(), spared.begin(), spared.end());
    if (std::string names = cancelled_ ? "" : left_behind(own, detached_); !names.empty())
      session_.log("left behind by the document and killed: " + names);
    shell_.reset();
    if (how_.alone) {
      session_.children->kill_all();
    } else {
      kill_all_but(spared);
    }
    if (place_.lies_outside) {
      // Nobody writes into it any more.
      if (Status gone = sys::remove_tree(place_.temporary); !gone.ok())
        session_.log(fmt::format("the temporary directory stays: {}", gone.error().message()));
    }
    (void)tell_denials(session_);
  }

  /// What lives in the place and is not of this document.
  std::set<pid_t> others(const std::vector<pid_t>& own) const {
    std::set<pid_t> pids;
    if (how_.alone) return pids;
    pids = before_;
    for (pid_t pid : session_.children->running()) {
      if (std::find(own.begin(), own.end(), pid) == own.end()) pids.insert(pid);
    }
    return pids;
  }

  void kill_all_but(std::set<pid_t> spared) {
    const uint64_t until = sys::monotonic_ns() + kill_patience_ns;
    // Killing and forking race; what was missed is found in the next round.
    while (sys::monotonic_ns() < until) {
      bool any = false;
      for (const Process& process : Children::left_behind().value_or(std::vector<Process>())) {
        if (spared.contains(process.pid) || spared.contains(process.parent)) {
          spared.insert(process.pid);
          continue;
        }
        any = ::kill(process.pid, SIGKILL) == 0 || any;
      }
      if (!any) return;
      (void)session_.children->wait_until(sys::monotonic_ns() + look_interval_ns / 5);
    }
  }

  const std::vector<script::Document>& parts_;
  size_t main_;
  Session& session_;
  const DocumentSetting& how_;
  script::Command command_;  ///< stands for the case in what the session tells
  DocumentPlace place_;
  std::map<std::string, std::string> environment_;  ///< of the shell, when it began
  std::unique_ptr<Shell> shell_;
  std::optional<DocumentCrossing> crossing_;  ///< where others carry out cases or steps, too
  std::set<pid_t> before_;                    ///< processes of the place that are older than the document
  Continuation at_;
  size_t at_part_ = 0;  ///< that the last case belongs to
  bool over_ = false;
  std::optional<CramVerdicts> cram_;  ///< where verdicts are Cram's
  std::list<Beside> detached_;
  script::Variables captures_, assignments_;
  uint64_t total_deadline_ns_ = 0;
  int64_t total_ns_ = 0;
  bool failed_ = false, stopped_ = false, unfinished_ = false, cancelled_ = false;
  bool shell_ended_ = false;  ///< within the case that is told of
  Outcome stopped_as_ = Outcome::not_run;
  std::string stopped_why_;
};

}  // namespace

Result<std::unique_ptr<OpenDocument>> open_document(const std::vector<script::Document>& parts, size_t main,
                                                    Session& session, const DocumentSetting& how) {
  if (parts.empty() || main >= parts.size()) return Error::internal("no document to carry out");
  return std::unique_ptr<OpenDocument>(std::make_unique<DocumentRun>(parts, main, session, how));
}

Result<Continuation> carry_out(const std::vector<script::Document>& parts, size_t main, Continuation from,
                               const Setting& setting, const DocumentSetting& how, EventSink& events) {
  Children::Options options{setting.work, setting.max_output, setting.cancel_fd};
  Session session(setting, events, TRY(Children::create(std::move(options))));
  auto document = TRY(open_document(parts, main, session, how));
  return document->go_on(std::move(from));
}

}  // namespace testctr::interpret
