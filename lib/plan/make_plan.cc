#include "plan/make_plan.h"

#include <sched.h>

#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"
#include "plan/checks.h"
#include "plan/host_paths.h"
#include "plan/lockfile.h"
#include "plan/places.h"
#include "plan/select.h"
#include "plan/settings_above.h"
#include "plan/words.h"

namespace testctr::plan {
Surroundings surroundings() {
  const char* home = std::getenv("HOME");
  return {home == nullptr ? "" : home, [](const std::string& name) -> std::optional<std::string> {
            const char* value = std::getenv(name.c_str());
            if (value == nullptr) return std::nullopt;
            return value;
          }};
}

unsigned processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

unsigned most_at_once(unsigned cores, uint64_t memory) {
  constexpr uint64_t each = uint64_t{128} << 20;
  if (memory == 0) return cores;
  return static_cast<unsigned>(std::clamp<uint64_t>(memory / 2 / each, 1, cores));
}

void set_parallel(Plan& plan, const RunRequest& request) {
  plan.allowed = request.parallel.value_or(most_at_once(processors(), sys::available_memory()));
  plan.parallel = static_cast<unsigned>(std::clamp<size_t>(plan.jobs.size(), 1, plan.allowed));
}

std::optional<Format> format_of(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  const std::string_view extension = name.substr(dot);
  if (extension == ".txt" || extension == ".txtar") return Format::script;
  if (extension == ".md" || extension == ".scrut") return Format::markdown;
  if (extension == ".t" || extension == ".cram") return Format::cram;
  return std::nullopt;
}

Result<Plan> make_plan(const RunRequest& request, const Surroundings& here) {
  const Words words = TRY(sort_words(request.words, request.layer.has_value(), /*image_elsewhere=*/true));
  if (request.layer && request.tree) {
    return Error::usage("--layer and --tree both name the test tree")
        .hint("leave out --tree: the layer holds the tree that it was made with (`layer --tree DIR`)");
  }
  if (request.here && !words.image.empty()) return no_image_here(words.image);
  Selection selection = TRY(select(words.paths, request.format));
  if (words.image.empty() && selection.scripts.empty() && !request.here) return name_an_image(request.words);

  Plan plan;
  plan.not_tests = selection.not_tests;
  plan.notes = std::move(selection.notes);
  plan.timeout_ns = request.timeout_ns;

  Job common;
  common.where = default_place;
  common.image = words.image;
  common.environment = TRY(variables(request, here));
  common.secrets = request.secrets;
  common.limits = request.limits;
  common.documents = request.documents;
  common.retries = request.retries.value_or(0);
  common.scripts = request.scripts;
  common.language = request.language.value_or(script::Language::testctr);
  if (!common.documents.work_directory.empty())
    common.documents.work_directory =
        TRY_IN(real_folder(common.documents.work_directory), "--work-directory");
  common.ids = request.ids;
  common.network = request.network;
  common.seccomp = TRY(seccomp_choice("--seccomp", request.seccomp));
  if (request.tree) common.tree = TRY(tree_folder("--tree", *request.tree, here));
  if (request.layer) {
    common.layer = TRY(regular_file("--layer", *request.layer));
    if (selection.scripts.size() > 1) {
      return Error::usage(
          fmt::format("--layer: a layer holds one script, but {} are named", selection.scripts.size()));
    }
  }

  SettingsAbove settings(request, here);
  CHECK_OK(add_host_paths(common, request, here));

  std::string without_tree;
  for (Selected& selected : selection.scripts) {
    Job job = common;
    CHECK_OK(settings.apply(job, selected.path));
    job.file = std::move(selected.path);
    job.name = job.file;
    job.format = selected.format;
    const bool no_tree = job.tree.empty() && is_too_much(selected.folder, here);
    if (job.tree.empty() && !no_tree) job.tree = selected.folder;
    read_script(job, selected.folder);
    if (request.here) {
      CHECK_OK(set_here(job));
    } else if (!set_places(job)) {
      return name_an_image(request.words);
    }
    // Only a script that asks for its tree misses it.
    if (no_tree && job.source.find("TREE") != std::string::npos) without_tree = selected.folder;
    plan.jobs.push_back(std::move(job));
  }
  for (const std::string& note : settings.notes()) plan.notes.push_back(note);
  CHECK_OK(settle_artifacts(plan.jobs));
  if (!without_tree.empty()) {
    plan.notes.push_back(
        fmt::format("scripts in {} get no test tree ($TREE): a home folder or / is never shown to a script; "
                    "`--tree DIR` names another",
                    text::printable(without_tree)));
  }
  set_parallel(plan, request);
  if (!request.looks_only) CHECK_OK(settle_pins(plan, request.locked));
  return plan;
}

}  // namespace testctr::plan
