#include "run/assignment.h"

namespace testctr::run {

Json to_wire(const Assignment& a) {
  Json environment = Json::array();
  for (const auto& [name, value] : a.environment)
    environment.push_back(Json::array({json::binary(name), json::binary(value)}));
  return Json{{"place", json::binary(a.place)},
              {"name", json::binary(a.name)},
              {"source", json::binary(a.source)},
              {"from", to_wire(a.from)},
              {"environment", std::move(environment)},
              {"work", json::binary(a.work)},
              {"tree", json::binary(a.tree)},
              {"case_timeout", a.case_timeout_ns},
              {"max_output", a.max_output},
              {"network", a.network}};
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
  return a;
}

}  // namespace testctr::run
