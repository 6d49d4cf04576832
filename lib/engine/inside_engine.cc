#include "engine/inside_engine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"
#include "engine/here_engine.h"
#include "engine/plain_place.h"
#include "run/prepare.h"
#include "run/resident.h"

namespace testctr::engine {
namespace {

class InsideEngine : public run::Engine {
 public:
  explicit InsideEngine(std::vector<std::string> environment)
      : environment_(std::move(environment)), here_(open_here()) {}
  [[nodiscard]] std::string shown() const override { return "the container's"; }
  Status check(const plan::Job& job) override {
    // What it cannot do, it cannot for the same reasons; mounts are links here.
    plan::Job own = job;
    own.mounts.clear();
    auto checked = here_->check(own);
    if (checked.ok()) return checked;
    return Error::usage(
               fmt::format(
                   "{} cannot run in this container alone: it needs others beside it, the host or a limit",
                   text::printable(job.name)))
        .hint("`testctr-script replay` of the bundle runs it, on a machine where containers can be made");
  }
  Result<std::unique_ptr<run::Place>> start(const run::PlaceRequest& request) override;

 private:
  [[nodiscard]] run::Assignment assignment_for(const run::PlaceRequest& request) const;
  std::vector<std::string> environment_;
  std::unique_ptr<run::Engine> here_;
};

// A link where a native container has a mount.
Status place(const sandbox::Bind& bind) {
  const std::string& target = bind.target;
  if (const size_t slash = target.rfind('/'); slash > 0)
    CHECK_OK(sys::make_dirs(target.substr(0, slash), 0755));
  if (auto link = sys::read_link_at(AT_FDCWD, target); link.ok()) {
    if (link.value() == bind.source) return {};
    if (::unlink(target.c_str()) != 0) return Error::system("unlink", target);
  }
  if (::symlink(bind.source.c_str(), target.c_str()) == 0) return {};
  return Error::system("symlink", target)
      .hint("what was mounted there cannot be in a container of another engine; `testctr-script replay` can");
}

// What the test before has left.
Status empty_work() {
  Fd work = TRY(sys::open(run::inside_work, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  for (const std::string& name : TRY(sys::list_dir(work.get())))
    CHECK_OK(sys::remove_tree_at(work.get(), name));
  return {};
}

run::Assignment InsideEngine::assignment_for(const run::PlaceRequest& request) const {
  run::Assignment assignment = request.assignment;
  auto& environment = assignment.environment;
  // What an image says stands above our own, and below the test's.
  const auto ours = [&](const std::string& name, std::string_view value) {
    const auto found = environment.find(name);
    return found == environment.end() || (found->second == value && !request.job.environment.contains(name));
  };
  std::string& path = environment["PATH"];
  const std::string programs = assignment.programs.empty() ? "" : "/testctr/bin:";
  for (const std::string& entry : environment_) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) continue;
    const std::string name = entry.substr(0, equals), value = entry.substr(equals + 1);
    if (name == "PATH") {
      if (!request.job.environment.contains(name)) path = programs + value;
    } else if (ours(name, name == "LANG" ? "C.UTF-8" : name == "TZ" ? "UTC" : "\n")) {
      environment[name] = value;
    }
  }
  return assignment;
}

Result<std::unique_ptr<run::Place>> InsideEngine::start(const run::PlaceRequest& request) {
  CHECK_OK(empty_work().in(run::inside_work));
  for (const sandbox::Bind& bind : request.spec.binds)
    CHECK_OK(place(bind).in(fmt::format("placing {}", text::quoted(bind.target))));
  const pid_t runner = ::getpid();
  const run::HostBody body = [&request, runner](int channel, const std::string&) -> int {
    sandbox::ConfinedSpec confined;
    Status ready = read_profile(request.spec.seccomp, confined);
    if (!ready.ok()) {
      run::tell_failure(channel, std::move(ready).error());
      return 1;
    }
    if (::chdir(run::inside_work) != 0) return 1;
    reside_confined(channel, std::move(confined), runner, /*closed=*/false);
  };
  auto guardian = TRY(run::Guardian::start(body, request.spec.tree));
  return start_plain_place(shown(), std::move(guardian), request, assignment_for(request));
}

}  // namespace

std::unique_ptr<run::Engine> open_inside(std::vector<std::string> environment) {
  return std::make_unique<InsideEngine>(std::move(environment));
}

}  // namespace testctr::engine
