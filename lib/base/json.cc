#include "base/json.h"

#include "base/text.h"

template class nlohmann::basic_json<>;

namespace testctr::json {
namespace {

constexpr int max_depth = 512;

// nlohmann's parser recurses in its destructor and callbacks; a bound on nesting keeps hostile documents off
// the stack.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > max_depth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

Error wrong_type(const char* key, const char* wanted) {
  return Error::infrastructure(fmt::format("key \"{}\" is not {}", key, wanted));
}

/// Without the library's name for it, "[json.exception.parse_error.101] ".
std::string_view plain(std::string_view what) {
  const size_t end = what.starts_with('[') ? what.find("] ") : std::string_view::npos;
  return end == std::string_view::npos ? what : what.substr(end + 2);
}

}  // namespace

Result<Json> parse(std::string_view text) {
  if (too_deep(text)) return Error::infrastructure("JSON is nested too deeply");
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    return Error::infrastructure(fmt::format("not valid JSON: {}", plain(e.what())));
  }
}

std::string dump(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json from_bytes(std::string_view bytes) {
  if (text::is_utf8(bytes)) return std::string(bytes);
  return Json{{"base64", text::base64(bytes)}};
}

Result<std::string> to_bytes(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.size() == 1 && value.contains("base64") && value["base64"].is_string()) {
    if (auto bytes = text::from_base64(value["base64"].get<std::string>())) return *bytes;
  }
  return Error::infrastructure("not a string or {\"base64\": ...}");
}

Json binary(std::string_view bytes) { return Json::binary(std::vector<uint8_t>(bytes.begin(), bytes.end())); }

std::string bytes_of(const Json& value) {
  if (value.is_binary()) {
    const auto& b = value.get_binary();
    return {b.begin(), b.end()};
  }
  if (value.is_string()) return value.get<std::string>();
  return {};
}

std::string to_cbor(const Json& value) {
  std::string out;
  Json::to_cbor(value, out);
  return out;
}

namespace {

// An item of one byte becomes many bytes of memory.
constexpr size_t max_items = 4'000'000;

// Walks CBOR without building anything: bounds the depth, so that the recursive reader cannot be led off the
// stack, and the number of items.
bool cbor_too_deep(std::string_view bytes) {
  std::vector<uint64_t> open;  // items still to come at each level
  size_t at = 0, items = 0;
  while (at < bytes.size()) {
    if (++items > max_items) return true;
    auto head = static_cast<uint8_t>(bytes[at++]);
    unsigned major = head >> 5, info = head & 31;
    uint64_t count = info;
    bool indefinite = info == 31;
    if (info >= 24 && info <= 27) {
      size_t width = size_t{1} << (info - 24);
      if (bytes.size() - at < width) return false;  // truncated: the reader says so
      count = 0;
      for (size_t i = 0; i < width; ++i) count = count << 8 | static_cast<uint8_t>(bytes[at++]);
    }
    if (indefinite && major != 7) return true;  // we never write these; refuse them with the deep ones
    if (major == 2 || major == 3) {
      if (count > bytes.size() - at) return false;
      at += count;
    }
    while (!open.empty() && open.back() == 0) open.pop_back();
    if (!open.empty()) --open.back();
    if (major == 4 || major == 5) {
      open.push_back(major == 5 ? count * 2 : count);
      if (open.size() > 64) return true;
    } else if (major == 6) {
      open.push_back(1);
      if (open.size() > 64) return true;
    }
  }
  return false;
}

}  // namespace

Result<Json> from_cbor(std::string_view bytes) {
  if (cbor_too_deep(bytes))
    return Error::infrastructure("CBOR is nested too deeply, has too many items, or is of indefinite length");
  try {
    return Json::from_cbor(bytes.begin(), bytes.end(), /*strict=*/true);
  } catch (const std::exception& e) {
    return Error::infrastructure(fmt::format("not valid CBOR: {}", plain(e.what())));
  }
}

const Json* find(const Json& object, const char* key, Json::value_t type) {
  if (!object.is_object()) return nullptr;
  auto it = object.find(key);
  if (it == object.end()) return nullptr;
  auto same_number = [](Json::value_t t) {
    return t == Json::value_t::number_integer || t == Json::value_t::number_unsigned;
  };
  if (it->type() == type || (same_number(type) && same_number(it->type()))) return &*it;
  return nullptr;
}

Result<std::string> get_string(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key))
    return Error::infrastructure(fmt::format("key \"{}\" is missing", key));
  const Json& value = object[key];
  if (!value.is_string() && !value.is_binary()) return wrong_type(key, "a string");
  return bytes_of(value);
}

Result<std::string> get_string(const Json& object, const char* key, std::string fallback) {
  if (!object.is_object()) return Error::infrastructure("not an object");
  if (!object.contains(key) || object[key].is_null()) return fallback;
  return get_string(object, key);
}

Result<int64_t> get_int(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key))
    return Error::infrastructure(fmt::format("key \"{}\" is missing", key));
  const Json& value = object[key];
  if (!value.is_number_integer()) return wrong_type(key, "a whole number");
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
    return wrong_type(key, "a number in range");
  }
  return value.get<int64_t>();
}

Result<int64_t> get_int(const Json& object, const char* key, int64_t fallback) {
  if (!object.is_object()) return Error::infrastructure("not an object");
  if (!object.contains(key) || object[key].is_null()) return fallback;
  return get_int(object, key);
}

}  // namespace testctr::json
