#include "suite_options.h"

#include <sys/random.h>

#include <charconv>

#include "base/sys.h"
#include "base/text.h"
#include "plan/changed.h"
#include "plan/checks.h"
#include "run/schedule.h"

namespace testctr::cmd {
namespace {

Result<uint64_t> seed_of(const std::string& word) {
  uint64_t seed = 0;
  if (word == "random") {
    if (::getrandom(&seed, sizeof seed, 0) != sizeof seed) return Error::system("getrandom", "");
    return seed % 1'000'000;  // one that people can type
  }
  const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), seed);
  if (problem != std::errc() || end != word.data() + word.size())
    return Error::usage(
        fmt::format("--shuffle: {} is neither a whole number nor random", text::quoted(word)));
  return seed;
}

Result<plan::Shard> shard_of(const Arguments& arguments) {
  static const std::vector<std::string> ways{"count", "hash", "time"};
  const std::optional<std::string> way = TRY(arguments.choice("--shard-by", ways));
  const std::optional<std::string> word = arguments.value("--shard");
  if (!word) {
    if (way) return Error::usage("--shard-by: there is no --shard").hint("such as `--shard 1/4`");
    return plan::Shard{};
  }
  if (*word != "auto") return plan::parse_shard(*word, way.value_or("count"));
  plan::Shard shard =
      TRY(plan::shard_from_environment(plan::surroundings().environment, way.value_or("count")));
  // Bazel wants to know that somebody looked.
  if (const char* file = std::getenv("TEST_SHARD_STATUS_FILE"); file != nullptr && *file != '\0')
    CHECK_OK(sys::write_file_at(AT_FDCWD, file, ""));
  return shard;
}

/// "host, golang:latest, host": the places of a job in their order, each by its image.
std::string places_of(const plan::Job& job) {
  std::string list;
  const auto add = [&](const plan::Step& step) {
    std::string place = step.where == plan::default_place ? job.image : step.where;
    for (const plan::Container& container : job.containers) {
      if (container.name == step.where && container.name != container.image)
        place = fmt::format("{} ({})", container.name, container.image);
    }
    list += (list.empty() ? "" : ", ") + place;
  };
  add(job);
  for (const plan::Step& step : job.further) add(step);
  return text::printable(list);
}

std::string remarks_of(const plan::Plan& plan, const plan::Job& job) {
  std::string out;
  std::vector<std::string> services, needs;
  for (const plan::Container& container : job.containers) {
    if (container.service) services.push_back(fmt::format("{} ({})", container.name, container.image));
  }
  for (const size_t other : job.needs) needs.push_back(plan.jobs[other].name);
  if (!services.empty()) out += "; beside it: " + text::join(services, ", ");
  if (!needs.empty()) out += "; after: " + text::join(needs, ", ");
  if (!job.shares.empty()) out += "; shares: " + text::join(job.shares, ", ");
  if (!job.tags.empty()) out += "; tags: " + text::join(job.tags, ", ");
  if (job.skip) out += "; skipped: " + *job.skip;
  if (job.xfail) out += "; expected to fail: " + *job.xfail;
  return text::printable(out);
}

}  // namespace

