// What a recipe says of files, carried out as far as names, modes and sources go.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "recipe/recipe.h"

namespace testctr::recipe {

/// One entry of the layer that a recipe makes.
struct Entry {
  enum class Kind : uint8_t { file, directory, link };
  Kind kind = Kind::file;
  mode_t mode = 0644;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string content;  ///< a file's bytes, a link's target
  std::string from =
      {};             ///< a file whose bytes are read when it is written: its path; `content` is empty then
  uint64_t size = 0;  ///< of that
};

/// Path without leading slash -> entry; parents are among them.
using Entries = std::map<std::string, Entry>;

/// Where the sources of a recipe may lie.
struct Rules {
  /// Programs of this machine may be run (output-of, from-output), and any of its files be read: recipes of
  /// the project itself. Otherwise sources lie in the recipe's folder, and no link leads out of it.
  bool whole_machine = false;
};

/// Makes the entries of a recipe; a later one of the same path counts. Usage errors, all told at once with
/// their places: a source that is missing, not a file or folder, or not to be read; what the rules do not
/// allow.
Result<Entries> gather(const Recipe& recipe, const Rules& rules);

/// Opens a file below the recipe's folder, through links as long as they stay there; with `whole_machine`
/// also absolute paths.
Result<Fd> open_source_file(const Recipe& recipe, const Rules& rules, const std::string& path, int flags);

/// The standard output of a program; an error when it cannot be started or does not end with 0.
Result<std::string> output_of(const std::vector<std::string>& command);

}  // namespace testctr::recipe
