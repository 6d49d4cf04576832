#include "engine/api_engines.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <list>
#include <map>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "engine/container_body.h"
#include "engine/courier.h"
#include "engine/images.h"
#include "image/layer.h"
#include "run/channel_place.h"

namespace testctr::engine {
namespace {

constexpr uint64_t removal_patience_ns = 60'000'000'000;

/// A container that holds the network of a test, for as long as a place of the test is there.
struct Network {
  std::unique_ptr<Courier> holder;
  std::string name;
};

/// By which a container's first process is known to be that of this container.
std::string mark_of(const std::string& container) { return "TESTCTR_CONTAINER=" + container; }

/// Why a container is gone, where that was not what it said itself.
void explain(const CourierReport& report, run::PlaceEnding& result) {
  result.killed = report.killed;
  const auto usage = decode_usage(report.written);
  if (usage) {
    result.peak_memory = usage->peak_memory;
    result.cpu_ns = usage->cpu_ns;
    result.limit_refused = usage->pids_refused;
    if (usage->pids_refused)
      result.limit_reached = "the container was at its limit of processes: --pids N allows more";
  }
  if (report.out_of_memory || (usage && usage->out_of_memory)) {
    result.limit_struck = true;
    result.error =
        Error::infrastructure("the container went over its memory limit").hint("--memory SIZE allows more");
    return;
  }
  if (report.error) {
    result.error = report.error;
    return;
  }
  // Whoever had it killed knows why.
  if (report.killed || report.exit_code == 0) return;
  const std::string said = usage ? "" : text::printable(text::trim(report.written), /*keep_layout=*/true);
  if (report.exit_code == setup_failed && !said.empty()) {
    const size_t line = said.find('\n');
    Error error = Error::infrastructure(said.substr(0, line));
    result.error = line == std::string::npos ? error : std::move(error).hint(said.substr(line + 1));
    return;
  }
  result.error = Error::infrastructure(fmt::format("the container's first process ended with status {}{}",
                                                   report.exit_code, said.empty() ? "" : ": " + said));
}

class EnginePlace : public run::ChannelPlace {
 public:
  EnginePlace(std::unique_ptr<Courier> courier, run::Conversation conversation, Api& api, std::string name,
              std::shared_ptr<Network> network)
      : ChannelPlace(std::move(conversation), courier->channel()),
        courier_(std::move(courier)),
        api_(api),
        name_(std::move(name)),
        network_(std::move(network)) {}

  void watch() override {}
  void kill() override { courier_->kill(); }

  run::PlaceEnding finish() override {
    run::PlaceEnding result;
    result.lost = lost();
    const CourierReport report = courier_->finish();
    explain(report, result);
    // What a courier that was killed did not do.
    if (report.deserted) remove_container(api_, name_);
    return result;
  }

  Result<sandbox::Container::Namespaces> namespaces() override {
    if (auto opened = open_namespaces(); !opened.ok()) {
      return std::move(opened).error().hint(
          "a published port needs an engine on this machine whose containers this program may enter: as "
          "root, "
          "or an engine of the same user");
    }
    return sandbox::Container::Namespaces{user_.valid() ? user_.get() : -1, net_.get()};
  }

 private:
  Result<Unit> open_namespaces();

  std::unique_ptr<Courier> courier_;
  Api& api_;
  std::string name_;
  std::shared_ptr<Network> network_;
  Fd user_, net_;
};

class ApiEngine : public run::Engine {
 public:
  ApiEngine(Api api, EngineInfo info) : api_(std::move(api)), info_(std::move(info)) {}

