#include "run/kept_failures.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/digest.h"
#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "report/json_lines.h"
#include "report/read_events.h"
#include "report/writer.h"

namespace testctr::run {
namespace {

constexpr size_t largest_passed = size_t{256} << 20;
constexpr uint64_t month_s = uint64_t{30} * 24 * 3600;
constexpr size_t longest_text = size_t{128} << 10;  ///< of an event's text, where it is kept
constexpr size_t shortest_text = size_t{4} << 10;   ///< the same where there is no room
constexpr uint64_t event_weight = 200;              ///< of its line, beside its texts

Json to_json(const plan::TestKey& key) {
  return Json::array({json::from_bytes(key.first), json::from_bytes(key.second)});
}

Json to_json(const report::Circumstances& was) {
  Json object = Json::object();
  for (const auto& [name, value] : was) object[text::to_utf8(name)] = json::from_bytes(value);
  return object;
}

std::string bytes_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return "";
  auto bytes = json::to_bytes(*found);
  return bytes.ok() ? std::move(bytes).value() : "";
}

std::optional<plan::TestKey> key_of(const Json& object) {
  const Json* test = json::find(object, "test", Json::value_t::array);
  if (test == nullptr || test->size() != 2) return std::nullopt;
  auto name = json::to_bytes((*test)[0]), image = json::to_bytes((*test)[1]);
  if (!name.ok() || !image.ok()) return std::nullopt;
  return plan::TestKey{std::move(name).value(), std::move(image).value()};
}

report::Circumstances was_of(const Json& object) {
  report::Circumstances was;
  const Json* all = json::find(object, "was", Json::value_t::object);
  if (all == nullptr) return was;
  for (const auto& [name, value] : all->items()) {
    auto bytes = json::to_bytes(value);
    if (bytes.ok()) was[name] = std::move(bytes).value();
  }
  return was;
}

std::string passed_line(const plan::TestKey& test, const report::Circumstances& was) {
  return json::dump(Json{{"test", to_json(test)}, {"was", to_json(was)}}) + "\n";
}

std::string file_name(const plan::TestKey& test) {
  return Digest::of(json::dump(to_json(test))).hex().substr(0, 32) + ".jsonl";
}

/// All texts of an event that can be long.
std::array<std::string*, 9> texts_of(Event& event) {
  return {&event.text,           &event.detail,           &event.failure.command,
          &event.failure.reason, &event.failure.expected, &event.failure.actual,
          &event.failure.diff,   &event.failure.hint,     &event.denial.program};
}

/// Of an output the end stays, since that is next to what failed; of what was said of it the beginning.
/// @return whether something had to be cut
bool shorten(Event& event, size_t longest) {
  bool cut = event.kind == Event::Kind::output && event.text.size() > longest;
  if (cut) event.text.erase(0, event.text.size() - longest);
  for (std::string* text : texts_of(event)) {
    if (text->size() <= longest) continue;
    text->resize(longest);
    cut = true;
  }
  return cut;
}

uint64_t weight_of(Event& event) {
  uint64_t weight = event_weight;
  for (const std::string* text : texts_of(event)) weight += text->size();
  return weight;
}

/// The file of a failure. @param longest of each text
std::string written(const plan::TestKey& test, KeptFailure& failure, size_t longest) {
  std::string lines;
  report::StringWriter out;
  report::JsonLines writer(out);
  for (Event& event : failure.events) {
    failure.cut = shorten(event, longest) || failure.cut;
    writer.event(event);
  }
  Json head{{"test", to_json(test)}, {"was", to_json(failure.was)}, {"unix_s", failure.unix_s}};
  if (failure.cut) head["cut"] = true;
  if (!failure.manifest.empty()) head["manifest"] = json::from_bytes(failure.manifest);
  if (failure.above) head["above"] = true;
  if (!failure.file.empty()) head["file"] = json::from_bytes(failure.file);
  return json::dump(head) + "\n" + out.text();
}

bool is_firm(const Event& event) {
  return event.kind == Event::Kind::script_started || event.kind == Event::Kind::script_ended ||
         event.kind == Event::Kind::failure || event.kind == Event::Kind::denied ||
         event.kind == Event::Kind::log || event.kind == Event::Kind::case_ended;
}

/// Where there is no room: how it began, its first failure, how it ended.
std::vector<Event> least_of(std::vector<Event> events) {
  bool failed = false;
  std::erase_if(events, [&](const Event& event) {
    if (event.kind == Event::Kind::script_started || event.kind == Event::Kind::script_ended) return false;
    if (event.kind != Event::Kind::failure || failed) return true;
    failed = true;
    return false;
  });
  return events;
}

std::string hash_of(std::string_view bytes) { return Digest::of(bytes).hex(); }

}  // namespace