Result<plan::Narrowing> narrowing_of(const Arguments& arguments) {
  plan::Narrowing how;
  if (const auto expression = arguments.value("--filter")) how.filter = TRY(plan::Filter::parse(*expression));
  how.shard = TRY(shard_of(arguments));
  if (const auto times = TRY(arguments.number("--repeat", 1, 100'000)))
    how.repeat = static_cast<uint32_t>(*times);
  if (const auto seed = arguments.value("--shuffle")) how.seed = TRY(seed_of(*seed));
  if (arguments.flag("--changed") && arguments.value("--changed-since"))
    return Error::usage(
        "--changed and --changed-since exclude each other: the first is `--changed-since HEAD`");
  if (const auto file = arguments.value("--durations"))
    how.durations = TRY(run::durations_from_events(*file));
  // What was seen here is another thing on each machine, and after each part.
  if (how.shard.by == "time" && how.shard.count > 1 && how.durations.empty())
    return Error::usage("--shard-by time: how long tests take must be the same for all parts")
        .hint("--durations FILE: the event lines of an earlier run (`run --report json=FILE`)");
  return how;
}

Result<std::unique_ptr<run::History>> history_of(const Arguments& arguments, const plan::Plan& plan,
                                                 bool words, std::optional<Error>* why_none) {
  std::string folder = ".";
  if (!words && !plan.jobs.empty() && !plan.jobs[0].manifests.empty()) {
    const std::string& manifest = plan.jobs[0].manifests[0];
    const size_t slash = manifest.rfind('/');
    if (slash != std::string::npos) folder = manifest.substr(0, slash + 1);
  }
  auto real = plan::real_path(folder);
  auto history = real.ok() ? run::History::open(real.value()) : Result<run::History>(std::move(real).error());
  if (history.ok()) return std::make_unique<run::History>(std::move(history).value());
  if (arguments.flag("--failed")) return Error(std::move(history).error()).in("--failed");
  if (why_none != nullptr) *why_none = std::move(history).error();
  return std::unique_ptr<run::History>();
}

Status narrow(const Arguments& arguments, plan::Plan& plan, plan::Narrowing how, run::History* history) {
  if (arguments.flag("--changed")) how.changed = TRY(plan::changed_files("HEAD"));
  if (const auto since = arguments.value("--changed-since")) how.changed = TRY(plan::changed_files(*since));
  // How long each took is of use where one of several is to be the first.
  const bool asked = arguments.flag("--failed");
  if (history != nullptr && (asked || plan.jobs.size() > 1)) {
    Status known = history->load();
    if (asked) CHECK_OK(std::move(known).in("--failed"));
  }
  if (asked && history != nullptr) how.only = history->failed();
  const bool none_failed = how.only && how.only->empty();
  const bool any = !plan.jobs.empty();
  if (history != nullptr && how.durations.empty()) how.durations = history->durations();
  CHECK_OK(plan::narrow(plan, how));
  if (how.seed) complain(fmt::format("the order is that of --shuffle {}", *how.seed));
  if (is_empty_shard(plan)) {
    complain(fmt::format("shard {}/{} has none of the {} tests", plan.shard.index, plan.shard.count,
                         plan.selected));
  } else if (any && plan.jobs.empty() && how.only) {
    complain(history->tests().empty() ? "--failed: nothing is known of an earlier run here"
             : none_failed            ? "--failed: no test failed the last time"
                           : "--failed: none of these is among the tests that failed the last time");
  }
  return {};
}

std::string tests_listed(const plan::Plan& plan, bool names_only) {
  size_t width = 0;
  for (const plan::Job& job : plan.jobs) width = std::max(width, std::min<size_t>(job.name.size(), 40));
  std::string out;
  run::Schedule schedule(plan);
  while (const std::optional<run::Turn> turn = schedule.next()) {
    schedule.ended(turn->index, Outcome::pass);
    const plan::Job& job = plan.jobs[turn->index];
    const std::string name = text::printable(job.name);
    out += names_only ? name + "\n"
                      : fmt::format("{:<{}}  {}{}\n", name, width, places_of(job), remarks_of(plan, job));
  }
  return out;
}

std::string tests_counted(const plan::Plan& plan, const std::map<plan::TestKey, int64_t>& durations) {
  int64_t known = 0, longest = 0;
  size_t counted = 0;
  for (const plan::Job& job : plan.jobs) {
    const auto found = durations.find(plan::key_of(job));
    if (found == durations.end()) continue;
    known += found->second;
    longest = std::max(longest, found->second);
    ++counted;
  }
  std::string line = fmt::format("{} test{}, {} at a time", plan.jobs.size(),
                                 plan.jobs.size() == 1 ? "" : "s", plan.parallel);
  if (plan.shard.count > 0)
    line += fmt::format(", shard {}/{} of {} tests", plan.shard.index, plan.shard.count, plan.selected);
  if (counted > 0) {
    const int64_t each = known / static_cast<int64_t>(counted);
    const int64_t all = (each * static_cast<int64_t>(plan.jobs.size())) / plan.parallel;
    constexpr int64_t tenth = 100'000'000;
    const int64_t shown = std::max({all, longest, tenth}) / tenth * tenth;
    line += fmt::format(", about {}", text::format_duration(shown));
  }
  return line + "\n";
}

}  // namespace testctr::cmd
