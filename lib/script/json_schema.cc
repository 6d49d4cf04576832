// JSON Schema, draft 7: which keywords there are and what they hold.
#include "script/json_schema.h"

#include <re2/re2.h>

#include <cmath>

#include "base/text.h"
#include "script/compare.h"

namespace testctr::script {

namespace {

constexpr int most_depth = 300;

enum class Holds : uint8_t {
  schema,
  schema_or_list,
  schemas,
  schema_map,
  schema_or_names_map,
  type,
  number,
  positive,
  count,
  boolean,
  text,
  pattern,
  reference,
  names,
  list,
  anything
};

const std::map<std::string, Holds, std::less<>>& keywords() {
  static const std::map<std::string, Holds, std::less<>> all = {
      {"type", Holds::type},
      {"enum", Holds::list},
      {"const", Holds::anything},
      {"multipleOf", Holds::positive},
      {"maximum", Holds::number},
      {"exclusiveMaximum", Holds::number},
      {"minimum", Holds::number},
      {"exclusiveMinimum", Holds::number},
      {"maxLength", Holds::count},
      {"minLength", Holds::count},
      {"pattern", Holds::pattern},
      {"items", Holds::schema_or_list},
      {"additionalItems", Holds::schema},
      {"maxItems", Holds::count},
      {"minItems", Holds::count},
      {"uniqueItems", Holds::boolean},
      {"contains", Holds::schema},
      {"maxProperties", Holds::count},
      {"minProperties", Holds::count},
      {"required", Holds::names},
      {"properties", Holds::schema_map},
      {"patternProperties", Holds::schema_map},
      {"additionalProperties", Holds::schema},
      {"dependencies", Holds::schema_or_names_map},
      {"propertyNames", Holds::schema},
      {"if", Holds::schema},
      {"then", Holds::schema},
      {"else", Holds::schema},
      {"allOf", Holds::schemas},
      {"anyOf", Holds::schemas},
      {"oneOf", Holds::schemas},
      {"not", Holds::schema},
      {"definitions", Holds::schema_map},
      {"$defs", Holds::schema_map},
      {"$ref", Holds::reference},
      {"format", Holds::text},
      {"title", Holds::text},
      {"description", Holds::text},
      {"default", Holds::anything},
      {"examples", Holds::list},
      {"readOnly", Holds::boolean},
      {"writeOnly", Holds::boolean},
      {"contentMediaType", Holds::text},
      {"contentEncoding", Holds::text},
      {"$comment", Holds::text},
      {"$id", Holds::text},
      {"$schema", Holds::text},
  };
  return all;
}

// What may stand beside `$ref`, which draft 7 lets hide all else.
bool may_stand_beside_ref(std::string_view keyword) {
  for (std::string_view other : {"$ref", "definitions", "$defs", "title", "description", "default",
                                 "examples", "readOnly", "writeOnly", "$comment", "$id", "$schema"}) {
    if (keyword == other) return true;
  }
  return false;
}

class Reader {
 public:
  explicit Reader(Schema& schema) : schema_(schema) {}

  Status read(const Json& value, const Path& path) {
    if (++depth_ > most_depth) return at(path, "it is nested too deeply");
    schema_.parts.insert(&value);
    if (!value.is_object() && !value.is_boolean()) return at(path, "a schema is an object, true or false");
    if (value.is_object()) {
      for (const auto& [key, content] : value.items()) {
        const Path here{&path, key};
        const auto known = keywords().find(key);
        if (known == keywords().end()) return unknown(here, key);
        if (value.contains("$ref") && !may_stand_beside_ref(key))
          return at(here, "beside $ref it would be ignored; put both into allOf");
        CHECK_OK(keyword(known->second, content, here));
        if (key == "patternProperties") {
          for (const auto& [expression, unused] : content.items()) CHECK_OK(pattern(expression, here));
        }
      }
    }
    --depth_;
    return {};
  }

  // `$ref`s may lead forward, so they are looked up at the end.
  Status resolve() {
    for (const Json* part : schema_.parts) {
      if (!part->is_object() || !part->contains("$ref")) continue;
      const std::string& reference = (*part)["$ref"].get_ref<const std::string&>();
      const Json* target = follow(reference);
      if (target == nullptr || !schema_.parts.contains(target)) {
        return Error::usage(fmt::format("$ref {} leads to no schema", text::quoted(reference)))
            .hint("only places within the schema can be referred to, as #/definitions/NAME");
      }
      schema_.references[part] = target;
    }
    return {};
  }

 private:
  static Error at(const Path& path, std::string_view what) {
    const std::string pointer = path.pointer();
    return Error::usage(fmt::format("{}: {}", pointer.empty() ? "the schema" : pointer, what));
  }

  static Error unknown(const Path& path, const std::string& key) {
    std::vector<std::string> names;
    for (const auto& [name, unused] : keywords()) names.push_back(name);
    Error error = at(path, "no keyword of JSON Schema, draft 7, has this name");
    const auto near = text::nearest(key, names);
    return near ? std::move(error).hint(fmt::format("did you mean {}?", *near)) : error;
  }

