#include "plan/from_manifest.h"
#include "plan/host_paths.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/text.h"
#include "plan/checks.h"
#include "plan/host_paths.h"
#include "plan/manifest_globs.h"
#include "plan/manifest_job.h"
#include "plan/places.h"
#include "plan/plan_images.h"

namespace testctr::plan {
namespace {

constexpr size_t most_jobs = 100'000;

/// A job before its scripts are read.
struct Draft {
  size_t test = 0;
  Combination combination;
  std::string base;                ///< its name without the values of the matrix
  std::optional<Selected> script;  ///< nothing: sections
  [[nodiscard]] std::string name() const { return base + suffix_of(combination); }
};

/// What the command line gives, judged once.
struct Overlay {
  std::map<std::string, std::string> environment;
  std::vector<std::string> secrets;
  std::string tree, seccomp;
};

Result<Overlay> overlay_of(const RunRequest& request, const Surroundings& here) {
  Overlay overlay;
  overlay.environment = TRY(variables(request, here));
  overlay.secrets = request.secrets;
  if (request.tree) overlay.tree = TRY(tree_folder("--tree", *request.tree, here));
  if (request.given.seccomp) overlay.seccomp = TRY(seccomp_choice("--seccomp", request.seccomp));
  return overlay;
}

void apply(const Overlay& overlay, Job& job) {
  for (const auto& [name, value] : overlay.environment) job.environment[name] = value;
  job.secrets.insert(job.secrets.end(), overlay.secrets.begin(), overlay.secrets.end());
  if (!overlay.tree.empty()) job.tree = overlay.tree;
  if (!overlay.seccomp.empty()) job.seccomp = overlay.seccomp;
}

class Planner {
 public:
  Planner(const Manifest& manifest, const RunRequest& request, const Surroundings& here)
      : manifest_(manifest),
        request_(request),
        mistakes_(manifest.mistakes),
        context_{manifest, request, here, mistakes_} {}

  Result<Plan> plan(const Surroundings& here) {
    const Overlay overlay = TRY(overlay_of(request_, here));
    for (size_t i = 0; i < manifest_.tests.size(); ++i) add_drafts(i);
    check_names();
    find_needs();
    check_groups();
    if (!mistakes_.any()) check_circles();
    if (mistakes_.any()) return mistakes_.error();
    const std::vector<size_t> wanted = TRY(selection());
    for (const size_t draft : wanted) make_job(drafts_[draft], overlay);
    if (mistakes_.any()) return mistakes_.error();
    for (Job& job : plan_.jobs) CHECK_OK(add_host_paths(job, request_, here));
    CHECK_OK(settle_artifacts(plan_.jobs));
    set_needs(wanted);
    add_setups(wanted, overlay);
    if (mistakes_.any()) return mistakes_.error();
    for (const auto& [name, most] : manifest_.groups) plan_.shared["group " + name] = most;
    plan_.timeout_ns = request_.timeout_ns;
    set_parallel(plan_, request_);
    if (!request_.looks_only) CHECK_OK(settle_pins(plan_, request_.locked));
    return std::move(plan_);
  }

 private:
  // The drafts of all tests

  void add_drafts(size_t index) {
    const ManifestTest& test = manifest_.tests[index];
    const std::vector<Combination> all = combinations(axes_of(test));
    if (all.empty()) mistakes_.add(test.place, "the matrix of this test has more than 1000 combinations");
    if (test.own_image && test.own_matrix) {
      mistakes_.add(test.settings.image->place,
                    "a test has either `image` or an axis `image` in its matrix, not both");
    }
    for (const Combination& combination : all) {
      if (drafts_.size() > most_jobs) return;
      if (test.scripts.empty()) {
        drafts_.push_back({index, combination, test.name->value, std::nullopt});
      } else {
        add_script_drafts(index, combination);
      }
    }
  }

