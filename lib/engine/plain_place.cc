#include "engine/plain_place.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/sys.h"
#include "engine/guard_filter.h"
#include "interpret/process_table.h"
#include "run/inside.h"
#include "run/resident.h"
#include "sandbox/confined.h"
#include "sandbox/watch.h"

namespace testctr::engine {
namespace {

// A look reads what all processes of the machine say.
constexpr uint64_t watch_pause_ns = 50'000'000;

class PlainPlace : public run::ChannelPlace {
 public:
  PlainPlace(std::string shown, std::unique_ptr<run::Guardian> guardian, run::Conversation conversation,
             const sandbox::Limits& limits)
      : ChannelPlace(std::move(conversation), guardian->channel()),
        shown_(std::move(shown)),
        guardian_(std::move(guardian)),
        limits_(limits) {}

  void watch() override {
    const uint64_t now = sys::monotonic_ns();
    if (struck_ || now < next_watch_ns_) return;
    next_watch_ns_ = now + watch_pause_ns;
    const auto below = interpret::descendants(guardian_->pid());
    auto proc = sys::open("/proc", O_PATH | O_DIRECTORY);
    if (!below || !proc.ok()) return;
    std::vector<std::string> names;
    for (const interpret::Process& process : *below) names.push_back(std::to_string(process.pid));
    const sandbox::Usage usage = sandbox::usage_of(proc.value().get(), names, {}, limits_.memory);
    peak_memory_ = std::max(peak_memory_, usage.memory);
    if (limits_.memory != 0 && usage.memory > limits_.memory) {
      strike(Error::infrastructure("the container went over its memory limit")
                 .hint("--memory SIZE allows more"));
    } else if (limits_.pids != 0 && usage.tasks > limits_.pids) {
      strike(Error::infrastructure("the container went over its limit of processes")
                 .hint("--pids N allows more"));
    }
  }

  void kill() override { guardian_->kill(); }

  Result<sandbox::Container::Namespaces> namespaces() override {
    return Error::usage(fmt::format(
        "the engine {} has no network of its own for a test: a port of it is one of this machine", shown_));
  }

  run::PlaceEnding finish() override {
    run::PlaceEnding result;
    result.lost = lost();
    Status gone = guardian_->finish();
    result.cpu_ns = guardian_->cpu_ns();
    result.peak_memory = peak_memory_;
    result.error = std::move(struck_);
    result.limit_struck = result.error.has_value();
    if (!gone.ok() && !result.error) result.error = std::move(gone).error();
    return result;
  }

 private:
  void strike(Error error) {
    struck_ = std::move(error);
    kill();
  }

  std::string shown_;
  std::unique_ptr<run::Guardian> guardian_;
  sandbox::Limits limits_;
  uint64_t next_watch_ns_ = 0, peak_memory_ = 0;
  std::optional<Error> struck_;
};

}  // namespace

Result<std::unique_ptr<run::Place>> start_plain_place(const std::string& shown,
                                                      std::unique_ptr<run::Guardian> guardian,
                                                      const run::PlaceRequest& request,
                                                      const run::Assignment& assignment) {
  auto conversation = TRY(run::Conversation::begin(assignment));
  if (request.order != nullptr) CHECK_OK(conversation.order(*request.order));
  auto place =
      std::make_unique<PlainPlace>(shown, std::move(guardian), std::move(conversation), request.spec.limits);
  CHECK_OK(place->send_some());
  return std::unique_ptr<run::Place>(std::move(place));
}

Status read_profile(const std::string& seccomp, sandbox::ConfinedSpec& spec) {
  spec.seccomp = seccomp;
  if (seccomp == "default" || seccomp == "unconfined") return {};
  spec.profile = TRY_IN(sys::read_file(seccomp, size_t{4} << 20), "reading the system call profile");
  return {};
}

void reside_confined(int channel, sandbox::ConfinedSpec spec, pid_t runner, bool closed) {
  spec.channel = channel;
  spec.dies_with_parent = true;
  spec.failed = [channel](const Error& error) { run::tell_failure(channel, error); };
  Status guarded = protect_from_here({runner, ::getpgid(runner), ::getppid(), ::getpid()}, closed);
  if (!guarded.ok())
    spec.notes.push_back("programs can reach this program's own processes: " + guarded.error().message());
  sandbox::run_confined(spec, run::carry_out_inside);
}

}  // namespace testctr::engine
