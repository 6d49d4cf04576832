// Holds the rest together: obtains the images of a plan, runs its scripts in parallel, each in a fresh
// container, enforces the time limits from outside, and tells what happened as stamped events.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "image/changes.h"
#include "image/image.h"
#include "interpret/event.h"
#include "plan/plan.h"
#include "report/findings.h"
#include "run/engine.h"
#include "run/mask.h"
#include "run/user_terminal.h"

namespace testctr::run {

struct Options {
  image::StoreOptions store;
  image::Access access;  ///< where images may come from
  /// Who wants a shell in a test: of its failure, or its beginning. Tests then run one after the other, and
  /// time limits stand still while it is open. Borrowed; null: nobody.
  UserTerminal* terminal = nullptr;
  Engine* engine = nullptr;  ///< who makes containers; null: we ourselves. Borrowed
  /// Readable when the run is to stop (a signalfd, or a self-pipe); -1: never. One byte or more: finish
  /// cleanly. Borrowed.
  int stop_fd = -1;
  /// Where what an image's containers touch is written (Spec::follow), for the name by which the image is
  /// obtained: a descriptor that stays open until the run is over; -1: this one is not followed. Empty:
  /// nothing is. A usage error with an engine that cannot.
  std::function<int(const std::string& image)> follow;
  /// Called a few times a second while tests run, for who shows how long they take; may be empty.
  std::function<void()> tick;
  /// Where the system calls of all containers are noted (Spec::learn): a descriptor that stays open until the
  /// run is over; -1: nowhere. A usage error with an engine that cannot.
  int learn = -1;
  /// Files and folders that change while tests run (a report that is written as they go): where
  /// they lie in a test tree, they are no part of it.
  std::vector<std::string> apart;
  /// Told of each test, before the first begins, what it is made from: "image", the manifest of its image,
  /// and "image.NAME" of each other one, "tree", its fingerprint; each where there is one. May be empty.
  std::function<void(size_t job, report::Circumstances made_from)> provided;
  /// Gets what each job that sets an image up (`Job::setup`) and has passed has changed, by the job's index;
  /// null for the others. Borrowed; null: nobody wants it. The layers outlive the run.
  image::ChangesLayers* set_ups = nullptr;
  /// Told what people are to know of the run as a whole (another store than the usual one); may be empty.
  std::function<void(const std::string&)> note;
};

/// How the run as a whole ended; what happened to each script was told by events.
struct Summary {
  bool timed_out = false;    ///< the run's own time limit
  bool interrupted = false;  ///< `stop_fd`
  bool failed_fast = false;  ///< a test failed, and the plan wanted no more then
};

/// The values of all that the plan's tests declare secret.
Secrets secrets_of(const plan::Plan& plan);

/// Runs every job of the plan and sends for each `script_started` and `script_ended` (in whatever order they
/// come), with what happened in between. A job that cannot be run ends with Outcome::error; jobs not reached
/// end with Outcome::not_run. The calling process must be single-threaded, and must not have children of its
/// own that it waits for with waitpid(-1).
/// @return an error only when nothing could be run at all (the store cannot be opened).
Result<Summary> run_plan(const plan::Plan& plan, EventSink& events, const Options& options);

}  // namespace testctr::run
