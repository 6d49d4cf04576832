#include "run/channel_place.h"
#include "run/engine.h"
#include "run/inside.h"

namespace testctr::run {
namespace {

// Why a container is gone, where that was not what it said itself.
void explain(const sandbox::Ending& ending, PlaceEnding& result) {
  if (ending.pids_exceeded)
    result.limit_reached = "the container was at its limit of processes: --pids N allows more";
  result.limit_refused = ending.pids_refused;
  if (ending.setup_error) {
    result.error = *ending.setup_error;
  } else if (ending.memory_exceeded) {
    result.limit_struck = true;
    result.error =
        Error::infrastructure("the container went over its memory limit").hint("--memory SIZE allows more");
  } else if (ending.signal != 0) {
    result.error = Error::infrastructure(
        fmt::format("the container's first process was killed (signal {})", ending.signal));
  } else if (ending.exit_status != 0) {
    result.error = Error::infrastructure(
        fmt::format("the container's first process ended with status {}", ending.exit_status));
  }
}

class NativePlace : public ChannelPlace {
 public:
  NativePlace(sandbox::Container container, Conversation conversation)
      : ChannelPlace(std::move(conversation), container.channel()), container_(std::move(container)) {}

  void watch() override { container_.check_limits(); }
  void kill() override { container_.kill(); }
  Result<Fd> changes() override { return container_.changes(); }
  Result<sandbox::Container::Namespaces> namespaces() override { return container_.namespaces(); }

  PlaceEnding finish() override {
    PlaceEnding result;
    result.lost = lost();
    auto ending = container_.finish();
    if (!ending.ok()) {
      result.error = std::move(ending).error();
      return result;
    }
    result.peak_memory = ending.value().peak_memory;
    result.cpu_ns = ending.value().cpu_ns;
    explain(ending.value(), result);
    return result;
  }

 private:
  sandbox::Container container_;
};

class NativeEngine : public Engine {
 public:
  [[nodiscard]] std::string shown() const override { return "native"; }
  [[nodiscard]] bool joins() const override { return true; }
  [[nodiscard]] bool starts_ahead() const override { return true; }
  [[nodiscard]] bool follows() const override { return true; }
  Result<std::unique_ptr<Place>> start(const PlaceRequest& request) override {
    auto conversation = TRY(Conversation::begin(request.assignment));
    if (request.order != nullptr) CHECK_OK(conversation.order(*request.order));
    auto container = TRY(sandbox::Container::start(request.spec, carry_out_inside));
    auto place = std::make_unique<NativePlace>(std::move(container), std::move(conversation));
    CHECK_OK(place->send_some());
    return std::unique_ptr<Place>(std::move(place));
  }
};

}  // namespace

Engine& native_engine() {
  static NativeEngine engine;
  return engine;
}

}  // namespace testctr::run