  void add_script_drafts(size_t index, const Combination& combination) {
    const ManifestTest& test = manifest_.tests[index];
    const ManifestFile& file = manifest_.files[test.place.file];
    std::vector<Selected> scripts;
    for (const Text& pattern : test.scripts) {
      auto selected = select_for_manifest(file.prefix, replaced(pattern, combination, mistakes_),
                                          test.settings.format ? test.settings.format->value : "");
      if (!selected.ok()) {
        const Error& error = selected.error();
        mistakes_.add(pattern.place, "script: " + error.message());
        continue;
      }
      plan_.not_tests += selected.value().not_tests;
      for (Selected& script : selected.value().scripts) {
        if (std::none_of(scripts.begin(), scripts.end(),
                         [&](const Selected& other) { return other.path == script.path; }))
          scripts.push_back(std::move(script));
      }
    }
    for (Selected& script : scripts) {
      std::string path = script.path;
      if (path.starts_with(file.prefix)) path = file.relative + path.substr(file.prefix.size());
      std::string base = !test.name            ? path
                         : scripts.size() == 1 ? test.name->value
                                               : test.name->value + ": " + path;
      drafts_.push_back({index, combination, std::move(base), std::move(script)});
    }
  }

  void check_names() {
    std::map<std::string, size_t> names;
    for (const Draft& draft : drafts_) {
      const auto [other, added] = names.emplace(draft.name(), draft.test);
      if (added) continue;
      const ManifestTest& test = manifest_.tests[draft.test];
      mistakes_.add(
          test.name ? test.name->place : test.place,
          fmt::format("two tests have the name {}, the other in {}; `name:` gives it another",
                      text::quoted(draft.name()), mistakes_.told(manifest_.tests[other->second].place)));
    }
    // A name that tests share although their jobs differ would be ambiguous in `needs`.
    for (size_t i = 0; i < manifest_.tests.size(); ++i) {
      const std::optional<Text>& name = manifest_.tests[i].name;
      if (name) by_name_[name->value].insert(i);
    }
    for (const Draft& draft : drafts_) by_name_[draft.base].insert(draft.test);
  }

  std::vector<std::string> all_names() const {
    std::vector<std::string> names;
    for (const auto& [name, tests] : by_name_) names.push_back(name);
    return names;
  }

  // What tests share and need

  void check_groups() {
    std::vector<std::string> names;
    for (const auto& [name, most] : manifest_.groups) names.push_back(name);
    for (const ManifestTest& test : manifest_.tests) {
      if (!test.group || manifest_.groups.contains(test.group->value)) continue;
      const auto near = text::nearest(test.group->value, names);
      mistakes_.add(test.group->place,
                    fmt::format("the manifest has no group {}{}", text::quoted(test.group->value),
                                near ? fmt::format("; did you mean {}?", text::quoted(*near))
                                     : fmt::format("; `groups: {{{}: 1}}` makes it", test.group->value)));
    }
  }

  void find_needs() {
    needs_.resize(manifest_.tests.size());
    for (size_t i = 0; i < manifest_.tests.size(); ++i) {
      for (const Text& name : manifest_.tests[i].needs) {
        const auto found = by_name_.find(name.value);
        if (found == by_name_.end()) {
          const auto near = text::nearest(name.value, all_names());
          mistakes_.add(name.place,
                        fmt::format("no test has the name {}{}", text::quoted(name.value),
                                    near ? fmt::format("; did you mean {}?", text::quoted(*near)) : ""));
          continue;
        }
        for (const size_t other : found->second) needs_[i].push_back({other, &name});
      }
    }
  }

  /// A test that needs itself, directly or by others.
  void check_circles() {
    enum class State : uint8_t { fresh, open, done };
    std::vector<State> states(needs_.size(), State::fresh);
    // Not recursive: a chain of tests may be long.
    for (size_t start = 0; start < needs_.size(); ++start) {
      std::vector<std::pair<size_t, size_t>> stack;  // a test, and the next of its needs
      if (states[start] == State::fresh) stack.emplace_back(start, 0);
      while (!stack.empty()) {
        auto& [test, next] = stack.back();
        states[test] = State::open;
        if (next == needs_[test].size()) {
          states[test] = State::done;
          stack.pop_back();
          continue;
        }
        const Need& need = needs_[test][next++];
        if (states[need.test] == State::open) {
          mistakes_.add(need.name->place,
                        fmt::format("the test needs {}, which needs this one: none of them could begin",
                                    text::quoted(need.name->value)));
        } else if (states[need.test] == State::fresh) {
          stack.emplace_back(need.test, 0);
        }
      }
    }
  }

