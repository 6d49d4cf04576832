#include "report/read_events.h"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/json.h"
#include "base/text.h"

namespace testctr::report {
namespace {

constexpr uint64_t max_u32 = UINT32_MAX;
constexpr uint64_t max_time = longest_time;
constexpr uint64_t most_scripts = 1'000'000;
constexpr uint64_t most_attempts = 10'000;
constexpr size_t longest_name = size_t{64} << 10;

constexpr std::array all_kinds{Event::Kind::script_started, Event::Kind::phase,        Event::Kind::command,
                               Event::Kind::note,           Event::Kind::output,       Event::Kind::denied,
                               Event::Kind::failure,        Event::Kind::script_ended, Event::Kind::log,
                               Event::Kind::compared,       Event::Kind::case_ended};

Error wrong(const char* key, std::string_view what) {
  return Error::usage(fmt::format("\"{}\" {}", key, what));
}

/// The members of a line; what is left out is zero or empty.
class Members {
 public:
  explicit Members(const Json& object) : object_(object) {}

  [[nodiscard]] bool has(const char* key) const { return object_.contains(key); }
  [[nodiscard]] const Json& object() const { return object_; }
  [[nodiscard]] Result<uint64_t> number(const char* key, uint64_t most, uint64_t fallback = 0) const {
    const auto found = object_.find(key);
    if (found == object_.end()) return fallback;
    if (!found->is_number_integer() || (!found->is_number_unsigned() && found->get<int64_t>() < 0) ||
        found->get<uint64_t>() > most)
      return wrong(key, fmt::format("is not a whole number from 0 to {}", most));
    return found->get<uint64_t>();
  }
  [[nodiscard]] Result<uint64_t> required(const char* key, uint64_t most) const {
    if (!has(key)) return wrong(key, "is missing");
    return number(key, most);
  }
  [[nodiscard]] Result<uint32_t> small(const char* key) const {
    return static_cast<uint32_t>(TRY(number(key, max_u32)));
  }
  [[nodiscard]] Result<int64_t> time(const char* key) const {
    return static_cast<int64_t>(TRY(number(key, max_time)));
  }
  [[nodiscard]] Result<std::string> text(const char* key, size_t longest = longest_event_line) const {
    const auto found = object_.find(key);
    if (found == object_.end()) return std::string();
    Result<std::string> bytes = json::to_bytes(*found);
    if (!bytes.ok()) return wrong(key, "is not a string, nor {\"base64\": ...}");
    if (bytes.value().size() > longest) return wrong(key, fmt::format("is longer than {} bytes", longest));
    return bytes;
  }
  [[nodiscard]] Result<std::vector<std::string>> texts(const char* key, size_t most) const {
    std::vector<std::string> all;
    const auto found = object_.find(key);
    if (found == object_.end()) return all;
    if (!found->is_array() || found->size() > most) return wrong(key, "is not a list of names");
    for (const Json& one : *found) {
      Result<std::string> bytes = json::to_bytes(one);
      if (!bytes.ok() || bytes.value().size() > longest_name) return wrong(key, "is not a list of names");
      all.push_back(std::move(bytes).value());
    }
    return all;
  }
  [[nodiscard]] Result<bool> flag(const char* key, bool fallback) const {
    const auto found = object_.find(key);
    if (found == object_.end()) return fallback;
    if (!found->is_boolean()) return wrong(key, "is not true or false");
    return found->get<bool>();
  }
  [[nodiscard]] Result<Outcome> outcome() const {
    const std::string word = TRY(text("outcome", 64));
    Result<Outcome> outcome = outcome_from_string(word);
    if (!outcome.ok()) return wrong("outcome", fmt::format("is {}, which is none", text::quoted(word)));
    return outcome;
  }

