#include "engine/api.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::engine {
namespace {

constexpr size_t largest_answer = size_t{16} << 20;
constexpr size_t longest_message = 600;
constexpr const char* json_type = "application/json";

// Making and removing a container takes a busy engine long; to unpack a large image, longer.
net::ClientOptions options(std::function<bool()> cancelled) {
  net::ClientOptions options;
  options.cancelled = std::move(cancelled);
  options.timeouts.header_ns = 300'000'000'000;
  options.timeouts.idle_ns = 600'000'000'000;
  options.timeouts.slow_bytes = 0;
  options.environment = [](const std::string&) { return std::optional<std::string>(); };
  options.user_agent = "testctr-script";
  return options;
}

/// What a process of our own writes.
class Written final : public ByteSource {
 public:
  static Result<std::unique_ptr<Written>> start(const Write& write) {
    auto [from, to] = TRY(sys::pipe());
    auto [reason, telling] = TRY(sys::pipe());
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return Error::system("fork", "");
    if (pid == 0) {
      if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) ::_exit(1);
      from.reset();
      reason.reset();
      ::signal(SIGPIPE, SIG_IGN);
      const Status written = write(to.get());
      if (!written.ok()) (void)sys::write_full(telling.get(), written.error().message().substr(0, 4096));
      ::_exit(written.ok() ? 0 : 1);
    }
    return std::unique_ptr<Written>(new Written(std::move(from), std::move(reason), pid));
  }
  Written(const Written&) = delete;
  Written& operator=(const Written&) = delete;

  ~Written() override {
    if (pid_ > 0) (void)::kill(pid_, SIGKILL);
    (void)wait();
  }

  Result<size_t> read(char* buffer, size_t size) override {
    for (;;) {
      const ssize_t n = ::read(from_.get(), buffer, size);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Error::system("read", "a pipe");
      if (n > 0) return static_cast<size_t>(n);
      break;
    }
    const std::string reason = TRY(sys::read_all(reason_.get(), 8192));
    if (wait()) return size_t{0};
    return Error::infrastructure(reason.empty() ? "the process that wrote it was killed" : reason);
  }

 private:
  Written(Fd from, Fd reason, pid_t pid) : from_(std::move(from)), reason_(std::move(reason)), pid_(pid) {}

  bool wait() {
    if (pid_ > 0) {
      while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
      }
      pid_ = -1;
    }
    return WIFEXITED(status_) && WEXITSTATUS(status_) == 0;
  }

  Fd from_, reason_;
  pid_t pid_;
  int status_ = 0;
};

}  // namespace

Api::Api(Maker maker, Endpoint endpoint, std::function<bool()> cancelled)
    : maker_(maker),
      endpoint_(std::move(endpoint)),
      client_(std::make_unique<net::Client>(options(std::move(cancelled)))) {}

net::Request Api::request(const std::string& method, const std::string& target) const {
  net::Request request;
  request.method = method;
  request.url = {.tls = false, .host = "localhost", .port = 80, .target = target};
  request.socket = endpoint_.socket;
  return request;
}

Error Api::failed(Error error) const {
  const int number = error.number();
  const bool reached = number != ENOENT && number != ECONNREFUSED && number != EACCES && number != EPERM &&
                       number != ENOTSOCK && number != ENOTDIR;
  Error named = std::move(error).in(maker_ == Maker::docker ? "speaking with Docker's engine"
                                                            : "speaking with Podman's engine");
  return reached ? named : std::move(named).hint(hint_for(maker_, endpoint_, number));
}

Result<Api::Answer> Api::read(net::Response& response) const {
  Answer answer;
  answer.status = response.status;
  auto body = net::read_body(response, largest_answer);
  if (!body.ok()) return failed(std::move(body).error());
  answer.body = std::move(body).value();
  return answer;
}

Result<Api::Answer> Api::ask(const std::string& method, const std::string& target, const Json& body) {
  net::Request asked = request(method, target);
  if (!body.is_null()) {
    asked.body = json::dump(body);
    asked.headers.emplace_back("Content-Type", json_type);
  }
  auto response = client_->send(asked);
  if (!response.ok()) return failed(std::move(response).error());
  return read(*response.value());
}

Result<std::string> Api::server() {
  auto response = client_->send(request("GET", "/_ping"));
  if (!response.ok()) return failed(std::move(response).error());
  return response.value()->header("server");
}

Error Api::refused(const Answer& answer) const {
  std::string said;
  if (auto body = json::parse(answer.body); body.ok() && body.value().is_object())
    said = json::get_string(body.value(), "message", "").ok()
               ? json::get_string(body.value(), "message", "").value()
               : "";
  if (said.empty()) said = answer.body;
  if (said.size() > longest_message) said = said.substr(0, longest_message) + "...";
  return Error::infrastructure(
      fmt::format("{} answered {}{}", maker_ == Maker::docker ? "Docker's engine" : "Podman's engine",
                  answer.status, said.empty() ? "" : ": " + text::printable(text::trim(said))));
}

Result<Json> Api::get(const std::string& target) {
  const Answer answer = TRY(ask("GET", target));
  if (!answer.good()) return refused(answer);
  return json::parse(answer.body).in("reading the engine's answer");
}

Status Api::post(const std::string& target, const Json& body) {
  const Answer answer = TRY(ask("POST", target, body));
  // 304: it is so already.
  if (!answer.good() && answer.status != 304) return refused(answer);
  return {};
}

Result<Api::Answer> Api::upload(const std::string& method, const std::string& target, const Write& write) {
  const auto stream = TRY(Written::start(write));
  net::Request asked = request(method, target);
  asked.headers.emplace_back("Content-Type", "application/x-tar");
  asked.stream = stream.get();
  asked.chunked = true;
  auto response = client_->send(asked);
  if (!response.ok()) return failed(std::move(response).error());
  return read(*response.value());
}

Result<net::Upgraded> Api::attach(const std::string& container) {
  net::Request asked =
      request("POST", "/containers/" + container + "/attach?stream=1&stdin=1&stdout=1&stderr=1");
  asked.headers.emplace_back("Connection", "Upgrade");
  asked.headers.emplace_back("Upgrade", "tcp");
  asked.headers.emplace_back("Content-Type", "text/plain");
  auto answer = client_->upgrade(asked);
  if (!answer.ok()) return failed(std::move(answer).error());
  if (auto* agreed = std::get_if<net::Upgraded>(&answer.value())) return std::move(*agreed);
  return refused(TRY(read(*std::get<std::unique_ptr<net::Response>>(answer.value()))));
}

}  // namespace testctr::engine
