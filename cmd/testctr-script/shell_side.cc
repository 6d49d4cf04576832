#include "shell_side.h"

#include "base/text.h"

namespace testctr::cmd {

ShellSide::ShellSide(EventSink& next, const plan::Plan& plan, run::ShellAt at)
    : next_(next), plan_(plan), terminal_(at, [](const std::string& text) { complain(text); }) {}

void ShellSide::take(const Event& event) {
  if (event.kind == Event::Kind::failure && !std::exchange(told_, true)) {
    const std::string& file = event.file.empty() ? plan_.jobs[event.script].name : event.file;
    std::string command = event.failure.command;
    if (const size_t end = command.find('\n'); end != std::string::npos)
      command = command.substr(0, end) + " ...";
    complain(fmt::format("{}:{}: {}{}{}", file, event.line, command, command.empty() ? "" : ": ",
                         event.failure.reason));
  }
  next_.take(event);
}

void ShellSide::tell_if_none(int code) const {
  if (terminal_.was_open()) return;
  complain(code == exit_passed ? "--shell: no line has failed, so there was no shell to open"
                               : "--shell: there was no shell: no line of a living container has failed");
}

}  // namespace testctr::cmd
