// The user's side of a shell in a container: his terminal, or the pipes that stand for it.
#pragma once

#include <termios.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "run/assignment.h"
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
  /// What a place is to be asked for: nothing, once there was a shell.
  [[nodiscard]] ShellWish wish() const;
  /// A shell is there. Raw where both sides have terminals: every way on which this process can see its end
  /// sets the user's back. @param header what he is told first
  void open(const std::string& header, bool on_terminal);
  void close();
  void say(const std::string& text) const { say_(text); }
  [[nodiscard]] bool is_open() const { return open_; }
  /// Whether there was, or is, a shell.
  [[nodiscard]] bool was_open() const { return was_open_; }
  /// How long it was open, so far.
  [[nodiscard]] uint64_t spent_ns() const;

  /// What is to be polled for input; -1: there is none any more.
  [[nodiscard]] int descriptor() const { return open_ && !ended_ ? 0 : -1; }
  /// What has been typed, without waiting: at most `room` bytes. Nothing: nothing.
  std::optional<ShellInput> read(size_t room);
  /// The terminal's size, where it is another than it was.
  std::optional<ShellInput> changed_window();
  /// Prints what came from the shell, as it is.
  void write(std::string_view bytes);

 private:
  ShellAt at_;
  std::function<void(const std::string&)> say_;
  bool open_ = false, was_open_ = false, raw_ = false, ended_ = false, unheard_ = false;
  uint64_t opened_ns_ = 0, spent_ns_ = 0;
  interpret::WindowSize window_;
};

}  // namespace testctr::run
