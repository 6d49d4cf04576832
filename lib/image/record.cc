// The record of an image that is ready, as a line of JSON.
#include "base/json.h"
#include "image/store.h"

namespace testctr::image {
namespace {

Result<std::string> from_list(const Json& object, const char* key, std::vector<std::string>& into) {
  if (const Json* list = json::find(object, key, Json::value_t::array))
    for (const Json& value : *list) into.push_back(TRY(json::to_bytes(value)));
  return std::string();
}
Json to_list(const std::vector<std::string>& list) {
  Json out = Json::array();
  for (const std::string& value : list) out.push_back(json::from_bytes(value));
  return out;
}

}  // namespace

std::string Record::to_json() const {
  Json j = {{"manifest", manifest.str()},
            {"layers", to_list(layers)},
            {"root_mode", root_mode},
            {"size", size},
            {"env", to_list(config.env)},
            {"working_dir", json::from_bytes(config.working_dir)},
            {"user", json::from_bytes(config.user)},
            {"entrypoint", to_list(config.entrypoint)},
            {"command", to_list(config.command)},
            {"os", config.os},
            {"architecture", config.architecture},
            {"notes", to_list(notes)}};
  for (const auto& [key, value] : config.labels) j["labels"][key] = json::from_bytes(value);
  if (!config.exposed_ports.empty()) j["exposed_ports"] = to_list(config.exposed_ports);
  if (config.healthcheck)
    j["healthcheck"] = {{"test", to_list(config.healthcheck->test)},
                        {"interval", config.healthcheck->interval_ns},
                        {"timeout", config.healthcheck->timeout_ns},
                        {"start_period", config.healthcheck->start_period_ns},
                        {"retries", config.healthcheck->retries}};
  return json::dump(j);
}

Result<Record> Record::from_json(std::string_view bytes) {
  Json j = TRY(json::parse(bytes));
  Record r;
  std::string manifest = TRY(json::get_string(j, "manifest"));
  r.manifest = TRY(Digest::parse(manifest));
  TRY(from_list(j, "layers", r.layers));
  for (const std::string& id : r.layers)
    if (!is_layer_id(id)) return Error::infrastructure("a record names a layer that no layer has");
  TRY(from_list(j, "env", r.config.env));
  TRY(from_list(j, "entrypoint", r.config.entrypoint));
  TRY(from_list(j, "command", r.config.command));
  TRY(from_list(j, "notes", r.notes));
  r.root_mode = static_cast<mode_t>(TRY(json::get_int(j, "root_mode")));
  r.size = static_cast<uint64_t>(TRY(json::get_int(j, "size", 0)));
  if (j.contains("working_dir")) r.config.working_dir = TRY(json::to_bytes(j["working_dir"]));
  if (j.contains("user")) r.config.user = TRY(json::to_bytes(j["user"]));
  r.config.os = TRY(json::get_string(j, "os", ""));
  r.config.architecture = TRY(json::get_string(j, "architecture", ""));
  if (const Json* labels = json::find(j, "labels", Json::value_t::object))
    for (const auto& [key, value] : labels->items()) r.config.labels[key] = TRY(json::to_bytes(value));
  if (j.contains("exposed_ports")) TRY(from_list(j, "exposed_ports", r.config.exposed_ports));
  if (const Json* check = json::find(j, "healthcheck", Json::value_t::object)) {
    Healthcheck& out = r.config.healthcheck.emplace();
    TRY(from_list(*check, "test", out.test));
    if (out.test.size() < 2) return Error::infrastructure("a record has half a health check");
    out.interval_ns = TRY(json::get_int(*check, "interval", 0));
    out.timeout_ns = TRY(json::get_int(*check, "timeout", 0));
    out.start_period_ns = TRY(json::get_int(*check, "start_period", 0));
    out.retries = TRY(json::get_int(*check, "retries", 0));
  }
  return r;
}

}  // namespace testctr::image
