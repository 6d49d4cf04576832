// Requests: their words in a script, and their form on the wire.
#include "interpret/request.h"

#include <array>
#include <charconv>

#include "base/text.h"
#include "interpret/wire.h"
#include "script/script.h"

namespace testctr {
namespace {

constexpr size_t max_words = 10'000;
constexpr size_t max_word = size_t{1} << 20;
constexpr size_t max_output = size_t{256} << 20;
constexpr std::array<std::string_view, 11> kinds{"start", "stop", "exec", "port",       "endpoint", "logs",
                                                 "wait",  "cp",   "rm",   "is_running", "is_ready"};
constexpr std::array<std::string_view, 4> readiness{"exec", "port", "file", "log"};

Json words_to_wire(const std::vector<std::string>& words) {
  Json list = Json::array();
  for (const std::string& word : words) list.push_back(json::binary(word));
  return list;
}

Result<std::vector<std::string>> words_from_wire(const Json& wire, const char* key) {
  std::vector<std::string> words;
  auto it = wire.find(key);
  if (it == wire.end()) return words;
  const auto wrong = [&] {
    return Error::infrastructure(fmt::format("key \"{}\" is not a list of words", key));
  };
  if (!it->is_array() || it->size() > max_words) return wrong();
  for (const Json& word : *it) {
    if (!word.is_binary() && !word.is_string()) return wrong();
    words.push_back(json::bytes_of(word));
    if (words.back().size() > max_word || words.back().find('\0') != std::string::npos) return wrong();
  }
  return words;
}

Result<std::string> plain_text(const Json& wire, const char* key) {
  std::string text = TRY(wire::text(wire, key, 4096));
  if (text.find('\0') != std::string::npos)
    return Error::infrastructure(fmt::format("key \"{}\" has a NUL byte in it", key));
  return text;
}

std::optional<uint16_t> parse_port(std::string_view word) {
  unsigned value = 0;
  auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (problem != std::errc() || end != word.data() + word.size() || value == 0 || value > 65535)
    return std::nullopt;
  return static_cast<uint16_t>(value);
}

/// Hands out the words of a command one after the other.
class Words {
 public:
  explicit Words(const std::vector<std::string>& words) : words_(words) {}
  [[nodiscard]] bool empty() const { return next_ >= words_.size(); }
  const std::string& take() { return words_[next_++]; }
  Result<std::string> take(const char* what) {
    if (empty())
      return Error::usage(fmt::format("testctr {}: {} is missing", words_.front(), what)).hint(testctr_usage);
    return take();
  }
  std::vector<std::string> rest() {
    std::vector<std::string> all(words_.begin() + static_cast<ptrdiff_t>(next_), words_.end());
    next_ = words_.size();
    return all;
  }
  Status end() {
    if (empty()) return {};
    return Error::usage(fmt::format("testctr {}: {} is one word too many", words_.front(),
                                    text::quoted(words_[next_])))
        .hint(testctr_usage);
  }

 private:
  const std::vector<std::string>& words_;
  size_t next_ = 0;
};

Result<uint16_t> take_port(Words& words, const char* what) {
  const std::string word = TRY(words.take(what));
  const auto port = parse_port(word);
  if (!port)
    return Error::usage(fmt::format("{} is not a port: a number from 1 to 65535", text::quoted(word)));
  return *port;
}

Result<int64_t> take_duration(Words& words) {
  const std::string word = TRY(words.take("a duration"));
  const auto duration = text::parse_duration(word);
  if (!duration || *duration <= 0)
    return Error::usage(fmt::format("{} is not a duration", text::quoted(word)))
        .hint("a number with a unit: 300ms, 1.5s, 2m");
  return *duration;
}

Status take_variable(Words& words, Request& request) {
  const std::string word = TRY(words.take("NAME=VALUE behind -e"));
  const size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0)
    return Error::usage(fmt::format("testctr start: {} is not NAME=VALUE", text::quoted(word)));
  request.environment[word.substr(0, equals)] = word.substr(equals + 1);
  return {};
}

Status take_readiness(Words& words, Request& request) {
  request.ready = TRY(words.take("what is waited for behind --ready"));
  if (std::find(readiness.begin(), readiness.end(), request.ready) == readiness.end())
    return Error::usage(fmt::format("testctr start --ready: {} is none of exec, port, file, log",
                                    text::quoted(request.ready)))
        .hint(
            "--ready port 5432, --ready file /run/ready, --ready log 'ready for', --ready exec 'pg_isready "
            "-q'");
  std::string word = TRY(words.take("the value behind --ready"));
  if (request.ready == "port" && !parse_port(word))
    return Error::usage(fmt::format("testctr start --ready port: {} is not a port", text::quoted(word)));
  if (request.ready != "exec") {
    request.ready_words = {std::move(word)};
    return {};
  }
  for (std::string& part : text::split(word, ' ')) {
    if (!part.empty()) request.ready_words.push_back(std::move(part));
  }
  if (request.ready_words.empty()) return Error::usage("testctr start --ready exec: no command");
  return {};
}

Status take_start(Words& words, Request& request) {
  request.image = TRY(words.take("the image"));
  request.name = TRY(words.take("the container's name"));
  while (!words.empty()) {
    const std::string option = words.take();
    if (option == "-p") {
      request.ports.push_back(TRY(take_port(words, "the port behind -p")));
    } else if (option == "-e") {
      CHECK_OK(take_variable(words, request));
    } else if (option == "--enter") {
      request.enter = true;
    } else if (option == "--async") {
      request.async = true;
    } else if (option == "--ready") {
      CHECK_OK(take_readiness(words, request));
    } else if (option == "--timeout") {
      request.timeout_ns = TRY(take_duration(words));
    } else if (option == "--cmd") {
      request.words = words.rest();
      if (request.words.empty()) return Error::usage("testctr start --cmd: no command").hint(testctr_usage);
    } else {
      return Error::usage(fmt::format("testctr start has no option {}", text::quoted(option)))
          .hint(testctr_usage);
    }
  }
  return {};
}

Status check_name(const Request& request) {
  if (request.kind == Request::Kind::cp) return {};
  // A section's container is named after its image.
  if (request.kind != Request::Kind::start && !request.name.empty()) return {};
  if (script::is_container_name(request.name)) return {};
  return Error::usage(fmt::format("{} cannot name a container", text::quoted(request.name)))
      .hint(
          "letters, digits, `-`, `_` and `.`, a letter or a digit first, at most 63; not host, container or "
          "localhost");
}

}  // namespace

