#include "engine/courier.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "base/sys.h"
#include "base/text.h"
#include "engine/demultiplexer.h"
#include "engine/lane.h"
#include "sandbox/confine.h"

namespace testctr::engine {
namespace {

constexpr size_t longest_packet = size_t{32} << 10;
constexpr uint64_t end_patience_ns = 10'000'000'000;
constexpr uint64_t gentle_patience_ns = 3'000'000'000;
constexpr int64_t report_patience_ns = 60'000'000'000;
constexpr useconds_t look_pause_us = 20'000;

constexpr uint64_t removal_patience_ns = 30'000'000'000;
constexpr uint64_t doubt_ns = 2'000'000'000;
constexpr useconds_t removal_pause_us = 100'000;

/// What the process does.
class Carrier {
 public:
  Carrier(Errand errand, Fd control, Fd channel)
      : errand_(std::move(errand)), control_(std::move(control)), channel_(std::move(channel)) {}

  void run() {
    CourierReport report;
    Status carried = carry();
    if (!carried.ok() && !killed_) report.error = std::move(carried).error();
    Api api(errand_.maker, errand_.endpoint);
    conclude(api, report);
    report.killed = killed_;
    report.written = demultiplexer_.errors();
    tell(report);
    channel_.reset();
    // By its name, which we chose: whether the engine has made it is not known where it did not answer.
    remove_container(api, errand_.name, /*in_doubt=*/killed_ && !made_);
  }

 private:
  [[nodiscard]] std::string target(std::string_view what) const {
    return fmt::format("/containers/{}{}", errand_.name, what);
  }

  // Whether the runner wants the container to end, or is gone.
  bool told_to_end() {
    pollfd polled{control_.get(), POLLIN, 0};
    while (!killed_ && ::poll(&polled, 1, 0) > 0) killed_ = true;
    return killed_;
  }

  Status carry() {
    Api api(errand_.maker, errand_.endpoint, [this] { return told_to_end(); });
    const Api::Answer made = TRY(api.ask("POST", "/containers/create?name=" + errand_.name, errand_.create));
    if (!made.good()) return api.refused(made).in("making the container");
    made_ = true;
    if (errand_.tree) {
      const Api::Answer taken = TRY(api.upload("PUT", target("/archive?path=%2F"), errand_.tree));
      if (!taken.good()) return api.refused(taken).in("bringing the test tree in");
    }
    net::Upgraded streams = TRY_IN(api.attach(errand_.name), "attaching to the container");
    CHECK_OK(api.post(target("/start")).in("starting the container"));
    started_ = true;
    send(Json{{"t", "started"}});
    return pump(std::move(streams));
  }

  Status pump(net::Upgraded streams) {
    CHECK_OK(do_not_block(streams.socket.get()));
    CHECK_OK(do_not_block(channel_.get()));
    Lane in(channel_.get(), streams.socket.get());
    Lane out(streams.socket.get(), channel_.get(),
             [this](std::string_view came, std::string& to) { return demultiplexer_.take(came, to); });
    in.put(errand_.setup);
    CHECK_OK(out.feed(streams.received));
    uint64_t until = 0;  // the runner has heard all that it wants
    for (;;) {
      CHECK_OK(in.move());
      CHECK_OK(out.move());
      if (out.ended() && (!out.writes() || out.broken())) return {};
      if (told_to_end()) return {};
      if ((in.ended() || out.broken()) && until == 0) until = sys::monotonic_ns() + end_patience_ns;
      if (until != 0 && sys::monotonic_ns() >= until) return {};
      wait(in, out, streams.socket.get(), until != 0);
    }
  }

  void wait(const Lane& in, const Lane& out, int engine, bool ending) const {
    const auto events = [](bool reads, bool writes) {
      return static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0));
    };
    std::array<pollfd, 3> polled{pollfd{control_.get(), POLLIN, 0},
                                 pollfd{channel_.get(), events(in.reads(), out.writes()), 0},
                                 pollfd{engine, events(out.reads(), in.writes()), 0}};
    // What is not waited for would tell of its end again and again.
    for (pollfd& one : polled) {
      if (one.events == 0) one.fd = -1;
    }
    (void)::poll(polled.data(), polled.size(), ending ? 200 : -1);
  }

  // What has become of the container, once it does not run any more.
  void conclude(Api& api, CourierReport& report) {
    if (!made_) return;
    const uint64_t until = sys::monotonic_ns() + end_patience_ns;
    bool struck = !started_, asked = !errand_.gentle;
    uint64_t strike_at = 0;
    for (;;) {
      if (killed_ && !struck && !asked) {
        (void)api.ask("POST", target("/kill?signal=SIGTERM"));
        asked = true;
        strike_at = sys::monotonic_ns() + gentle_patience_ns;
      }
      if (killed_ && !struck && sys::monotonic_ns() >= strike_at) {
        (void)api.ask("POST", target("/kill?signal=SIGKILL"));
        struck = true;
      }
      auto found = api.get(target("/json"));
      if (!found.ok()) {
        if (!report.error && !killed_) report.error = std::move(found).error();
        return;
      }
      const Json* state = json::find(found.value(), "State", Json::value_t::object);
      if (state == nullptr) {
        report.error = Error::infrastructure("the engine does not tell the container's state");
        return;
      }
      if (!flag(*state, "Running")) return read_state(*state, report);
      if (told_to_end() && !struck) continue;
      if (sys::monotonic_ns() >= until) {
        if (struck) return;  // it is removed by force now
        if (!report.error) report.error = Error::infrastructure("the container did not come to its end");
        killed_ = true;
        continue;
      }
      ::usleep(look_pause_us);
    }
  }

  static bool flag(const Json& object, const char* key) {
    const Json* found = json::find(object, key, Json::value_t::boolean);
    return found != nullptr && found->get<bool>();
  }

