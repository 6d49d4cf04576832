// The second thread of PID 1, from which everything inside descends. While the first builds the root, it
// makes the container's network - the kernel needs as long for that as for all the rest -, gives up its
// privileges and puts the filter on itself; then it waits, and at last carries the body out, whose end is
// that of the process.
#pragma once

#include <atomic>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/container.h"
#include "sandbox/init.h"
#include "sandbox/plan.h"
#include "sandbox/refusals.h"
#include "sandbox/root.h"

namespace testctr::sandbox {

class Spawner : public Beside {
 public:
  /// All three are to live until the process ends.
  Spawner(const Plan& plan, const Body& body, const ChildEnds& ends);
  /// Starts the thread, with the privileges and the bounding set of the calling one; whatever is inherited is
  /// to be closed before. What fails in it later ends the process with a report.
  Status start();
  void proc_is_mounted() override { proc_mounted_.release(); }
  Status finish() override;
  /// Waits until the thread has no privileges and is under its filter. A thread that its own filter has
  /// killed ends the process with a report.
  void await_filter();
  /// Lets the body begin. @param notes for `Inside::notes`.
  void begin(std::vector<std::string> notes);
  /// What the filter asks is read from here; -1: it asks nothing. To be called after `await_filter`.
  [[nodiscard]] int listener() const { return listener_; }
  /// Whether the thread has ended, whoever ended it: a filter can kill one without a word.
  [[nodiscard]] bool has_ended();
  [[nodiscard]] RefusalLog& log() { return inside_.log; }

 private:
  class Here : public Inside {
   public:
    Here(int channel, const Account& account) : channel_(channel), account_(account) {}
    int channel() const override { return channel_; }
    void set_label(uint32_t label) override { log.set_label(label); }
    std::vector<Refusal> take_refusals() override { return log.take(); }
    const std::vector<std::string>& notes() const override { return all_notes; }
    uid_t user() const override { return account_.uid; }
    const std::string& home() const override { return account_.home; }

    RefusalLog log;
    std::vector<std::string> all_notes;

   private:
    int channel_;
    const Account& account_;
  };

  [[noreturn]] void live();
  Status make_network();
  Result<Fd> filter_this_thread();

  static constexpr int unknown_ = -2;
  const Plan& plan_;
  const Body& body_;
  const ChildEnds& ends_;
  Here inside_;
  Fd network_;
  std::string note_;  // of the filter; the first thread's once it has waited for it
  std::atomic<int> listener_ = unknown_;
  std::binary_semaphore proc_mounted_{0}, mounted_{0}, filtered_{0}, begin_{0};
  std::thread thread_;
};

/// Says that the filter that was asked for cannot be lived under.
[[noreturn]] void fail_for_filter(const Plan& plan, const ChildEnds& ends);

}  // namespace testctr::sandbox
