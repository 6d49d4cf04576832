// policy.json: whether images of a place may be used at all.
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "registry/names.h"
#include "registry/places.h"

namespace testctr::registry {
namespace {

// The format is strict: a key that stands twice makes the file void, where other JSON would take the last.
Result<Json> parse_strictly(const std::string& text) {
  Json parsed = TRY(json::parse(text));
  std::vector<std::set<std::string>> keys;
  std::string twice;
  auto watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
      twice = value.get<std::string>();
    return true;
  };
  const Json again = Json::parse(text, watch, /* allow_exceptions= */ false);
  if (!again.is_discarded() && !twice.empty())
    return Error::usage(fmt::format("the key {} is there twice", text::quoted(twice)));
  return parsed;
}

Status check_keys(const Json& object, const std::set<std::string>& known, const std::string& where) {
  if (!object.is_object()) return Error::usage(fmt::format("{} must be an object", where));
  for (const auto& [key, value] : object.items())
    if (!known.contains(key))
      return Error::usage(fmt::format("{} has an unknown key {}", where, text::quoted(key)));
  return {};
}

// Whether the requirements are of the known form; what they ask for is looked at only where they apply.
Status check_requirements(const Json& list, const std::string& where) {
  if (!list.is_array() || list.empty())
    return Error::usage(fmt::format("{} must be a list of requirements, and not an empty one", where));
  for (const Json& requirement : list) {
    if (!requirement.is_object()) return Error::usage(fmt::format("a requirement of {} is no object", where));
    const std::string type = TRY_IN(json::get_string(requirement, "type"), where);
    if (type == "insecureAcceptAnything" || type == "reject") {
      CHECK_OK(check_keys(requirement, {"type"}, fmt::format("{} of {}", type, where)));
    } else if (type != "signedBy" && type != "sigstoreSigned" && type != "signedBaseLayer") {
      return Error::usage(fmt::format("{} has a requirement of unknown type {}", where, text::quoted(type)));
    }
  }
  return {};
}

Status check_form(const Json& policy) {
  CHECK_OK(check_keys(policy, {"default", "transports"}, "the file"));
  if (!policy.contains("default")) return Error::usage("there is no \"default\"");
  CHECK_OK(check_requirements(policy["default"], "\"default\""));
  if (!policy.contains("transports")) return {};
  const Json& transports = policy["transports"];
  if (!transports.is_object()) return Error::usage("\"transports\" must be an object");
  for (const auto& [transport, scopes] : transports.items()) {
    if (!scopes.is_object())
      return Error::usage(fmt::format("the transport {} must be an object", text::quoted(transport)));
    for (const auto& [scope, list] : scopes.items())
      CHECK_OK(
          check_requirements(list, fmt::format("{} of {}", text::quoted(scope), text::quoted(transport))));
  }
  return {};
}

// A registry's scopes from the most specific: the image, its repository and its parents, the host, wildcards.
std::vector<std::string> registry_scopes(std::string name) {
  std::vector<std::string> scopes{name};
  size_t slash = name.find('/');
  if (slash != std::string::npos) {
    // With tag and digest the digest is the image's name.
    if (size_t at = name.find('@', slash); at != std::string::npos) {
      name.resize(at);
      scopes.push_back(name);
    }
    if (size_t colon = name.find(':', slash); colon != std::string::npos) {
      name.resize(colon);
      scopes.push_back(name);
    }
    while ((slash = name.rfind('/')) != std::string::npos) {
      name.resize(slash);
      scopes.push_back(name);
    }
  }
  name = name.substr(0, name.find(':'));
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
    scopes.push_back("*" + name.substr(dot));
  return scopes;
}

// A path's: itself with its tag, without, and the folders above it but not "/".
std::vector<std::string> path_scopes(std::string path) {
  std::vector<std::string> scopes{path};
  size_t slash = path.rfind('/');
  if (size_t colon = path.find(':', slash == std::string::npos ? 0 : slash); colon != std::string::npos) {
    path.resize(colon);
    scopes.push_back(path);
  }
  while ((slash = path.rfind('/')) != std::string::npos && slash != 0) {
    path.resize(slash);
    scopes.push_back(path);
  }
  return scopes;
}

// The requirements that apply, and what they stand under.
std::pair<const Json*, std::string> find_requirements(const Json& policy, const std::string& transport,
                                                      const std::string& scope) {
  const Json* transports = json::find(policy, "transports", Json::value_t::object);
  const Json* scopes =
      transports != nullptr ? json::find(*transports, transport.c_str(), Json::value_t::object) : nullptr;
  if (scopes != nullptr) {
    std::vector<std::string> candidates;
    if (transport == "docker") {
      candidates = registry_scopes(scope);
    } else if (transport != "docker-archive") {  // which has no scopes
      candidates = path_scopes(scope);
    }
    candidates.emplace_back();
    for (const std::string& candidate : candidates)
      if (auto found = scopes->find(candidate); found != scopes->end())
        return {&*found, fmt::format("{} of {}", text::quoted(candidate), text::quoted(transport))};
  }
  return {&policy["default"], "\"default\""};
}

Status apply(const Json& policy, const std::string& transport, const std::string& scope,
             const std::string& file) {
  const auto [list, where] = find_requirements(policy, transport, scope);
  for (const Json& requirement : *list) {
    const std::string type = requirement["type"].get<std::string>();
    if (type == "insecureAcceptAnything") continue;
    if (type == "reject")
      return Error(Error::usage(fmt::format("{} may not be used: {} rejects it ({})", scope, file, where)))
          .hint("take another image, or change that file");
    return Error(Error::usage(
                     fmt::format("{} may not be used: {} asks for a signature ({}: {}), and signatures "
                                 "cannot be verified by this program",
                                 scope, file, where, type)))
        .hint(
            "have another tool verify it (skopeo copy docker://... oci-archive:FILE) and name "
            "oci-archive:FILE, or "
            "change that file");
  }
  return {};
}

}  // namespace

Status check_policy(const std::string& transport, const std::string& scope,
                    const std::vector<std::string>& paths) {
  std::vector<std::string> files = paths;
  if (files.empty()) {
    if (!config_home().empty()) files.push_back(config_home() + "/containers/policy.json");
    files.emplace_back("/etc/containers/policy.json");
  }
  for (const std::string& file : files) {
    auto text = TRY(read_configuration(file));
    if (!text) continue;
    auto policy = parse_strictly(*text);
    if (!policy.ok()) return std::move(policy).error().as(Fault::usage).in(file);
    auto formed = check_form(policy.value());
    if (!formed.ok()) return std::move(formed).error().as(Fault::usage).in(file);
    return apply(policy.value(), transport, scope, file);
  }
  return {};
}

}  // namespace testctr::registry
