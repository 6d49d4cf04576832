// What a case that has ended means, and what is told of it.
#include "interpret/document_run.h"

#include "base/text.h"

namespace testctr::interpret {

Status DocumentRun::conclude(size_t part, const script::Case& test, const script::CaseConfig& config,
                             CaseEnd& end, uint64_t started) {
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
                    over ? "`total_timeout:` in the front matter allows more"
                    : parts_[part].dialect == script::Dialect::cram
                        ? "--case-timeout allows more"
                        : "`timeout:` in its configuration or --case-timeout allows more",
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
          part, test, Outcome::error, "it was not run: its shell could not read it in, or ended before that",
          "what have the cases before set (constants, limits, functions named like builtins)?", started));
      break;
    case CaseEnd::How::cancelled:
      break;
  }
  conclude_shell(test, end);
  return {};
}

std::string DocumentRun::overflow_text() const {
  return fmt::format("output limit: it wrote more than {} and was stopped",
                     text::human_size(session_.setting.max_output));
}

void DocumentRun::conclude_shell(const script::Case& test, const CaseEnd& end) {
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

Result<CaseOutput> DocumentRun::output_of(size_t part, const script::CaseConfig& config, CaseEnd& end) {
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

void DocumentRun::tell_whole(size_t part, std::string_view text) {
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

Status DocumentRun::judge_ended(size_t part, const script::Case& test, const script::CaseConfig& config,
                                const CaseEnd& end, const CaseOutput& output, uint64_t started) {
  const std::string described = end.how == CaseEnd::How::signalled ? describe_status(end.signal)
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

Status DocumentRun::put_off(size_t part, const script::Case& test, const CaseEnd& end,
                            const CaseOutput& output, CaseVerdict verdict, uint64_t started) {
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

void DocumentRun::tell_cram() {
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

Result<std::optional<script::Variables>> DocumentRun::variables_for(const script::Case& test,
                                                                    const script::CaseConfig& config) {
  if (!config.interpolated.value_or(false)) return std::optional<script::Variables>();
  script::Variables variables = TRY(shell_->values_of(names_in(test)));
  return std::optional<script::Variables>(std::move(variables));
}

void DocumentRun::skip_document(size_t part, const script::Case& test, int code, uint64_t started) {
  const std::string reason =
      fmt::format("line {} ended with exit status {}, which skips the document", test.line, code);
  tell_end(part, test, Outcome::skip, reason, code, started);
  stop(Outcome::skip, reason);
}

void DocumentRun::tell_failure(size_t part, const script::Case& test, uint32_t line, Failure failure,
                               std::string shown) {
  if (failure.command.empty()) failure.command = test.expression;
  session_.events.take(failure_event(session_, file_of(part), line, std::move(failure), std::move(shown)));
  if (session_.debugger != nullptr)
    session_.debugger->stop_late(session_, *this, stop_at(Stop::Why::late, part, line));
  if (!session_.setting.at_failure) return;
  const uint64_t began = sys::monotonic_ns();
  session_.setting.at_failure(standpoint());
  if (total_deadline_ns_ != UINT64_MAX) total_deadline_ns_ += sys::monotonic_ns() - began;
}

Status DocumentRun::fail_case(size_t part, const script::Case& test, Outcome outcome,
                              const std::string& reason, const std::string& hint, uint64_t started) {
  if (cram_) cram_->give_up();
  Failure failure;
  failure.reason = reason;
  failure.hint = hint;
  tell_failure(part, test, test.line, std::move(failure));
  tell_end(part, test, outcome, reason, std::nullopt, started);
  failed_ = true;
  return {};
}

void DocumentRun::tell_end(size_t part, const script::Case& test, Outcome outcome, std::string reason,
                           std::optional<int> code, uint64_t started, std::string values) {
  Event event = end_event(file_of(part), test, outcome, std::move(reason), code, started);
  event.shell_ended = shell_ended_ && code;
  event.values = std::move(values);
  session_.events.take(event);
}

}  // namespace testctr::interpret