  // Which are wanted

  bool is_named(const Draft& draft, const std::string& name) const {
    const std::optional<Text>& of_test = manifest_.tests[draft.test].name;
    return name == draft.base || name == draft.name() || (of_test && name == of_test->value);
  }

  bool has_tag(const Draft& draft, const std::string& tag) const {
    const std::vector<Text>& tags = manifest_.tests[draft.test].tags;
    return std::any_of(tags.begin(), tags.end(), [&](const Text& own) { return own.value == tag; });
  }

  Status check_request() const {
    for (const std::string& name : request_.names) {
      if (std::any_of(drafts_.begin(), drafts_.end(),
                      [&](const Draft& draft) { return is_named(draft, name); }))
        continue;
      Error error = Error::usage(
          fmt::format("-t: {} has no test {}", text::printable(manifest_.files[0].name), text::quoted(name)));
      if (const auto near = text::nearest(name, all_names()))
        return std::move(error).hint(fmt::format("did you mean {}?", text::shell_quoted(*near)));
      return std::move(error).hint("`testctr-script list` names them");
    }
    std::set<std::string> tags;
    for (const ManifestTest& test : manifest_.tests) {
      for (const Text& tag : test.tags) tags.insert(tag.value);
    }
    for (const std::string& tag : request_.tags) {
      if (tags.contains(tag)) continue;
      Error error = Error::usage(fmt::format("--tag: no test has the tag {}", text::quoted(tag)));
      const std::vector<std::string> all(tags.begin(), tags.end());
      if (const auto near = text::nearest(tag, all))
        return std::move(error).hint(fmt::format("did you mean {}?", *near));
      return error;
    }
    return {};
  }

  /// Indices of drafts, sorted.
  Result<std::vector<size_t>> selection() {
    CHECK_OK(check_request());
    std::vector<size_t> todo;
    for (size_t i = 0; i < drafts_.size(); ++i) {
      const bool named = request_.names.empty() ||
                         std::any_of(request_.names.begin(), request_.names.end(),
                                     [&](const std::string& name) { return is_named(drafts_[i], name); });
      const bool tagged = request_.tags.empty() ||
                          std::any_of(request_.tags.begin(), request_.tags.end(),
                                      [&](const std::string& tag) { return has_tag(drafts_[i], tag); });
      if (named && tagged) todo.push_back(i);
    }
    std::set<size_t> wanted(todo.begin(), todo.end());
    while (!todo.empty()) {
      const size_t draft = todo.back();
      todo.pop_back();
      for (const size_t other : needed_by(drafts_[draft])) {
        if (wanted.insert(other).second) todo.push_back(other);
      }
    }
    return std::vector<size_t>(wanted.begin(), wanted.end());
  }

  /// Of a test with the same axes, the jobs with the same values.
  std::vector<size_t> needed_by(const Draft& draft) const {
    std::vector<size_t> all;
    for (const Need& need : needs_[draft.test]) {
      for (size_t i = 0; i < drafts_.size(); ++i) {
        const Draft& other = drafts_[i];
        if (other.test != need.test) continue;
        const std::optional<Text>& of_test = manifest_.tests[need.test].name;
        const bool meant = other.base == need.name->value || (of_test && of_test->value == need.name->value);
        if (meant && agree(draft.combination, other.combination)) all.push_back(i);
      }
    }
    return all;
  }

  void set_needs(const std::vector<size_t>& wanted) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      for (const size_t other : needed_by(drafts_[wanted[i]])) {
        const auto at = std::lower_bound(wanted.begin(), wanted.end(), other);
        plan_.jobs[i].needs.push_back(static_cast<size_t>(at - wanted.begin()));
      }
    }
  }

