// JSON and CBOR by nlohmann-json, without exceptions at the border and with bytes that are not UTF-8.
#pragma once

#include <string>
#include <string_view>

#include "base/nlohmann.h"
#include "base/result.h"

namespace testctr {

using Json = nlohmann::json;

namespace json {

/// Parses JSON text; the error names the byte offset. Duplicate keys: the last wins. Depth is bounded (512),
/// so is `text`'s size by the caller.
Result<Json> parse(std::string_view text);
/// Compact text. Strings are UTF-8 here: put bytes in by `from_bytes`.
std::string dump(const Json& value, int indent = -1);

/// Bytes for people's JSON: a plain string when UTF-8, else {"base64": "..."}.
Json from_bytes(std::string_view bytes);
/// The reverse of from_bytes.
Result<std::string> to_bytes(const Json& value);

/// CBOR with byte strings: `binary(bytes)` makes a byte string value, `bytes_of` reads one (a text string
/// too).
Json binary(std::string_view bytes);
std::string bytes_of(const Json& value);
std::string to_cbor(const Json& value);
Result<Json> from_cbor(std::string_view bytes);

/// Typed access for hostile documents: nothing is thrown, the wrong type is an error that names the key.
Result<std::string> get_string(const Json& object, const char* key);
Result<std::string> get_string(const Json& object, const char* key, std::string fallback);
Result<int64_t> get_int(const Json& object, const char* key);
Result<int64_t> get_int(const Json& object, const char* key, int64_t fallback);
/// An array or object member, or nullptr when absent or null or of another type.
const Json* find(const Json& object, const char* key, Json::value_t type);

}  // namespace json
}  // namespace testctr
