// WWW-Authenticate (RFC 9110 section 11.6.1): what a server wants to know of us.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace testctr::registry {

struct Challenge {
  std::string scheme;                             ///< lower case: "bearer", "basic"
  std::map<std::string, std::string> parameters;  ///< names in lower case, quotes taken off
  /// The parameter's value, "" where there is none.
  [[nodiscard]] std::string parameter(const std::string& name) const;
};

/// The challenges of a header, several fields of it joined by commas. What cannot be understood ends the
/// list; so do more than 16 challenges or 32 parameters of one.
std::vector<Challenge> parse_challenges(std::string_view header);

}  // namespace testctr::registry
