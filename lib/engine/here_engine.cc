#include "engine/here_engine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"
#include "engine/plain_place.h"
#include "run/resident.h"
#include "run/scope.h"
#include "sandbox/tree.h"

namespace testctr::engine {
namespace {

class HereEngine : public run::Engine {
 public:
  [[nodiscard]] std::string shown() const override { return "here"; }
  [[nodiscard]] std::vector<std::string> lacks() const override {
    return {
        "engine here: no container: files, network, processes and users are those of this machine, and what "
        "a "
        "test writes outside of $WORK stays; memory and processes are watched, not enforced"};
  }
  Status check(const plan::Job& job) override;
  Result<std::unique_ptr<run::Place>> start(const run::PlaceRequest& request) override;
};

Status HereEngine::check(const plan::Job& job) {
  if (job.error) return {};
  if (!job.mounts.empty())
    return Error::usage("--engine here mounts nothing (--mount): what is on this machine is there already");
  if (!job.documents.work_directory.empty())
    return Error::usage("--engine here has no place for --work-directory");
  if (job.limits.cpus > 0) return Error::usage("--engine here cannot limit processors (--cpus)");
  const auto scope = run::Scope::of(job);
  if (!scope.ok()) return {};
  if (scope.value().several())
    return Error::usage("--engine here has but one place, and no containers beside it")
        .hint("the engines native, docker and podman have them");
  return {};
}

// In the guardian's folder: programs that are handed in, and the test tree as a copy, since it may be written
// to.
struct Folder {
  std::string work, programs, tree;
  explicit Folder(const std::string& folder)
      : work(folder + "/work"), programs(folder + "/bin"), tree(folder + "/tree") {}
};

Status fill(const Folder& folder, const sandbox::Spec& spec, const plan::Job& job, const std::string& program,
            std::vector<std::string>& notes) {
  CHECK_OK(sys::make_dir_at(AT_FDCWD, folder.programs, 0755));
  const auto link = [&](const std::string& target, const std::string& name) -> Status {
    const std::string path = folder.programs + "/" + name;
    if (::symlink(target.c_str(), path.c_str()) != 0) return Error::system("symlink", path);
    return {};
  };
  CHECK_OK(link(program, "testctr"));
  for (const plan::HostProgram& handed : job.programs) CHECK_OK(link(handed.path, handed.name));
  if (spec.tree.empty()) return {};
  CHECK_OK(sys::make_dir_at(AT_FDCWD, folder.tree, 0755));
  Fd from = TRY(sys::open(spec.tree, O_RDONLY | O_DIRECTORY)),
     to = TRY(sys::open(folder.tree, O_RDONLY | O_DIRECTORY));
  std::vector<std::string> skipped;
  CHECK_OK(sandbox::copy_below(from.get(), to.get(), spec.tree_hidden, skipped).in("copying the test tree"));
  for (const std::string& path : skipped)
    notes.push_back(
        fmt::format("{} of the test tree is a socket or a device and was left out", text::quoted(path)));
  return {};
}

// The container's paths become those of the folder.
run::Assignment assignment_for(const run::PlaceRequest& request, const Folder& folder) {
  run::Assignment assignment = request.assignment;
  auto& environment = assignment.environment;
  const auto move = [&](const char* name, const std::string& from, const std::string& to) {
    const auto found = environment.find(name);
    if (found != environment.end() && found->second.starts_with(from) &&
        !request.job.environment.contains(name))
      found->second = to + found->second.substr(from.size());
  };
  move("WORK", assignment.work, folder.work);
  move("TMPDIR", assignment.work, folder.work);
  if (!assignment.tree.empty()) {
    move("TREE", assignment.tree, folder.tree);
    assignment.tree = folder.tree;
  }
  assignment.work = folder.work;
  if (!request.job.environment.contains("PATH")) {
    const char* path = ::getenv("PATH");
    environment["PATH"] =
        path != nullptr ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  } else {
    environment["PATH"] = request.job.environment.at("PATH");
  }
  if (!assignment.programs.empty()) environment["PATH"] = folder.programs + ":" + environment["PATH"];
  return assignment;
}

Result<std::unique_ptr<run::Place>> HereEngine::start(const run::PlaceRequest& request) {
  if (request.image != "hostfs") return Error::usage("--engine here takes no image");
  const pid_t runner = ::getpid();
  const run::HostBody body = [&request, runner](int channel, const std::string& path) -> int {
    sandbox::ConfinedSpec confined;
    const Folder folder(path);
    Status ready = fill(folder, request.spec, request.job, request.spec.program, confined.notes);
    if (ready.ok()) ready = read_profile(request.spec.seccomp, confined);
    if (!ready.ok()) {
      run::tell_failure(channel, std::move(ready).error());
      return 1;
    }
    if (::chdir(folder.work.c_str()) != 0) return 1;
    reside_confined(channel, std::move(confined), runner, /*closed=*/false);
  };
  auto guardian = TRY(run::Guardian::start(body, request.spec.tree));
  const std::string& work = guardian->work();
  const Folder folder(work.substr(0, work.rfind('/')));
  return start_plain_place(shown(), std::move(guardian), request, assignment_for(request, folder));
}

}  // namespace

std::unique_ptr<run::Engine> open_here() { return std::make_unique<HereEngine>(); }

}  // namespace testctr::engine
