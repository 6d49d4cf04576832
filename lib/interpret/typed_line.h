// A line of a script that was typed where the script stands still: carried out as any other, and counted for
// nothing.
#pragma once

#include <functional>
#include <list>
#include <set>
#include <string>
#include <vector>

#include "interpret/judge.h"
#include "interpret/session.h"
#include "script/script.h"

namespace testctr::interpret {

class TypedLine {
 public:
  /// What outlives the line: a command in the background is pointed to.
  struct Kept {
    std::list<script::Script> scripts;
    std::list<script::Command> commands;
  };

  /// @param line the one of the script that it is told with @param carry_out carries a command out
  TypedLine(Session& session, Kept& kept, uint32_t line,
            std::function<Verdict(const script::Command&)> carry_out)
      : session_(session), kept_(kept), line_(line), carry_out_(std::move(carry_out)) {}

  /// @return what to say of it: whether it held; what it printed and why it failed has been told by events
  std::string carry_out(const std::string& text, script::Language language);

 private:
  static std::string judge(Verdict verdict);
  void discount(const std::set<const script::Command*>& before);

  Session& session_;
  Kept& kept_;
  uint32_t line_;
  std::function<Verdict(const script::Command&)> carry_out_;
};

/// Whether a line that begins with `word` can be no command of the session's dialect: no prefix, no command,
/// no program that is one.
bool is_unknown_command(const Session& session, const std::string& word);
/// The names of all commands, and of the programs that are some.
std::vector<std::string> command_names(const Session& session);

}  // namespace testctr::interpret
