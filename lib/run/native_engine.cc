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
  /// @param layers those of its image, where what is left in it is to be told
  NativePlace(sandbox::Container container, Conversation conversation, std::vector<std::string> layers)
      : ChannelPlace(std::move(conversation), container.channel()),
        container_(std::move(container)),
        layers_(std::move(layers)) {}

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
    if (!layers_.empty() && !ending.value().setup_error) look(result);
    return result;
  }

 private:
  // Nothing writes there any more.
  void look(PlaceEnding& result) {
    const auto upper = container_.changes();
    const auto mark = container_.mark();
    if (upper.ok() && mark.ok()) result.left = image::left_in(upper.value().get(), mark.value(), layers_);
  }

  sandbox::Container container_;
  std::vector<std::string> layers_;
};

/// Of containers that lines are carried out in. A service writes for itself; to change an image is what a
/// test that sets one up is for.
std::vector<std::string> watched_layers(const PlaceRequest& request) {
  const bool watched =
      !request.what.service && !request.job.setup && request.spec.root.kind == sandbox::Root::Kind::layers;
  return watched ? request.spec.root.layers : std::vector<std::string>();
}

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
    auto place =
        std::make_unique<NativePlace>(std::move(container), std::move(conversation), watched_layers(request));
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
