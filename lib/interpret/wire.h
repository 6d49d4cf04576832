// Helpers for reading values of the channel: hostile, so typed and bounded.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace testctr::wire {

/// The version of State, Continuation and Event on the wire.
inline constexpr int64_t version = 1;

/// Checks that `object` is an object, of our version. @param what for the message
Status check_version(const Json& object, const char* what);
/// A string member of at most `limit` bytes; empty when absent.
Result<std::string> text(const Json& object, const char* key, size_t limit);
/// A whole number in [low, high]; 0 when absent.
Result<int64_t> number(const Json& object, const char* key, int64_t low, int64_t high);
/// A Boolean; false when absent.
Result<bool> boolean(const Json& object, const char* key);

}  // namespace testctr::wire
