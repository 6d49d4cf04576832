#include "watch.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <optional>

#include "base/sys.h"
#include "base/text.h"
#include "plan/narrow.h"
#include "stop_signals.h"
#include "watched.h"

namespace testctr::cmd {
namespace {

// Editors write in several steps, version control many files: a change has ended when nothing has come for so
// long, but not later than after the second time.
constexpr uint64_t quiet_ns = 100'000'000, longest_ns = 1'000'000'000;

// What a signal handler may touch.
std::atomic<bool> continued{false};

/// Keys one by one, without an echo, while this lives. On what is no terminal nothing.
class Keys {
 public:
  Keys() {
    if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDERR_FILENO) != 1 ||
        ::tcgetattr(STDIN_FILENO, &before_) != 0)
      return;
    // A job in the background would be stopped for that.
    if (::tcgetpgrp(STDIN_FILENO) != ::getpgrp()) return;
    mode_ = before_;
    mode_.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | TOSTOP);
    mode_.c_cc[VMIN] = 1;
    mode_.c_cc[VTIME] = 0;
    active_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &mode_) == 0;
    // Not restarted: whoever waits has to look.
    struct sigaction action {};
    action.sa_handler = [](int) { continued.store(true); };
    sigemptyset(&action.sa_mask);
    if (active_) ::sigaction(SIGCONT, &action, nullptr);
  }
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;
  ~Keys() { end(); }

  void end() {
    if (std::exchange(active_, false)) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  [[nodiscard]] bool active() const { return active_; }
  /// While it stood still the shell has set the terminal as it likes it.
  void refresh() {
    if (continued.exchange(false) && active_ && ::tcgetpgrp(STDIN_FILENO) == ::getpgrp())
      ::tcsetattr(STDIN_FILENO, TCSANOW, &mode_);
  }
  /// The next key, 0 when the terminal is gone.
  char read() {
    char key = 0;
    const ssize_t got = ::read(STDIN_FILENO, &key, 1);
    if (got != 1 && !(got < 0 && errno == EINTR)) end();
    return got == 1 ? key : '\0';
  }

 private:
  termios before_{}, mode_{};
  bool active_ = false;
};

class Teller : public report::Reporter {
 public:
  explicit Teller(int fd) : fd_(fd) {}
  void script_ended(const report::ScriptReport& script) override {
    const std::string record = fmt::format("{}{}{}{}", script.name, '\0', to_string(script.outcome), '\0');
    // Where nobody listens any more nobody wants to know.
    for (std::string_view rest = record; !rest.empty();) {
      const ssize_t sent = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return;
      rest.remove_prefix(static_cast<size_t>(sent));
    }
  }

 private:
  int fd_;
};

class Watcher {
 public:
  Watcher(const Arguments& arguments, const std::function<Result<plan::Plan>()>& plan_of,
          const std::function<Result<int>(const Round&)>& run, FileWatch files, StopSignals signals)
      : arguments_(arguments),
        plan_of_(plan_of),
        run_(run),
        files_(std::move(files)),
        signals_(std::move(signals)) {}

  Result<int> run() {
    watched_.emplace(arguments_, TRY(plan_of_()));
    follow();
    wanted_.all = true;
    while (!quits_ && !signals_.arrived()) {
      if (!wanted_.any()) {
        CHECK_OK(step());
        continue;
      }
      CHECK_OK(begin_round());
      while (child_ > 0) CHECK_OK(step());
      if (!quits_ && !signals_.arrived() && !wanted_.any()) invite();
    }
    return signals_.arrived() ? 128 + signals_.received() : code_;
  }

 private:
  void say(const std::string& line) const {
    if (!arguments_.flag("--quiet")) complain(line);
  }

  void follow() {
    for (const std::string& problem : files_.follow(watched_->followed())) complain(problem);
  }

  void invite() const {
    const size_t folders = files_.folders();
    say(fmt::format("watching {} {}{}", folders, folders == 1 ? "folder" : "folders",
                    keys_.active() ? "; Enter or a: run all, f: failed ones, q: quit" : ""));
  }

