// What the commands have in common that open a shell in a test.
#pragma once

#include "commands.h"
#include "interpret/event.h"
#include "plan/plan.h"
#include "run/user_terminal.h"

namespace testctr::cmd {

/// Hears nothing but how the test ended.
class Ending : public EventSink {
 public:
  void take(const Event& event) override {
    if (event.kind == Event::Kind::script_ended) ended_ = event;
  }
  [[nodiscard]] const Event& ended() const { return ended_; }

 private:
  Event ended_;
};

/// The user's terminal, and what he is told before a shell is opened on it.
class ShellSide : public EventSink {
 public:
  /// All are borrowed. @param next is told of all events
  ShellSide(EventSink& next, const plan::Plan& plan, run::ShellAt at);
  /// The first failure is told at once: the report comes after the shell.
  void take(const Event& event) override;
  [[nodiscard]] run::UserTerminal& terminal() { return terminal_; }
  /// Says why there was no shell, where there was none. @param code what the run's exit code is
  void tell_if_none(int code) const;

 private:
  EventSink& next_;
  const plan::Plan& plan_;
  run::UserTerminal terminal_;
  bool told_ = false;
};

}  // namespace testctr::cmd