  /// For each image that tests with a setup run in, one job that does it.
  void add_setups(const std::vector<size_t>& wanted, const Overlay& overlay) {
    std::map<std::pair<std::string, Place>, size_t> known;
    std::set<std::string> names;
    for (const Job& job : plan_.jobs) names.insert(job.name);
    for (size_t i = 0; i < wanted.size(); ++i) {
      const Settings& settings = manifest_.tests[drafts_[wanted[i]].test].settings;
      if (!settings.setup || plan_.jobs[i].skip) continue;
      for (const std::string& image : images_to_set_up(plan_.jobs[i], drafts_[wanted[i]])) {
        const auto [found, added] = known.emplace(std::pair(image, settings.setup->place), plan_.jobs.size());
        if (added) {
          Job job = setup_job(context_, *settings.setup, settings, drafts_[wanted[i]].combination, image);
          apply(overlay, job);
          job.name = fmt::format("setup ({})", image);
          for (int n = 2; !names.insert(job.name).second; ++n)
            job.name = fmt::format("setup {} ({})", n, image);
          for (const ManifestFile& file : manifest_.files) job.manifests.push_back(file.name);
          plan_.jobs.push_back(std::move(job));
        }
        plan_.jobs[i].set_up_by.push_back(found->second);
        plan_.jobs[i].needs.push_back(found->second);
      }
    }
  }

  /// Of the places that its lines are carried out in, and the test's own, which a service may have where all
  /// lines are the host's. Services in other images run what these bring.
  std::set<std::string> images_to_set_up(const Job& job, const Draft& draft) const {
    std::set<std::string> images;
    if (!job.image.empty()) images.insert(job.image);
    for (const Container& container : job.containers) {
      if (!container.service) images.insert(container.image);
    }
    const std::string own = image_of(context_, manifest_.tests[draft.test], draft.combination);
    const std::vector<std::string> all = images_of(job);
    if (std::find(all.begin(), all.end(), own) != all.end()) images.insert(own);
    return images;
  }

  // The jobs

  void make_job(const Draft& draft, const Overlay& overlay) {
    const ManifestTest& test = manifest_.tests[draft.test];
    Job job = common_job(context_, test.settings, &test, draft.combination);
    apply(overlay, job);
    job.name = draft.name();
    job.listed = true;
    for (const ManifestFile& file : manifest_.files) job.manifests.push_back(file.name);
    for (const Text& tag : test.tags) job.tags.push_back(tag.value);
    if (test.xfail) job.xfail = test.xfail->value;
    for (const Text& lock : test.locks) job.shares.push_back("lock " + lock.value);
    if (test.group) job.shares.push_back("group " + test.group->value);
    if (test.skip) job.skip = test.skip->value == "true" ? "the manifest says so" : test.skip->value;
    if (draft.script) {
      job.image = image_of(context_, test, draft.combination);
      add_script(context_, *draft.script, job);
      if (!set_places(job))
        mistakes_.add(test.place,
                      "nothing says which image this test runs in; add `image:` to it or to the manifest");
    } else {
      add_sections(context_, test, draft.combination, job);
    }
    plan_.jobs.push_back(std::move(job));
  }

  struct Need {
    size_t test = 0;
    const Text* name = nullptr;
  };

  const Manifest& manifest_;
  const RunRequest& request_;
  Mistakes mistakes_;
  JobContext context_;
  std::vector<Draft> drafts_;
  std::map<std::string, std::set<size_t>> by_name_;
  std::vector<std::vector<Need>> needs_;  ///< of each test
  Plan plan_;
};

}  // namespace

Result<Plan> plan_of_manifest(const Manifest& manifest, const RunRequest& request, const Surroundings& here) {
  return Planner(manifest, request, here).plan(here);
}

Status apply_settings(const Manifest& manifest, const RunRequest& request, const Surroundings& here,
                      Job& job) {
  Mistakes mistakes = manifest.mistakes;
  Job made = common_job({manifest, request, here, mistakes}, manifest.settings, nullptr, {});
  if (mistakes.any()) return mistakes.error();
  apply(TRY(overlay_of(request, here)), made);
  CHECK_OK(add_host_paths(made, request, here));
  if (job.image.empty() && manifest.settings.image) job.image = manifest.settings.image->value;
  for (const ManifestFile& file : manifest.files) made.manifests.push_back(file.name);
  made.image = job.image;
  made.name = job.name;
  made.layer = job.layer;
  made.documents = job.documents;
  job = std::move(made);
  return {};
}

}  // namespace testctr::plan