  Status begin_round() {
    auto [read_end, write_end] = TRY(sys::socket_pair(SOCK_STREAM));
    Round round{wanted_.all, wanted_.names, write_end.get()};
    // A signal must find the child either as a copy of this one, blocked, or as what it will be.
    sigset_t stops, before;
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &stops, &before);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) be_round(round, parent, before);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    if (child < 0) return Error::system("fork", "a round of --watch");
    ::setpgid(child, child);
    child_ = child;
    told_ = std::move(read_end);
    record_.clear();
    open_ = wanted_.all ? watched_->tests() : wanted_.names;
    stopped_ = false;
    wanted_ = {};
    return {};
  }

  /// The child: a `run` with a process group of its own, so that Ctrl-C comes to the watcher alone, which
  /// passes it on once.
  [[noreturn]] void be_round(const Round& round, pid_t parent, const sigset_t& mask) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(exit_infrastructure);
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    const Result<int> code = run_(round);
    ::_exit(code.ok() ? code.value() : complain(code.error()));
  }

  /// Waits for whatever comes next, and deals with it.
  Status step() {
    std::vector<pollfd> all{{stops_ ? -1 : signals_.descriptor(), POLLIN, 0}};
    all.push_back({files_.descriptor(), POLLIN, 0});
    all.push_back({keys_.active() ? STDIN_FILENO : -1, POLLIN, 0});
    all.push_back({child_ > 0 ? told_.get() : -1, POLLIN, 0});
    const int ready = ::poll(all.data(), all.size(), timeout_ms());
    keys_.refresh();
    if (ready < 0 && errno != EINTR) return Error::system("poll", "waiting for changes");
    if (ready > 0) {
      if (all[0].revents != 0) stop_for_good();
      if (all[1].revents != 0) gather();
      if (all[2].revents != 0) key(keys_.read());
      if (all[3].revents != 0) CHECK_OK(hear());
    }
    if (!changed_.empty() && sys::monotonic_ns() >= due_ns()) act();
    return {};
  }

  [[nodiscard]] uint64_t due_ns() const { return std::min(last_ns_ + quiet_ns, first_ns_ + longest_ns); }
  [[nodiscard]] int timeout_ms() const {
    if (changed_.empty()) return -1;
    const uint64_t now = sys::monotonic_ns();
    return now >= due_ns() ? 0 : static_cast<int>((due_ns() - now) / 1'000'000 + 1);
  }

  void gather() {
    bool lost = false;
    std::set<std::string> more = files_.changed(lost);
    if (lost) {
      say("too many changes at once to be told apart: all tests count as affected");
      wanted_.all = true;
      follow();
    }
    if (more.empty() && !lost) return;
    last_ns_ = sys::monotonic_ns();
    if (changed_.empty()) first_ns_ = last_ns_;
    changed_.merge(more);
    if (lost) changed_.insert("/");
  }

  /// Changes have come to an end: what they affect is wanted, and a round under way is over.
  void act() {
    if (signals_.arrived()) return changed_.clear();
    Affected affected = watched_->by(changed_);
    Result<plan::Plan> plan = plan_of_();
    if (plan.ok()) {
      Watched now(arguments_, plan.value());
      affected.add(now.by(changed_));
      for (const std::string& test : now.tests())
        if (watched_->tests().count(test) == 0) affected.names.insert(test);
      std::erase_if(affected.names, [&](const std::string& name) { return now.tests().count(name) == 0; });
      watched_.emplace(std::move(now));
      follow();
    } else {
      affected.all = true;  // the round will say what is wrong
    }
    const std::string first = *changed_.begin();
    const size_t others = changed_.size() - 1;
    changed_.clear();
    if (!affected.any() && !wanted_.any()) return;
    if (first != "/")
      say(fmt::format("changed: {}{}", text::printable(first),
                      others == 0 ? "" : fmt::format(" and {} more", others)));
    want(affected);
  }

  void want(const Affected& affected) {
    wanted_.add(affected);
    if (child_ > 0) stop_round(SIGINT);
  }

  void stop_round(int signal) {
    if (child_ <= 0 || std::exchange(stopped_, true)) return;
    ::kill(child_, signal);
  }

  void stop_for_good() {
    stops_ = true;
    keys_.end();  // the next signal ends us at once, whatever the terminal's mode
    stop_round(signals_.received());
  }

  void key(char key) {
    switch (key) {
      case 'q':
        quits_ = true;
        stop_round(SIGINT);
        break;
      case '\n':
      case '\r':
      case 'a':
        want({.all = true, .names = {}});
        break;
      case 'f':
        if (failed_.empty() && child_ <= 0) {
          say("none has failed");
        } else {
          want({.all = false, .names = failed_});
        }
        break;
      default:
        break;
    }
  }

  /// What the round tells, and its end.
  Status hear() {
    char buffer[4096];
    const ssize_t size = ::read(told_.get(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) return {};
    if (size > 0) {
      record_.append(buffer, static_cast<size_t>(size));
      take_records();
      return {};
    }
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0)
      if (errno != EINTR) return Error::system("waitpid", "a round of --watch");
    child_ = -1;
    told_.reset();
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    // What a round that was stopped has not come to is still wanted.
    if (stopped_ && wanted_.any() && !quits_) {
      for (const std::string& name : open_)
        if (watched_->tests().count(name) > 0) wanted_.names.insert(name);
    }
    return {};
  }

  void take_records() {
    while (true) {
      const size_t middle = record_.find('\0');
      const size_t end = middle == std::string::npos ? middle : record_.find('\0', middle + 1);
      if (end == std::string::npos) return;
      const std::string name = record_.substr(0, middle);
      const std::string outcome = record_.substr(middle + 1, end - middle - 1);
      record_.erase(0, end + 1);
      const bool bad = outcome == to_string(Outcome::fail) || outcome == to_string(Outcome::error) ||
                       outcome == to_string(Outcome::xpass);
      if (bad) {
        failed_.insert(name);
      } else if (outcome != to_string(Outcome::not_run)) {
        failed_.erase(name);
      }
      if (outcome != to_string(Outcome::not_run)) open_.erase(name);
    }
  }

  const Arguments& arguments_;
  const std::function<Result<plan::Plan>()>& plan_of_;
  const std::function<Result<int>(const Round&)>& run_;
  FileWatch files_;
  StopSignals signals_;
  Keys keys_;
  std::optional<Watched> watched_;
  Affected wanted_;  ///< of the next round
  std::set<std::string> changed_;
  uint64_t first_ns_ = 0, last_ns_ = 0;  ///< of the changes that wait
  std::set<std::string> failed_;         ///< when they ran last
  // The round under way
  pid_t child_ = -1;
  Fd told_;
  std::string record_;
  std::set<std::string> open_;  ///< its tests that have not ended
  bool stopped_ = false;
  int code_ = exit_passed;  ///< of the last round
  bool quits_ = false;
  bool stops_ = false;  ///< a signal has come, and the round has been told
};

}  // namespace

void keep_round(plan::Plan& plan, const Round& round) {
  if (round.all) return;
  std::vector<size_t> named;
  for (size_t i = 0; i < plan.jobs.size(); ++i)
    if (round.names.count(plan.jobs[i].name) > 0) named.push_back(i);
  plan::keep(plan, std::move(named));
}

std::unique_ptr<report::Reporter> round_teller(const Round& round) {
  return std::make_unique<Teller>(round.told_fd);
}

Result<int> watch(const Arguments& arguments, const std::function<Result<plan::Plan>()>& plan_of,
                  const std::function<Result<int>(const Round&)>& run) {
  if (arguments.flag("--update"))
    return Error::usage("--watch and --update exclude each other: what one writes would wake the other")
        .hint("`testctr-script update` writes once");
  for (const char* option : {"--failed", "--list", "--dry-run"}) {
    if (arguments.flag(option))
      return Error::usage(fmt::format("--watch and {} exclude each other", option))
          .hint("while it watches, the key f runs the failed ones");
  }
  FileWatch files = TRY(FileWatch::create());
  StopSignals signals = TRY(StopSignals::install());
  return Watcher(arguments, plan_of, run, std::move(files), std::move(signals)).run();
}

}  // namespace testctr::cmd
