// What the events of a test that failed say of the cause: refused system calls, limits that struck, programs,
// libraries and files that are not there, a network that is not there; and what was different when it passed.
// Nothing here is certain: a finding is what a line of an output or a failure means most often.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "interpret/event.h"

namespace testctr::report {

/// Under what a test ran, each thing by a name: "script", "image", "kernel", "env.NAME", "limit.memory", ...;
/// of what is secret or long the digest.
using Circumstances = std::map<std::string, std::string>;

struct Finding {
  std::string kind;  ///< "denied", "limit", "program", "library", "file", "network"
  std::string file;  ///< whose line, where it is not the test's own
  uint32_t line = 0;
  std::string text;  ///< what is the matter; hostile bytes
  std::string mend;  ///< what helps
  bool operator==(const Finding&) const = default;
};

/// No more are found of one test.
inline constexpr size_t most_findings = 50;

/// @param events of one attempt, in their order @param under what it ran: its network decides what a name
/// that cannot be resolved means
std::vector<Finding> findings_of(const std::vector<Event>& events, const Circumstances& under);

/// What is not the same, a sentence each: "the script has changed". Times are not compared.
std::vector<std::string> differences(const Circumstances& passed, const Circumstances& failed);

}  // namespace testctr::report