 private:
  const Json& object_;
};

Result<RunStart> run_start_of(const Members& in) {
  RunStart start;
  start.scripts = static_cast<size_t>(TRY(in.required("scripts", most_scripts)));
  start.selection = TRY(in.text("selection", 256));
  start.selected = static_cast<size_t>(TRY(in.number("selected", UINT32_MAX)));
  start.shard = TRY(in.small("shard"));
  start.shards = static_cast<uint32_t>(TRY(in.number("shards", most_scripts)));
  if (start.shards == 0 ? start.shard != 0 : start.shard == 0 || start.shard > start.shards)
    return wrong("shard", fmt::format("is {} of {}", start.shard, start.shards));
  start.sharded_by = TRY(in.text("sharded_by", 256));
  start.setups = TRY(in.texts("setups", most_scripts));
  if (start.setups.size() > start.scripts) return wrong("setups", "are more than there are scripts");
  if (in.has("seed")) start.seed = TRY(in.number("seed", UINT64_MAX));
  start.parallel = TRY(in.small("parallel"));
  start.unix_ns = TRY(in.number("unix_ns", INT64_MAX / 2));
  return start;
}

Result<EndedRun> run_ended_of(const Members& in) {
  EndedRun run;
  for (const auto& [key, value] : {std::pair{"passed", &run.passed},
                                   {"failed", &run.failed},
                                   {"errors", &run.errors},
                                   {"skipped", &run.skipped},
                                   {"not_run", &run.not_run}})
    *value = TRY(in.required(key, max_u32));
  for (const auto& [key, value] :
       {std::pair{"flaky", &run.flaky}, {"xfail", &run.xfail}, {"xpass", &run.xpass}})
    *value = TRY(in.number(key, max_u32));
  run.ending.not_tests = TRY(in.number("not_tests", max_u32));
  run.ending.timed_out = TRY(in.flag("timed_out", false));
  run.ending.failed_fast = TRY(in.flag("failed_fast", false));
  run.ending.incomplete = TRY(in.flag("incomplete", false));
  run.ending.signal = static_cast<int>(TRY(in.number("signal", 64)));
  run.ending.duration_ns = TRY(in.time("duration_ns"));
  return run;
}

Result<Failure> failure_of(const Members& in) {
  Failure failure;
  failure.command = TRY(in.text("command"));
  failure.reason = TRY(in.text("reason"));
  failure.expected = TRY(in.text("expected"));
  failure.actual = TRY(in.text("actual"));
  failure.diff = TRY(in.text("diff"));
  failure.hint = TRY(in.text("hint"));
  return failure;
}

constexpr std::string_view what_happens = "created changed removed replaced";

/// @return whether it makes sense
bool read_left(const Json& object, Leftovers& left) {
  if (!object.is_object()) return false;
  const Members in(object);
  const auto count = in.number("count", max_time);
  const auto more = in.flag("more", false);
  if (!count.ok() || !more.ok()) return false;
  left.count = count.value();
  left.more = more.value();
  const auto paths = object.find("paths");
  if (paths == object.end()) return true;
  if (!paths->is_array() || paths->size() > most_leftovers_named) return false;
  for (const Json& one : *paths) {
    if (!one.is_object()) return false;
    for (const char* key : {"how", "place", "path"}) {
      const auto text = Members(one).text(key, longest_name);
      if (!text.ok() || text.value().empty() || text.value().find('\0') != std::string::npos) return false;
      if (*key == 'h' && what_happens.find(text.value()) == std::string_view::npos) return false;
      (left.paths += text.value()) += '\0';
    }
  }
  return true;
}

Status read_ended(const Members& in, Event& event) {
  event.outcome = TRY(in.outcome());
  event.last = TRY(in.flag("last", true));
  event.text = TRY(in.text("reason"));
  event.detail = TRY(in.text("fault", 64));
  event.duration_ns = TRY(in.time("duration_ns"));
  event.peak_memory = TRY(in.number("peak_memory", max_time));
  event.cpu_ns = TRY(in.time("cpu_ns"));
  if (in.has("left") && !read_left(in.object().at("left"), event.left))
    return wrong("left", "is not {\"count\", \"more\", \"paths\": [{\"path\", \"how\", \"place\"}]}");
  return {};
}

Status read_case(const Members& in, Event& event) {
  event.text = TRY(in.text("title"));
  event.outcome = TRY(in.outcome());
  event.detail = TRY(in.text("reason"));
  if (in.has("code")) event.code = static_cast<int>(TRY(in.number("code", 255)));
  event.duration_ns = TRY(in.time("duration_ns"));
  return {};
}

Status read_content(const Members& in, Event& event) {
  switch (event.kind) {
    case Event::Kind::script_started:
      event.text = TRY(in.text("name", longest_name));
      event.detail = TRY(in.text("image", longest_name));
      return {};
    case Event::Kind::phase:
      event.text = TRY(in.text("title"));
      return {};
    case Event::Kind::command:
    case Event::Kind::note:
    case Event::Kind::log:
      event.text = TRY(in.text("text"));
      return {};
    case Event::Kind::output:
      event.stream = TRY(in.text("stream", 64));
      event.text = TRY(in.text("data"));
      return {};
    case Event::Kind::denied:
      event.denial.line = event.line;
      event.denial.program = TRY(in.text("program", longest_name));
      event.denial.syscall = TRY(in.text("syscall", longest_name));
      event.denial.count = TRY(in.number("count", max_u32));
      return {};
    case Event::Kind::failure:
      event.failure = TRY(failure_of(in));
      event.stream = TRY(in.text("stream", 64));
      return {};
    case Event::Kind::compared:
      return {};
    case Event::Kind::case_ended:
      return read_case(in, event);
    case Event::Kind::script_ended:
      return read_ended(in, event);
  }
  return {};
}

Result<Event> event_of(Event::Kind kind, const Members& in) {
  Event event;
  event.kind = kind;
  event.script = static_cast<uint32_t>(TRY(in.required("script", most_scripts - 1)));
  event.attempt = static_cast<uint32_t>(TRY(in.number("attempt", most_attempts)));
  event.place = TRY(in.text("place", longest_name));
  event.file = TRY(in.text("file", longest_name));
  event.sequence = TRY(in.number("sequence", max_time));
  event.time_ns = TRY(in.time("time_ns"));
  event.line = TRY(in.small("line"));
  CHECK_OK(read_content(in, event));
  return event;
}

}  // namespace

Result<EventLine> read_event_line(std::string_view line) {
  const Result<Json> parsed = json::parse(line);
  if (!parsed.ok()) return Error::usage(text::printable(parsed.error().message()));
  const Json& object = parsed.value();
  if (!object.is_object()) return Error::usage("this is not a JSON object");
  const Members in(object);
  const uint64_t version = TRY(in.required("version", max_u32));
  if (version != 1)
    return Error::usage(
               fmt::format("these are events of version {}, and this program reads version 1", version))
        .hint("merge them with the program that wrote them");
  const std::string type = TRY(in.text("type", 64));
  if (type == "run_started") return EventLine(TRY(run_start_of(in)));
  if (type == "run_ended") return EventLine(TRY(run_ended_of(in)));
  for (const Event::Kind kind : all_kinds)
    if (to_string(kind) == type) return EventLine(TRY(event_of(kind, in)));
  return EventLine(UnknownLine{type});
}

Result<std::optional<std::string>> LineReader::next() {
  size_t looked = begin_;
  while (true) {
    const size_t end = buffer_.find('\n', looked);
    if (end != std::string::npos) {
      ++line_;
      std::string line = buffer_.substr(begin_, end - begin_);
      begin_ = end + 1;
      if (line.size() > longest_) break;
      return std::optional(std::move(line));
    }
    buffer_.erase(0, begin_);
    begin_ = 0;
    looked = buffer_.size();
    if (buffer_.size() > longest_) {
      ++line_;
      break;
    }
    constexpr size_t piece = size_t{256} << 10;
    buffer_.resize(looked + piece);
    const ssize_t got = ::read(fd_.get(), buffer_.data() + looked, piece);
    const int number = errno;
    buffer_.resize(looked + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && number != EINTR) return Error::system("read", "the events", number);
    if (got == 0) {
      cut_ = !buffer_.empty();
      return std::optional<std::string>();
    }
  }
  return Error::usage(fmt::format("the line is longer than {} bytes", longest_));
}

}  // namespace testctr::report
