// Names of outcomes and events, and events on the wire.
#include "interpret/event.h"

#include <array>

#include "base/text.h"
#include "interpret/wire.h"

namespace testctr {
namespace {

constexpr std::array<std::string_view, 8> outcome_names = {"pass",    "fail",  "error", "skip",
                                                           "not_run", "flaky", "xfail", "xpass"};
constexpr std::array<std::string_view, 11> kind_names = {
    "script_started", "phase",        "command", "note",     "output",    "denied",
    "failure",        "script_ended", "log",     "compared", "case_ended"};

constexpr size_t frame_bytes = size_t{1}
                               << 20;  // no text of an event can be longer than the frame it came in
constexpr int64_t max_u32 = UINT32_MAX;

template <size_t N>
std::optional<size_t> index_of(const std::array<std::string_view, N>& names, std::string_view name) {
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == name) return i;
  }
  return std::nullopt;
}

void put(Json& wire, const char* key, const std::string& text) {
  if (!text.empty()) wire[key] = json::binary(text);
}
void put(Json& wire, const char* key, int64_t number) {
  if (number != 0) wire[key] = number;
}

const Json* member(const Json& wire, const char* key) { return json::find(wire, key, Json::value_t::object); }

Result<Failure> failure_from_wire(const Json& wire) {
  Failure failure;
  failure.command = TRY(wire::text(wire, "command", frame_bytes));
  failure.reason = TRY(wire::text(wire, "reason", frame_bytes));
  failure.expected = TRY(wire::text(wire, "expected", frame_bytes));
  failure.actual = TRY(wire::text(wire, "actual", frame_bytes));
  failure.diff = TRY(wire::text(wire, "diff", frame_bytes));
  failure.hint = TRY(wire::text(wire, "hint", frame_bytes));
  return failure;
}

Result<Wanted> wanted_from_wire(const Json& wire) {
  const auto flag = [&](const char* key) {
    const Json* found = json::find(wire, key, Json::value_t::boolean);
    return found != nullptr && found->get<bool>();
  };
  return Wanted{TRY(wire::text(wire, "member", 4096)), flag("quoted"), flag("equal"), flag("more")};
}

Result<Denial> denial_from_wire(const Json& wire) {
  Denial denial;
  denial.line = static_cast<uint32_t>(TRY(wire::number(wire, "line", 0, max_u32)));
  denial.program = TRY(wire::text(wire, "program", 4096));
  denial.syscall = TRY(wire::text(wire, "syscall", 256));
  denial.count = static_cast<uint64_t>(TRY(wire::number(wire, "count", 0, INT64_MAX)));
  return denial;
}

}  // namespace

std::string_view to_string(Outcome outcome) {
  auto index = static_cast<size_t>(outcome);
  return index < outcome_names.size() ? outcome_names[index] : "unknown";
}

Result<Outcome> outcome_from_string(std::string_view text) {
  auto index = index_of(outcome_names, text);
  if (!index)
    return Error::infrastructure(fmt::format("unknown outcome {}", text::quoted(text.substr(0, 64))));
  return static_cast<Outcome>(*index);
}

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::usage:
      return "usage";
    case Fault::infrastructure:
      return "infrastructure";
    case Fault::internal:
      break;
  }
  return "internal";
}

std::string_view to_string(Event::Kind kind) {
  auto index = static_cast<size_t>(kind);
  return index < kind_names.size() ? kind_names[index] : "unknown";
}