  static void read_state(const Json& state, CourierReport& report) {
    report.exit_code = static_cast<int>(
        json::get_int(state, "ExitCode", -1).ok() ? json::get_int(state, "ExitCode", -1).value() : -1);
    report.out_of_memory = flag(state, "OOMKilled");
  }

  void send(const Json& packet) const {
    const std::string bytes = json::to_cbor(packet);
    (void)!::send(control_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  void tell(const CourierReport& report) const {
    Json packet{{"t", "end"},
                {"exit", report.exit_code},
                {"memory", report.out_of_memory},
                {"killed", report.killed},
                {"written", json::binary(report.written)}};
    if (report.error) {
      packet["fault"] = exit_code(report.error->fault());
      packet["error"] = json::binary(report.error->message().substr(0, 8192));
      packet["hint"] = json::binary(report.error->hint().substr(0, 4096));
    }
    send(packet);
  }

  Errand errand_;
  Fd control_, channel_;
  Demultiplexer demultiplexer_;
  bool made_ = false, started_ = false, killed_ = false;
};

[[noreturn]] void be_courier(Errand errand, Fd control, Fd channel) {
  sandbox::reset_signals();
  ::signal(SIGPIPE, SIG_IGN);
  ::setsid();
  ::prctl(PR_SET_NAME, "testctr-courier");
  for (int fd = 0; fd < 3; ++fd) {
    auto null = sys::open("/dev/null", O_RDWR);
    if (!null.ok() || ::dup2(null.value().get(), fd) < 0) ::_exit(1);
  }
  if (!sandbox::close_all_but({0, 1, 2, control.get(), channel.get()}).ok()) ::_exit(1);
  Carrier(std::move(errand), std::move(control), std::move(channel)).run();
  ::_exit(0);
}

}  // namespace

void remove_container(Api& api, const std::string& name, bool in_doubt) {
  const uint64_t begun = sys::monotonic_ns(), until = begun + removal_patience_ns;
  while (sys::monotonic_ns() < until) {
    const auto answer = api.ask("DELETE", "/containers/" + name + "?force=1&v=1");
    // An engine may refuse it while the container is on its way out.
    if (!answer.ok() || answer.value().good()) return;
    if (answer.value().status == 404 && (!in_doubt || sys::monotonic_ns() - begun >= doubt_ns)) return;
    ::usleep(removal_pause_us);
  }
}

Result<std::unique_ptr<Courier>> Courier::start(Errand errand) {
  auto [ours, theirs] = TRY(sys::socket_pair(SOCK_SEQPACKET));
  auto [near, far] = TRY(sys::socket_pair(SOCK_STREAM));
  std::unique_ptr<Courier> courier(new Courier());
  courier->name_ = errand.name;
  const pid_t pid = ::fork();
  if (pid < 0) return Error::system("fork", "");
  if (pid == 0) {
    ours.reset();
    near.reset();
    be_courier(std::move(errand), std::move(theirs), std::move(far));
  }
  courier->pid_ = pid;
  courier->control_ = std::move(ours);
  courier->channel_ = std::move(near);
  return courier;
}

Courier::~Courier() = default;

void Courier::kill() {
  const char byte = 'k';
  (void)!::send(control_.get(), &byte, 1, MSG_NOSIGNAL);
}

Result<Json> Courier::next_packet(int64_t patience_ns) {
  const uint64_t until = sys::monotonic_ns() + static_cast<uint64_t>(patience_ns);
  std::string bytes(longest_packet, '\0');
  for (;;) {
    const uint64_t now = sys::monotonic_ns();
    if (now >= until) return Error::infrastructure("the engine did not come to an end with the container");
    pollfd polled{control_.get(), POLLIN, 0};
    if (::poll(&polled, 1, static_cast<int>((until - now) / 1'000'000 + 1)) <= 0) continue;
    const ssize_t n = ::recv(control_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return Error::infrastructure("the process that speaks with the engine is gone");
    return json::from_cbor(std::string_view(bytes).substr(0, static_cast<size_t>(n)));
  }
}

void Courier::take(const Json& packet) {
  if (json::get_string(packet, "t", "").value() == "started") {
    started_ = true;
    return;
  }
  CourierReport report;
  report.exit_code = static_cast<int>(json::get_int(packet, "exit", -1).value());
  const auto flag = [&packet](const char* key) {
    const Json* found = json::find(packet, key, Json::value_t::boolean);
    return found != nullptr && found->get<bool>();
  };
  report.out_of_memory = flag("memory");
  report.killed = flag("killed");
  if (packet.contains("written")) report.written = json::bytes_of(packet["written"]);
  if (packet.contains("error")) {
    const int fault = static_cast<int>(json::get_int(packet, "fault", 3).value());
    const std::string hint = json::bytes_of(packet["hint"]);
    Error error(fault == exit_code(Fault::usage) ? Fault::usage : Fault::infrastructure,
                json::bytes_of(packet["error"]));
    report.error = hint.empty() ? error : std::move(error).hint(hint);
  }
  report_ = std::move(report);
}

Status Courier::await_start() {
  while (!started_ && !report_) take(TRY(next_packet(report_patience_ns)));
  if (started_) return {};
  return report_->error ? *report_->error : Error::infrastructure("the container ended before it began");
}

CourierReport Courier::finish() {
  // What is still on its way is not wanted any more, and must not be waited for.
  (void)::shutdown(channel_.get(), SHUT_RD);
  while (!report_) {
    auto packet = next_packet(report_patience_ns);
    if (!packet.ok()) {
      report_.emplace();
      report_->error = std::move(packet).error();
      report_->deserted = true;
      break;
    }
    take(packet.value());
  }
  return *report_;
}

}  // namespace testctr::engine
