#include "plan/wire.h"

#include <algorithm>
#include <bit>

namespace testctr::plan {
namespace {

constexpr size_t most_jobs = 100'000;

Json words(const std::vector<std::string>& list) {
  Json wire = Json::array();
  for (const std::string& word : list) wire.push_back(json::binary(word));
  return wire;
}

Json pairs(const std::map<std::string, std::string>& map) {
  Json list = Json::array();
  for (const auto& [name, value] : map)
    list.push_back(Json::array({json::binary(name), json::binary(value)}));
  return list;
}

// ---- writing

void put(Json& wire, const char* key, const std::string& bytes) {
  if (!bytes.empty()) wire[key] = json::binary(bytes);
}

Json step_to_wire(const Step& step) {
  Json parts = Json::array();
  for (const DocumentPart& part : step.parts)
    parts.push_back(Json::array({json::binary(part.name), json::binary(part.source)}));
  Json wire{{"format", static_cast<int>(step.format)},
            {"language", static_cast<int>(step.language)},
            {"source", json::binary(step.source)},
            {"parts", std::move(parts)},
            {"main", step.main_part},
            {"cases", step.cases}};
  put(wire, "where", step.where);
  put(wire, "file", step.file);
  put(wire, "name", step.name);
  return wire;
}

Json documents_to_wire(const DocumentOptions& d) {
  Json wire{{"compat", static_cast<int>(d.reading.compat)}, {"indent", d.reading.indent}};
  put(wire, "shell", d.shell);
  if (d.overrides.keep_crlf) wire["keep_crlf"] = *d.overrides.keep_crlf ? 1 : 0;
  if (d.overrides.stream) wire["stream"] = static_cast<int>(*d.overrides.stream);
  if (d.overrides.timeout_ns) wire["timeout"] = *d.overrides.timeout_ns;
  return wire;
}

Json container_to_wire(const Container& c) {
  Json wire{{"name", json::binary(c.name)},
            {"image", json::binary(c.image)},
            {"environment", pairs(c.environment)},
            {"service", c.service ? 1 : 0},
            {"command", words(c.command)},
            {"ready", static_cast<int>(c.ready.kind)},
            {"ready_words", words(c.ready.words)},
            {"port", c.ready.port},
            {"ready_text", json::binary(c.ready.text)},
            {"ready_timeout", c.ready.timeout_ns}};
  return wire;
}

Json limits_to_wire(const Limits& l) {
  return Json{{"timeout", l.script_timeout_ns},
              {"timeout_asked", l.script_timeout_asked ? 1 : 0},
              {"case_timeout", l.case_timeout_ns},
              {"output", l.max_output},
              {"memory", l.memory},
              {"pids", l.pids},
              {"pids_asked", l.pids_asked ? 1 : 0},
              {"scratch", l.scratch},
              {"cpus", std::bit_cast<uint64_t>(l.cpus)}};
}

Json job_to_wire(const Job& job) {
  Json further = Json::array(), containers = Json::array(), programs = Json::array(), mounts = Json::array(),
       needs = Json::array();
  for (const Step& step : job.further) further.push_back(step_to_wire(step));
  for (const Container& container : job.containers) containers.push_back(container_to_wire(container));
  for (const HostProgram& p : job.programs)
    programs.push_back(Json::array({json::binary(p.path), json::binary(p.name)}));
  for (const Mount& m : job.mounts)
    mounts.push_back(Json::array({json::binary(m.source), json::binary(m.target), m.read_only ? 1 : 0}));
  for (const size_t other : job.needs) needs.push_back(other);
  Json wire{{"step", step_to_wire(job)},
            {"further", std::move(further)},
            {"documents", documents_to_wire(job.documents)},
            {"scripts", to_wire(job.scripts)},
            {"containers", std::move(containers)},
            {"environment", pairs(job.environment)},
            {"secrets", words(job.secrets)},
            {"programs", std::move(programs)},
            {"mounts", std::move(mounts)},
            {"limits", limits_to_wire(job.limits)},
            {"ids", static_cast<int>(job.ids)},
            {"network", static_cast<int>(job.network)},
            {"images", words(job.images)},
            {"pins", pairs(job.pins)},
            {"tags", words(job.tags)},
            {"needs", std::move(needs)}};
  put(wire, "image", job.image);
  put(wire, "tree", job.tree);
  put(wire, "seccomp", job.seccomp);
  if (job.skip) wire["skip"] = json::binary(*job.skip);
  return wire;
}

// ---- reading

Error malformed() { return Error::infrastructure("the bundle's plan is malformed: it is damaged"); }

Result<std::string> text_of(const Json& wire, const char* key) { return json::get_string(wire, key, ""); }

Result<const Json*> list_of(const Json& wire, const char* key) {
  const Json* list = json::find(wire, key, Json::value_t::array);
  if (list == nullptr || list->size() > most_jobs) return malformed();
  return list;
}

Result<std::vector<std::string>> words_of(const Json& wire, const char* key) {
  std::vector<std::string> out;
  for (const Json& word : *TRY(list_of(wire, key))) {
    if (!word.is_binary() && !word.is_string()) return malformed();
    out.push_back(json::bytes_of(word));
  }
  return out;
}

Result<std::map<std::string, std::string>> pairs_of(const Json& wire, const char* key) {
  std::map<std::string, std::string> out;
  for (const Json& pair : *TRY(list_of(wire, key))) {
    if (!pair.is_array() || pair.size() != 2) return malformed();
    out[json::bytes_of(pair[0])] = json::bytes_of(pair[1]);
  }
  return out;
}

template <class T>
Result<T> choice_of(const Json& wire, const char* key, T last) {
  const int64_t value = TRY(json::get_int(wire, key));
  if (value < 0 || value > static_cast<int64_t>(last)) return malformed();
  return static_cast<T>(value);
}

Result<bool> flag_of(const Json& wire, const char* key) { return TRY(json::get_int(wire, key, 0)) != 0; }

Result<uint64_t> number_of(const Json& wire, const char* key) {
  const int64_t value = TRY(json::get_int(wire, key));
  if (value < 0) return malformed();
  return static_cast<uint64_t>(value);
}

Status read_step(const Json& wire, Step& step) {
  step.format = TRY(choice_of(wire, "format", Format::cram));
  step.language = TRY(choice_of(wire, "language", script::Language::cmdgo));
  step.where = TRY(text_of(wire, "where"));
  step.file = TRY(text_of(wire, "file"));
  step.name = TRY(text_of(wire, "name"));
  step.source = TRY(text_of(wire, "source"));
  for (const Json& part : *TRY(list_of(wire, "parts"))) {
    if (!part.is_array() || part.size() != 2) return malformed();
    step.parts.push_back({json::bytes_of(part[0]), json::bytes_of(part[1])});
  }
  step.main_part = static_cast<size_t>(TRY(number_of(wire, "main")));
  step.cases = static_cast<size_t>(TRY(number_of(wire, "cases")));
  if (step.format != Format::script && step.main_part >= step.parts.size()) return malformed();
  return {};
}

Status read_documents(const Json& job, DocumentOptions& d) {
  const Json* wire = json::find(job, "documents", Json::value_t::object);
  if (wire == nullptr) return malformed();
  d.reading.compat = TRY(choice_of(*wire, "compat", script::Compat::cram));
  d.reading.indent = static_cast<size_t>(TRY(number_of(*wire, "indent")));
  if (d.reading.indent > 64) return malformed();
  d.shell = TRY(text_of(*wire, "shell"));
  if (wire->contains("keep_crlf")) d.overrides.keep_crlf = TRY(flag_of(*wire, "keep_crlf"));
  if (wire->contains("stream"))
    d.overrides.stream = TRY(choice_of(*wire, "stream", script::Stream::combined));
  if (wire->contains("timeout")) d.overrides.timeout_ns = TRY(json::get_int(*wire, "timeout"));
  return {};
}

Result<Container> container_of(const Json& wire) {
  Container c;
  c.name = TRY(text_of(wire, "name"));
  c.image = TRY(text_of(wire, "image"));
  c.environment = TRY(pairs_of(wire, "environment"));
  c.service = TRY(flag_of(wire, "service"));
  c.command = TRY(words_of(wire, "command"));
  c.ready.kind = TRY(choice_of(wire, "ready", Readiness::Kind::log));
  c.ready.words = TRY(words_of(wire, "ready_words"));
  const uint64_t port = TRY(number_of(wire, "port"));
  if (port > UINT16_MAX) return malformed();
  c.ready.port = static_cast<uint16_t>(port);
  c.ready.text = TRY(text_of(wire, "ready_text"));
  c.ready.timeout_ns = TRY(json::get_int(wire, "ready_timeout"));
  return c;
}

Status read_limits(const Json& job, Limits& l) {
  const Json* wire = json::find(job, "limits", Json::value_t::object);
  if (wire == nullptr) return malformed();
  l.script_timeout_ns = TRY(json::get_int(*wire, "timeout"));
  l.script_timeout_asked = TRY(flag_of(*wire, "timeout_asked"));
  l.case_timeout_ns = TRY(json::get_int(*wire, "case_timeout"));
  l.max_output = TRY(number_of(*wire, "output"));
  l.memory = TRY(number_of(*wire, "memory"));
  l.pids = TRY(number_of(*wire, "pids"));
  l.pids_asked = TRY(flag_of(*wire, "pids_asked"));
  l.scratch = TRY(number_of(*wire, "scratch"));
  l.cpus = std::bit_cast<double>(TRY(number_of(*wire, "cpus")));
  if (l.script_timeout_ns < 0 || l.case_timeout_ns <= 0 || !(l.cpus >= 0 && l.cpus < 1e6)) return malformed();
  return {};
}

Status read_host_things(const Json& wire, Job& job) {
  for (const Json& one : *TRY(list_of(wire, "programs"))) {
    if (!one.is_array() || one.size() != 2) return malformed();
    job.programs.push_back({json::bytes_of(one[0]), json::bytes_of(one[1])});
  }
  for (const Json& one : *TRY(list_of(wire, "mounts"))) {
    if (!one.is_array() || one.size() != 3) return malformed();
    job.mounts.push_back({json::bytes_of(one[0]), json::bytes_of(one[1]), one[2] != 0});
  }
  return {};
}

Result<Job> job_of(const Json& wire) {
  Job job;
  const Json* step = json::find(wire, "step", Json::value_t::object);
  if (step == nullptr) return malformed();
  CHECK_OK(read_step(*step, job));
  for (const Json& one : *TRY(list_of(wire, "further"))) CHECK_OK(read_step(one, job.further.emplace_back()));
  CHECK_OK(read_documents(wire, job.documents));
  const Json* scripts = json::find(wire, "scripts", Json::value_t::object);
  if (scripts == nullptr) return malformed();
  job.scripts = TRY(script_options_from_wire(*scripts));
  for (const Json& one : *TRY(list_of(wire, "containers"))) job.containers.push_back(TRY(container_of(one)));
  job.environment = TRY(pairs_of(wire, "environment"));
  job.secrets = TRY(words_of(wire, "secrets"));
  CHECK_OK(read_host_things(wire, job));
  CHECK_OK(read_limits(wire, job.limits));
  job.ids = TRY(choice_of(wire, "ids", Ids::range));
  job.network = TRY(choice_of(wire, "network", Network::host));
  job.images = TRY(words_of(wire, "images"));
  job.pins = TRY(pairs_of(wire, "pins"));
  job.tags = TRY(words_of(wire, "tags"));
  for (const Json& other : *TRY(list_of(wire, "needs"))) {
    if (!other.is_number_unsigned()) return malformed();
    job.needs.push_back(other.get<size_t>());
  }
  job.image = TRY(text_of(wire, "image"));
  job.tree = TRY(text_of(wire, "tree"));
  job.seccomp = TRY(text_of(wire, "seccomp"));
  if (wire.contains("skip")) job.skip = TRY(text_of(wire, "skip"));
  return job;
}

/// Whether all can be run: tests that wait for each other would wait for ever.
bool ends(const std::vector<Job>& jobs) {
  std::vector<size_t> waits_for(jobs.size()), ready;
  std::vector<std::vector<size_t>> waiting(jobs.size());
  for (size_t i = 0; i < jobs.size(); ++i) {
    waits_for[i] = jobs[i].needs.size();
    if (waits_for[i] == 0) ready.push_back(i);
    for (const size_t other : jobs[i].needs) {
      if (other >= jobs.size()) return false;
      waiting[other].push_back(i);
    }
  }
  size_t ended = 0;
  for (; !ready.empty(); ++ended) {
    const size_t one = ready.back();
    ready.pop_back();
    for (const size_t next : waiting[one])
      if (--waits_for[next] == 0) ready.push_back(next);
  }
  return ended == jobs.size();
}

}  // namespace

Json to_wire(const ScriptOptions& options) {
  Json conditions = Json::array();
  for (const auto& [name, is] : options.conditions)
    conditions.push_back(Json::array({json::binary(name), is ? 1 : 0}));
  return Json{{"commands", words(options.commands)},
              {"conditions", std::move(conditions)},
              {"short", options.short_run ? 1 : 0},
              {"verbose", options.verbose ? 1 : 0},
              {"strict_env", options.strict_env ? 1 : 0}};
}

Result<ScriptOptions> script_options_from_wire(const Json& wire) {
  ScriptOptions options;
  options.commands = TRY(words_of(wire, "commands"));
  for (const Json& pair : *TRY(list_of(wire, "conditions"))) {
    if (!pair.is_array() || pair.size() != 2) return malformed();
    options.conditions[json::bytes_of(pair[0])] = pair[1] != 0;
  }
  options.short_run = TRY(flag_of(wire, "short"));
  options.verbose = TRY(flag_of(wire, "verbose"));
  options.strict_env = TRY(flag_of(wire, "strict_env"));
  return options;
}

Json to_wire(const Plan& plan) {
  Json jobs = Json::array();
  for (const Job& job : plan.jobs) jobs.push_back(job_to_wire(job));
  return Json{{"v", wire_version}, {"jobs", std::move(jobs)}};
}

Result<Plan> plan_from_wire(const Json& wire) {
  if (!wire.is_object()) return malformed();
  const int64_t version = TRY(json::get_int(wire, "v"));
  if (version < wire_version || version > newest_wire_version) {
    return Error::infrastructure(fmt::format("the bundle is of version {}, and this program knows version {}",
                                             version, newest_wire_version))
        .hint(version > newest_wire_version ? "a newer testctr-script can replay it" : "pack it anew");
  }
  Plan plan;
  for (const Json& one : *TRY(list_of(wire, "jobs"))) {
    if (!one.is_object()) return malformed();
    plan.jobs.push_back(TRY(job_of(one)));
  }
  if (!ends(plan.jobs)) return malformed();
  return plan;
}

}  // namespace testctr::plan