  // Containers are removed beside the run; it ends when they are gone.
  ~ApiEngine() override {
    networks_.clear();
    const uint64_t until = sys::monotonic_ns() + removal_patience_ns;
    while (!couriers_.empty() && sys::monotonic_ns() < until) {
      reap();
      if (!couriers_.empty()) ::usleep(5'000);
    }
  }

  [[nodiscard]] std::string shown() const override { return info_.shown; }

  [[nodiscard]] std::vector<std::string> lacks() const override {
    std::vector<std::string> lines{
        fmt::format("containers of {}: their scratch space has no bound of its own", info_.shown)};
    if (!info_.memory) lines.push_back(fmt::format("{} keeps no limit of memory here", info_.shown));
    if (!info_.pids) lines.push_back(fmt::format("{} keeps no limit of processes here", info_.shown));
    return lines;
  }

  Status check(const plan::Job& job) override { return check_job(job, info_); }

  Status supply(const plan::Job& job) override {
    std::set<std::string> wanted;
    if (!job.image.empty()) wanted.insert(job.pinned(job.image));
    for (const plan::Container& container : job.containers) wanted.insert(job.pinned(container.image));
    for (const std::string& image : wanted) (void)TRY(TRY(images())->ensure(image, nullptr));
    return {};
  }

  void prepare(image::Store& store, const image::Access& access) override {
    store_ = &store;
    access_ = &access;
  }

  Result<std::unique_ptr<run::Place>> start(const run::PlaceRequest& request) override {
    reap();
    auto conversation = TRY(run::Conversation::begin(request.assignment));
    if (request.order != nullptr) CHECK_OK(conversation.order(*request.order));
    const std::string image = TRY(TRY(images())->ensure(request.image, &request.root));
    std::shared_ptr<Network> network;
    std::string mode = request.spec.network == sandbox::Network::host ? "host" : "none";
    if (shares_network(request)) {
      network = TRY(network_of(request.test, image));
      mode = "container:" + network->name;
    }
    Errand errand = errand_for(fmt::format("testctr-{}-{}", request.test, ++count_));
    errand.create = TRY(container_body(request, info_, image, mode));
    errand.create["Env"] = {mark_of(errand.name)};
    const InnerSetup setup = TRY(setup_for(request, info_));
    errand.setup = encode(setup);
    errand.gentle = setup.shared_work && setup.work_owner != 0;
    if (!request.spec.tree.empty()) {
      image::LayerContent content;
      content.tree.emplace();
      content.tree->root = request.spec.tree;
      content.tree->hidden = request.spec.tree_hidden;
      errand.tree = [content](int out) -> Status {
        (void)TRY(image::write_layer(out, content));
        return {};
      };
    }
    const std::string name = errand.name;
    auto courier = TRY(Courier::start(std::move(errand)));
    couriers_.push_back(courier->pid());
    auto place =
        std::make_unique<EnginePlace>(std::move(courier), std::move(conversation), api_, name, network);
    CHECK_OK(place->send_some());
    return std::unique_ptr<run::Place>(std::move(place));
  }

 private:
  Result<Images*> images() {
    if (images_) return &*images_;
    if (store_ == nullptr) return Error::internal("an engine that was not told where images are");
    const std::atomic<bool>* cancel = access_->cancel;
    // What a signal ends at once; taking containers away is not among it.
    loading_.emplace(api_.maker(), api_.endpoint(), [cancel] { return cancel != nullptr && *cancel; });
    return &images_.emplace(*loading_, *store_, *access_, TRY(sys::self_path()));
  }

  [[nodiscard]] Errand errand_for(std::string name) const {
    Errand errand;
    errand.maker = api_.maker();
    errand.endpoint = api_.endpoint();
    errand.name = std::move(name);
    return errand;
  }

  // Made with the first container of a test. It must be there before others can join it.
  Result<std::shared_ptr<Network>> network_of(const std::string& test, const std::string& image) {
    std::erase_if(networks_, [](const auto& known) { return known.second.expired(); });
    if (auto known = networks_[test].lock()) return known;
    auto network = std::make_shared<Network>();
    network->name = fmt::format("testctr-{}-network", test);
    Errand errand = errand_for(network->name);
    errand.create = holder_body(image, test, "testctr");
    errand.setup = encode(InnerSetup());
    network->holder = TRY(Courier::start(std::move(errand)));
    couriers_.push_back(network->holder->pid());
    CHECK_OK(network->holder->await_start().in("making the network of the test"));
    networks_[test] = network;
    return network;
  }

  void reap() {
    couriers_.remove_if([](pid_t pid) {
      const pid_t ended = ::waitpid(pid, nullptr, WNOHANG);
      return ended == pid || (ended < 0 && errno == ECHILD);
    });
  }

  Api api_;
  EngineInfo info_;
  image::Store* store_ = nullptr;
  const image::Access* access_ = nullptr;
  std::optional<Api> loading_;
  std::optional<Images> images_;
  std::map<std::string, std::weak_ptr<Network>> networks_;
  std::list<pid_t> couriers_;
  size_t count_ = 0;
};

Result<Unit> EnginePlace::open_namespaces() {
  if (net_.valid()) return Unit();
  CHECK_OK(courier_->await_start());
  const Json found = TRY(api_.get("/containers/" + name_ + "/json"));
  const Json* state = json::find(found, "State", Json::value_t::object);
  const auto pid =
      state == nullptr ? Result<int64_t>(Error::infrastructure("no state")) : json::get_int(*state, "Pid");
  if (!pid.ok() || pid.value() <= 0)
    return Error::infrastructure("the engine does not tell the container's process");
  const Fd process = TRY(sys::open(fmt::format("/proc/{}", pid.value()), O_RDONLY | O_DIRECTORY));
  // An engine elsewhere has other processes than we.
  const std::string environment = TRY(sys::read_file_at(process.get(), "environ", size_t{1} << 20));
  if (environment.find(mark_of(name_)) == std::string::npos)
    return Error::infrastructure("the engine's processes are not those of this machine");
  Fd net = TRY(sys::open_at(process.get(), "ns/net", O_RDONLY));
  // A user namespace cannot be entered by who is in it already.
  const std::string own = TRY(sys::read_link_at(AT_FDCWD, "/proc/self/ns/user"));
  if (TRY(sys::read_link_at(process.get(), "ns/user")) != own)
    user_ = TRY(sys::open_at(process.get(), "ns/user", O_RDONLY));
  net_ = std::move(net);
  return Unit();
}

Result<Endpoint> endpoint_here(Maker maker) {
  Surroundings surroundings;
  surroundings.root = ::geteuid() == 0;
  return find_endpoint(maker, surroundings);
}

Result<std::string> describe_engine(Maker maker) {
  const Endpoint endpoint = TRY(endpoint_here(maker));
  Api api(maker, endpoint);
  const EngineInfo info = TRY(ask_engine(api));
  std::vector<std::string> limits;
  for (const auto& [kept, name] :
       {std::pair{info.memory, "memory"}, {info.pids, "pids"}, {info.cpus, "cpus"}})
    if (kept) limits.emplace_back(name);
  return fmt::format("{} at {}{}; limits: {}", info.shown, text::printable(endpoint.socket),
                     info.rootless ? ", of an ordinary user" : "",
                     limits.empty() ? "none" : text::join(limits, ", "));
}

Result<std::unique_ptr<run::Engine>> open_engine(Maker maker) {
  Api api(maker, TRY(endpoint_here(maker)));
  EngineInfo info = TRY(ask_engine(api));
  CHECK_OK(remove_abandoned(api));
  return std::unique_ptr<run::Engine>(std::make_unique<ApiEngine>(std::move(api), std::move(info)));
}

}  // namespace

Result<std::unique_ptr<run::Engine>> open_docker() { return open_engine(Maker::docker); }
Result<std::unique_ptr<run::Engine>> open_podman() { return open_engine(Maker::podman); }
Result<std::string> describe_docker() { return describe_engine(Maker::docker); }
Result<std::string> describe_podman() { return describe_engine(Maker::podman); }

}  // namespace testctr::engine