KeptFailures::KeptFailures(const std::string& history) {
  const std::string base = history.substr(0, history.size() - std::string_view(".jsonl").size());
  folder_ = base + ".failed";
  passed_path_ = base + ".passed.jsonl";
}

std::optional<KeptFailure> KeptFailures::failure(const plan::TestKey& test) const {
  const auto text = sys::read_file(path_of(file_name(test)), size_t{8} * most_of_test);
  if (!text.ok()) return std::nullopt;
  KeptFailure failure;
  bool head = true;
  for (std::string_view line : text::lines(text.value())) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (head) {
      const auto parsed = json::parse(line);
      if (!parsed.ok() || !parsed.value().is_object() || key_of(parsed.value()) != test) return std::nullopt;
      const Json& object = parsed.value();
      failure.was = was_of(object);
      const auto when = json::get_int(object, "unix_s", 0);
      failure.unix_s = when.ok() ? when.value() : 0;
      failure.cut = json::find(object, "cut", Json::value_t::boolean) != nullptr;
      failure.manifest = bytes_of(object, "manifest");
      failure.above = json::find(object, "above", Json::value_t::boolean) != nullptr;
      failure.file = bytes_of(object, "file");
      head = false;
      continue;
    }
    auto event = report::read_event_line(line);
    if (event.ok() && std::holds_alternative<Event>(event.value())) {
      failure.events.push_back(std::get<Event>(std::move(event).value()));
    } else {
      failure.cut = true;
    }
  }
  const auto count = [&](Event::Kind kind) {
    return std::count_if(failure.events.begin(), failure.events.end(),
                         [&](const Event& event) { return event.kind == kind; });
  };
  const bool whole = failure.events.size() > 1 &&
                     failure.events.front().kind == Event::Kind::script_started &&
                     failure.events.back().kind == Event::Kind::script_ended &&
                     count(Event::Kind::script_started) == 1 && count(Event::Kind::script_ended) == 1;
  if (!whole) return std::nullopt;
  return failure;
}

Result<std::map<plan::TestKey, report::Circumstances>> KeptFailures::passed() const {
  std::map<plan::TestKey, report::Circumstances> all;
  if (!TRY(sys::stat_at(AT_FDCWD, passed_path_))) return all;
  const std::string text = TRY(sys::read_file(passed_path_, largest_passed));
  for (const std::string_view line : text::lines(text)) {
    const auto parsed = json::parse(line);
    if (!parsed.ok() || !parsed.value().is_object()) continue;
    const auto test = key_of(parsed.value());
    if (test) all[*test] = was_of(parsed.value());
  }
  return all;
}

Status KeptFailures::begin() {
  passed_ = TRY(LinesFile::open(passed_path_));
  if (TRY(passed_.has_grown())) {
    std::string lines;
    for (const auto& [test, was] : TRY(passed())) lines += passed_line(test, was);
    CHECK_OK(passed_.rewrite(lines));
  }
  return look_through();
}

