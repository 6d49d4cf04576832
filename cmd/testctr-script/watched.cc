#include "watched.h"

#include <climits>
#include <cstdlib>

#include "plan/manifest.h"
#include "plan/plan_request.h"
#include "plan/user_config.h"

namespace testctr::cmd {
namespace {

/// Options that say where a run writes, with what stands before the path in their values.
struct Written {
  std::string_view option;
  char separator;
};
constexpr Written written[] = {{"--junit", 0}, {"--pack-on-failure", 0}, {"--artifacts", '='}};

/// Absolute, links resolved; of what does not exist that of the folder with the name; empty: not even that is
/// there.
std::string real_path(const std::string& path) {
  char buffer[PATH_MAX];
  if (::realpath(path.c_str(), buffer) != nullptr) return buffer;
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (::realpath(folder.c_str(), buffer) == nullptr) return "";
  const std::string real = buffer;
  return (real == "/" ? "" : real) + "/" + path.substr(slash == std::string::npos ? 0 : slash + 1);
}

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

Watched::Watched(const Arguments& arguments, const plan::Plan& plan) {
  for (const plan::Job& job : plan.jobs) {
    tests_.insert(job.name);
    std::vector<const plan::Step*> steps{&job};
    for (const plan::Step& step : job.further) steps.push_back(&step);
    for (const plan::Step* step : steps) {
      add_file(step->file, job.name);
      for (const plan::DocumentPart& part : step->parts) add_file(part.name, job.name);
    }
    for (const std::string& file : {job.layer, job.seccomp.find('/') == std::string::npos ? "" : job.seccomp})
      add_file(file, job.name);
    for (const plan::HostProgram& program : job.programs) add_file(program.path, job.name);
    if (job.tree.empty()) continue;
    trees_[job.tree].insert(job.name);
    followed_.folders.insert(job.tree);
  }
  for (const std::string& word : arguments.positionals()) {
    char buffer[PATH_MAX];
    // A folder that is named may get further tests.
    if (::realpath((word + "/.").c_str(), buffer) != nullptr) followed_.folders.insert(buffer);
  }
  add_manifests(arguments, plan);
  add_ours(arguments, plan);
  for (const auto& [file, tests] : files_) followed_.files.insert(file);
  followed_.files.insert(of_all_.begin(), of_all_.end());
}

void Watched::add_file(const std::string& path, const std::string& test) {
  // The place of a text in a manifest, "testctr.yaml:12", is no file.
  char buffer[PATH_MAX];
  if (!path.empty() && ::realpath(path.c_str(), buffer) != nullptr) files_[buffer].insert(test);
}

void Watched::add_manifests(const Arguments& arguments, const plan::Plan& plan) {
  std::set<std::string> manifests;
  const std::optional<std::string> named = arguments.value("--manifest");
  if (named) manifests.insert(*named);
  const auto find = [&](const std::string& folder) {
    const auto found = plan::find_manifest(folder);
    if (found.ok() && found.value()) manifests.insert(*found.value());
  };
  if (!named && arguments.positionals().empty()) find(".");
  // Scripts without an image take the settings of the one above them.
  if (!named && !arguments.positionals().empty() && ::access(arguments.positionals()[0].c_str(), F_OK) == 0) {
    for (const plan::Job& job : plan.jobs)
      find(job.file.find('/') == std::string::npos ? "." : folder_of(job.file));
  }
  for (const std::string& manifest : manifests) {
    of_all_.insert(real_path(manifest));
    const auto read = plan::read_manifest(manifest);
    if (!read.ok()) continue;
    for (const plan::ManifestFile& file : read.value().files) of_all_.insert(real_path(file.name));
    of_all_.insert(folder_of(real_path(manifest)) + "/testctr.lock");
  }
  if (!arguments.flag("--no-config")) of_all_.insert(real_path(plan::user_config_path()));
  of_all_.erase("");
}

void Watched::add_ours(const Arguments& arguments, const plan::Plan& plan) {
  for (const Written& one : written) {
    for (const std::string& value : arguments.values(one.option)) {
      const std::string path = one.separator == 0 ? value : value.substr(value.find(one.separator) + 1);
      followed_.ours.insert(real_path(path));
    }
  }
  for (const plan::Job& job : plan.jobs) {
    for (const plan::Artifacts& artifacts : job.artifacts)
      followed_.ours.insert(real_path(artifacts.directory));
    if (arguments.flag("--err-files")) followed_.ours.insert(real_path(job.file + ".err"));
  }
  // What the reports are redirected to.
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO})
    followed_.ours.insert(real_path(fmt::format("/proc/self/fd/{}", fd)));
  if (const auto folder = arguments.value("--work-directory")) followed_.ours.insert(real_path(*folder));
  followed_.ours.erase("");
}

Affected Watched::by(const std::set<std::string>& paths) const {
  Affected out;
  for (const std::string& path : paths) {
    if (of_all_.count(path) > 0) out.all = true;
    const auto own = files_.find(path);
    if (own != files_.end()) {
      out.names.insert(own->second.begin(), own->second.end());
      continue;
    }
    for (const auto& [tree, tests] : trees_)
      if (lies_in(path, tree)) out.names.insert(tests.begin(), tests.end());
  }
  return out;
}

}  // namespace testctr::cmd