Json to_wire(const Event& event) {
  Json wire{{"v", wire::version}, {"kind", std::string(to_string(event.kind))}};
  put(wire, "line", event.line);
  put(wire, "text", event.text);
  put(wire, "detail", event.detail);
  put(wire, "file", event.file);
  put(wire, "values", event.values);
  if (event.code) wire["code"] = *event.code;
  if (event.shell_ended) wire["shell_ended"] = true;
  put(wire, "stream", event.stream);
  put(wire, "duration_ns", event.duration_ns);
  if (event.outcome != Outcome::pass) wire["outcome"] = std::string(to_string(event.outcome));
  if (event.kind == Event::Kind::failure) {
    Json failure = Json::object();
    put(failure, "command", event.failure.command);
    put(failure, "reason", event.failure.reason);
    put(failure, "expected", event.failure.expected);
    put(failure, "actual", event.failure.actual);
    put(failure, "diff", event.failure.diff);
    put(failure, "hint", event.failure.hint);
    wire["failure"] = std::move(failure);
  }
  if (event.kind == Event::Kind::denied) {
    Json denial = Json::object();
    put(denial, "line", event.denial.line);
    put(denial, "program", event.denial.program);
    put(denial, "syscall", event.denial.syscall);
    put(denial, "count", static_cast<int64_t>(event.denial.count));
    wire["denial"] = std::move(denial);
  }
  if (event.kind == Event::Kind::compared) {
    const Wanted& wanted = event.compared;
    wire["compared"] = Json{{"member", json::binary(wanted.member)},
                            {"quoted", wanted.quoted},
                            {"equal", wanted.equal},
                            {"more", wanted.more}};
  }
  return wire;
}

Result<Event> event_from_wire(const Json& wire) {
  CHECK_OK(wire::check_version(wire, "an event"));
  Event event;
  std::string kind = TRY(wire::text(wire, "kind", 64));
  auto index = index_of(kind_names, kind);
  if (!index)
    return Error::infrastructure(fmt::format("key \"kind\": no event is called {}", text::quoted(kind)));
  event.kind = static_cast<Event::Kind>(*index);
  event.line = static_cast<uint32_t>(TRY(wire::number(wire, "line", 0, max_u32)));
  event.text = TRY(wire::text(wire, "text", frame_bytes));
  event.detail = TRY(wire::text(wire, "detail", frame_bytes));
  event.file = TRY(wire::text(wire, "file", 4096));
  event.values = TRY(wire::text(wire, "values", frame_bytes));
  if (wire.find("code") != wire.end()) event.code = static_cast<int>(TRY(wire::number(wire, "code", 0, 255)));
  const Json* ended = json::find(wire, "shell_ended", Json::value_t::boolean);
  event.shell_ended = ended != nullptr && ended->get<bool>();
  event.stream = TRY(wire::text(wire, "stream", 16));
  if (!event.stream.empty() && event.stream != "stdout" && event.stream != "stderr" &&
      event.stream != "ttyout") {
    return Error::infrastructure("key \"stream\" is neither stdout nor stderr nor ttyout");
  }
  event.duration_ns = TRY(wire::number(wire, "duration_ns", 0, INT64_MAX));
  if (wire.find("outcome") != wire.end()) {
    event.outcome =
        TRY_IN(outcome_from_string(TRY(wire::text(wire, "outcome", 64))), std::string("key \"outcome\""));
    if (event.outcome > Outcome::not_run)
      return Error::infrastructure("key \"outcome\": a place cannot say that of a test");
  }
  if (event.kind == Event::Kind::failure) {
    const Json* failure = member(wire, "failure");
    if (failure == nullptr) return Error::infrastructure("key \"failure\" is missing or not an object");
    event.failure = TRY(failure_from_wire(*failure));
  }
  if (event.kind == Event::Kind::denied) {
    const Json* denial = member(wire, "denial");
    if (denial == nullptr) return Error::infrastructure("key \"denial\" is missing or not an object");
    event.denial = TRY(denial_from_wire(*denial));
  }
  if (event.kind == Event::Kind::compared) {
    const Json* wanted = member(wire, "compared");
    if (wanted == nullptr) return Error::infrastructure("key \"compared\" is missing or not an object");
    event.compared = TRY(wanted_from_wire(*wanted));
  }
  return event;
}

}  // namespace testctr
