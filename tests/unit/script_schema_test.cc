// JSON Schema, draft 7: keywords, references, bounds, and what is told.
#include <doctest/doctest.h>

#include "script/compare.h"
#include "script/json_schema.h"

using namespace testctr;
using namespace testctr::script;

namespace {

/// "" when valid, "error ..." when the schema is none, else the problems.
std::string checked(std::string_view schema, std::string_view value) {
  auto made = check_json_schema(schema, value);
  if (made.ok()) return made.value();
  CHECK(made.error().fault() == Fault::usage);
  return "error " + made.error().full();
}

}  // namespace

TEST_CASE("schema: keywords, each with what it takes and what it refuses") {
  struct Row {
    const char* schema;
    const char* good;
    const char* bad;
  };
  const Row rows[] = {
      {"type: string", "\"a\"", "1"},
      {"type: integer", "2.0", "2.5"},
      {"type: [integer, 'null']", "null", "\"\""},
      {"enum: [1, a, {b: 1}]", "{\"b\":1.0}", "\"b\""},
      {"const: '1'", "\"1\"", "1"},
      {"const: 1", "1.0", "\"1\""},
      {"multipleOf: 0.1", "0.3", "0.35"},
      {"multipleOf: 3", "-9", "10"},
      {"maximum: 3", "3", "3.5"},
      {"exclusiveMaximum: 3", "2", "3"},
      {"minimum: 18446744073709551615", "18446744073709551615", "-1"},
      {"exclusiveMinimum: -1", "0", "-1"},
      {"maxLength: 2", "\"\xc3\xa9\xc3\xa9\"", "\"abc\""},
      {"minLength: 2", "\"ab\"", "\"\xc3\xa9\""},
      {"pattern: b+", "\"abbc\"", "\"ac\""},
      {"items: {type: string}", "[\"a\"]", "[1]"},
      {"{items: [{type: string}, {type: number}], additionalItems: false}", "[\"a\", 1]", "[\"a\", 1, 2]"},
      {"maxItems: 1", "[1]", "[1,2]"},
      {"minItems: 1", "[1]", "[]"},
      {"uniqueItems: true", "[1, \"1\", true, {\"a\":1}]", "[1, {\"a\":[2]}, {\"a\":[2.0]}]"},
      {"contains: {const: 2}", "[1,2]", "[1]"},
      {"maxProperties: 1", "{\"a\":1}", "{\"a\":1,\"b\":2}"},
      {"minProperties: 1", "{\"a\":1}", "{}"},
      {"required: [a]", "{\"a\":null}", "{\"b\":1}"},
      {"properties: {a: {type: string}}", "{\"a\":\"\",\"b\":1}", "{\"a\":1}"},
      {"patternProperties: {^x: {type: string}}", "{\"x1\":\"\",\"b\":1}", "{\"x1\":1}"},
      {"{properties: {a: true}, patternProperties: {^x: true}, additionalProperties: false}",
       "{\"a\":1,\"x\":1}", "{\"b\":1}"},
      {"additionalProperties: {type: string}", "{\"a\":\"\"}", "{\"a\":1}"},
      {"dependencies: {a: [b], c: {required: [d]}}", "{\"a\":1,\"b\":1}", "{\"c\":1}"},
      {"propertyNames: {maxLength: 1}", "{\"a\":1}", "{\"ab\":1}"},
      {"{if: {type: string}, then: {minLength: 1}, else: {minimum: 1}}", "\"a\"", "0"},
      {"allOf: [{minimum: 1}, {maximum: 2}]", "1", "3"},
      {"anyOf: [{const: 1}, {const: 2}]", "2", "3"},
      {"oneOf: [{minimum: 1}, {minimum: 5}]", "2", "6"},
      {"not: {type: string}", "1", "\"\""},
      {"{definitions: {a/b: {type: string}}, items: {$ref: '#/definitions/a~1b'}}", "[\"\"]", "[1]"},
      {"{$defs: {t: {properties: {n: {$ref: '#/$defs/t'}}, required: [v]}}, $ref: '#/$defs/t'}",
       "{\"v\":1,\"n\":{\"v\":1}}", "{\"v\":1,\"n\":{}}"},
      {"{items: {$ref: '#'}, type: array}", "[[[]]]", "[[1]]"},
      {"format: date", "\"2024-02-29\"", "\"2023-02-29\""},
      {"format: date-time", "\"2024-02-29T23:59:59.5Z\"", "\"2024-02-29 23:59:59\""},
      {"format: time", "\"23:59:60+01:00\"", "\"24:00:00Z\""},
      {"format: email", "\"a@b\"", "\"ab\""},
      {"format: ipv4", "\"127.0.0.1\"", "\"127.0.0.256\""},
      {"format: ipv6", "\"::1\"", "\"::g\""},
      {"format: uri", "\"http://a/b?c\"", "\"/a b\""},
      {"format: uuid", "\"123e4567-e89b-12d3-a456-426614174000\"", "\"123e4567\""},
      {"format: hostname", "\"a-b.example\"", "\"-a\""},
      {"format: regex", "\"a+\"", "\"(\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.schema);
    CHECK(checked(row.schema, row.good).empty());
    const std::string bad = checked(row.schema, row.bad);
    CHECK_MESSAGE((!bad.empty() && !bad.starts_with("error")), bad);
  }
  CHECK(checked("true", "1").empty());
  CHECK(checked("false", "1") == "the document: nothing is allowed here\n");
  CHECK(checked("{format: color, title: t, default: 1, examples: [1], $comment: c, readOnly: true}", "1")
            .empty());
}

TEST_CASE("schema: where what is wrong") {
  CHECK(checked("properties: {a/b: {items: {type: string}}}", "{\"a/b\":[\"\",1]}") ==
        "/a~1b/1: 1 is not of type \"string\"\n");
  CHECK(checked("{required: [a, b]}", "{}") ==
        "the document: the property \"a\" is missing\nthe document: the property \"b\" is missing\n");
  CHECK(checked("type: string", "{").starts_with("the document: it is not one JSON document"));
  CHECK(checked("type: string", "\"a\" \"b\"").starts_with("the document: it is not one JSON document"));
  std::string many = "[0";
  for (int i = 0; i < 100; ++i) many += ",0";
  CHECK(checked("items: {type: string}", many + "]").ends_with("(and more)\n"));
}

TEST_CASE("schema: what is no schema") {
  auto refused = [](std::string_view schema, std::string_view why) {
    const std::string told = checked(schema, "1");
    CHECK_MESSAGE((told.starts_with("error the JSON schema: ") && told.find(why) != std::string::npos), told);
  };
  refused("requird: [a]", "did you mean required?");
  refused("properties: {a: {typ: string}}", "/properties/a/typ: no keyword");
  refused("type: strin", "a type's name");
  refused("1", "a schema is an object");
  refused("items: 1", "/items: a schema is an object");
  refused("pattern: (", "is invalid");
  refused("minLength: -1", "whole number");
  refused("multipleOf: 0", "over 0");
  refused("$ref: '#/nowhere'", "leads to no schema");
  refused("$ref: http://example.com/", "leads to no schema");
  refused("{const: {type: string}, items: {$ref: '#/const'}}", "leads to no schema");
  refused("{$ref: '#/definitions/a', type: string, definitions: {a: true}}", "would be ignored");
  refused("{a: 1", "line");
  refused("a: 1\na: 2", "twice");
  refused("--- {}\n--- {}", "one YAML document");
  refused("{a: 1} ]", "");  // the library finds endlessly many documents where a bracket strays
  refused("const: .inf", "no number that JSON has");
  refused("const: !x 1", "tag");
}

TEST_CASE("schema: bounds") {
  CHECK(checked("$ref: '#'", "1").find("may lead to itself") != std::string::npos);
  CHECK(checked("{definitions: {a: {$ref: '#/definitions/b'}, b: {$ref: '#/definitions/a'}}, $ref: "
                "'#/definitions/a'}",
                "1")
            .find("may lead to itself") != std::string::npos);
  // Every level asks twice: 2^40 steps.
  std::string doubled = "{definitions: {d0: true";
  for (int i = 1; i < 40; ++i)
    doubled += fmt::format(", d{}: {{allOf: [{{$ref: '#/definitions/d{}'}}, {{$ref: '#/definitions/d{}'}}]}}",
                           i, i - 1, i - 1);
  CHECK(checked(doubled + "}, $ref: '#/definitions/d39'}", "1").find("too long") != std::string::npos);
  std::string aliases = "a0: &a0 [1]\n";
  for (int i = 1; i < 40; ++i) aliases += fmt::format("a{0}: &a{0} [*a{1}, *a{1}]\n", i, i - 1);
  CHECK(checked(aliases, "1").find("too large") != std::string::npos);
  CHECK(checked(std::string(100000, '['), "1").starts_with("error"));
  std::string deep = "true";
  for (int i = 0; i < 150; ++i) deep = "{not: " + deep + "}";
  CHECK(checked(deep, "1").empty());
  CHECK(checked(std::string(300, '['), "1").starts_with("error"));
}

TEST_CASE("schema: YAML by its core schema") {
  auto json = [](std::string_view yaml) {
    auto made = json_from_yaml(yaml);
    return made.ok() ? json::dump(made.value()) : made.error().message();
  };
  CHECK(
      json("[1, -2, +3, 0x1F, 0o17, 1.5, .5, 1., 1e3, '1', \"2\", yes, true, ~, null, '', 1_0, 0b1, 012]") ==
      "[1,-2,3,31,15,1.5,0.5,1.0,1000.0,\"1\",\"2\",\"yes\",true,null,null,\"\",\"1_0\",\"0b1\",12]");
  CHECK(json("a: !!str 1\nb:\n  - x\n") == "{\"a\":\"1\",\"b\":[\"x\"]}");
  CHECK(json("18446744073709551615") == "18446744073709551615");
  CHECK(json("-9223372036854775808") == "-9223372036854775808");
  CHECK(json("---\ntype: string\n") == "{\"type\":\"string\"}");
}