const char* const testctr_usage =
    "testctr start IMAGE NAME [-p PORT]... [-e NAME=VALUE]... [--enter] [--async] [--ready "
    "exec|port|file|log VALUE] "
    "[--timeout DURATION] [--cmd WORD...] | enter NAME | leave | stop NAME | exec NAME WORD... | port NAME "
    "PORT | "
    "endpoint NAME PORT | logs NAME | wait NAME [DURATION] | cp FROM TO | rm NAME";

Result<Request> parse_request(const std::vector<std::string>& all) {
  if (all.empty()) return Error::usage("testctr: no subcommand").hint(testctr_usage);
  Words words(all);
  const std::string& subcommand = words.take();
  Request request;
  const auto known = std::find(kinds.begin(), kinds.begin() + 9, subcommand);
  if (known == kinds.begin() + 9) {
    Error error = Error::usage(fmt::format("testctr has no subcommand {}", text::quoted(subcommand)));
    const std::vector<std::string> names(kinds.begin(), kinds.begin() + 9);
    if (auto near = text::nearest(subcommand, names))
      return std::move(error).hint(fmt::format("did you mean `{}`?", *near));
    return std::move(error).hint(testctr_usage);
  }
  request.kind = static_cast<Request::Kind>(known - kinds.begin());
  switch (request.kind) {
    case Request::Kind::start:
      CHECK_OK(take_start(words, request));
      break;
    case Request::Kind::exec:
      request.name = TRY(words.take("the container's name"));
      request.words = words.rest();
      if (request.words.empty()) return Error::usage("testctr exec: no command").hint(testctr_usage);
      break;
    case Request::Kind::port:
    case Request::Kind::endpoint:
      request.name = TRY(words.take("the container's name"));
      request.ports.push_back(TRY(take_port(words, "the port")));
      break;
    case Request::Kind::wait:
      request.name = TRY(words.take("the container's name"));
      if (!words.empty()) request.timeout_ns = TRY(take_duration(words));
      break;
    case Request::Kind::cp:
      request.words = words.rest();
      if (request.words.size() != 2)
        return Error::usage("testctr cp takes FROM and TO, one of them NAME:PATH");
      break;
    default:
      request.name = TRY(words.take("the container's name"));
  }
  CHECK_OK(words.end());
  CHECK_OK(check_name(request));
  return request;
}

Result<Copy> parse_copy(const Request& cp) {
  const auto split = [](const std::string& word) -> std::optional<std::pair<std::string, std::string>> {
    const size_t colon = word.find(':');
    if (colon == std::string::npos || !script::is_container_name(std::string_view(word).substr(0, colon)))
      return std::nullopt;
    return std::pair(word.substr(0, colon), word.substr(colon + 1));
  };
  const auto from = split(cp.words.at(0)), to = split(cp.words.at(1));
  if (from.has_value() == to.has_value())
    return Error::usage("testctr cp: one of FROM and TO is NAME:PATH, the other a file here");
  Copy copy;
  copy.get = from.has_value();
  const auto& [name, path] = copy.get ? *from : *to;
  if (!path.starts_with('/'))
    return Error::usage(fmt::format("testctr cp: {} is not an absolute path", text::quoted(path)));
  copy.request.kind = Request::Kind::cp;
  copy.request.name = name;
  copy.request.words = {copy.get ? "get" : "put", path};
  copy.local = cp.words.at(copy.get ? 1 : 0);
  return copy;
}

