// JSON Schema, draft 7: what a value makes of it.
#include <re2/re2.h>

#include <cmath>
#include <set>

#include "base/text.h"
#include "script/json_equal.h"
#include "script/json_schema.h"

namespace testctr::script {

namespace {

constexpr int most_depth = 400;
constexpr size_t most_problems = 50;
constexpr uint64_t most_work = 3'000'000;

// Code points; the parser let only UTF-8 through.
size_t length(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

bool is_whole(double value) { return std::isfinite(value) && std::floor(value) == value; }

bool has_type(const Json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "number") return value.is_number();
  return value.is_number_integer() || (value.is_number() && is_whole(value.get<double>()));
}

bool is_multiple(const Json& value, const Json& of) {
  if (value.is_number_integer() && of.is_number_integer()) {
    if (value.is_number_unsigned()) return value.get<uint64_t>() % of.get<uint64_t>() == 0;
    return value.get<int64_t>() % static_cast<int64_t>(of.get<uint64_t>()) == 0;
  }
  // Decimal fractions are meant: 0.3 is three times 0.1, though not in binary.
  const double ratio = value.get<double>() / of.get<double>();
  return std::isfinite(ratio) &&
         std::abs(ratio - std::round(ratio)) <= 1e-12 * std::max(1.0, std::abs(ratio));
}

// Three-way by value, exact for whole numbers.
int compare_numbers(const Json& a, const Json& b) {
  if (json_equal(a, b)) return 0;
  if (a.is_number_float() || b.is_number_float()) return a.get<double>() < b.get<double>() ? -1 : 1;
  const bool a_negative = !a.is_number_unsigned() && a.get<int64_t>() < 0;
  const bool b_negative = !b.is_number_unsigned() && b.get<int64_t>() < 0;
  if (a_negative != b_negative) return a_negative ? -1 : 1;
  if (a_negative) return a.get<int64_t>() < b.get<int64_t>() ? -1 : 1;
  return a.get<uint64_t>() < b.get<uint64_t>() ? -1 : 1;
}

// The same text for equal values. Depth is bounded by the parser.
void canonical(const Json& value, std::string& out) {
  if (value.is_array()) {
    out += '[';
    for (const Json& item : value) canonical(item, out), out += ',';
    out += ']';
  } else if (value.is_object()) {
    out += '{';
    for (const auto& [key, member] : value.items()) {
      out += json::dump(key) + ":";
      canonical(member, out);
      out += ',';
    }
    out += '}';
  } else if (value.is_number_float() && is_whole(value.get<double>()) &&
             std::abs(value.get<double>()) < 9e15) {
    out += std::to_string(static_cast<int64_t>(value.get<double>()));
  } else {
    out += json::dump(value);
  }
}

std::string shortened(const Json& value) {
  std::string shown = json::dump(value);
  constexpr size_t most = 60;
  if (shown.size() > most) shown = text::printable(shown.substr(0, most)) + "...";
  return shown;
}

class Validator {
 public:
  explicit Validator(const Schema& schema) : schema_(schema) {}

  Result<std::string> run(const Json& value) {
    (void)valid(schema_.root, value, {}, true);
    if (fault_ != nullptr) return Error::usage(fault_);
    return std::move(problems_);
  }

 private:
  // Whether the value is valid; tells why not when `tell`.
  bool valid(const Json& schema, const Json& value, const Path& path, bool tell) {
    if (fault_ != nullptr) return false;
    if (++work_ > most_work) return give_up("holding the document against the JSON schema takes too long");
    if (depth_ > most_depth)
      return give_up("the JSON schema is nested too deeply for the document: a $ref may lead to itself");
    if (schema.is_boolean()) return schema.get<bool>() || problem(path, tell, "nothing is allowed here");
    ++depth_;
    const bool good = valid_object(schema, value, path, tell);
    --depth_;
    return good;
  }

  bool valid_object(const Json& schema, const Json& value, const Path& path, bool tell) {
    const auto reference = schema_.references.find(&schema);
    if (reference != schema_.references.end()) return valid(*reference->second, value, path, tell);
    bool good = any_type(schema, value, path, tell);
    // A wrong type makes all else noise; of what is not told, the first is enough.
    if (good) good = combined(schema, value, path, tell);
    if (!good && !tell) return false;
    if (value.is_number()) good = number(schema, value, path, tell) && good;
    if (value.is_string()) good = string(schema, value, path, tell) && good;
    if (value.is_array()) good = array(schema, value, path, tell) && good;
    if (value.is_object()) good = object(schema, value, path, tell) && good;
    return good;
  }

  bool give_up(const char* why) {
    if (fault_ == nullptr) fault_ = why;
    return false;
  }

