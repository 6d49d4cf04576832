#include "run/assignment.h"

#include "plan/wire.h"

namespace testctr::run {
namespace {

template <class T>
void put(Json& wire, const char* key, const std::optional<T>& value) {
  if (value) wire[key] = static_cast<int64_t>(*value);
}

Json to_wire(const DocumentAssignment& d) {
  Json parts = Json::array();
  for (const plan::DocumentPart& part : d.parts)
    parts.push_back(Json::array({json::binary(part.name), json::binary(part.source)}));
  Json overrides = Json::object();
  const script::CaseConfig& config = d.setting.overrides;
  put(overrides, "keep_crlf", config.keep_crlf);
  put(overrides, "stream", config.stream);
  put(overrides, "timeout", config.timeout_ns);
  return Json{{"dialect", static_cast<int>(d.dialect)},
              {"parts", std::move(parts)},
              {"main", d.main},
              {"compat", static_cast<int>(d.reading.compat)},
              {"indent", d.reading.indent},
              {"shell", json::binary(d.setting.shell)},
              {"spare_shell", json::binary(d.setting.spare_shell)},
              {"overrides", std::move(overrides)},
              {"timeout", d.setting.timeout_ns},
              {"whole_output", d.setting.whole_output},
              {"where", json::binary(d.setting.where)},
              {"directory", json::binary(d.setting.directory)}};
}

Result<DocumentAssignment> document_from_wire(const Json& wire) {
  DocumentAssignment d;
  d.dialect = static_cast<script::Dialect>(TRY(json::get_int(wire, "dialect")));
  const Json* parts = json::find(wire, "parts", Json::value_t::array);
  const Json* overrides = json::find(wire, "overrides", Json::value_t::object);
  if (parts == nullptr || overrides == nullptr) return Error::internal("an assignment of half a document");
  for (const Json& part : *parts) {
    if (!part.is_array() || part.size() != 2) return Error::internal("a part of a document that is no pair");
    d.parts.push_back({json::bytes_of(part[0]), json::bytes_of(part[1])});
  }
  d.main = static_cast<uint32_t>(TRY(json::get_int(wire, "main")));
  d.reading.compat = d.setting.compat = static_cast<script::Compat>(TRY(json::get_int(wire, "compat")));
  d.reading.indent = static_cast<size_t>(TRY(json::get_int(wire, "indent")));
  d.setting.shell = TRY(json::get_string(wire, "shell"));
  d.setting.spare_shell = TRY(json::get_string(wire, "spare_shell"));
  d.setting.timeout_ns = TRY(json::get_int(wire, "timeout"));
  d.setting.where = TRY(json::get_string(wire, "where"));
  d.setting.directory = TRY(json::get_string(wire, "directory"));
  const Json* whole = json::find(wire, "whole_output", Json::value_t::boolean);
  d.setting.whole_output = whole != nullptr && whole->get<bool>();
  script::CaseConfig& config = d.setting.overrides;
  if (overrides->contains("keep_crlf")) config.keep_crlf = TRY(json::get_int(*overrides, "keep_crlf")) != 0;
  if (overrides->contains("stream"))
    config.stream = static_cast<script::Stream>(TRY(json::get_int(*overrides, "stream")));
  if (overrides->contains("timeout")) config.timeout_ns = TRY(json::get_int(*overrides, "timeout"));
  return d;
}

Json pairs(const std::map<std::string, std::string>& map) {
  Json list = Json::array();
  for (const auto& [name, value] : map)
    list.push_back(Json::array({json::binary(name), json::binary(value)}));
  return list;
}

Result<std::map<std::string, std::string>> pairs_from(const Json& wire, const char* key) {
  std::map<std::string, std::string> map;
  const Json* list = json::find(wire, key, Json::value_t::array);
  if (list == nullptr) return Error::internal("an assignment without an environment");
  for (const Json& pair : *list) {
    if (!pair.is_array() || pair.size() != 2)
      return Error::internal("an environment entry that is not a pair");
    map[json::bytes_of(pair[0])] = json::bytes_of(pair[1]);
  }
  return map;
}

Json words(const std::vector<std::string>& list) {
  Json wire = Json::array();
  for (const std::string& word : list) wire.push_back(json::binary(word));
  return wire;
}

Result<std::vector<std::string>> words_from(const Json& wire, const char* key) {
  std::vector<std::string> list;
  const Json* found = json::find(wire, key, Json::value_t::array);
  if (found == nullptr) return Error::internal("an assignment without its words");
  for (const Json& word : *found) list.push_back(json::bytes_of(word));
  return list;
}

bool flag(const Json& wire, const char* key) {
  const Json* found = json::find(wire, key, Json::value_t::boolean);
  return found != nullptr && found->get<bool>();
}

Json to_wire(const ShellWish& shell) {
  Json breaks = Json::array();
  for (const interpret::Break& one : shell.breaks)
    breaks.push_back(Json::array({json::binary(one.file), one.line}));
  return Json{{"at", static_cast<int>(shell.at)}, {"terminal", shell.terminal},
              {"rows", shell.window.rows},        {"columns", shell.window.columns},
              {"term", json::binary(shell.term)}, {"spare", json::binary(shell.spare)},
              {"breaks", std::move(breaks)}};
}

Result<ShellWish> shell_from_wire(const Json& wire) {
  ShellWish shell;
  shell.at = static_cast<ShellAt>(TRY(json::get_int(wire, "at")));
  shell.terminal = flag(wire, "terminal");
  shell.window = TRY(window_from_wire(wire));
  shell.term = TRY(json::get_string(wire, "term"));
  shell.spare = TRY(json::get_string(wire, "spare"));
  const Json* breaks = json::find(wire, "breaks", Json::value_t::array);
  if (breaks == nullptr) return Error::internal("an assignment without its breaks");
  for (const Json& one : *breaks) {
    if (!one.is_array() || one.size() != 2 || !one[1].is_number())
      return Error::internal("a break that is no pair");
    shell.breaks.push_back({json::bytes_of(one[0]), one[1].get<uint32_t>()});
  }
  return shell;
}

}  // namespace

Json to_wire(const Assignment& a) {
  Json wire{{"place", json::binary(a.place)},
            {"environment", pairs(a.environment)},
            {"work", json::binary(a.work)},
            {"tree", json::binary(a.tree)},
            {"control", json::binary(a.control)},
            {"programs", words(a.programs)},
            {"scripts", plan::to_wire(a.scripts)},
            {"artifacts", words(a.artifacts)},
            {"keeps_failed", a.keeps_failed},
            {"case_timeout", a.case_timeout_ns},
            {"max_output", a.max_output},
            {"network", a.network},
            {"guarded", a.guarded},
            {"update", a.update},
            {"socket", json::binary(a.socket)}};
  if (a.service)
    wire["service"] = Json{{"words", words(a.service->words)},
                           {"environment", pairs(a.service->environment)},
                           {"directory", json::binary(a.service->directory)}};
  if (a.shell.at != ShellAt::none) wire["shell"] = to_wire(a.shell);
  return wire;
}

Result<interpret::WindowSize> window_from_wire(const Json& wire) {
  return interpret::WindowSize{static_cast<uint16_t>(TRY(json::get_int(wire, "rows"))),
                               static_cast<uint16_t>(TRY(json::get_int(wire, "columns")))};
}

Result<Assignment> assignment_from_wire(const Json& wire) {
  Assignment a;
  a.place = TRY(json::get_string(wire, "place"));
  a.environment = TRY(pairs_from(wire, "environment"));
  a.work = TRY(json::get_string(wire, "work"));
  a.tree = TRY(json::get_string(wire, "tree"));
  a.control = TRY(json::get_string(wire, "control"));
  a.programs = TRY(words_from(wire, "programs"));
  const Json* scripts = json::find(wire, "scripts", Json::value_t::object);
  if (scripts == nullptr) return Error::internal("an assignment without options of scripts");
  a.scripts = TRY(plan::script_options_from_wire(*scripts));
  a.artifacts = TRY(words_from(wire, "artifacts"));
  a.keeps_failed = flag(wire, "keeps_failed");
  a.case_timeout_ns = TRY(json::get_int(wire, "case_timeout"));
  a.max_output = static_cast<uint64_t>(TRY(json::get_int(wire, "max_output")));
  a.network = flag(wire, "network");
  a.guarded = flag(wire, "guarded");
  a.update = flag(wire, "update");
  a.socket = TRY(json::get_string(wire, "socket"));
  if (const Json* service = json::find(wire, "service", Json::value_t::object); service != nullptr) {
    a.service.emplace();
    a.service->words = TRY(words_from(*service, "words"));
    a.service->environment = TRY(pairs_from(*service, "environment"));
    a.service->directory = TRY(json::get_string(*service, "directory"));
  }
  if (const Json* shell = json::find(wire, "shell", Json::value_t::object); shell != nullptr)
    a.shell = TRY(shell_from_wire(*shell));
  return a;
}

Json to_wire(const Order& o) {
  Json wire{{"fresh", o.fresh}, {"from", to_wire(o.from)}, {"last", o.last}};
  if (o.stepping) wire["stepping"] = true;
  if (!o.definitions.empty()) wire["definitions"] = words(o.definitions);
  if (!o.fresh) return wire;
  wire["name"] = json::binary(o.name);
  wire["source"] = json::binary(o.source);
  wire["language"] = static_cast<int>(o.language);
  if (o.document) wire["document"] = to_wire(*o.document);
  return wire;
}

Result<Order> order_from_wire(const Json& wire) {
  Order o;
  const Json* from = json::find(wire, "from", Json::value_t::object);
  if (from == nullptr) return Error::internal("an order without a continuation");
  o.from = TRY(continuation_from_wire(*from));
  o.fresh = flag(wire, "fresh");
  o.last = flag(wire, "last");
  o.stepping = flag(wire, "stepping");
  if (wire.contains("definitions")) o.definitions = TRY(words_from(wire, "definitions"));
  if (!o.fresh) return o;
  o.name = TRY(json::get_string(wire, "name"));
  o.source = TRY(json::get_string(wire, "source"));
  o.language = static_cast<script::Language>(TRY(json::get_int(wire, "language")));
  if (const Json* document = json::find(wire, "document", Json::value_t::object); document != nullptr)
    o.document = TRY(document_from_wire(*document));
  return o;
}

}  // namespace testctr::run
