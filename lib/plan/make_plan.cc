#include "plan/make_plan.h"

#include <sched.h>

#include <climits>
#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"
#include "plan/gather.h"
#include "plan/select.h"
#include "plan/words.h"
#include "script/script.h"

namespace testctr::plan {
namespace {

Result<std::string> real_path(const std::string& path) {
  char buffer[PATH_MAX];
  if (::realpath(path.c_str(), buffer) == nullptr)
    return Error::system("realpath", text::printable(path)).as(Fault::usage);
  return std::string(buffer);
}

/// Variables that the places set and whose other value would make a script lie about where it is.
bool is_reserved(std::string_view name) { return name == "WORK" || name == "TREE"; }

Status add_variable(std::map<std::string, std::string>& all, std::string_view option, const std::string& name,
                    std::string value) {
  if (name.empty()) return Error::usage(fmt::format("{}: a variable without a name", option));
  if (is_reserved(name)) {
    return Error::usage(fmt::format("{}: {} is set by testctr-script and cannot be given", option, name));
  }
  if (!all.emplace(name, std::move(value)).second) {
    return Error::usage(fmt::format("{}: {} is given more than once", option, text::printable(name)));
  }
  return {};
}

Result<std::map<std::string, std::string>> variables(const RunRequest& request, const Surroundings& here) {
  std::map<std::string, std::string> all;
  for (const std::string& pair : request.env) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos) {
      return Error::usage(fmt::format("--env: {} is not NAME=VALUE", text::quoted(pair)))
          .hint(fmt::format("to hand in this machine's value: `--pass-env {}`", text::printable(pair)));
    }
    CHECK_OK(add_variable(all, "--env", pair.substr(0, equals), pair.substr(equals + 1)));
  }
  for (const std::string& name : request.pass_env) {
    if (name.find('=') != std::string::npos) {
      return Error::usage(fmt::format("--pass-env: {} is not a variable's name", text::quoted(name)))
          .hint("to give a value: `--env NAME=VALUE`");
    }
    if (name == "PATH") {
      return Error::usage("--pass-env: this machine's PATH means nothing in an image")
          .hint("`--env PATH=...` gives one that fits the image");
    }
    std::optional<std::string> value = here.environment(name);
    if (!value) {
      return Error::usage(fmt::format("--pass-env: {} is not set here", text::printable(name)))
          .hint(fmt::format("`--env {}=` hands in an empty value", text::printable(name)));
    }
    CHECK_OK(add_variable(all, "--pass-env", name, std::move(*value)));
  }
  return all;
}

/// Whether a folder must not be shown to a script as its tree.
bool is_too_much(const std::string& folder, const Surroundings& here) {
  if (folder == "/") return true;
  if (here.home.empty()) return false;
  const Result<std::string> home = real_path(here.home);
  return home.ok() && folder == home.value();
}

Result<std::string> asked_tree(const std::string& word, const Surroundings& here) {
  std::string folder = TRY_IN(real_path(word), "--tree");
  const auto found = TRY(sys::stat_at(AT_FDCWD, folder, 0));
  if (!found || !S_ISDIR(found->st_mode)) {
    return Error::usage(fmt::format("--tree: {} is not a folder", text::printable(word)));
  }
  if (is_too_much(folder, here)) {
    return Error::usage(fmt::format("--tree: {} is {}, which is never shown to a script",
                                    text::printable(word),
                                    folder == "/" ? "the root of this machine" : "your home folder"))
        .hint("put what the script needs into a folder of its own");
  }
  return folder;
}

Result<std::string> real_folder(const std::string& word) {
  std::string folder = TRY(real_path(word));
  const auto found = TRY(sys::stat_at(AT_FDCWD, folder, 0));
  if (!found || !S_ISDIR(found->st_mode))
    return Error::usage(fmt::format("{} is not a folder", text::printable(word)));
  return folder;
}

Result<std::string> regular_file(std::string_view option, const std::string& word) {
  std::string path = TRY_IN(real_path(word), std::string(option));
  const auto found = TRY(sys::stat_at(AT_FDCWD, path, 0));
  if (!found || !S_ISREG(found->st_mode)) {
    return Error::usage(fmt::format("{}: {} is not a regular file", option, text::printable(word)));
  }
  return path;
}

Result<std::string> seccomp_choice(const std::string& word) {
  if (word == "default" || word == "unconfined") return word;
  if (word == "strict") return Error::usage("--seccomp: the strict filter is not supported yet");
  return regular_file("--seccomp", word);
}

/// Reads and parses; what goes wrong is kept in the job, since the other scripts can run.
void read_script(Job& job, const std::string& folder) {
  Result<std::string> source = sys::read_file(job.file);
  if (!source.ok()) {
    job.error = std::move(source).error().as(Fault::usage);
    job.error->in(fmt::format("{}: cannot be read", text::printable(job.file)));
    return;
  }
  job.source = std::move(source).value();
  if (job.format != Format::script) {
    Status gathered = gather_document(job, folder);
    if (!gathered.ok()) job.error = std::move(gathered).error();
    return;
  }
  const Result<script::Script> parsed = script::parse(job.name, job.source);
  if (!parsed.ok()) job.error = parsed.error();
}

}  // namespace

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
  const Words words = TRY(sort_words(request.words, request.layer.has_value()));
  if (request.layer && request.tree) {
    return Error::usage("--layer and --tree both name the test tree")
        .hint("leave out --tree: the layer holds the tree that it was made with (`layer --tree DIR`)");
  }
  Selection selection = TRY(select(words.paths, request.format));

  Plan plan;
  plan.not_tests = selection.not_tests;
  plan.notes = std::move(selection.notes);
  plan.timeout_ns = request.timeout_ns;

  Job common;
  common.where = default_place;
  common.image = words.image;
  common.environment = TRY(variables(request, here));
  common.limits = request.limits;
  common.documents = request.documents;
  if (!common.documents.work_directory.empty())
    common.documents.work_directory =
        TRY_IN(real_folder(common.documents.work_directory), "--work-directory");
  common.ids = request.ids;
  common.network = request.network;
  common.seccomp = TRY(seccomp_choice(request.seccomp));
  if (request.tree) common.tree = TRY(asked_tree(*request.tree, here));
  if (request.layer) {
    common.layer = TRY(regular_file("--layer", *request.layer));
    if (selection.scripts.size() > 1) {
      return Error::usage(
          fmt::format("--layer: a layer holds one script, but {} are named", selection.scripts.size()));
    }
  }

  std::string without_tree;
  for (Selected& selected : selection.scripts) {
    Job job = common;
    job.file = std::move(selected.path);
    job.name = job.file;
    job.format = selected.format;
    const bool no_tree = !request.tree && is_too_much(selected.folder, here);
    if (!request.tree && !no_tree) job.tree = selected.folder;
    read_script(job, selected.folder);
    // Only a script that asks for its tree misses it.
    if (no_tree && job.source.find("TREE") != std::string::npos) without_tree = selected.folder;
    plan.jobs.push_back(std::move(job));
  }
  if (!without_tree.empty()) {
    plan.notes.push_back(
        fmt::format("scripts in {} get no test tree ($TREE): a home folder or / is never shown to a script; "
                    "`--tree DIR` names another",
                    text::printable(without_tree)));
  }
  const size_t most = std::max<size_t>(plan.jobs.size(), 1);
  plan.parallel = static_cast<unsigned>(std::min<size_t>(request.parallel.value_or(processors()), most));
  return plan;
}

}  // namespace testctr::plan
