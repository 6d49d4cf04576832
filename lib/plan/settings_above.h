// What a manifest says for scripts that are named on the command line by themselves.
#pragma once

#include <map>
#include <set>
#include <string>

#include "plan/make_plan.h"
#include "plan/manifest.h"

namespace testctr::plan {

class SettingsAbove {
 public:
  /// Both must live as long as this.
  SettingsAbove(const RunRequest& request, const Surroundings& here) : request_(request), here_(here) {}

  /// Sets in a job what the manifest says that the request names, or where no image was named the one in the
  /// folder of the script or above it. @param path of the script, as it is shown. Errors: of the manifest.
  Status apply(Job& job, const std::string& path);

  /// What of these manifests is not for such scripts, a line each for people.
  [[nodiscard]] const std::set<std::string>& notes() const { return notes_; }

 private:
  const RunRequest& request_;
  const Surroundings& here_;
  std::map<std::string, Manifest> read_;
  std::set<std::string> notes_;
};

}  // namespace testctr::plan
