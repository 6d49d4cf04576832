#include "run/programs.h"

#include "base/text.h"
#include "image/loadable.h"

namespace testctr::run {

Status check_programs(const plan::Job& job, const std::string& image, const image::RootFilesystem& root,
                      const std::map<std::string, std::string>& environment) {
  const bool hostfs = root.kind == image::RootFilesystem::Kind::hostfs;
  image::MergedRoot merged =
      TRY(image::MergedRoot::open(hostfs ? std::vector<std::string>{"/"} : root.layers));
  for (const plan::HostProgram& program : job.programs)
    CHECK_OK(merged.mount(path_inside(program), program.path));
  for (const plan::Mount& mount : job.mounts) CHECK_OK(merged.mount(mount.target, mount.source));
  std::string all;
  for (const plan::HostProgram& program : job.programs) {
    const std::vector<std::string> missing =
        TRY_IN(image::missing_for(merged, path_inside(program), environment),
               fmt::format("the program {}", text::quoted(program.path)));
    if (missing.empty()) continue;
    all += fmt::format("{}the program {} ({}) cannot run in the image {}: {}", all.empty() ? "" : "\n",
                       program.name, text::printable(program.path), text::printable(image),
                       text::join(missing, "; "));
  }
  if (all.empty()) return {};
  return Error::usage(all).hint(
      "link it statically, build it on a system as old as the image, or take an image that has what it "
      "needs");
}

std::vector<std::string> names_of(const std::vector<plan::HostProgram>& programs) {
  std::vector<std::string> names;
  for (const plan::HostProgram& program : programs) names.push_back(program.name);
  return names;
}

std::string path_inside(const plan::HostProgram& program) { return "/testctr/bin/" + program.name; }

}  // namespace testctr::run
