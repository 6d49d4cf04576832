// Which of the tests that are named are meant, in which order they run, and what is known of them from
// before.
#pragma once

#include <algorithm>
#include <array>
#include <memory>

#include "commands.h"
#include "plan/narrow.h"
#include "run/history.h"

namespace testctr::cmd {

/// What `run` and `list` take.
inline constexpr std::array suite_options{
    Option{.names = "--filter",
           .value = "EXPRESSION",
           .help = "tests for which it holds, such as 'tag:fast and not image:golang*' (`help filter`)"},
    Option{.names = "--failed", .help = "tests that failed, or were not run to their end, the last time"},
    Option{.names = "--changed", .help = "tests concerned by what `git` says is changed and not committed"},
    Option{.names = "--changed-since", .value = "COMMIT", .help = "the same, since a commit or branch"},
    Option{.names = "--repeat", .value = "N", .help = "every test N times"},
    Option{.names = "--shuffle",
           .value = "SEED",
           .help = "in another order, the same for the same number; random: told at the beginning"},
    Option{.names = "--shard",
           .value = "I/N",
           .help = "the I-th of N parts of the tests, from 1; auto: the part that the environment says"},
    Option{.names = "--shard-by",
           .value = "count|hash|time",
           .help = "parts with as many tests, parts that a new test does not move, parts that take as long\n"
                   "(default: count)"},
    Option{
        .names = "--durations",
        .value = "FILE",
        .help =
            "event lines of a run, which say how long tests take (default: what was seen here; --shard-by\n"
            "time needs it)"}};

/// The options of a command with those in front.
template <size_t N>
constexpr auto with_suite_options(const std::array<Option, N>& own) {
  std::array<Option, suite_options.size() + N> all{};
  std::copy(own.begin(), own.end(), std::copy(suite_options.begin(), suite_options.end(), all.begin()));
  return all;
}

/// What narrows a plan, judged before the plan is made. Errors (usage): what is malformed.
Result<plan::Narrowing> narrowing_of(const Arguments& arguments);

/// What is known of the tests of a plan; null where nothing can be, which is an error only where something
/// was asked of it. @param words whether scripts were named, and not the tests of a manifest @param why_none
/// gets why there is none; null: nobody asks
Result<std::unique_ptr<run::History>> history_of(const Arguments& arguments, const plan::Plan& plan,
                                                 bool words, std::optional<Error>* why_none = nullptr);

/// Narrows the plan: what of `how` depends on the surroundings - git, earlier runs - is added first. Says
/// what a user is to know: the seed, that a shard is empty, that nothing failed the last time.
Status narrow(const Arguments& arguments, plan::Plan& plan, plan::Narrowing how, run::History* history);

/// Whether it is a shard that got none of the tests that there are: as good as one whose tests have passed.
inline bool is_empty_shard(const plan::Plan& plan) {
  return plan.jobs.empty() && plan.shard.count > 0 && plan.selected > 0;
}

/// The tests of a plan in the order in which they begin: a line for each, as `list` prints it.
/// @param names_only the names alone
std::string tests_listed(const plan::Plan& plan, bool names_only);

/// "12 tests, 2 at a time, about 34s": the last line of `--dry-run`.
std::string tests_counted(const plan::Plan& plan, const std::map<plan::TestKey, int64_t>& durations);

}  // namespace testctr::cmd
