// The conditions in brackets: which there are, and whether they hold here.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "interpret/session.h"

namespace testctr::interpret {

struct ConditionInfo {
  std::string_view name;  ///< "root"; "GOOS:" takes what follows the colon
  std::string_view summary;
};

/// All of them, for `help` and for "did you mean".
std::span<const ConditionInfo> all_conditions();

/// Whether `text` is a condition. The error (usage) says what is wrong with it.
/// @param given those that the user has given by name
Status check_condition(std::string_view text, const std::map<std::string, bool>& given = {});

/// Whether this system or architecture has that name; nothing when no system and no architecture is called
/// so.
std::optional<bool> system_condition(std::string_view text);
/// This machine's architecture as Go names it.
std::string_view own_architecture();

/// Whether a condition that is one holds.
bool holds(Session& session, std::string_view text);

}  // namespace testctr::interpret
