// The loop that waits for children, and the ways to end them.
#include "interpret/children.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <csignal>

#include "base/sys.h"

namespace testctr::interpret {
namespace {

constexpr uint64_t grace_after_end_ns = 100'000'000;  // for others that hold the pipe
constexpr uint64_t longest_sleep_ns = 500'000'000;
constexpr uint64_t kill_patience_ns = 5'000'000'000;
constexpr size_t reads_in_a_turn = 16;
constexpr size_t chunk_size = size_t{64} << 10;

// The end of a child may be told to any thread of this process, blocked there or not: only a handler sees it
// for certain.
std::atomic<int> wake_fd{-1};

void on_child(int) {
  int saved = errno;
  int fd = wake_fd.load(std::memory_order_relaxed);
  uint64_t one = 1;
  if (fd >= 0) (void)!::write(fd, &one, sizeof one);
  errno = saved;
}

Status take_child_signals(int fd) {
  wake_fd = fd;
  struct sigaction action {};
  action.sa_handler = on_child;
  action.sa_flags =
      SA_RESTART;  // SA_NOCLDSTOP not wanted: stops are nothing to us, and a wake-up more does no harm
  if (::sigaction(SIGCHLD, &action, nullptr) != 0) return Error::system("sigaction", "SIGCHLD");
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  return {};
}

Status no_wait(int fd) {
  if (::fcntl(fd, F_SETFL, O_NONBLOCK) < 0) return Error::system("fcntl", "O_NONBLOCK");
  return {};
}

}  // namespace

Result<std::unique_ptr<Children>> Children::create(Options options) {
  std::unique_ptr<Children> children(new Children(std::move(options)));
  children->chunk_ = std::make_unique_for_overwrite<char[]>(chunk_size);
  Fd woken(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!woken.valid()) return Error::system("eventfd", "");
  children->woken_ = TRY(above_standard(std::move(woken)));
  // An image need not have a /dev: an empty pipe whose other end is closed reads as an empty file, too.
  if (auto null = sys::open("/dev/null", O_RDONLY); null.ok()) {
    children->null_ = TRY(above_standard(std::move(null).value()));
  } else {
    children->null_ = TRY(above_standard(TRY(sys::pipe()).first));
  }
  CHECK_OK(take_child_signals(children->woken_.get()));
  if (::getpid() != 1) (void)::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  return children;
}

Children::~Children() {
  kill_all();
  wake_fd = -1;
}

Result<Children::Launch> Children::launch(Program program) {
  auto [out_read, out_write] = TRY(sys::pipe());
  auto [err_read, err_write] = TRY(sys::pipe());
  Fd out = TRY(above_standard(std::move(out_write)));
  Fd err = TRY(above_standard(std::move(err_write)));
  CHECK_OK(no_wait(out_read.get()));
  CHECK_OK(no_wait(err_read.get()));
  if (program.input < 0) program.input = null_.get();
  program.output = out.get();
  program.error = err.get();
  Started started = start(program);
  if (started.pid < 0) return Launch{nullptr, started.error};
  Job& job = jobs_.emplace_back(started.pid, options_.spill);
  job.output_pipe = std::move(out_read);
  job.error_pipe = std::move(err_read);
  return Launch{&job, {}};
}

Result<Children::Launch> Children::launch_into(Program program) {
  if (program.input < 0) program.input = null_.get();
  const Started started = start(program);
  if (started.pid < 0) return Launch{nullptr, started.error};
  return Launch{&jobs_.emplace_back(started.pid, options_.spill), {}};
}

void Children::listen(int fd, std::function<void()> ready) { listeners_.push_back({fd, std::move(ready)}); }

void Children::unlisten(int fd) {
  std::erase_if(listeners_, [fd](const Listener& listener) { return listener.fd == fd; });
}

void Children::forget(Job* job) {
  jobs_.remove_if([job](const Job& j) { return &j == job; });
  overflow_ = std::any_of(jobs_.begin(), jobs_.end(), [](const Job& j) { return !j.overflow.empty(); });
}

void Children::drain(Job& job, Fd& pipe, OutputBuffer& buffer, const char* name) {
  for (size_t reads = 0; reads < reads_in_a_turn; ++reads) {
    ssize_t size = ::read(pipe.get(), chunk_.get(), chunk_size);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return pipe.reset();
    std::string_view bytes(chunk_.get(), static_cast<size_t>(size));
    if (buffer.size() + bytes.size() > options_.max_output) {
      bytes = bytes.substr(0, options_.max_output - buffer.size());
      if (job.overflow.empty()) job.overflow = name;
      overflow_ = true;
    }
    auto kept = buffer.append(bytes);
    if (!kept.ok() && !job.trouble) job.trouble = std::move(kept).error();
    if (job.trouble) overflow_ = true;
    if (overflow_) return;
  }
}

void Children::drain(Source& source) {
  for (size_t reads = 0; reads < reads_in_a_turn && !source.ended && !source.overflow && !source.trouble;) {
    ssize_t size = ::read(source.pipe.get(), chunk_.get(), chunk_size);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    ++reads;
    if (size <= 0) {
      source.ended = true;
      return;
    }
    std::string_view bytes(chunk_.get(), static_cast<size_t>(size));
    if (source.buffer.size() + bytes.size() > options_.max_output) {
      bytes = bytes.substr(0, options_.max_output - source.buffer.size());
      source.overflow = true;
    }
    auto kept = source.buffer.append(bytes);
    if (!kept.ok()) source.trouble = std::move(kept).error();
  }
}

bool Children::drain_now(Source& source) {
  source.ended = false;
  size_t before = 0;
  do {
    before = source.buffer.size();
    drain(source);
  } while (!source.ended && source.buffer.size() != before);
  return !source.ended;
}

Source* Children::add(Fd pipe) { return &sources_.emplace_back(std::move(pipe), options_.spill); }

void Children::drop(Source* source) {
  sources_.remove_if([source](const Source& s) { return &s == source; });
}

void Children::discard(Source* source) {
  if (source != nullptr && !source->ended) strays_.push_back(std::move(source->pipe));
  drop(source);
}

void Children::reap() {
  uint64_t count = 0;
  (void)!::read(woken_.get(), &count, sizeof count);
  for (;;) {
    int status = 0;
    pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR) continue;
    if (pid <= 0) return;
    for (Job& job : jobs_) {
      if (job.pid == pid && !job.status) {
        job.status = status;
        job.ended_ns = sys::monotonic_ns();
      }
    }
  }
}

