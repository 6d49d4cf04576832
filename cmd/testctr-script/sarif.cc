#include "sarif.h"

#include <algorithm>
#include <cctype>

#include "base/json.h"
#include "base/text.h"

namespace testctr::cmd {
namespace {

/// A path as a reference: relative ones stay relative to where the program was called.
std::string uri_of(const std::string& path) {
  std::string uri = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    // A colon in the first part would end a scheme.
    const bool plain = (byte < 0x80 && std::isalnum(byte) != 0) ||
                       std::string_view("/-_.~").find(c) != std::string_view::npos;
    uri += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return uri;
}

/// The number of a line's character in which a byte stands. Both 1-based.
uint32_t character_of(std::string_view source, uint32_t line, uint32_t byte) {
  const auto lines = text::lines(source);
  if (line == 0 || line > lines.size()) return byte;
  const std::string_view before = lines[line - 1].substr(0, byte - 1);
  const auto inner = std::count_if(before.begin(), before.end(),
                                   [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; });
  return byte - static_cast<uint32_t>(inner);
}

Json rules_as_json() {
  Json rules = Json::array();
  for (const interpret::Rule& rule : interpret::all_rules()) {
    const bool error = rule.severity == interpret::Severity::error;
    rules.push_back(Json{{"id", std::string(rule.id)},
                         {"shortDescription", {{"text", std::string(rule.summary) + "."}}},
                         {"defaultConfiguration", {{"level", error ? "error" : "warning"}}}});
  }
  return rules;
}

}  // namespace

std::string sarif(const std::vector<interpret::Finding>& findings,
                  const std::function<std::optional<std::string_view>(const std::string& file)>& source) {
  const auto rules = interpret::all_rules();
  Json results = Json::array();
  for (const interpret::Finding& finding : findings) {
    const interpret::Rule* rule = interpret::find_rule(finding.rule);
    Json place{{"artifactLocation", {{"uri", uri_of(finding.file)}}}};
    if (finding.line != 0) {
      Json region{{"startLine", finding.line}};
      const auto text = source(finding.file);
      if (finding.column != 0)
        region["startColumn"] = text ? character_of(*text, finding.line, finding.column) : finding.column;
      place["region"] = std::move(region);
    }
    std::string message = finding.message;
    if (!finding.hint.empty()) message += ": " + finding.hint;
    results.push_back(Json{{"ruleId", std::string(finding.rule)},
                           {"ruleIndex", rule - rules.data()},
                           {"level", rule->severity == interpret::Severity::error ? "error" : "warning"},
                           {"message", {{"text", text::to_utf8(message)}}},
                           {"locations", Json::array({Json{{"physicalLocation", std::move(place)}}})}});
  }
  Json run{
      {"tool",
       {{"driver", {{"name", "testctr-script"}, {"version", TESTCTR_VERSION}, {"rules", rules_as_json()}}}}},
      {"columnKind", "unicodeCodePoints"},
      {"results", std::move(results)}};
  const Json log{{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                 {"version", "2.1.0"},
                 {"runs", Json::array({std::move(run)})}};
  return json::dump(log, 2) + "\n";
}

}  // namespace testctr::cmd
