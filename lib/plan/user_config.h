// A user's defaults: how runs look and where things are found on this machine. Nothing in it changes what a
// test means: that is for the command line and the manifest, which others have as well.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace testctr::plan {

/// What the file says of one option.
struct UserDefault {
  std::string key;     ///< "jobs"
  std::string option;  ///< "--jobs"
  /// Of an option with a value; of a flag one text, "true" or "false".
  std::vector<std::string> values;
  bool flag = false;
};

struct UserConfig {
  std::string path;
  std::vector<UserDefault> defaults;  ///< in the order of the file
};

/// Where the file is looked for: $TESTCTR_CONFIG, else testctr/config.yaml in $XDG_CONFIG_HOME or ~/.config.
/// An empty variable, and a folder that is not absolute, count as not set. Empty: nowhere.
std::string user_config_path();

/// Reads that file. @return nothing when there is none where it is looked for. Errors (usage): one that
/// $TESTCTR_CONFIG names is not there; it cannot be read; all mistakes in it, each with "path:line:column".
Result<std::optional<UserConfig>> read_user_config();

/// What the file may say, as a JSON Schema, and for people, a line for each key.
Json config_schema();
std::string config_keys_text();

}  // namespace testctr::plan
