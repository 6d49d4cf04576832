#include "run/client_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "run/channel.h"

namespace testctr::run {
namespace {

constexpr size_t most_clients = 64;
constexpr size_t most_input = size_t{66} << 20;

struct Address {
  sockaddr_un name{};
  socklen_t size = 0;
};

Result<Address> address_of(const std::string& text) {
  Address address;
  address.name.sun_family = AF_UNIX;
  if (text.empty() || text.size() >= sizeof address.name.sun_path)
    return Error::infrastructure(fmt::format("{} is too long for a socket", text::quoted(text)));
  memcpy(address.name.sun_path, text.data(), text.size());
  if (text.front() == '@') address.name.sun_path[0] = '\0';
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size());
  return address;
}

}  // namespace

Result<std::unique_ptr<ClientSocket>> ClientSocket::listen(const std::string& address,
                                                           interpret::Children& children, Ask ask) {
  std::unique_ptr<ClientSocket> socket(new ClientSocket(children, std::move(ask)));
  const Address at = TRY(address_of(address));
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return Error::system("socket", "AF_UNIX");
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at.name), at.size) != 0)
    return Error::system("bind", address);
  if (::listen(fd.get(), 16) != 0) return Error::system("listen", address);
  socket->listening_ = TRY(interpret::above_standard(std::move(fd)));
  children.listen(socket->listening_.get(), [self = socket.get()] { self->accept(); });
  return socket;
}

ClientSocket::~ClientSocket() {
  *alive_ = false;
  if (listening_.valid()) children_.unlisten(listening_.get());
  for (const auto& [number, client] : clients_) children_.unlisten(client.fd.get());
}

void ClientSocket::accept() {
  Fd fd(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) return;
  auto moved = interpret::above_standard(std::move(fd));
  if (!moved.ok() || clients_.size() >= most_clients) return;
  const uint64_t number = next_++;
  Client& client = clients_[number];
  client.fd = std::move(moved).value();
  children_.listen(client.fd.get(), [this, number] { read(number); });
}

void ClientSocket::drop(uint64_t number) {
  auto it = clients_.find(number);
  if (it == clients_.end()) return;
  children_.unlisten(it->second.fd.get());
  clients_.erase(it);
}

// The words, each ended by a NUL; the end of the input ends them.
void ClientSocket::read(uint64_t number) {
  Client& client = clients_.at(number);
  std::array<char, 16384> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  const ssize_t n = ::recv(client.fd.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n < 0 || client.asked || client.input.size() > most_input) return drop(number);
  if (n > 0) {
    client.input.append(chunk.data(), static_cast<size_t>(n));
    return;
  }
  client.asked = true;
  children_.unlisten(client.fd.get());
  // Behind an empty word come the bytes of a file.
  const size_t end = client.input.find(std::string_view("\0\0", 2));
  std::string data = end == std::string::npos ? "" : client.input.substr(end + 2);
  if (end != std::string::npos) client.input.resize(end + 1);
  std::vector<std::string> words = text::split(client.input, '\0');
  if (!words.empty()) words.pop_back();
  Reply refusal;
  refusal.misuse = true;
  if (!words.empty() && (words.front() == "enter" || words.front() == "leave")) {
    refusal.error = fmt::format("testctr {}: only a line of a script can go elsewhere", words.front());
    return answer(number, refusal);
  }
  auto request = parse_request(words);
  if (request.ok() && request.value().enter)
    request = Error::usage("testctr start --enter: only a line of a script can go elsewhere");
  if (request.ok() && request.value().kind == Request::Kind::cp) {
    auto copy = parse_copy(request.value());
    request = copy.ok() ? Result<Request>(copy.value().request) : Result<Request>(copy.error());
    if (request.ok()) request.value().data = std::move(data);
  }
  if (!request.ok()) {
    refusal.error = request.error().message();
    refusal.hint = request.error().hint();
    return answer(number, refusal);
  }
  ask_(std::move(request).value(), [this, number, alive = alive_](const Reply& reply) {
    if (*alive) answer(number, reply);
  });
}

void ClientSocket::answer(uint64_t number, const Reply& reply) {
  auto it = clients_.find(number);
  if (it == clients_.end()) return;
  // It waits for nothing but this; who does not read loses it.
  const std::string bytes = json::to_cbor(to_wire(reply));
  timeval patience{5, 0};
  (void)::setsockopt(it->second.fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const int flags = ::fcntl(it->second.fd.get(), F_GETFL);
  (void)::fcntl(it->second.fd.get(), F_SETFL, flags & ~O_NONBLOCK);
  for (std::string_view rest = bytes; !rest.empty();) {
    const ssize_t n = ::send(it->second.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    rest.remove_prefix(static_cast<size_t>(n));
  }
  clients_.erase(it);
}

int be_client(const std::vector<std::string>& words) {
  const auto complain = [](const std::string& message, const std::string& hint) {
    std::string line = "testctr: " + text::printable(message, /*keep_layout=*/true) + "\n";
    if (!hint.empty()) line += "  " + text::printable(hint) + "\n";
    (void)sys::write_full(STDERR_FILENO, line);
  };
  // Files on this side are this program's affair.
  std::optional<Copy> copy;
  std::vector<std::string> sent = words;
  std::string data;
  if (!words.empty() && words.front() == "cp") {
    auto request = parse_request(words);
    auto parsed = request.ok() ? parse_copy(request.value()) : Result<Copy>(request.error());
    if (!parsed.ok()) {
      complain(parsed.error().message(), parsed.error().hint());
      return 2;
    }
    copy = std::move(parsed).value();
    if (!copy->get) {
      auto content = sys::read_file(copy->local, size_t{64} << 20);
      if (!content.ok()) {
        complain(content.error().message(), "");
        return 1;
      }
      data = std::move(content).value();
    }
  }
  std::string address;
  if (const char* given = ::getenv("TESTCTR_SOCKET"); given != nullptr) {
    address = given;
  } else {
    struct utsname system {};
    ::uname(&system);
    address = fmt::format("@testctr-{}", system.nodename);
  }
  std::string input;
  for (const std::string& word : sent) input += word + '\0';
  if (copy && !copy->get) input += '\0' + data;
  auto at = address_of(address);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!at.ok() || !socket.valid() ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at.value().name), at.value().size) != 0 ||
      !sys::write_full(socket.get(), input).ok() || ::shutdown(socket.get(), SHUT_WR) != 0) {
    complain("there is no test around this program that could be asked",
             "`testctr` works in the cases of a document and in what a script runs");
    return 3;
  }
  auto bytes = sys::read_all(socket.get(), size_t{600} << 20);
  auto wire = bytes.ok() ? json::from_cbor(bytes.value()) : Result<Json>(bytes.error());
  auto reply = wire.ok() ? reply_from_wire(wire.value()) : Result<Reply>(wire.error());
  if (!reply.ok()) {
    complain("the test did not answer", "");
    return 3;
  }
  if (copy && copy->get && reply.value().error.empty()) {
    Status written = sys::write_file_at(AT_FDCWD, copy->local, reply.value().out);
    if (!written.ok()) complain(written.error().message(), "");
    return written.ok() ? 0 : 1;
  }
  (void)sys::write_full(STDOUT_FILENO, reply.value().out);
  (void)sys::write_full(STDERR_FILENO, reply.value().err);
  if (reply.value().error.empty()) return reply.value().status;
  complain(reply.value().error, reply.value().hint);
  return reply.value().misuse ? 2 : 1;
}

}  // namespace testctr::run