  // Always false.
  bool problem(const Path& path, bool tell, const std::string& what) {
    if (!tell || told_ > most_problems || fault_ != nullptr) return false;
    if (told_++ == most_problems) {
      problems_ += "(and more)\n";
      return false;
    }
    const std::string pointer = path.pointer();
    problems_ += (pointer.empty() ? "the document" : pointer) + ": " + what + "\n";
    return false;
  }

  static const Json* get(const Json& schema, const char* key) {
    const auto found = schema.find(key);
    return found == schema.end() ? nullptr : &*found;
  }

  bool any_type(const Json& schema, const Json& value, const Path& path, bool tell) {
    bool good = true;
    if (const Json* type = get(schema, "type")) {
      const Json one = type->is_array() ? *type : Json::array({*type});
      bool found = false;
      for (const Json& name : one) found = found || has_type(value, name.get_ref<const std::string&>());
      if (!found)
        return problem(path, tell, fmt::format("{} is not of type {}", shortened(value), json::dump(*type)));
    }
    if (const Json* all = get(schema, "enum")) {
      work_ += all->size();
      if (std::none_of(all->begin(), all->end(), [&](const Json& one) { return json_equal(one, value); }))
        good = problem(path, tell, fmt::format("{} is none of {}", shortened(value), shortened(*all)));
    }
    if (const Json* only = get(schema, "const")) {
      if (!json_equal(*only, value))
        good = problem(path, tell, fmt::format("{} is not {}", shortened(value), shortened(*only)));
    }
    return good;
  }

  bool combined(const Json& schema, const Json& value, const Path& path, bool tell) {
    bool good = true;
    if (const Json* all = get(schema, "allOf")) {
      for (const Json& one : *all) good = valid(one, value, path, tell) && good;
    }
    if (const Json* any = get(schema, "anyOf")) {
      if (count_valid(*any, value, path, 1) == 0)
        good = problem(path, tell, fmt::format("{} fits none of the schemas of anyOf", shortened(value)));
    }
    if (const Json* one = get(schema, "oneOf")) {
      const size_t count = count_valid(*one, value, path, 2);
      if (count != 1)
        good = problem(path, tell,
                       fmt::format("{} fits {} of the schemas of oneOf", shortened(value),
                                   count == 0 ? "none" : "more than one"));
    }
    if (const Json* no = get(schema, "not")) {
      if (valid(*no, value, path, false) && fault_ == nullptr)
        good = problem(path, tell, fmt::format("{} fits the schema of not", shortened(value)));
    }
    if (const Json* condition = get(schema, "if")) {
      const Json* then = get(schema, valid(*condition, value, path, false) ? "then" : "else");
      if (then != nullptr) good = valid(*then, value, path, tell) && good;
    }
    return good && fault_ == nullptr;
  }

  // How many schemas the value fits; need not go on at `enough`.
  size_t count_valid(const Json& schemas, const Json& value, const Path& path, size_t enough) {
    size_t count = 0;
    for (const Json& schema : schemas) {
      if (count < enough && valid(schema, value, path, false)) ++count;
    }
    return count;
  }

  bool number(const Json& schema, const Json& value, const Path& path, bool tell) {
    bool good = true;
    auto limit = [&](const char* key, const char* relation, auto holds) {
      const Json* bound = get(schema, key);
      if (bound == nullptr || holds(compare_numbers(value, *bound))) return;
      good = problem(path, tell,
                     fmt::format("{} is not {} {}", json::dump(value), relation, json::dump(*bound)));
    };
    limit("maximum", "at most", [](int order) { return order <= 0; });
    limit("exclusiveMaximum", "below", [](int order) { return order < 0; });
    limit("minimum", "at least", [](int order) { return order >= 0; });
    limit("exclusiveMinimum", "over", [](int order) { return order > 0; });
    if (const Json* of = get(schema, "multipleOf"); of != nullptr && !is_multiple(value, *of))
      good = problem(path, tell, fmt::format("{} is no multiple of {}", json::dump(value), json::dump(*of)));
    return good;
  }

  // `minWHAT` and `maxWHAT`.
  bool size_limits(const Json& schema, const std::string& what, size_t size, const Path& path, bool tell) {
    bool good = true;
    const Json* least = get(schema, ("min" + what).c_str());
    const Json* most = get(schema, ("max" + what).c_str());
    const auto actual = static_cast<double>(size);
    if (least != nullptr && actual < least->get<double>())
      good =
          problem(path, tell, fmt::format("its size is {}, below min{} {}", size, what, json::dump(*least)));
    if (most != nullptr && actual > most->get<double>())
      good = problem(path, tell, fmt::format("its size is {}, over max{} {}", size, what, json::dump(*most)));
    return good;
  }

  bool contains_pattern(const std::string& expression, const std::string& text) {
    work_ += 1 + text.size() / 64;
    const RE2& compiled = *schema_.patterns.find(expression)->second;
    return compiled.Match(text, 0, text.size(), RE2::UNANCHORED, nullptr, 0);
  }