uint64_t Children::next_release() const {
  uint64_t next = UINT64_MAX;
  for (const Job& job : jobs_) {
    if (job.status && !job.complete()) next = std::min(next, job.ended_ns + grace_after_end_ns);
  }
  return next;
}

void Children::release_held_pipes(uint64_t now) {
  for (Job& job : jobs_) {
    if (!job.status || job.complete() || now < job.ended_ns + grace_after_end_ns) continue;
    job.held_open = true;
    for (Fd* pipe : {&job.output_pipe, &job.error_pipe}) {
      if (pipe->valid()) strays_.push_back(std::move(*pipe));
    }
  }
}

/// Waits once, at most until `until_ns` (0: not at all), and takes what there is.
void Children::turn(uint64_t until_ns) {
  struct Polled {
    Job* job;
    bool error;
    Fd* stray;
  };
  std::vector<pollfd> polled{{woken_.get(), POLLIN, 0}};
  std::vector<Polled> sources;
  for (Job& job : jobs_) {
    if (!job.overflow.empty() || job.trouble) continue;  // left to block until it is killed
    for (bool error : {false, true}) {
      Fd& pipe = error ? job.error_pipe : job.output_pipe;
      if (!pipe.valid()) continue;
      polled.push_back({pipe.get(), POLLIN, 0});
      sources.push_back({&job, error, nullptr});
    }
  }
  for (Fd& stray : strays_) {
    polled.push_back({stray.get(), POLLIN, 0});
    sources.push_back({nullptr, false, &stray});
  }
  const size_t first_source = polled.size();
  std::vector<Source*> read;
  for (Source& source : sources_) {
    if (source.ended || source.overflow || source.trouble) continue;
    polled.push_back({source.pipe.get(), POLLIN, 0});
    read.push_back(&source);
  }
  const size_t first_listener = polled.size();
  for (const Listener& listener : listeners_) polled.push_back({listener.fd, POLLIN, 0});
  const std::vector<Listener> listeners = listeners_;
  const bool watch_cancel = options_.cancel_fd >= 0 && !cancelled_;
  if (watch_cancel) polled.push_back({options_.cancel_fd, POLLIN, 0});
  uint64_t now = sys::monotonic_ns();
  until_ns = std::min({until_ns, now + longest_sleep_ns, next_release()});
  uint64_t rest = until_ns > now ? until_ns - now : 0;
  int ready = ::poll(polled.data(), polled.size(), static_cast<int>((rest + 999'999) / 1'000'000));
  if (ready < 0 && errno != EINTR) {
    // What they wrote cannot be read any more: none of them may be judged by silence.
    Error error = Error::system("poll", "the output of commands");
    for (Job& job : jobs_) {
      if (!job.trouble) job.trouble = error;
    }
    overflow_ = true;
  }
  if (ready > 0) {
    for (size_t i = 0; i < sources.size(); ++i) {
      if (polled[i + 1].revents == 0) continue;
      if (sources[i].stray != nullptr) {
        ssize_t size = ::read(sources[i].stray->get(), chunk_.get(), chunk_size);
        if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) sources[i].stray->reset();
        continue;
      }
      Job& job = *sources[i].job;
      if (sources[i].error) {
        drain(job, job.error_pipe, job.error, "stderr");
      } else {
        drain(job, job.output_pipe, job.output, "stdout");
      }
    }
    for (size_t i = 0; i < read.size(); ++i) {
      if (polled[first_source + i].revents != 0) drain(*read[i]);
    }
    for (size_t i = 0; i < listeners.size(); ++i) {
      // One that was called before may have ended another.
      const int fd = listeners[i].fd;
      const bool there =
          std::any_of(listeners_.begin(), listeners_.end(), [fd](const Listener& l) { return l.fd == fd; });
      if (there && polled[first_listener + i].revents != 0) listeners[i].ready();
    }
    if (watch_cancel && polled.back().revents != 0) cancelled_ = true;
  }
  strays_.remove_if([](const Fd& fd) { return !fd.valid(); });
  reap();
  release_held_pipes(sys::monotonic_ns());
  if (hook_) hook_();
}

/// Once for each time that somebody was in a hurry.
bool Children::is_late(uint64_t deadline_ns) {
  return std::exchange(hurried_, false) || sys::monotonic_ns() >= deadline_ns;
}

Pause Children::wait_for(Job& job, uint64_t deadline_ns) {
  for (;;) {
    if (cancelled_) return Pause::cancelled;
    if (overflow_) return Pause::overflow;
    if (job.complete()) return Pause::over;
    // A command that has ended in time is not late because others hold its pipe.
    if (!job.status && is_late(deadline_ns)) return Pause::late;
    turn(job.status ? UINT64_MAX : deadline_ns);
  }
}

Pause Children::wait_until(uint64_t deadline_ns) {
  for (;;) {
    if (cancelled_) return Pause::cancelled;
    if (overflow_) return Pause::overflow;
    if (is_late(deadline_ns)) return Pause::late;
    turn(deadline_ns);
  }
}

Pause Children::wait_while(const std::function<bool()>& done, uint64_t deadline_ns) {
  for (;;) {
    if (cancelled_) return Pause::cancelled;
    if (done()) return Pause::over;
    if (is_late(deadline_ns)) return Pause::late;
    turn(deadline_ns);
  }
}

void Children::stop_jobs(uint64_t grace_ns, int signal) {
  auto running = [this] {
    return std::any_of(jobs_.begin(), jobs_.end(), [](const Job& j) { return !j.status; });
  };
  for (Job& job : jobs_) {
    if (job.status) continue;
    (void)::kill(-job.pid, signal);
    (void)::kill(-job.pid, SIGCONT);
  }
  uint64_t deadline = sys::monotonic_ns() + grace_ns;
  while (running() && !cancelled_ && sys::monotonic_ns() < deadline) turn(deadline);
  // The group of one that has ended is not touched: its number may be somebody else's by now.
  for (Job& job : jobs_) {
    if (!job.status) (void)::kill(-job.pid, SIGKILL);
  }
  deadline = sys::monotonic_ns() + kill_patience_ns;
  while (running() && sys::monotonic_ns() < deadline) turn(deadline);
}

void Children::kill_tree(Job& job) {
  // What is stopped forks no more: when a round finds nobody new, all are known.
  std::vector<pid_t> known;
  for (size_t before = SIZE_MAX; !job.status && known.size() != before;) {
    before = known.size();
    (void)::kill(-job.pid, SIGSTOP);
    const auto below = descendants(job.pid);
    for (const Process& process : below ? *below : std::vector<Process>()) {
      if (std::find(known.begin(), known.end(), process.pid) != known.end()) continue;
      (void)::kill(process.pid, SIGSTOP);
      known.push_back(process.pid);
    }
  }
  for (const pid_t pid : known) (void)::kill(pid, SIGKILL);
  if (!job.status) (void)::kill(-job.pid, SIGKILL);
  const uint64_t deadline = sys::monotonic_ns() + kill_patience_ns;
  while (!job.complete() && !cancelled_ && sys::monotonic_ns() < deadline) turn(deadline);
}

bool Children::any_left() {
  reap();
  // WNOWAIT leaves an ended child to be reaped; ECHILD says that there is none at all.
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

std::vector<pid_t> Children::running() const {
  std::vector<pid_t> pids;
  for (const Job& job : jobs_) {
    if (!job.status) pids.push_back(job.pid);
  }
  return pids;
}

void Children::kill_all() {
  // Killing and forking race; what was missed is found in the next round.
  uint64_t deadline = sys::monotonic_ns() + kill_patience_ns;
  while (any_left() && sys::monotonic_ns() < deadline) {
    if (::getpid() == 1) {
      (void)::kill(-1, SIGKILL);  // all that is in our PID namespace but us, at one stroke
    } else {
      for (const Job& job : jobs_) {
        if (!job.status) (void)::kill(-job.pid, SIGKILL);
      }
      if (auto below = descendants()) {
        for (const Process& process : *below) (void)::kill(process.pid, SIGKILL);
      }
    }
    turn(sys::monotonic_ns() + 5'000'000);
  }
  reap();
}

}  // namespace testctr::interpret
