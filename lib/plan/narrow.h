// From all tests that could run to those that do: filters, what failed last time, a shard; and in which
// order.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "plan/filter.h"
#include "plan/plan.h"

namespace testctr::plan {

/// What a test is known by from run to run: its name and its image. Not a repetition of it.
using TestKey = std::pair<std::string, std::string>;
TestKey key_of(const Job& job);
/// The same from what a report tells of a test. @param image as it is told, perhaps with a digest
TestKey key_of(std::string_view name, std::string_view image);

struct Narrowing {
  std::optional<Filter> filter = {};
  /// `--failed`: those that are to run again; `known` are all that anything is known of.
  std::optional<std::set<TestKey>> only = {};
  /// `--changed`: absolute paths, links resolved, of what has changed. A test is meant when one of its own
  /// files has, its manifest, a program that it is given, or what lies in its test tree and is not a script
  /// of another test.
  std::optional<std::set<std::string>> changed = {};
  Shard shard = {};  ///< count 0: all
  uint32_t repeat = 1;
  std::optional<uint64_t> seed = {};  ///< `--shuffle`
  /// How long tests took before, in nanoseconds: the longest begin first, where several run beside each
  /// other; shards by time are made equally long by it. Empty: nothing is known.
  std::map<TestKey, int64_t> durations = {};
};

/// `1/4`. @param by count, hash or time. Errors (usage): malformed, 0, an index above the count.
Result<Shard> parse_shard(const std::string& word, const std::string& by);

/// The shard that the surroundings say: Bazel, GitLab, CircleCI, Buildkite, a Slurm array, a Kubernetes
/// Indexed Job.
/// @param environment the value of a variable. Errors (usage): none of them is there; one is malformed; a
/// Kubernetes Job's variable, which does not say how many there are.
Result<Shard> shard_from_environment(std::optional<std::string> (*environment)(const std::string&),
                                     const std::string& by);

/// Keeps the jobs of these indices, in the order of the plan, with what they need.
void keep(Plan& plan, std::vector<size_t> todo);

/// Takes away what is not meant; what a remaining test needs remains. Sets `selection` and `selected`, the
/// shard, the order. Everything depends on names alone, so that all machines come to the same shards: in
/// which tests that need each other stay together. Errors (usage): a shard by time without durations.
Status narrow(Plan& plan, const Narrowing& how);

}  // namespace testctr::plan
