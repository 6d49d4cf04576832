// What `check_json_schema` (compare.h) is made of.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/json.h"
#include "base/result.h"

namespace re2 {
class RE2;
}

namespace testctr::script {

/// One YAML document (JSON is YAML) as JSON, by YAML 1.2's core schema: a plain scalar may be null, a
/// boolean or a number, a quoted one is a string. Bounded in depth and size, aliases counted as what they
/// stand for. Errors: usage.
Result<Json> json_from_yaml(std::string_view text);

/// Whether `text` has the form that draft 7 calls `format`; true for forms that are not checked. Checked are
/// date, time, date-time, email, hostname, ipv4, ipv6, uri, uuid and regex.
bool has_format(std::string_view format, std::string_view text);

/// A place in a JSON document, told from its root: a chain on the stack.
struct Path {
  const Path* up = nullptr;
  std::string_view key;
  std::optional<size_t> index = std::nullopt;  ///< instead of `key`
  /// "/a/0"; empty at the root.
  [[nodiscard]] std::string pointer() const;
};

/// A schema that was looked through. Stays where it is: `parts` point into `root`.
struct Schema {
  Schema() = default;
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

  Json root;
  std::unordered_set<const Json*> parts;                    ///< every value that is a schema
  std::unordered_map<const Json*, const Json*> references;  ///< from schemas with `$ref` to what they mean
  std::map<std::string, std::unique_ptr<re2::RE2>, std::less<>> patterns;
};

/// Looks through `schema.root`: every keyword is known and holds what it must, every `$ref` leads to a
/// schema. Errors: usage.
Status read_schema(Schema& schema);

/// What is wrong with `value`, a line for each, the first 50; empty when it is valid. Errors (usage): a
/// `$ref` that leads to itself, more work than is reasonable.
Result<std::string> violations(const Schema& schema, const Json& value);

}  // namespace testctr::script
