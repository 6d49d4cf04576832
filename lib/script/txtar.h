// The txtar container of a script: where its comment ends and where each file begins. Bytes are taken as they
// are; nothing is expanded.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace testctr::script {

/// A file of an archive, as views into the source.
struct Member {
  std::string_view name;  ///< trimmed; never empty
  uint32_t line = 0;      ///< of the marker, 1-based
  size_t offset = 0;      ///< of `data` in the source
  std::string_view data;  ///< as it stands, perhaps without a final newline
};

struct Archive {
  std::string_view comment;
  std::vector<Member> members;
};

/// The name in a marker line ("-- NAME --", perhaps with a CR at its end), trimmed and perhaps empty; nothing
/// when `line` is no marker.
/// @param line without its "\n"
std::optional<std::string_view> marker_name(std::string_view line);

/// What a marker without a name is.
enum class Nameless : uint8_t {
  error,
  text,  ///< a line like any other, as Go's readers have it; but for "-- --", of which some of them die
};

/// Splits `source`. @param name for messages. Errors (Fault::usage): a marker without a name.
Result<Archive> split_archive(std::string_view name, std::string_view source,
                              Nameless nameless = Nameless::error);

}  // namespace testctr::script
