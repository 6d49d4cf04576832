// kill and waitfor: what is done about commands that run in the background, before they are waited for.
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/commands.h"
#include "interpret/pattern.h"
#include "interpret/port.h"

namespace testctr::interpret {
namespace {

constexpr uint64_t first_look_ns = 2'000'000;
constexpr uint64_t last_look_ns = 100'000'000;

constexpr const char* readiness_usage =
    "waitfor [-timeout D] [!] file PATH | port N | stdout NAME PATTERN | stderr NAME PATTERN";

Error readiness_error(std::string what) { return Error::usage(std::move(what)).hint(readiness_usage); }

/// Sends a signal to a program and what it has started. @return whether it still ran
bool send(Background& background, int signal) {
  if (background.job == nullptr) {
    background.deadline_ns = 0;  // a sleep is over
    return true;
  }
  if (background.job->status) return false;
  background.signal = signal;
  return ::kill(-background.job->pid, signal) == 0;
}

/// Waits for something in the background, and says how that stands.
class Watch {
 public:
  Watch(Session& session, const Readiness& wanted, Background* background, std::optional<Pattern> pattern)
      : session_(session), wanted_(wanted), background_(background), pattern_(std::move(pattern)) {}

  /// Whether it is as it was wanted.
  bool there() {
    switch (wanted_.kind) {
      case Readiness::Kind::file:
        return session_.status_of(wanted_.what).ok() != wanted_.gone;
      case Readiness::Kind::port:
        return port_is_open(wanted_.port) != wanted_.gone;
      case Readiness::Kind::output:
        break;
    }
    return found();
  }

  /// Whether it can come about no more.
  [[nodiscard]] bool dead() const { return background_ != nullptr && background_->job->complete(); }

  Pause wait(uint64_t deadline) {
    if (background_ != nullptr)
      return session_.children->wait_while([this] { return there() || dead(); }, deadline);
    for (uint64_t look = first_look_ns;; look = std::min(look * 2, last_look_ns)) {
      if (there()) return Pause::over;
      const uint64_t now = sys::monotonic_ns();
      if (now >= deadline) return Pause::late;
      const Pause pause = session_.children->wait_until(std::min(now + look, deadline));
      if (pause != Pause::late) return pause;
    }
  }

  /// "a match for `RE` in the stdout of server"
  [[nodiscard]] std::string shown() const {
    const std::string what = text::printable(wanted_.what);
    switch (wanted_.kind) {
      case Readiness::Kind::file:
        return wanted_.gone ? fmt::format("the end of the file {}", what) : fmt::format("the file {}", what);
      case Readiness::Kind::port:
        return wanted_.gone ? fmt::format("nobody on port {}", wanted_.port)
                            : fmt::format("somebody on port {}", wanted_.port);
      case Readiness::Kind::output:
        break;
    }
    return fmt::format("a match for `{}` in the {} of {}", text::printable(wanted_.expression), stream(),
                       what);
  }

  /// What the program in question wrote there.
  [[nodiscard]] std::string written() {
    auto text = output().view();
    return text.ok() ? excerpt(text.value()) : "";
  }

 private:
  [[nodiscard]] const char* stream() const { return wanted_.error_output ? "stderr" : "stdout"; }
  OutputBuffer& output() { return wanted_.error_output ? background_->job->error : background_->job->output; }

  bool found() {
    if (found_ || output().size() == seen_) return found_;
    seen_ = output().size();
    OutputBuffer storage(session_.setting.work);
    const auto text = valid_text(output(), storage);
    found_ = text.ok() && pattern_->find(text.value());
    return found_;
  }

