#include "run/history.h"

#include <cstdlib>

#include "base/digest.h"
#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"

namespace testctr::run {
namespace {

constexpr size_t largest = size_t{256} << 20;

std::string absolute_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value == '/' ? value : "";
}

/// Empty: there is none.
std::string state_folder() {
  if (const std::string home = absolute_variable("TESTCTR_HOME"); !home.empty()) return home + "/state";
  if (const std::string state = absolute_variable("XDG_STATE_HOME"); !state.empty())
    return state + "/testctr";
  const std::string home = absolute_variable("HOME");
  return home.empty() ? "" : home + "/.local/state/testctr";
}

Json key_to_json(const plan::TestKey& key) {
  return Json::array({json::from_bytes(key.first), json::from_bytes(key.second)});
}

std::optional<plan::TestKey> key_from_json(const Json& json) {
  if (!json.is_array() || json.size() != 2) return std::nullopt;
  const auto name = json::to_bytes(json[0]), image = json::to_bytes(json[1]);
  if (!name.ok() || !image.ok()) return std::nullopt;
  return plan::key_of(name.value(), image.value());
}

std::string string_of(const Json& object, const char* key) {
  const auto found = json::get_string(object, key, "");
  return found.ok() ? found.value() : "";
}

int64_t number_of(const Json& object, const char* key, int64_t fallback) {
  const auto found = json::get_int(object, key, fallback);
  return found.ok() ? found.value() : fallback;
}

std::string bytes_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  const auto bytes = found == object.end() ? Result<std::string>(std::string()) : json::to_bytes(*found);
  return bytes.ok() ? bytes.value() : "";
}

std::string ended_line(const plan::TestKey& test, Outcome outcome, int64_t duration_ns) {
  return json::dump(Json{{"test", key_to_json(test)},
                         {"outcome", std::string(to_string(outcome))},
                         {"duration_ns", duration_ns}}) +
         "\n";
}

}  // namespace

Result<History> History::open(const std::string& folder) {
  const std::string state = state_folder();
  if (state.empty())
    return Error::infrastructure("there is no folder for what is known of earlier runs")
        .hint("set HOME or TESTCTR_HOME to an absolute path");
  CHECK_OK(sys::make_dirs(state + "/runs", 0700));
  History history;
  history.file_ =
      TRY(LinesFile::open(fmt::format("{}/runs/{}.jsonl", state, Digest::of(folder).hex().substr(0, 32))));
  return history;
}

Status History::load() {
  if (!loaded_) read(TRY(file_.read()));
  loaded_ = true;
  return {};
}

void History::read(std::string_view text) {
  for (std::string_view line : text::lines(text)) {
    const auto parsed = json::parse(line);
    if (!parsed.ok() || !parsed.value().is_object()) continue;
    const Json& object = parsed.value();
    if (const Json* begun = json::find(object, "begun", Json::value_t::array)) {
      ++runs_;
      for (const Json& one : *begun) {
        const auto key = key_from_json(one);
        if (!key) continue;
        tests_[*key].outcome = Outcome::not_run;
        tests_[*key].run = runs_;
      }
      continue;
    }
    const auto test = object.find("test");
    const auto key = test == object.end() ? std::nullopt : key_from_json(*test);
    const auto outcome = outcome_from_string(string_of(object, "outcome"));
    if (!key || !outcome.ok()) continue;
    Past& past = tests_[*key];
    past.outcome = outcome.value();
    const int64_t duration = number_of(object, "duration_ns", 0);
    if (duration > 0) past.duration_ns = duration;
  }
}

std::set<plan::TestKey> History::failed() const {
  std::set<plan::TestKey> all;
  for (const auto& [key, past] : tests_) {
    if (!is_good(past.outcome)) all.insert(key);
  }
  return all;
}

std::map<plan::TestKey, int64_t> History::durations() const {
  std::map<plan::TestKey, int64_t> all;
  for (const auto& [key, past] : tests_) {
    if (past.duration_ns > 0) all[key] = past.duration_ns;
  }
  return all;
}

Status History::begin(const plan::Plan& plan) {
  if (TRY(file_.has_grown())) {
    CHECK_OK(load());
    std::string lines;
    for (const auto& [key, past] : tests_) lines += ended_line(key, past.outcome, past.duration_ns);
    CHECK_OK(file_.rewrite(lines));
  }
  Json begun = Json::array();
  for (const plan::Job& job : plan.jobs) begun.push_back(key_to_json(plan::key_of(job)));
  return file_.add(json::dump(Json{{"begun", std::move(begun)}}) + "\n");
}

Status History::add(const plan::TestKey& test, Outcome outcome, int64_t duration_ns) {
  return file_.add(ended_line(test, outcome, duration_ns));
}

bool HistoryWriter::lacks_need(const plan::Job& job) const {
  return std::any_of(job.needs.begin(), job.needs.end(), [this](size_t other) {
    const auto found = ended_.find(static_cast<uint32_t>(other));
    return found == ended_.end() || (found->second != Outcome::pass && found->second != Outcome::flaky);
  });
}

void HistoryWriter::take(const Event& event) {
  next_.take(event);
  if (history_ == nullptr || event.kind != Event::Kind::script_ended || !event.last ||
      event.script >= plan_.jobs.size())
    return;
  const plan::Job& job = plan_.jobs[event.script];
  ended_[event.script] = event.outcome;
  // What never began has nothing that is new; nor does what needs another test, that did not pass.
  if (event.outcome == Outcome::not_run || (event.outcome == Outcome::skip && lacks_need(job))) return;
  const plan::TestKey key = plan::key_of(job);
  Outcome outcome = flaky_fails_ && event.outcome == Outcome::flaky ? Outcome::fail : event.outcome;
  if (!job.repeated.empty()) {
    if (repeated_.empty())
      for (const plan::Job& one : plan_.jobs) ++repeated_[plan::key_of(one)].left;
    Repeated& all = repeated_[key];
    if (is_good(all.worst)) all.worst = outcome;
    outcome = all.worst;
    // Until the last of them has ended it counts as not run, unless it has failed.
    if (--all.left > 0 && is_good(outcome)) return;
  }
  Status added = history_->add(key, outcome, event.duration_ns);
  if (status_.ok()) status_ = std::move(added);
}

Result<std::map<plan::TestKey, int64_t>> durations_from_events(const std::string& path) {
  auto text = sys::read_file(path, largest);
  if (!text.ok()) return Error(std::move(text).error()).as(Fault::usage).in("--durations");
  std::map<int64_t, plan::TestKey> names;
  std::map<plan::TestKey, int64_t> all;
  for (std::string_view line : text::lines(text.value())) {
    const auto parsed = json::parse(line);
    if (!parsed.ok() || !parsed.value().is_object()) continue;
    const Json& object = parsed.value();
    const std::string type = string_of(object, "type");
    const int64_t script = number_of(object, "script", -1);
    if (type == "run_started") names.clear();  // files of several shards, one behind the other
    if (type == "script_started") {
      // What a lock file has pinned is known by the name that the test has it by.
      names[script] = plan::key_of(bytes_of(object, "name"), bytes_of(object, "image"));
    }
    const int64_t duration = number_of(object, "duration_ns", 0);
    if (type == "script_ended" && duration > 0 && names.contains(script)) all[names[script]] = duration;
  }
  if (all.empty())
    return Error::usage(fmt::format("--durations: {}: no test has ended in it", text::printable(path)))
        .hint("it is a file of event lines, as `run --json` prints them");
  return all;
}

}  // namespace testctr::run
