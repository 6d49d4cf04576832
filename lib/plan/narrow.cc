#include "plan/narrow.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <random>

#include "base/digest.h"
#include "base/text.h"

namespace testctr::plan {

void keep(Plan& plan, std::vector<size_t> todo) {
  std::vector<bool> kept(plan.jobs.size());
  while (!todo.empty()) {
    const size_t index = todo.back();
    todo.pop_back();
    if (kept[index]) continue;
    kept[index] = true;
    for (const size_t other : plan.jobs[index].needs) todo.push_back(other);
  }
  std::vector<size_t> moved(plan.jobs.size());
  std::vector<Job> jobs;
  for (size_t i = 0; i < plan.jobs.size(); ++i) {
    moved[i] = jobs.size();
    if (kept[i]) jobs.push_back(std::move(plan.jobs[i]));
  }
  std::erase_if(plan.order, [&](size_t index) { return !kept[index]; });
  for (size_t& index : plan.order) index = moved[index];
  for (Job& job : jobs) {
    for (auto* others : {&job.needs, &job.set_up_by})
      for (size_t& other : *others) other = moved[other];
  }
  plan.jobs = std::move(jobs);
}

namespace {

template <class Wanted>
void keep_if(Plan& plan, Wanted wanted) {
  std::vector<size_t> indices;
  for (size_t i = 0; i < plan.jobs.size(); ++i) {
    if (!plan.jobs[i].setup && wanted(plan.jobs[i])) indices.push_back(i);
  }
  keep(plan, std::move(indices));
}

std::string absolute_of(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  std::string out = resolved == nullptr ? path : resolved;
  std::free(resolved);
  return out;
}

/// The files that a job's text comes from, absolute.
std::set<std::string> sources_of(const Job& job) {
  std::set<std::string> all;
  const auto add = [&](const Step& step) {
    // A text of a manifest may be named with its line.
    const size_t colon = step.file.rfind(':');
    const bool with_line = colon != std::string::npos && colon + 1 < step.file.size() &&
                           step.file.find_first_not_of("0123456789", colon + 1) == std::string::npos;
    all.insert(absolute_of(with_line ? step.file.substr(0, colon) : step.file));
    for (const DocumentPart& part : step.parts) all.insert(absolute_of(part.name));
  };
  add(job);
  for (const Step& step : job.further) add(step);
  for (const auto* others : {&job.documents.prepend, &job.documents.append})
    for (const std::string& file : *others) all.insert(absolute_of(file));
  for (const std::string& file : job.manifests) all.insert(absolute_of(file));
  for (const HostProgram& program : job.programs) all.insert(program.path);
  if (!job.layer.empty()) all.insert(absolute_of(job.layer));
  return all;
}

bool lies_below(const std::string& path, const std::string& folder) {
  return path.size() > folder.size() + 1 && path.starts_with(folder) && path[folder.size()] == '/';
}

void keep_changed(Plan& plan, const std::set<std::string>& changed) {
  std::vector<std::set<std::string>> sources;
  std::set<std::string> scripts;  // of any test
  for (const Job& job : plan.jobs) {
    sources.push_back(sources_of(job));
    scripts.insert(sources.back().begin(), sources.back().end());
  }
  std::vector<std::string> others;
  std::set_difference(changed.begin(), changed.end(), scripts.begin(), scripts.end(),
                      std::back_inserter(others));
  std::vector<size_t> indices;
  for (size_t i = 0; i < plan.jobs.size(); ++i) {
    const Job& job = plan.jobs[i];
    const bool own = std::any_of(sources[i].begin(), sources[i].end(),
                                 [&](const std::string& file) { return changed.contains(file); });
    const auto in_view = [&](const std::string& file) {
      return (!job.tree.empty() && lies_below(file, job.tree)) ||
             std::any_of(job.mounts.begin(), job.mounts.end(), [&](const Mount& mount) {
               return file == mount.source || lies_below(file, mount.source);
             });
    };
    if (own || std::any_of(others.begin(), others.end(), in_view)) indices.push_back(i);
  }
  keep(plan, std::move(indices));
}

/// Tests that need each other, directly or by others: one root for each of them.
std::vector<size_t> roots_of(const Plan& plan) {
  std::vector<size_t> parent(plan.jobs.size());
  std::iota(parent.begin(), parent.end(), size_t{0});
  const auto root = [&](size_t at) {
    while (parent[at] != at) at = parent[at] = parent[parent[at]];
    return at;
  };
  for (size_t i = 0; i < plan.jobs.size(); ++i) {
    // What sets up an image is done in each shard that needs it.
    for (const size_t other : plan.jobs[i].needs) {
      if (!plan.jobs[other].setup) parent[root(i)] = root(other);
    }
  }
  for (size_t i = 0; i < plan.jobs.size(); ++i) parent[i] = root(i);
  return parent;
}

/// Tests that go into the same shard.
struct Unit {
  TestKey first;  ///< the least
  std::vector<size_t> jobs;
  int64_t weight = 0;
};

std::vector<Unit> units_of(const Plan& plan, const Narrowing& how) {
  const std::vector<size_t> roots = roots_of(plan);
  std::map<size_t, Unit> by_root;
  // What is not known takes as long as the others do on average.
  int64_t known = 0;
  for (const auto& [key, duration] : how.durations) known += duration;
  const int64_t average = how.durations.empty() ? 1 : known / static_cast<int64_t>(how.durations.size());
  for (size_t i = 0; i < plan.jobs.size(); ++i) {
    if (plan.jobs[i].setup) continue;
    Unit& unit = by_root[roots[i]];
    const TestKey key = key_of(plan.jobs[i]);
    if (unit.jobs.empty() || key < unit.first) unit.first = key;
    unit.jobs.push_back(i);
    const auto duration = how.durations.find(key);
    unit.weight += how.shard.by != "time" ? 1 : duration == how.durations.end() ? average : duration->second;
  }
  std::vector<Unit> units;
  for (auto& [root, unit] : by_root) units.push_back(std::move(unit));
  std::sort(units.begin(), units.end(), [](const Unit& a, const Unit& b) { return a.first < b.first; });
  return units;
}

uint32_t shard_by_hash(const TestKey& key, uint32_t count) {
  const std::string hex = Digest::of(key.first + '\0' + key.second).hex().substr(0, 15);
  uint64_t value = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
  return static_cast<uint32_t>(value % count);
}

void keep_shard(Plan& plan, const Narrowing& how) {
  const Shard& shard = how.shard;
  std::vector<Unit> units = units_of(plan, how);
  if (shard.by == "time")
    std::stable_sort(units.begin(), units.end(),
                     [](const Unit& a, const Unit& b) { return a.weight > b.weight; });
  std::vector<int64_t> loads(shard.count);
  std::vector<size_t> indices;
  for (const Unit& unit : units) {
    const auto least = std::min_element(loads.begin(), loads.end()) - loads.begin();
    const uint32_t to =
        shard.by == "hash" ? shard_by_hash(unit.first, shard.count) : static_cast<uint32_t>(least);
    loads[to] += unit.weight;
    if (to + 1 == shard.index) indices.insert(indices.end(), unit.jobs.begin(), unit.jobs.end());
  }
  keep(plan, std::move(indices));
}

/// What all shards of one run agree in.
std::string selection_of(const Plan& plan, const Narrowing& how) {
  std::vector<TestKey> all;
  for (const Job& job : plan.jobs) {
    if (!job.setup) all.push_back(key_of(job));
  }
  std::sort(all.begin(), all.end());
  Sha256 hash;
  for (const TestKey& key : all) {
    hash.update(key.first);
    hash.update(std::string_view("\0", 1));
    hash.update(key.second);
    hash.update("\n");
    if (how.shard.by != "time") continue;
    const auto duration = how.durations.find(key);
    if (duration != how.durations.end()) hash.update(std::to_string(duration->second));
  }
  hash.update(fmt::format("{} {} {}", how.repeat, how.shard.count, how.shard.by));
  return hash.finish().hex();
}

void repeat(Plan& plan, uint32_t times) {
  if (times <= 1) return;
  const size_t each = plan.jobs.size();
  plan.jobs.reserve(each * times);
  std::vector<size_t> copy_of(each);  // in the repetition at hand; what sets up is there once
  std::iota(copy_of.begin(), copy_of.end(), size_t{0});
  for (uint32_t k = 1; k < times; ++k) {
    const size_t begin = plan.jobs.size();
    for (size_t i = 0; i < each; ++i) {
      if (plan.jobs[i].setup) continue;
      copy_of[i] = plan.jobs.size();
      plan.jobs.push_back(plan.jobs[i]);
      plan.jobs.back().repeated = plan.jobs[i].name;
      plan.jobs.back().name = fmt::format("{} ({} of {})", plan.jobs[i].name, k + 1, times);
    }
    for (size_t i = begin; i < plan.jobs.size(); ++i) {
      for (size_t& other : plan.jobs[i].needs) other = copy_of[other];
    }
  }
  for (size_t i = 0; i < each; ++i) {
    Job& job = plan.jobs[i];
    if (job.setup) continue;
    job.repeated = job.name;
    job.name = fmt::format("{} (1 of {})", job.name, times);
  }
}

/// The same on every machine, which std::shuffle is not bound to be.
void shuffle(std::vector<size_t>& order, uint64_t seed) {
  std::mt19937_64 random(seed);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
}

void set_order(Plan& plan, const Narrowing& how) {
  plan.seed = how.seed;
  if (!how.seed && (how.durations.empty() || plan.allowed <= 1)) return;
  plan.order.resize(plan.jobs.size());
  std::iota(plan.order.begin(), plan.order.end(), size_t{0});
  if (how.seed) return shuffle(plan.order, *how.seed);
  // What nobody knows may be the longest of all.
  std::vector<int64_t> lasted;
  for (const Job& job : plan.jobs) {
    const auto known = how.durations.find(key_of(job));
    lasted.push_back(known == how.durations.end() ? INT64_MAX : known->second);
  }
  std::stable_sort(plan.order.begin(), plan.order.end(),
                   [&](size_t a, size_t b) { return lasted[a] > lasted[b]; });
}

std::optional<uint32_t> number_of(const std::string& word) {
  uint32_t value = 0;
  const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (problem != std::errc() || end != word.data() + word.size() || word.empty()) return std::nullopt;
  return value;
}

/// Variables of a system that runs parts of a suite on several machines.
struct ShardVariables {
  const char *index, *count;
  uint32_t first;  ///< what the first index is
};
constexpr ShardVariables shard_variables[] = {{"TEST_SHARD_INDEX", "TEST_TOTAL_SHARDS", 0},
                                              {"CI_NODE_INDEX", "CI_NODE_TOTAL", 1},
                                              {"CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0},
                                              {"BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0}};

}  // namespace

TestKey key_of(std::string_view name, std::string_view image) {
  // "./t.txt" and "t.txt" are one test.
  std::string plain(name.starts_with('/') ? "/" : "");
  for (const std::string& part : text::split(name, '/')) {
    if (part.empty() || part == ".") continue;
    if (!plain.empty() && plain.back() != '/') plain += '/';
    plain += part;
  }
  return {plain.empty() ? std::string(name) : plain, std::string(image.substr(0, image.find('@')))};
}

TestKey key_of(const Job& job) { return key_of(job.repeated.empty() ? job.name : job.repeated, job.image); }

Result<Shard> parse_shard(const std::string& word, const std::string& by) {
  const size_t slash = word.find('/');
  const auto index = number_of(word.substr(0, slash));
  const auto count = slash == std::string::npos ? std::nullopt : number_of(word.substr(slash + 1));
  if (!index || !count)
    return Error::usage(fmt::format("--shard: {} is not INDEX/COUNT", text::quoted(word)))
        .hint("`--shard 1/4` is the first of four, `--shard auto` what the environment says");
  if (*count == 0 || *count > 100'000)
    return Error::usage(fmt::format("--shard: {} is no shard: there are 1 to 100000", text::quoted(word)));
  if (*index == 0 || *index > *count)
    return Error::usage(fmt::format("--shard: {} is no shard: they are 1/{} to {}/{}", text::quoted(word),
                                    *count, *count, *count));
  return Shard{*index, *count, by};
}

Result<Shard> shard_from_environment(std::optional<std::string> (*environment)(const std::string&),
                                     const std::string& by) {
  const auto judged = [&](const char* name, const std::string& index, const std::string& count,
                          uint32_t first, uint32_t step) -> Result<Shard> {
    const auto at = number_of(index), of = number_of(count);
    if (!at || !of || step == 0 || *at < first || (*at - first) / step >= *of)
      return Error::usage(fmt::format("--shard auto: {}={} and a count of {} are no shard", name,
                                      text::printable(index), text::printable(count)));
    return Shard{(*at - first) / step + 1, *of, by};
  };
  for (const ShardVariables& names : shard_variables) {
    const auto index = environment(names.index), count = environment(names.count);
    if (index && count) return judged(names.index, *index, *count, names.first, 1);
    // GitLab has no index where there is one job alone.
    if (!index && count == "1") return Shard{1, 1, by};
  }
  const auto task = environment("SLURM_ARRAY_TASK_ID"), tasks = environment("SLURM_ARRAY_TASK_COUNT");
  if (task && tasks) {
    // An array may begin anywhere and go in steps.
    const auto first = number_of(environment("SLURM_ARRAY_TASK_MIN").value_or("0"));
    const auto step = number_of(environment("SLURM_ARRAY_TASK_STEP").value_or("1"));
    return judged("SLURM_ARRAY_TASK_ID", *task, *tasks, first.value_or(0), step.value_or(0));
  }
  if (environment("JOB_COMPLETION_INDEX"))
    return Error::usage("--shard auto: a Kubernetes Job does not say how many completions it has")
        .hint("`--shard \"$((JOB_COMPLETION_INDEX + 1))/N\"`, with N as the Job's completions");
  return Error::usage("--shard auto: nothing in the environment says which part of a run this is")
      .hint("known are Bazel, GitLab, CircleCI, Buildkite and Slurm arrays; `--shard 1/4` says it directly");
}

Status narrow(Plan& plan, const Narrowing& how) {
  if (how.filter) keep_if(plan, [&](const Job& job) { return how.filter->matches(job); });
  if (how.changed) keep_changed(plan, *how.changed);
  if (how.only) keep_if(plan, [&](const Job& job) { return how.only->contains(key_of(job)); });
  if (how.shard.by == "time" && how.durations.empty())
    return Error::usage("--shard-by time: nothing says how long the tests take")
        .hint("`--durations FILE` reads it from the event lines of a run, the same file for all shards");
  plan.selection = selection_of(plan, how);
  const auto tests =
      std::count_if(plan.jobs.begin(), plan.jobs.end(), [](const Job& job) { return !job.setup; });
  plan.selected = static_cast<size_t>(tests) * how.repeat;
  plan.shard = how.shard;
  if (how.shard.count > 0) keep_shard(plan, how);
  repeat(plan, how.repeat);
  set_order(plan, how);
  plan.parallel = static_cast<unsigned>(std::clamp<size_t>(plan.jobs.size(), 1, std::max(plan.allowed, 1U)));
  return {};
}

}  // namespace testctr::plan