  bool string(const Json& schema, const Json& value, const Path& path, bool tell) {
    const std::string& text = value.get_ref<const std::string&>();
    bool good = size_limits(schema, "Length", length(text), path, tell);
    if (const Json* pattern = get(schema, "pattern");
        pattern != nullptr && !contains_pattern(pattern->get_ref<const std::string&>(), text))
      good = problem(path, tell,
                     fmt::format("{} does not match the pattern {}", shortened(value), shortened(*pattern)));
    if (const Json* format = get(schema, "format");
        format != nullptr && !has_format(format->get_ref<const std::string&>(), text))
      good =
          problem(path, tell, fmt::format("{} has not the format {}", shortened(value), shortened(*format)));
    return good;
  }

  bool array(const Json& schema, const Json& value, const Path& path, bool tell) {
    bool good = size_limits(schema, "Items", value.size(), path, tell);
    const Json *items = get(schema, "items"), *more = get(schema, "additionalItems");
    for (size_t i = 0; i < value.size() && items != nullptr; ++i) {
      const bool by_place = items->is_array();
      const Json* item = !by_place ? items : i < items->size() ? &(*items)[i] : more;
      if (item != nullptr) good = valid(*item, value[i], Path{&path, {}, i}, tell) && good;
      if (!good && !tell) return false;
    }
    if (const Json* contains = get(schema, "contains")) {
      bool found = false;
      for (size_t i = 0; i < value.size() && !found; ++i)
        found = valid(*contains, value[i], Path{&path, {}, i}, false);
      if (!found) good = problem(path, tell, "none of its items fits the schema of contains");
    }
    const Json* unique = get(schema, "uniqueItems");
    if (unique != nullptr && unique->get<bool>()) good = is_unique(value, path, tell) && good;
    return good;
  }

  bool is_unique(const Json& value, const Path& path, bool tell) {
    std::map<std::string, size_t> seen;
    for (size_t i = 0; i < value.size(); ++i) {
      std::string text;
      canonical(value[i], text);
      work_ += 1 + text.size() / 16;
      const auto [place, is_new] = seen.emplace(std::move(text), i);
      if (!is_new) return problem(path, tell, fmt::format("its items {} and {} are equal", place->second, i));
    }
    return true;
  }

  bool object(const Json& schema, const Json& value, const Path& path, bool tell) {
    bool good = size_limits(schema, "Properties", value.size(), path, tell);
    if (const Json* required = get(schema, "required")) good = has_all(*required, value, path, tell) && good;
    if (const Json* dependencies = get(schema, "dependencies")) {
      for (const auto& [key, needed] : dependencies->items()) {
        if (!value.contains(key)) continue;
        good = (needed.is_array() ? has_all(needed, value, path, tell) : valid(needed, value, path, tell)) &&
               good;
      }
    }
    if (const Json* names = get(schema, "propertyNames")) {
      for (const auto& [key, unused] : value.items())
        good = valid(*names, Json(key), Path{&path, key}, tell) && good;
    }
    if (!good && !tell) return false;
    for (const auto& [key, member] : value.items()) {
      good = property(schema, key, member, Path{&path, key}, tell) && good;
      if (!good && !tell) return false;
    }
    return good;
  }

  bool has_all(const Json& names, const Json& value, const Path& path, bool tell) {
    bool good = true;
    work_ += names.size();
    for (const Json& name : names) {
      if (!value.contains(name.get_ref<const std::string&>()))
        good = problem(path, tell, fmt::format("the property {} is missing", shortened(name)));
    }
    return good;
  }

  bool property(const Json& schema, const std::string& key, const Json& member, const Path& path, bool tell) {
    bool good = true, known = false;
    if (const Json* properties = get(schema, "properties")) {
      const auto found = properties->find(key);
      known = found != properties->end();
      if (known) good = valid(*found, member, path, tell);
    }
    if (const Json* patterns = get(schema, "patternProperties")) {
      for (const auto& [expression, content] : patterns->items()) {
        if (!contains_pattern(expression, key)) continue;
        known = true;
        good = valid(content, member, path, tell) && good;
      }
    }
    const Json* other = known ? nullptr : get(schema, "additionalProperties");
    if (other == nullptr) return good;
    if (other->is_boolean() && !other->get<bool>()) return problem(path, tell, "no property has this name");
    return valid(*other, member, path, tell) && good;
  }

  const Schema& schema_;
  uint64_t work_ = 0;
  int depth_ = 0;
  size_t told_ = 0;
  std::string problems_;
  const char* fault_ = nullptr;
};

}  // namespace

Result<std::string> violations(const Schema& schema, const Json& value) {
  return Validator(schema).run(value);
}

}  // namespace testctr::script
