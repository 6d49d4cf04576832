// A shell for a person, in the place where a test stands: on a terminal of its own, or on pipes. Bytes go
// through it as they are.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "interpret/children.h"

namespace testctr::interpret {

/// Where a line stands: what a shell needs to see what the line saw.
struct Standpoint {
  std::map<std::string, std::string> environment;
  std::string directory;  ///< absolute
};

/// A terminal's size; zeros: unknown.
struct WindowSize {
  uint16_t rows = 0, columns = 0;
  bool operator==(const WindowSize&) const = default;
};

class TerminalSession {
 public:
  struct Options {
    bool terminal = false;  ///< else pipes: nothing is echoed, no prompt is printed
    WindowSize window;
    std::string term;   ///< $TERM, where the standpoint has none
    std::string spare;  ///< a shell where the image has none; empty: none
  };
  /// Hears what the shell and its programs print, and how many bytes of what they were fed they have been
  /// given since; either may be nothing.
  using Tell = std::function<void(std::string_view bytes, size_t taken)>;

  /// Starts bash, sh, or the spare. Errors (infrastructure): there is none that starts.
  static Result<std::unique_ptr<TerminalSession>> begin(const Standpoint& at, const Options& options,
                                                        Children& children, Tell tell);
  TerminalSession(const TerminalSession&) = delete;
  TerminalSession& operator=(const TerminalSession&) = delete;
  ~TerminalSession();

  /// Whether it has a terminal; where one was wanted, why not.
  [[nodiscard]] bool on_terminal() const { return terminal_; }
  [[nodiscard]] const std::string& lack() const { return lack_; }

  void feed(std::string_view bytes);
  /// Nothing more is fed: the pipe is closed, the terminal hung up.
  void end_input();
  void resize(WindowSize window);
  /// Waits until the shell has ended. @param given_up asked whenever something happens: it is to end now
  /// @return its exit status, or 128 + signal
  int wait(const std::function<bool()>& given_up);

 private:
  TerminalSession(Children& children, Tell tell) : children_(children), tell_(std::move(tell)) {}
  Status open_terminal(WindowSize window);
  Status open_pipes();
  Status launch(const Standpoint& at, const Options& options);
  void read_some();
  void push();
  void drain();
  void close_output();

  Children& children_;
  Tell tell_;
  bool terminal_ = false;
  std::string lack_;
  Fd in_, out_;              ///< our ends: of a terminal `out_` is both
  Fd their_in_, their_out_;  ///< until the shell has them
  std::string input_;        ///< what it has not taken yet
  bool input_ended_ = false;
  Job* job_ = nullptr;
};

}  // namespace testctr::interpret
