#include "run/assignment.h"

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

}  // namespace

Json to_wire(const Assignment& a) {
  Json environment = Json::array();
  for (const auto& [name, value] : a.environment)
    environment.push_back(Json::array({json::binary(name), json::binary(value)}));
  Json wire{{"place", json::binary(a.place)},
            {"name", json::binary(a.name)},
            {"source", json::binary(a.source)},
            {"from", to_wire(a.from)},
            {"environment", std::move(environment)},
            {"work", json::binary(a.work)},
            {"tree", json::binary(a.tree)},
            {"case_timeout", a.case_timeout_ns},
            {"max_output", a.max_output},
            {"network", a.network}};
  if (a.document) wire["document"] = to_wire(*a.document);
  return wire;
}

Result<Assignment> assignment_from_wire(const Json& wire) {
  Assignment a;
  a.place = TRY(json::get_string(wire, "place"));
  a.name = TRY(json::get_string(wire, "name"));
  a.source = TRY(json::get_string(wire, "source"));
  const Json* from = json::find(wire, "from", Json::value_t::object);
  if (from == nullptr) return Error::internal("an assignment without a continuation");
  a.from = TRY(continuation_from_wire(*from));
  const Json* environment = json::find(wire, "environment", Json::value_t::array);
  if (environment == nullptr) return Error::internal("an assignment without an environment");
  for (const auto& pair : *environment) {
    if (!pair.is_array() || pair.size() != 2)
      return Error::internal("an environment entry that is not a pair");
    a.environment[json::bytes_of(pair[0])] = json::bytes_of(pair[1]);
  }
  a.work = TRY(json::get_string(wire, "work"));
  a.tree = TRY(json::get_string(wire, "tree"));
  a.case_timeout_ns = TRY(json::get_int(wire, "case_timeout"));
  a.max_output = static_cast<uint64_t>(TRY(json::get_int(wire, "max_output")));
  a.network = json::find(wire, "network", Json::value_t::boolean) != nullptr && wire["network"].get<bool>();
  if (const Json* document = json::find(wire, "document", Json::value_t::object); document != nullptr)
    a.document = TRY(document_from_wire(*document));
  return a;
}

}  // namespace testctr::run
