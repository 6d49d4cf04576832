#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "base/text.h"
#include "script/json_schema.h"
#include "script/yaml_events.h"

namespace testctr::script {

namespace {

constexpr int most_depth = 200;
constexpr size_t most_nodes = 200'000;

bool all_of(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

std::optional<Json> integer(const std::string& text, std::string_view digits, int base) {
  errno = 0;
  char* end = nullptr;
  if (digits.data()[-1] == '-') {
    const int64_t value = std::strtoll(text.c_str(), &end, base);
    return errno == 0 ? std::optional<Json>(value) : Json(std::strtod(text.c_str(), nullptr));
  }
  const uint64_t value = std::strtoull(digits.data(), &end, base);
  if (errno == 0) return Json(value);
  return base == 10 ? std::optional<Json>(std::strtod(text.c_str(), nullptr)) : std::nullopt;
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_float(std::string_view text) {
  auto digits = [&] {
    size_t count = 0;
    while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
      text.remove_prefix(1);
      ++count;
    }
    return count;
  };
  auto take = [&](std::string_view any) {
    if (text.empty() || any.find(text[0]) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
  };
  take("+-");
  const size_t before = digits();
  if (take(".")) {
    if (digits() == 0 && before == 0) return false;
  } else if (before == 0) {
    return false;
  }
  if (take("eE")) {
    take("+-");
    if (digits() == 0) return false;
  }
  return text.empty();
}

Result<Json> plain_scalar(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return Json(nullptr);
  if (text == "true" || text == "True" || text == "TRUE") return Json(true);
  if (text == "false" || text == "False" || text == "FALSE") return Json(false);
  constexpr std::string_view decimal = "0123456789";
  std::string signless = "+" + text;  // a character in front of the digits, to be looked at
  std::string_view digits = std::string_view(signless).substr(1);
  if (text[0] == '-' || text[0] == '+') digits = std::string_view(signless).substr(2);
  if (all_of(digits, decimal)) {
    if (auto value = integer(text, digits, 10)) return std::move(*value);
  }
  const std::string_view rest = text.size() > 2 ? digits.substr(2) : "";
  const bool octal = text.starts_with("0o") && all_of(rest, "01234567");
  const bool hexadecimal = text.starts_with("0x") && all_of(rest, "0123456789abcdefABCDEF");
  if (octal || hexadecimal) {
    if (auto value = integer(text, rest, octal ? 8 : 16)) return std::move(*value);
    return Error::usage(fmt::format("the number {} is too large", text));
  }
  const std::string_view number = digits;
  if (number == ".inf" || number == ".Inf" || number == ".INF" || text == ".nan" || text == ".NaN" ||
      text == ".NAN")
    return Error::usage(fmt::format("{} is no number that JSON has", text));
  if (is_float(text)) {
    const double value = std::strtod(text.c_str(), nullptr);
    if (!std::isfinite(value)) return Error::usage(fmt::format("the number {} is too large", text));
    return Json(value);
  }
  if (!text::is_utf8(text)) return Error::usage("the text is not UTF-8");
  return Json(text);
}

// Asked for two documents at most: the library finds endlessly many where one is followed by a stray bracket.
bool is_one_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DeafToYaml deaf;
  return parser.HandleNextDocument(deaf) && !parser.HandleNextDocument(deaf);
}

class Converter {
 public:
  Result<Json> convert(const YAML::Node& node, int depth = 0) {
    if (depth > most_depth || ++nodes_ > most_nodes)
      return at(node, depth > most_depth ? "it is nested too deeply" : "it is too large");
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return Json(nullptr);
      case YAML::NodeType::Scalar:
        return scalar(node);
      case YAML::NodeType::Sequence: {
        Json array = Json::array();
        for (const auto& item : node) array.push_back(TRY(convert(item, depth + 1)));
        return array;
      }
      case YAML::NodeType::Map:
        break;
    }
    Json object = Json::object();
    for (const auto& member : node) {
      if (!member.first.IsScalar()) return at(member.first, "a key is no text");
      const std::string& key = member.first.Scalar();
      if (!text::is_utf8(key)) return at(member.first, "a key is not UTF-8");
      if (object.contains(key)) return at(member.first, fmt::format("the key {} is there twice", key));
      object[key] = TRY(convert(member.second, depth + 1));
    }
    return object;
  }

 private:
  static Error at(const YAML::Node& node, std::string_view what) {
    if (node.Mark().is_null()) return Error::usage(std::string(what));
    return Error::usage(fmt::format("line {}: {}", node.Mark().line + 1, what));
  }

  static Result<Json> scalar(const YAML::Node& node) {
    const std::string& tag = node.Tag();
    if (tag == "!" || tag == "tag:yaml.org,2002:str") {
      if (!text::is_utf8(node.Scalar())) return at(node, "the text is not UTF-8");
      return Json(node.Scalar());
    }
    if (tag != "?" && !tag.empty() && tag != "tag:yaml.org,2002:int" && tag != "tag:yaml.org,2002:float" &&
        tag != "tag:yaml.org,2002:bool" && tag != "tag:yaml.org,2002:null")
      return at(node, fmt::format("the tag {} is not known", tag));
    return plain_scalar(node.Scalar());
  }

  size_t nodes_ = 0;
};

}  // namespace

Result<Json> json_from_yaml(std::string_view text) {
  // JSON first: YAML reads nearly all of it alike, but not all.
  auto as_json = json::parse(text);
  if (as_json.ok()) return as_json;
  try {
    const std::string copy(text);
    if (!is_one_document(copy)) return Error::usage("there must be one YAML document, no more and no less");
    return Converter().convert(YAML::Load(copy));
  } catch (const std::exception& error) {
    return Error::usage(text::printable(error.what()));
  }
}

}  // namespace testctr::script
