#include "plan/settings_above.h"

#include "base/text.h"
#include "plan/from_manifest.h"

namespace testctr::plan {

Status SettingsAbove::apply(Job& job, const std::string& path) {
  std::optional<std::string> found = request_.manifest;
  if (!found && !job.image.empty()) return {};
  if (!found) {
    const size_t slash = path.rfind('/');
    found = TRY(find_manifest(slash == std::string::npos ? "." : path.substr(0, slash + 1)));
  }
  if (!found) return {};
  auto manifest = read_.find(*found);
  if (manifest == read_.end()) manifest = read_.emplace(*found, TRY(read_manifest(*found))).first;
  if (manifest->second.settings.setup)
    notes_.insert(fmt::format(
        "{}: its `setup:` is for its tests; scripts that are named run without it (`-t NAME` names a test)",
        text::printable(*found)));
  return apply_settings(manifest->second, request_, here_, job);
}

}  // namespace testctr::plan