Json to_wire(const Request& request) {
  Json wire{{"v", wire::version}, {"kind", std::string(kinds.at(static_cast<size_t>(request.kind)))}};
  wire["name"] = json::binary(request.name);
  if (!request.image.empty()) wire["image"] = json::binary(request.image);
  wire["words"] = words_to_wire(request.words);
  Json environment = Json::array();
  for (const auto& [name, value] : request.environment)
    environment.push_back(json::binary(name + "=" + value));
  wire["environment"] = std::move(environment);
  wire["ports"] = request.ports;
  wire["enter"] = request.enter;
  wire["async"] = request.async;
  wire["ready"] = request.ready;
  wire["ready_words"] = words_to_wire(request.ready_words);
  wire["timeout"] = request.timeout_ns;
  wire["place"] = json::binary(request.place);
  wire["line"] = request.line;
  wire["directory"] = json::binary(request.directory);
  if (!request.data.empty()) wire["data"] = json::binary(request.data);
  return wire;
}

Result<Request> request_from_wire(const Json& wire) {
  CHECK_OK(wire::check_version(wire, "a request"));
  Request request;
  const std::string kind = TRY(plain_text(wire, "kind"));
  const auto known = std::find(kinds.begin(), kinds.end(), kind);
  if (known == kinds.end()) return Error::infrastructure("a request of an unknown kind");
  request.kind = static_cast<Request::Kind>(known - kinds.begin());
  request.name = TRY(plain_text(wire, "name"));
  request.image = TRY(plain_text(wire, "image"));
  request.words = TRY(words_from_wire(wire, "words"));
  for (const std::string& pair : TRY(words_from_wire(wire, "environment"))) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error::infrastructure("a request with a bad variable");
    request.environment[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  if (auto ports = wire.find("ports"); ports != wire.end()) {
    if (!ports->is_array() || ports->size() > 1000)
      return Error::infrastructure("key \"ports\" is not a list of ports");
    for (const Json& port : *ports) {
      if (!port.is_number_integer() || port < 1 || port > 65535)
        return Error::infrastructure("key \"ports\" is not a list of ports");
      request.ports.push_back(port.get<uint16_t>());
    }
  }
  request.enter = TRY(wire::boolean(wire, "enter"));
  request.async = TRY(wire::boolean(wire, "async"));
  request.ready = TRY(plain_text(wire, "ready"));
  if (!request.ready.empty() &&
      std::find(readiness.begin(), readiness.end(), request.ready) == readiness.end())
    return Error::infrastructure("a request with a readiness of an unknown kind");
  request.ready_words = TRY(words_from_wire(wire, "ready_words"));
  if (!request.ready.empty() && request.ready_words.empty())
    return Error::infrastructure("a request with half a readiness");
  request.timeout_ns = TRY(wire::number(wire, "timeout", 0, INT64_MAX));
  request.place = TRY(plain_text(wire, "place"));
  request.line = static_cast<uint32_t>(TRY(wire::number(wire, "line", 0, UINT32_MAX)));
  // The token of the work directory has NULs in it.
  request.directory = TRY(wire::text(wire, "directory", 4096));
  request.data = TRY(wire::text(wire, "data", max_output));
  const size_t needed = request.kind == Request::Kind::cp ? 2 : request.kind == Request::Kind::exec ? 1 : 0;
  const bool port = request.kind == Request::Kind::port || request.kind == Request::Kind::endpoint;
  if (request.words.size() < needed || (port && request.ports.size() != 1) ||
      (request.kind == Request::Kind::start && request.image.empty()))
    return Error::infrastructure("a request that lacks what it is about");
  return request;
}

Json to_wire(const Reply& reply) {
  return Json{{"v", wire::version},
              {"status", reply.status},
              {"out", json::binary(reply.out)},
              {"err", json::binary(reply.err)},
              {"holds", reply.holds},
              {"misuse", reply.misuse},
              {"error", json::binary(reply.error)},
              {"hint", json::binary(reply.hint)}};
}

Result<Reply> reply_from_wire(const Json& wire) {
  CHECK_OK(wire::check_version(wire, "a reply"));
  Reply reply;
  reply.status = static_cast<int>(TRY(wire::number(wire, "status", 0, 255)));
  reply.out = TRY(wire::text(wire, "out", max_output));
  reply.err = TRY(wire::text(wire, "err", max_output));
  reply.holds = TRY(wire::boolean(wire, "holds"));
  reply.misuse = TRY(wire::boolean(wire, "misuse"));
  reply.error = TRY(wire::text(wire, "error", max_word));
  reply.hint = TRY(wire::text(wire, "hint", max_word));
  return reply;
}

}  // namespace testctr