Status KeptFailures::look_through() {
  if (!TRY(sys::stat_at(AT_FDCWD, folder_))) return {};
  const Fd folder = TRY(sys::open(folder_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const uint64_t now_s = sys::realtime_ns() / 1'000'000'000;
  for (const std::string& name : TRY(sys::list_dir(folder.get()))) {
    const auto st = TRY(sys::stat_at(folder.get(), name));
    if (!st || !S_ISREG(st->st_mode)) continue;
    if (static_cast<uint64_t>(st->st_mtime) + month_s < now_s) {
      if (::unlinkat(folder.get(), name.c_str(), 0) != 0 && errno != ENOENT)
        return Error::system("unlink", path_of(name));
      continue;
    }
    sizes_[name] = static_cast<uint64_t>(st->st_size);
    together_ += static_cast<uint64_t>(st->st_size);
  }
  return {};
}

Status KeptFailures::keep(const plan::TestKey& test, KeptFailure failure) {
  const std::string name = file_name(test);
  if (sizes_.empty()) CHECK_OK(sys::make_dirs(folder_, 0700));
  const auto old = sizes_.find(name);
  const uint64_t others = together_ - (old == sizes_.end() ? 0 : old->second);
  std::string content = written(test, failure, longest_text);
  if (content.size() > 4 * most_of_test || others + content.size() > most_of_all) {
    failure.events = least_of(std::move(failure.events));
    failure.cut = true;
    content = written(test, failure, shortest_text);
  }
  CHECK_OK(sys::write_file_atomic(AT_FDCWD, path_of(name), content, 0600, /*sync=*/false));
  sizes_[name] = content.size();
  together_ = others + content.size();
  return {};
}

Status KeptFailures::pass(const plan::TestKey& test, const report::Circumstances& was) {
  if (!sizes_.empty()) {
    if (const auto old = sizes_.find(file_name(test)); old != sizes_.end()) {
      if (::unlink(path_of(old->first).c_str()) != 0 && errno != ENOENT)
        return Error::system("unlink", path_of(old->first));
      together_ -= old->second;
      sizes_.erase(old);
    }
  }
  if (was.empty() || !passed_.is_open()) return {};
  return passed_.add(passed_line(test, was));
}

report::Circumstances circumstances_of(const plan::Job& job) {
  report::Circumstances was;
  std::string source = job.source;
  for (const plan::DocumentPart& part : job.parts) (source += '\0') += part.source;
  for (const plan::Step& step : job.further) (source += '\1') += step.source;
  was["script"] = hash_of(source);
  // Of a secret not even that is kept: short ones could be found by trying.
  for (const auto& [name, value] : job.environment) {
    const bool secret = std::find(job.secrets.begin(), job.secrets.end(), name) != job.secrets.end();
    was["env." + name] = secret ? "secret" : hash_of(name + "=" + value);
  }
  for (const plan::HostProgram& program : job.programs) {
    struct stat st {};
    if (::stat(program.path.c_str(), &st) == 0)
      was["bin." + program.name] =
          fmt::format("{} {} {}.{:09}", program.path, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  }
  was["seccomp"] = job.seccomp;
  if (job.seccomp != "default" && job.seccomp != "unconfined") {
    if (const auto profile = sys::read_file(job.seccomp, size_t{4} << 20); profile.ok())
      was["filter"] = hash_of(profile.value());
  }
  was["network"] = job.network == plan::Network::host ? "host" : "none";
  was["ids"] = job.ids == plan::Ids::one ? "one" : job.ids == plan::Ids::range ? "range" : "automatic";
  const plan::Limits& limits = job.limits;
  was["limit.timeout"] = text::format_duration(limits.script_timeout_ns);
  was["limit.case_timeout"] = text::format_duration(limits.case_timeout_ns);
  was["limit.max_output"] = std::to_string(limits.max_output);
  // Half of what is free is another number each time.
  if (limits.memory > 0) was["limit.memory"] = std::to_string(limits.memory);
  was["limit.pids"] = std::to_string(limits.pids);
  was["limit.scratch"] = std::to_string(limits.scratch);
  if (limits.cpus > 0) was["limit.cpus"] = fmt::format("{:.3g}", limits.cpus);
  return was;
}

void FailureKeeper::provided(size_t job, report::Circumstances made_from) {
  provided_[job] = std::move(made_from);
}

report::Circumstances FailureKeeper::was(uint32_t script) const {
  report::Circumstances was = circumstances_of(plan_.jobs[script]);
  was.insert(common_.begin(), common_.end());
  if (const auto found = provided_.find(script); found != provided_.end())
    was.insert(found->second.begin(), found->second.end());
  was["unix_s"] = std::to_string(sys::realtime_ns() / 1'000'000'000);
  return was;
}

// What leads to a failure is wanted as far as it is near it; what says how it went wrong from the beginning.
void FailureKeeper::remember(Attempt& attempt, const Event& event) const {
  Event copy = event;
  attempt.cut = shorten(copy, longest_text) || attempt.cut;
  const uint64_t weight = weight_of(copy);
  if (is_firm(event)) {
    if (attempt.firm_bytes + weight > most_of_test / 2 && event.kind != Event::Kind::script_ended) {
      attempt.cut = true;
      return;
    }
    attempt.firm_bytes += weight;
    attempt.firm.push_back(std::move(copy));
    return;
  }
  attempt.loose_bytes += weight;
  attempt.loose.push_back(std::move(copy));
  while (attempt.loose_bytes > most_of_test / 2 && attempt.loose_gone + 1 < attempt.loose.size()) {
    Event& oldest = attempt.loose[attempt.loose_gone++];
    attempt.loose_bytes -= weight_of(oldest);
    oldest = {};
    attempt.cut = true;
  }
  if (attempt.loose_gone > 1000 && attempt.loose_gone > attempt.loose.size() / 2) {
    attempt.loose.erase(attempt.loose.begin(),
                        attempt.loose.begin() + static_cast<ptrdiff_t>(attempt.loose_gone));
    attempt.loose_gone = 0;
  }
}

void FailureKeeper::take(const Event& event) {
  next_.take(event);
  if (kept_ == nullptr || event.script >= plan_.jobs.size() || !status_.ok()) return;
  if (event.kind == Event::Kind::script_started) attempts_[event.script] = {};
  if (event.kind == Event::Kind::compared) return;
  remember(attempts_[event.script], event);
  if (event.kind == Event::Kind::script_ended) end(event);
}

void FailureKeeper::end(const Event& event) {
  const auto found = attempts_.extract(event.script);
  // What never began has nothing that is new; neither has what was skipped.
  if (!event.last || event.outcome == Outcome::not_run) return;
  const plan::Job& job = plan_.jobs[event.script];
  const plan::TestKey key = plan::key_of(job);
  if (is_good(event.outcome)) {
    if (!failed_.contains(key))
      status_ =
          kept_->pass(key, event.outcome == Outcome::skip ? report::Circumstances() : was(event.script));
    return;
  }
  failed_.insert(key);
  Attempt& attempt = found.mapped();
  KeptFailure failure;
  failure.was = was(event.script);
  failure.unix_s = static_cast<int64_t>(sys::realtime_ns() / 1'000'000'000);
  failure.cut = attempt.cut;
  if (job.listed) failure.manifest = job.manifests.front();
  failure.above = !job.listed && !job.manifests.empty();
  failure.file = job.file;
  failure.events = std::move(attempt.firm);
  failure.events.insert(failure.events.end(),
                        attempt.loose.begin() + static_cast<ptrdiff_t>(attempt.loose_gone),
                        attempt.loose.end());
  std::stable_sort(failure.events.begin(), failure.events.end(),
                   [](const Event& a, const Event& b) { return a.sequence < b.sequence; });
  status_ = kept_->keep(key, std::move(failure));
}

}  // namespace testctr::run