  Session& session_;
  const Readiness& wanted_;
  Background* background_;
  std::optional<Pattern> pattern_;
  size_t seen_ = SIZE_MAX;
  bool found_ = false;
};

/// The command in the background that `waitfor stdout NAME` names.
Result<Background*> watched(Session& session, const Readiness& wanted) {
  const auto at = find_background(session, wanted.what);
  if (at == session.background.end())
    return Error::usage(fmt::format("nothing in the background is called {}", text::quoted(wanted.what)))
        .hint("`exec PROGRAM &NAME&` gives it a name");
  if (at->job == nullptr) return Error::usage(fmt::format("{} is no program", text::quoted(wanted.what)));
  return &*at;
}

}  // namespace

std::optional<int> signal_named(std::string_view name) {
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (int signal = 1; signal < NSIG; ++signal) {
    const char* known = sigabbrev_np(signal);
    if (known != nullptr && name == known) return signal;
  }
  return std::nullopt;
}

std::string name_of_signal(int signal) {
  const char* name = sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : fmt::format("{}", signal);
}

Answer run_kill(Session& session, const Arguments& arguments) {
  std::span<const std::string> words(arguments);
  int signal = SIGKILL;
  if (!words.empty() && words.front().starts_with('-')) {
    const auto named = signal_named(std::string_view(words.front()).substr(1));
    if (!named)
      return Answer::misuse(fmt::format("no signal is called {}", text::quoted(words.front().substr(1))),
                            "as in kill -TERM NAME");
    signal = *named;
    words = words.subspan(1);
  }
  if (words.size() > 1) return Answer::misuse("usage: kill [-SIGNAL] [NAME]");
  session.children->look();
  if (words.empty()) {
    if (session.background.empty()) return Answer::misuse("nothing runs in the background");
    size_t reached = 0;
    for (Background& background : session.background) reached += send(background, signal) ? 1 : 0;
    return reached > 0 ? Answer::done("something still ran in the background", "nothing that runs", "")
                       : Answer::failed("all that ran in the background has ended already");
  }
  const auto at = find_background(session, words.front());
  if (at == session.background.end())
    return Answer::misuse(fmt::format("nothing in the background is called {}", text::quoted(words.front())),
                          "`exec PROGRAM &NAME&` gives it a name");
  if (send(*at, signal)) return Answer::done(words.front() + " still ran", "one that has ended", "");
  const std::string ended = at->job->status ? describe_status(*at->job->status) : strerrordesc_np(errno);
  return Answer::failed(fmt::format("{} has ended already: {}", words.front(), ended), "one that runs",
                        ended);
}

Result<Readiness> parse_readiness(std::span<const std::string> words) {
  Readiness wanted;
  if (!words.empty() && words.front() == "-timeout") {
    const auto limit = words.size() > 1 ? text::parse_duration(words[1]) : std::nullopt;
    if (!limit || *limit <= 0)
      return readiness_error(words.size() > 1 ? fmt::format("{} is not a duration", text::quoted(words[1]))
                                              : "-timeout wants a duration");
    wanted.timeout_ns = limit;
    words = words.subspan(2);
  }
  if (!words.empty() && words.front() == "!") {
    wanted.gone = true;
    words = words.subspan(1);
  }
  if (words.empty()) return readiness_error("nothing to wait for");
  const std::string& kind = words.front();
  wanted.error_output = kind == "stderr";
  size_t takes = 2;
  if (kind == "stdout" || kind == "stderr") {
    wanted.kind = Readiness::Kind::output;
    takes = 3;
  } else if (kind == "port") {
    wanted.kind = Readiness::Kind::port;
  } else if (kind != "file") {
    return readiness_error(fmt::format("{} is nothing to wait for", text::quoted(kind)));
  }
  if (words.size() != takes)
    return readiness_error(fmt::format("{} takes {} words, not {}", kind, takes - 1, words.size() - 1));
  if (takes == 3 && wanted.gone)
    return readiness_error("`!` has no meaning before stdout: what was written stays");
  wanted.what = words[1];
  if (takes == 3) wanted.expression = words[2];
  if (wanted.kind != Readiness::Kind::port) return wanted;
  const char* end = wanted.what.data() + wanted.what.size();
  const auto [stopped, problem] = std::from_chars(wanted.what.data(), end, wanted.port);
  if (problem != std::errc() || stopped != end || wanted.port == 0)
    return readiness_error(fmt::format("{} is not a port", text::quoted(wanted.what)));
  return wanted;
}

Answer run_waitfor(Session& session, const Arguments& arguments) {
  const auto parsed = parse_readiness(arguments);
  if (!parsed.ok()) return Answer::misuse(parsed.error());
  const Readiness& wanted = parsed.value();
  Background* background = nullptr;
  std::optional<Pattern> pattern;
  if (wanted.kind == Readiness::Kind::output) {
    auto named = watched(session, wanted);
    if (!named.ok()) return Answer::misuse(named.error());
    background = named.value();
    auto compiled = Pattern::compile(wanted.expression);
    if (!compiled.ok()) return Answer::misuse(compiled.error());
    pattern = std::move(compiled).value();
  }
  Watch watch(session, wanted, background, std::move(pattern));
  const uint64_t begun = sys::monotonic_ns();
  uint64_t deadline = deadline_of(session);
  if (wanted.timeout_ns) deadline = std::min(deadline, begun + static_cast<uint64_t>(*wanted.timeout_ns));
  const Pause pause = watch.wait(deadline);
  if (pause == Pause::cancelled || pause == Pause::overflow)
    return judge_pause(session, pause, nullptr, "waitfor");
  const std::string shown = watch.shown();
  if (pause == Pause::over && !watch.dead()) return Answer::done(shown + " came", "not " + shown, shown);
  if (background == nullptr) {
    return Answer::failed(fmt::format("{} did not come within {}", shown,
                                      text::format_duration(static_cast<int64_t>(deadline - begun))),
                          shown, "");
  }
  // It may have written that with its last breath.
  if (watch.there()) return Answer::done(shown + " came", "not " + shown, shown);
  const std::string why = watch.dead()
                              ? fmt::format("{} has ended ({}) without {}", text::printable(wanted.what),
                                            describe_status(*background->job->status), shown)
                              : fmt::format("{} did not come within {}", shown,
                                            text::format_duration(static_cast<int64_t>(deadline - begun)));
  return Answer::failed(why, shown, watch.written());
}

}  // namespace testctr::interpret