  Status keyword(Holds holds, const Json& content, const Path& path) {
    auto expect = [&](bool good, std::string_view what) -> Status {
      if (!good) return at(path, what);
      return {};
    };
    switch (holds) {
      case Holds::schema:
        return read(content, path);
      case Holds::schema_or_list:
        return content.is_array() ? schemas(content, path) : read(content, path);
      case Holds::schemas:
        CHECK_OK(expect(content.is_array() && !content.empty(), "must be a list of schemas, not empty"));
        return schemas(content, path);
      case Holds::schema_map:
      case Holds::schema_or_names_map:
        return schema_map(holds, content, path);
      case Holds::type:
        return expect(is_type(content), "must be a type's name or a list of such names");
      case Holds::number:
        return expect(content.is_number(), "must be a number");
      case Holds::positive:
        return expect(content.is_number() && content.get<double>() > 0, "must be a number over 0");
      case Holds::count:
        return expect(content.is_number() && content.get<double>() >= 0 &&
                          std::floor(content.get<double>()) == content.get<double>(),
                      "must be a whole number, 0 or more");
      case Holds::boolean:
        return expect(content.is_boolean(), "must be true or false");
      case Holds::text:
      case Holds::reference:
        return expect(content.is_string(), "must be a text");
      case Holds::pattern:
        CHECK_OK(expect(content.is_string(), "must be a regular expression"));
        return pattern(content.get_ref<const std::string&>(), path);
      case Holds::names:
        return expect(is_names(content), "must be a list of names");
      case Holds::list:
        return expect(content.is_array(), "must be a list");
      case Holds::anything:
        return {};
    }
    return {};
  }

  Status schemas(const Json& list, const Path& path) {
    for (size_t i = 0; i < list.size(); ++i) CHECK_OK(read(list[i], Path{&path, {}, i}));
    return {};
  }

  Status schema_map(Holds holds, const Json& map, const Path& path) {
    if (!map.is_object()) return at(path, "must be an object");
    for (const auto& [key, content] : map.items()) {
      if (holds == Holds::schema_or_names_map && is_names(content)) continue;
      CHECK_OK(read(content, Path{&path, key}));
    }
    return {};
  }

  Status pattern(const std::string& expression, const Path& path) {
    auto& compiled = schema_.patterns[expression];
    if (!compiled) {
      RE2::Options options(RE2::Quiet);
      options.set_max_mem(2 << 20);
      compiled = std::make_unique<RE2>(expression, options);
    }
    if (!compiled->ok())
      return at(path, fmt::format("the regular expression {} is invalid: {}", text::quoted(expression),
                                  compiled->error()));
    return {};
  }

  static bool is_names(const Json& content) {
    return content.is_array() &&
           std::all_of(content.begin(), content.end(), [](const Json& name) { return name.is_string(); });
  }

  static bool is_type(const Json& content) {
    auto known = [](const Json& name) {
      if (!name.is_string()) return false;
      for (const char* type : {"null", "boolean", "object", "array", "number", "string", "integer"}) {
        if (name.get_ref<const std::string&>() == type) return true;
      }
      return false;
    };
    return content.is_array() ? !content.empty() && std::all_of(content.begin(), content.end(), known)
                              : known(content);
  }

  // The value that "#/a/b" stands for, or null.
  [[nodiscard]] const Json* follow(std::string_view reference) const {
    if (!reference.starts_with('#')) return nullptr;
    const Json* here = &schema_.root;
    std::string_view rest = reference.substr(1);
    while (!rest.empty()) {
      if (rest[0] != '/') return nullptr;
      rest.remove_prefix(1);
      const std::string_view token = rest.substr(0, std::min(rest.find('/'), rest.size()));
      rest.remove_prefix(token.size());
      here = member(*here, unescaped(token));
      if (here == nullptr) return nullptr;
    }
    return here;
  }

  static const Json* member(const Json& value, const std::string& token) {
    if (value.is_object()) {
      const auto found = value.find(token);
      return found == value.end() ? nullptr : &*found;
    }
    if (!value.is_array() || token.empty() || token.size() > 9 ||
        token.find_first_not_of("0123456789") != std::string::npos)
      return nullptr;
    const auto index = static_cast<size_t>(std::stoul(token));
    return index < value.size() ? &value[index] : nullptr;
  }

  // Percent escapes of the URI, then those of the pointer.
  static std::string unescaped(std::string_view token) {
    std::string bytes, out;
    for (size_t i = 0; i < token.size(); ++i) {
      if (token[i] == '%' && i + 2 < token.size() &&
          std::isxdigit(static_cast<unsigned char>(token[i + 1])) &&
          std::isxdigit(static_cast<unsigned char>(token[i + 2]))) {
        bytes += static_cast<char>(std::stoi(std::string(token.substr(i + 1, 2)), nullptr, 16));
        i += 2;
      } else {
        bytes += token[i];
      }
    }
    for (size_t i = 0; i < bytes.size(); ++i) {
      const bool escape = bytes[i] == '~' && i + 1 < bytes.size();
      if (escape && bytes[i + 1] == '0')
        out += '~', ++i;
      else if (escape && bytes[i + 1] == '1')
        out += '/', ++i;
      else
        out += bytes[i];
    }
    return out;
  }

  Schema& schema_;
  int depth_ = 0;
};

}  // namespace

std::string Path::pointer() const {
  if (up == nullptr) return "";
  std::string token = std::to_string(index.value_or(0));
  if (!index) {
    token.clear();
    for (char c : text::printable(key)) token += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  }
  return up->pointer() + "/" + token;
}

Status read_schema(Schema& schema) {
  Reader reader(schema);
  CHECK_OK(reader.read(schema.root, {}));
  return reader.resolve();
}

Result<std::string> check_json_schema(std::string_view schema, std::string_view output) {
  Schema read;
  read.root = TRY_IN(json_from_yaml(schema), "the JSON schema");
  CHECK_OK(read_schema(read).in("the JSON schema"));
  const auto value = json::parse(output);
  if (!value.ok())
    return fmt::format("the document: it is not one JSON document: {}\n", value.error().message());
  return violations(read, value.value());
}

}  // namespace testctr::script
