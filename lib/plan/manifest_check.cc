// Holds a tree against the table of keys: every mistake of form, with its place and a mend.
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "plan/manifest_keys.h"

namespace testctr::plan {
namespace {

constexpr double fewest_processors = 0.01, most_processors = 10'000;

/// What stands there instead of what is wanted.
std::string shown(const Yaml& value) {
  constexpr size_t most = 60;
  switch (value.kind) {
    case Yaml::Kind::null:
      return "nothing";
    case Yaml::Kind::list:
      return "a list";
    case Yaml::Kind::map:
      return "a mapping";
    case Yaml::Kind::scalar:
      break;
  }
  if (value.text.size() > most) return text::quoted(value.text.substr(0, most)) + "...";
  return value.plain ? text::printable(value.text) : text::quoted(value.text);
}

bool wants(const Type& type, const Yaml& value, const std::string& path, Mistakes& mistakes) {
  std::string told = fmt::format("{} wants {}, not {}", path, type.wanted, shown(value));
  if (value.kind == Yaml::Kind::scalar && type.kind == Type::Kind::choice) {
    if (const auto near = text::nearest(value.text, type.words))
      told += fmt::format("; did you mean {}?", *near);
  }
  if (value.kind == Yaml::Kind::scalar && type.kind == Type::Kind::duration && value.plain &&
      !value.text.empty() && value.text.find_first_not_of("0123456789") == std::string::npos)
    told += fmt::format("; write {}s for seconds", value.text);
  mistakes.add(value.place, std::move(told));
  return false;
}

bool matches(const std::string& pattern, const std::string& text) {
  return pattern.empty() || RE2::FullMatch(text, pattern);
}

bool is_reserved(const Type& type, const std::string& word) {
  return std::find(type.reserved.begin(), type.reserved.end(), word) != type.reserved.end();
}

template <class Number>
std::optional<Number> parse(const Yaml& value) {
  Number number{};
  const char* end = value.text.data() + value.text.size();
  const auto [at, failed] = std::from_chars(value.text.data(), end, number);
  if (!value.plain || failed != std::errc() || at != end) return std::nullopt;
  return number;
}

bool fits_scalar(const Type& type, const Yaml& value) {
  if (value.kind != Yaml::Kind::scalar || value.text.find('\0') != std::string::npos) return false;
  switch (type.kind) {
    case Type::Kind::text:
      return matches(type.pattern, value.text) && !is_reserved(type, value.text);
    case Type::Kind::choice:
      return std::find(type.words.begin(), type.words.end(), value.text) != type.words.end();
    case Type::Kind::boolean:
      return value.plain && (value.text == "true" || value.text == "false");
    case Type::Kind::integer: {
      const auto number = parse<int64_t>(value);
      return number && *number >= type.least && *number <= type.most;
    }
    case Type::Kind::number: {
      const auto number = parse<double>(value);
      return number && *number >= fewest_processors && *number <= most_processors;
    }
    case Type::Kind::duration:
      return text::parse_duration(value.text).value_or(0) > 0;
    case Type::Kind::size:
      return text::parse_size(value.text).value_or(0) > 0;
    default:
      return false;
  }
}

bool fits_list(const Type& type, const Yaml& value, const std::string& path, Mistakes& mistakes) {
  if (value.kind != Yaml::Kind::list) return wants(type, value, path, mistakes);
  if (value.items.empty() && !type.may_be_empty) {
    mistakes.add(value.place, fmt::format("{} wants {}, and this one is empty", path, type.wanted));
    return false;
  }
  bool all = true;
  for (size_t i = 0; i < value.items.size(); ++i)
    all = fits(*type.of, value.items[i], fmt::format("{}[{}]", path, i), mistakes) && all;
  return all;
}

bool fits_map(const Type& type, const Yaml& value, const std::string& path, Mistakes& mistakes) {
  if (value.kind != Yaml::Kind::map) return wants(type, value, path, mistakes);
  bool all = true;
  for (const YamlPair& member : value.members) {
    const std::string& name = member.key.text;
    const std::string shown_name = text::printable(name.substr(0, 80));
    if (is_reserved(type, name)) {
      mistakes.add(member.key.place,
                   fmt::format("{}: the name {} is taken by testctr-script itself", path, shown_name));
      all = false;
    } else if (!matches(type.pattern, name) || name.find('\0') != std::string::npos) {
      mistakes.add(member.key.place,
                   fmt::format("{}: {} cannot be a name here", path, text::quoted(name.substr(0, 80))));
      all = false;
    } else {
      all = fits(*type.of, member.value, fmt::format("{}.{}", path, shown_name), mistakes) && all;
    }
  }
  return all;
}

bool fits_either(const Type& type, const Yaml& value, const std::string& path, Mistakes& mistakes) {
  for (const Type* one : type.either) {
    const bool is_list = one->kind == Type::Kind::list;
    const bool is_map = one->kind == Type::Kind::map || one->kind == Type::Kind::object;
    const Yaml::Kind kind = is_list ? Yaml::Kind::list : is_map ? Yaml::Kind::map : Yaml::Kind::scalar;
    if (kind == value.kind) return fits(*one, value, path, mistakes);
  }
  return wants(type, value, path, mistakes);
}

/// Of other mappings: those that have this key.
std::string where_it_belongs(const Shape& shape, const std::string& name) {
  std::vector<std::string> others;
  for (const Shape* other : all_shapes()) {
    const bool has_it =
        std::any_of(other->keys.begin(), other->keys.end(), [&](const Key& key) { return key.name == name; });
    if (other != &shape && has_it) others.push_back(other->name);
  }
  return text::join(others, ", of ");
}

std::string unknown(const Shape& shape, const std::string& name) {
  std::string told = fmt::format("unknown key `{}` in {}", text::printable(name.substr(0, 80)), shape.name);
  std::vector<std::string> names;
  for (const Key& key : shape.keys) names.push_back(key.name);
  const std::string other = where_it_belongs(shape, name);
  if (!other.empty()) return fmt::format("{}: it is a key of {}", told, other);
  // Both spellings of two words are usual elsewhere.
  std::string dashed = name;
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  if (const auto near = text::nearest(dashed, names))
    return fmt::format("{}; did you mean `{}`?", told, *near);
  return fmt::format("{}, there are {}", told, text::join(names, ", "));
}

bool has_what_it_needs(const Shape& shape, const Yaml& value, Mistakes& mistakes) {
  bool all = true;
  const auto wrong = [&](Place place, std::string what) {
    mistakes.add(place, std::move(what));
    all = false;
  };
  for (const Key& key : shape.keys) {
    if (key.required && value.find(key.name) == nullptr)
      wrong(value.place, fmt::format("{} lacks the key `{}`: {}", shape.name, key.name, key.help));
  }
  for (const auto& [key, needed] : shape.needs) {
    if (value.find(key) != nullptr && value.find(needed) == nullptr)
      wrong(value.place, fmt::format("{} with `{}` needs the key `{}`", shape.name, key, needed));
  }
  std::vector<const YamlPair*> given;
  for (const YamlPair& member : value.members) {
    if (std::find(shape.one_of.begin(), shape.one_of.end(), member.key.text) != shape.one_of.end())
      given.push_back(&member);
  }
  if (given.size() > 1)
    wrong(given[1]->key.place, fmt::format("{} has either `{}` or `{}`, not both", shape.name,
                                           given[0]->key.text, given[1]->key.text));
  if (given.empty() && shape.needs_one)
    wrong(value.place, fmt::format("{} has one of the keys {}, and here is none", shape.name,
                                   text::join(shape.one_of, ", ")));
  return all;
}

}  // namespace

bool fits(const Type& type, const Yaml& value, const std::string& path, Mistakes& mistakes) {
  switch (type.kind) {
    case Type::Kind::list:
      return fits_list(type, value, path, mistakes);
    case Type::Kind::map:
      return fits_map(type, value, path, mistakes);
    case Type::Kind::either:
      return fits_either(type, value, path, mistakes);
    case Type::Kind::object:
      if (value.kind != Yaml::Kind::map) return wants(type, value, path, mistakes);
      return fits(type.shape(), value, path, mistakes);
    default:
      return fits_scalar(type, value) || wants(type, value, path, mistakes);
  }
}

bool fits(const Shape& shape, const Yaml& value, const std::string& path, Mistakes& mistakes) {
  bool all = has_what_it_needs(shape, value, mistakes);
  for (const YamlPair& member : value.members) {
    const std::string& name = member.key.text;
    if (shape.extensions && name.starts_with("x-")) continue;
    const auto key =
        std::find_if(shape.keys.begin(), shape.keys.end(), [&](const Key& k) { return k.name == name; });
    if (key == shape.keys.end()) {
      mistakes.add(member.key.place, unknown(shape, name));
      all = false;
    } else {
      all = fits(*key->type, member.value, path.empty() ? name : path + "." + name, mistakes) && all;
    }
  }
  return all;
}

}  // namespace testctr::plan
