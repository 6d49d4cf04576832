// The user's side of a shell in a container: his terminal, or the pipes that stand for it.
#pragma once

#include <termios.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "run/assignment.h"
#include "run/line_editor.h"
#include "run/place.h"

namespace testctr::run {

/// One for a run: the first test that comes to it has the shell.
class UserTerminal {
 public:
  /// On standard input and output. @param at not none @param say tells the user something, a line
  UserTerminal(ShellAt at, std::function<void(const std::string&)> say) : at_(at), say_(std::move(say)) {}
  UserTerminal(const UserTerminal&) = delete;
  UserTerminal& operator=(const UserTerminal&) = delete;
  ~UserTerminal() { close(); }

  [[nodiscard]] ShellAt at() const { return at_; }
  /// The lines that tests stop before, by the names that their steps have.
  void set_breaks(std::vector<interpret::Break> breaks) { breaks_ = std::move(breaks); }
  /// What a place is to be asked for: nothing, once there was a shell.
  [[nodiscard]] ShellWish wish() const;
  /// How a prompt speaks with the user where it is not the debugger's (`record`).
  struct Manner {
    std::string prompt;
    std::string further;  ///< before a line that belongs to the one above
    /// What is sent for a line that was typed; nothing: the end of input. Where `more` is set nothing is
    /// sent: the next line belongs to it.
    std::function<std::optional<std::string>(const std::string& line, bool& more)> sent;
    /// What is sent when the input ends within a line; nothing: there is nothing.
    std::function<std::optional<std::string>()> rest;
    /// What is shown of what the prompt prints.
    std::function<std::string(std::string_view text)> shown;
    /// Whether no more lines are wanted; asked before each.
    std::function<bool()> over;
    /// Ctrl-C: at the prompt, where what was begun is forgotten, if anything was; or while a line is carried
    /// out, which is stopped. After the first no more lines may be wanted.
    std::function<void(bool at_prompt, bool begun)> on_interrupt;
  };
  void set_manner(Manner manner) { manner_ = std::move(manner); }
  /// Lines are edited by what the terminal itself can, as where it understands nothing else.
  void leave_editing_to_terminal() { plain_ = true; }
  /// What the user is told first, in place of where the test stands.
  void set_header(std::string header) { header_ = std::move(header); }
  [[nodiscard]] const std::string& header() const { return header_; }
  /// A shell is there. Raw where both sides have terminals: every way on which this process can see its end
  /// sets the user's back. @param header what he is told first
  void open(const std::string& header, bool on_terminal);
  void close();

  /// A prompt is there. The terminal is raw only while a line is typed, where that can be edited: what runs
  /// meanwhile finds it as it was.
  void open_prompt();
  /// It asks for a line. @param prompt stands before it on a terminal
  void ask(const std::string& prompt);
  [[nodiscard]] bool asked() const { return asked_; }
  /// The line that was asked for, without its end; without waiting. Nothing: it has not been typed yet.
  std::optional<ShellInput> read_line();
  /// Whether Ctrl-C was typed while what was typed before is carried out, which is then to be stopped: once
  /// for each. The second within a second has its usual effect.
  bool take_interrupt();
  /// A shell has opened at the prompt, which has what is typed from now on; and has ended.
  void enter_shell(bool on_terminal);
  void leave_shell();

  void say(const std::string& text) const { say_(text); }
  [[nodiscard]] bool is_open() const { return open_; }
  /// Whether there was, or is, a shell.
  [[nodiscard]] bool was_open() const { return was_open_; }
  /// How long it was open, so far.
  [[nodiscard]] uint64_t spent_ns() const;

  /// What is to be polled for input; -1: there is none any more.
  [[nodiscard]] int descriptor() const { return open_ && !ended_ && (!prompt_ || asked_) ? 0 : -1; }
  /// What has been typed, without waiting: at most `room` bytes. Nothing: nothing.
  std::optional<ShellInput> read(size_t room);
  /// The terminal's size, where it is another than it was.
  std::optional<ShellInput> changed_window();
  /// Prints what came from the shell, as it is; from a prompt made harmless.
  void write(std::string_view bytes);

 private:
  std::optional<ShellInput> read_more(size_t room);
  void print(std::string_view bytes);
  std::optional<ShellInput> read_edited();
  /// @return nothing: another line belongs to it
  std::optional<ShellInput> finish_line(ShellInput line);
  void show_prompt(const std::string& prompt);
  void refresh();
  void suspend();
  void make_raw(bool for_shell);
  void make_cooked();
  ShellAt at_;
  std::function<void(const std::string&)> say_;
  std::vector<interpret::Break> breaks_;
  std::string header_;
  std::optional<Manner> manner_;
  bool open_ = false, was_open_ = false, raw_ = false, ended_ = false, unheard_ = false;
  bool prompt_ = false;  ///< a prompt has the terminal, and no shell
  bool asked_ = false;   ///< it waits for a line
  bool over_ = false;    ///< and none is wanted any more
  std::string typed_;    ///< what was read beyond the last line
  bool plain_ = false;
  bool editing_ = false;  ///< what is typed goes through `editor_`
  bool leaving_ = false;  ///< it has ended the run
  size_t columns_ = 0;    ///< that the line was drawn for
  LineEditor editor_;
  uint64_t opened_ns_ = 0, spent_ns_ = 0;
  interpret::WindowSize window_;
};

}  // namespace testctr::run
