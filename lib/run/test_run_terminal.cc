// A test that stands still for its user: a shell in one of its places, or a prompt.
#include "base/sys.h"
#include "run/test_run.h"

namespace testctr::run {

// Whoever comes second in a test is sent away.
void TestRun::open_shell(Member& member, const Said& said) {
  UserTerminal& terminal = *machine_.terminal;
  if (terminal.was_open()) {
    (void)member.place->shell({.bytes = {}, .end = true, .window = {}});
    return;
  }
  shell_ = &member;
  shell_opened_ns_ = sys::monotonic_ns();
  if (!said.text.empty()) terminal.say(said.text);
  std::string where = fmt::format("{}, where line {} has failed", job_.name, stamper_.line());
  if (terminal.at() == ShellAt::begin) where = fmt::format("{}, before its first line", job_.name);
  terminal.open(
      terminal.header().empty() ? fmt::format("a shell in {}; `exit` goes on", where) : terminal.header(),
      said.terminal);
}

// The time that it took is nobody's.
void TestRun::shell_ended() {
  if (!in_shell()) return;
  const uint64_t spent = sys::monotonic_ns() - shell_opened_ns_;
  held_ns_ += spent;
  deadline_ns_ += spent;
  step_started_ns_ += spent;
  if (finish_deadline_ns_ != 0) finish_deadline_ns_ += spent;
  shell_ = nullptr;
  machine_.terminal->close();
  const ShellAt at = machine_.terminal->at();
  if ((at == ShellAt::begin || at == ShellAt::line) && !over_)
    end({Outcome::not_run, "only a shell was asked for", ""});
}

bool TestRun::has_prompt() const {
  return machine_.terminal != nullptr && machine_.terminal->at() == ShellAt::prompt;
}

void TestRun::take_prompt(Member& member, const Said& said) {
  UserTerminal& terminal = *machine_.terminal;
  if (said.kind == Said::Kind::prompt_opened) {
    if (in_shell()) return fail_with(Error::infrastructure("two places of a test ask the user at a time"));
    shell_ = &member;
    shell_opened_ns_ = sys::monotonic_ns();
    return terminal.open_prompt();
  }
  if (&member != shell_) return;
  if (said.kind == Said::Kind::prompt_asks) {
    terminal.ask(said.text);
    return relay_input();
  }
  if (said.kind == Said::Kind::prompt_shell) {
    if (!said.text.empty()) terminal.say(said.text);
    return terminal.enter_shell(said.terminal);
  }
  if (said.kind == Said::Kind::prompt_back) return terminal.leave_shell();
  stepping_ = said.stepping;
  shell_ended();
}

void TestRun::relay_input() {
  if (!in_shell() || !shell_->place) return;
  if (machine_.terminal->stops_line()) {
    ShellInput stop;
    stop.stop = true;
    (void)shell_->place->shell(stop);
  }
  if (machine_.terminal->asked()) {
    const auto line = machine_.terminal->read_line();
    if (!line) return;
    scope_->note_typed(line->bytes);
    (void)shell_->place->shell(*line);
    return;
  }
  if (const auto window = machine_.terminal->changed_window()) (void)shell_->place->shell(*window);
  if (const auto typed = machine_.terminal->read(shell_->place->shell_room()))
    (void)shell_->place->shell(*typed);
}

}  // namespace testctr::run
