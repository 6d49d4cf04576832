#include "plan/plan_request.h"

#include "base/text.h"
#include "plan/from_manifest.h"

namespace testctr::plan {

Result<std::string> manifest_path(const std::optional<std::string>& named, std::string_view wanted) {
  if (named) return *named;
  const std::optional<std::string> found = TRY(find_manifest("."));
  if (found) return *found;
  return Error::usage(fmt::format("{}, and no {} is here or in a folder above", wanted, manifest_name))
      .hint("name an image and scripts, or write one: `testctr-script help manifest`");
}

Result<Plan> plan_request(const RunRequest& request, const Surroundings& here) {
  if (!request.words.empty()) {
    for (const auto& [option, given] :
         {std::pair{"-t", !request.names.empty()}, {"--tag", !request.tags.empty()}}) {
      if (!given) continue;
      return Error::usage(fmt::format("{} selects tests of a manifest, and {} is named besides", option,
                                      text::quoted(request.words.back())))
          .hint("leave one of both out; `-f FILE` names another manifest");
    }
    return make_plan(request, here);
  }
  if (request.here) {
    return Error::usage("--engine here carries out scripts that are named: tests of a manifest have images")
        .hint("testctr-script run --engine here FILE...");
  }
  const std::string path = TRY(manifest_path(request.manifest, "nothing is named to run"));
  for (const auto& [option, given] :
       {std::pair{"--layer", request.layer.has_value()}, {"--format", request.format.has_value()}}) {
    if (given) return Error::usage(fmt::format("{} is for scripts that are named, and none is", option));
  }
  return plan_of_manifest(TRY(read_manifest(path)), request, here);
}

}  // namespace testctr::plan
