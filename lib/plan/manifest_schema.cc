// The table of keys as a JSON Schema, and as a text for people.
#include <algorithm>

#include "base/text.h"
#include "plan/manifest_keys.h"

namespace testctr::plan {
namespace {

/// "a test": "test", the name of its definition.
std::string definition_name(const Shape& shape) {
  std::string name = shape.name.starts_with("a ") ? shape.name.substr(2) : shape.name;
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string whole(const std::string& pattern) { return "^(" + pattern + ")$"; }

/// A text may be written without quotes and then look like a number.
Json text_schema(const std::string& pattern) {
  Json schema = {{"type", {"string", "number", "boolean"}}};
  if (!pattern.empty()) schema["pattern"] = whole(pattern);
  return schema;
}

Json schema_of(const Type& type);

Json map_schema(const Type& type) {
  Json names = Json::object();
  if (!type.pattern.empty()) names["pattern"] = whole(type.pattern);
  if (!type.reserved.empty()) names["not"] = {{"enum", type.reserved}};
  return {{"type", "object"}, {"propertyNames", names}, {"additionalProperties", schema_of(*type.of)}};
}

Json schema_of(const Type& type) {
  switch (type.kind) {
    case Type::Kind::text: {
      Json schema = text_schema(type.pattern);
      if (!type.reserved.empty()) schema["not"] = {{"enum", type.reserved}};
      return schema;
    }
    case Type::Kind::choice:
      return {{"enum", type.words}};
    case Type::Kind::boolean:
      return {{"type", "boolean"}};
    case Type::Kind::integer:
      return {{"type", "integer"}, {"minimum", type.least}, {"maximum", type.most}};
    case Type::Kind::number:
      return {{"type", "number"}, {"minimum", 0.01}, {"maximum", 10'000}};
    case Type::Kind::duration:
      return {{"type", "string"},
              {"pattern", "^(?=.*[1-9])([0-9]*\\.?[0-9]*(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$"}};
    case Type::Kind::size:
      return {{"type", {"string", "integer"}},
              {"minimum", 1},
              {"pattern", "^(?=.*[1-9])[0-9]+([Bb]|[KkMmGgTt]([Ii]?[Bb])?)?$"}};
    case Type::Kind::list: {
      Json schema = {{"type", "array"}, {"items", schema_of(*type.of)}};
      if (!type.may_be_empty) schema["minItems"] = 1;
      return schema;
    }
    case Type::Kind::map:
      return map_schema(type);
    case Type::Kind::object:
      return {{"$ref", "#/definitions/" + definition_name(type.shape())}};
    case Type::Kind::either:
      break;
  }
  Json alternatives = Json::array();
  for (const Type* one : type.either) alternatives.push_back(schema_of(*one));
  return {{"anyOf", alternatives}};
}

Json one_of_schema(const Shape& shape) {
  Json alternatives = Json::array();
  for (const std::string& key : shape.one_of) alternatives.push_back({{"required", {key}}});
  if (!shape.needs_one) alternatives.push_back({{"not", {{"anyOf", alternatives}}}});
  return alternatives;
}

Json shape_schema(const Shape& shape) {
  Json schema = {{"type", "object"}, {"additionalProperties", false}, {"properties", Json::object()}};
  for (const Key& key : shape.keys) {
    Json of = schema_of(*key.type);
    // Beside a reference nothing else counts.
    if (of.contains("$ref")) of = {{"allOf", Json::array({of})}};
    of["description"] = key.help;
    schema["properties"][key.name] = std::move(of);
    if (key.required) schema["required"].push_back(key.name);
  }
  if (!shape.one_of.empty()) schema["oneOf"] = one_of_schema(shape);
  for (const auto& [key, needed] : shape.needs) schema["dependencies"][key] = {needed};
  if (shape.extensions) schema["patternProperties"]["^x-"] = true;
  return schema;
}

}  // namespace

Json schema_of_file(const Shape& shape, const std::string& title) {
  Json schema = shape_schema(shape);
  schema["$schema"] = "http://json-schema.org/draft-07/schema#";
  schema["title"] = title;
  return schema;
}

Json manifest_schema() {
  Json schema = schema_of_file(manifest_shape(), "testctr.yaml, a manifest of testctr-script");
  for (const Shape* shape : all_shapes()) {
    if (shape != &manifest_shape()) schema["definitions"][definition_name(*shape)] = shape_schema(*shape);
  }
  return schema;
}

std::string manifest_keys_text() {
  std::string out;
  for (const Shape* shape : all_shapes()) {
    out += fmt::format("{}{}{}:\n", out.empty() ? "" : "\n", "Keys of ", shape->name);
    for (const Key& key : shape->keys) {
      if (const Shape& first = manifest_shape(); shape != &first) {
        // What a test has in common with the manifest is said once.
        const bool common = std::any_of(first.keys.begin(), first.keys.end(), [&](const Key& other) {
          return other.name == key.name && other.help == key.help;
        });
        if (common) continue;
      }
      out += fmt::format("  {:<13} {}\n{:16}{}\n", key.name, key.help, "", key.type->wanted);
    }
    if (shape->name == "a test")
      out += "  and of the manifest's those from image to matrix, for this test alone\n";
  }
  return out;
}

}  // namespace testctr::plan
