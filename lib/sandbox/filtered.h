// The thread that everything inside descends from. It gives up what its maker tells it to, puts the system
// call filter on itself, waits, and at last carries the body out, whose end is that of the process. The
// process's first thread answers what the filter asks.
#pragma once

#include <atomic>
#include <functional>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/container.h"
#include "sandbox/ids.h"
#include "sandbox/refusals.h"

#include <linux/filter.h>

namespace testctr::sandbox {

/// What filter a thread puts on itself.
struct Filter {
  std::string name = "default";      ///< as `Spec::seccomp`
  std::vector<sock_filter> profile;  ///< the compiled one of a file; empty: the default filter, or none
  bool fake_success = false;
  int follow = -1;        ///< as `Spec::follow`; then a listener must be there
  int learn = -1;         ///< as `Spec::learn`; the same
  bool may_lack = false;  ///< where the kernel takes no filter at all there is none, and a note says so
};

/// Compiles the text of a Docker/OCI profile into `filter`. @param notes gets what of it is unknown here
Status compile_into(Filter& filter, const std::string& text, std::vector<std::string>& notes);

class FilteredThread {
 public:
  /// Told what failed; does not return.
  using Fail = std::function<void(const Error&)>;

  /// `account` and `body` are to live until the process ends. @param channel for `Inside::channel`
  FilteredThread(Filter filter, const Account& account, int channel, const Body& body, Fail fail)
      : filter_(std::move(filter)), body_(body), fail_(std::move(fail)), inside_(channel, account) {}
  /// Starts the thread, with the privileges and the bounding set of the calling one; whatever is inherited is
  /// to be closed before. What fails in it later goes to `fail`.
  /// @param prepare carried out in it first; afterwards it has no privileges, and no_new_privs
  Status start(std::function<Status()> prepare);
  /// Waits until the thread is under its filter. A thread that its own filter has killed is a failure.
  void await_filter();
  /// Puts the filter of who only waits and answers on the calling thread, unless nothing is to be filtered.
  Status filter_supervisor();
  /// Lets the body begin. @param notes for `Inside::notes`.
  void begin(std::vector<std::string> notes);
  /// Answers what the filter asks, until the body ends the process, or the channel's other end is gone.
  [[noreturn]] void supervise();

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

  Result<Fd> filter_this_thread();
  /// Whether the thread has ended, whoever ended it: a filter can kill one without a word.
  bool has_ended();
  /// Says that the filter that was asked for cannot be lived under.
  [[noreturn]] void fail_for_filter();
  [[noreturn]] void fail(const Error& error);

  static constexpr int unknown_ = -2;
  Filter filter_;
  const Body& body_;
  Fail fail_;
  Here inside_;
  std::string note_;                      // of the filter; the first thread's once it has waited for it
  std::atomic<int> listener_ = unknown_;  // -1: it asks nothing
  std::binary_semaphore filtered_{0}, begin_{0};
  std::thread thread_;
};

}  // namespace testctr::sandbox
