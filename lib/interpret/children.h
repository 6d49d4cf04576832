// The children of this process: their output, their ends, and the end of all that they leave behind. One loop
// waits for everything at once (pipes, ends of children, a request to stop, deadlines), so that background
// commands never block on a full pipe while it runs.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "interpret/buffer.h"
#include "interpret/process_table.h"
#include "interpret/spawn.h"

namespace testctr::interpret {

/// A program that was started.
struct Job {
  Job(pid_t id, const std::string& spill) : pid(id), output(spill), error(spill) {}

  pid_t pid;
  Fd output_pipe, error_pipe;  ///< our ends, not valid after their end
  OutputBuffer output, error;
  std::optional<int> status;     ///< as waitpid(2) gives it
  uint64_t ended_ns = 0;         ///< monotonic, when `status` is there
  bool held_open = false;        ///< somebody else kept a pipe open when it had ended
  std::string overflow;          ///< "stdout" or "stderr" when that went over the bound
  std::optional<Error> trouble;  ///< its output could not be kept

  /// Whether nothing more is to come.
  [[nodiscard]] bool complete() const { return status && !output_pipe.valid() && !error_pipe.valid(); }
};

/// A pipe that is read for as long as somebody asks for it, beside those of jobs.
struct Source {
  Source(Fd fd, const std::string& spill) : pipe(std::move(fd)), buffer(spill) {}

  Fd pipe;
  OutputBuffer buffer;
  bool ended = false;            ///< all who wrote have closed it; `resume` asks again
  bool overflow = false;         ///< more than may be came; nothing is read any more
  std::optional<Error> trouble;  ///< what came could not be kept
};

enum class Pause : uint8_t {
  over,       ///< what was waited for is there
  late,       ///< the deadline came first
  overflow,   ///< a program wrote more than it may
  cancelled,  ///< the run is to stop
};

class Children {
 public:
  struct Options {
    std::string spill;  ///< directory for output beyond what is kept in memory
    uint64_t max_output = uint64_t{64} << 20;
    int cancel_fd = -1;
  };
  /// Takes the reaping of this process's children. One at a time in a process.
  static Result<std::unique_ptr<Children>> create(Options options);
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  /// Kills what is left.
  ~Children();

  /// Starts `program` with pipes for its output, and /dev/null as its input unless it names one.
  /// @return the job, owned here until `forget`; or why it did not start
  struct Launch {
    Job* job = nullptr;
    StartError error;
  };
  Result<Launch> launch(Program program);
  void forget(Job* job);
  /// The same for a program that names its own output: the job has none.
  Result<Launch> launch_into(Program program);

  /// Waits until `job` is complete. @param deadline_ns monotonic
  Pause wait_for(Job& job, uint64_t deadline_ns);
  /// Waits until the deadline: `late`, or `cancelled`.
  Pause wait_until(uint64_t deadline_ns);
  /// Waits until `done` says so. It is asked after everything that happens to a job or a source; what a
  /// source that went over its bound means is for `done` to say.
  Pause wait_while(const std::function<bool()>& done, uint64_t deadline_ns);
  /// Whoever waits now, or next, is to take it that the deadline has come.
  void hurry() { hurried_ = true; }
  void hurry_no_more() { hurried_ = false; }

  /// Reads `pipe` (non-blocking) from now on. @return owned here until `drop`
  Source* add(Fd pipe);
  void drop(Source* source);
  /// Takes what a source holds now, without waiting. @return whether somebody may still write to it.
  bool drain_now(Source& source);
  /// The pipe is read to its end and its bytes thrown away, so that nobody blocks on it; `source` is gone.
  void discard(Source* source);
  /// Whoever waits here from now on also waits for `fd` to be readable, and then calls `ready`, which reads
  /// and may not wait; borrowed until `unlisten`.
  void listen(int fd, std::function<void()> ready);
  void unlisten(int fd);
  /// Called whenever something has happened, or time has gone by, while somebody waits here. It may not wait.
  void at_each_turn(std::function<void()> hook) { hook_ = std::move(hook); }
  /// Takes what has come, without waiting.
  void look() { turn(0); }

  /// `signal` to each job's group, SIGKILL to those that have not ended when `grace_ns` is over.
  void stop_jobs(uint64_t grace_ns, int signal = SIGTERM);
  /// Kills a job and all that is below it, and waits for its end.
  void kill_tree(Job& job);
  /// Kills everything below this process, whatever it did to escape.
  void kill_all();
  /// The living processes below this one; nothing where /proc does not tell.
  [[nodiscard]] static std::optional<std::vector<Process>> left_behind() { return descendants(); }
  /// The programs that were launched and run.
  [[nodiscard]] std::vector<pid_t> running() const;
  /// Whether this process has children at all.
  [[nodiscard]] bool any_left();

 private:
  explicit Children(Options options) : options_(std::move(options)) {}
  void turn(uint64_t until_ns);
  [[nodiscard]] bool is_late(uint64_t deadline_ns);
  void reap();
  void drain(Job& job, Fd& pipe, OutputBuffer& buffer, const char* name);
  void drain(Source& source);
  void release_held_pipes(uint64_t now);
  [[nodiscard]] uint64_t next_release() const;

  Options options_;
  Fd null_, woken_;
  std::list<Job> jobs_;
  std::list<Source> sources_;
  struct Listener {
    int fd = -1;
    std::function<void()> ready;
  };
  std::vector<Listener> listeners_;
  std::function<void()> hook_;
  std::list<Fd>
      strays_;  ///< pipes that outlived their job's end: read, so that nobody blocks, and thrown away
  bool cancelled_ = false, hurried_ = false;
  bool overflow_ = false;
  // Not a vector: that would be filled with zeros, page by page, before the first command.
  std::unique_ptr<char[]> chunk_;
};

}  // namespace testctr::interpret
