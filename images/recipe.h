// A recipe: what images/*.yaml say, and the entries that they come to.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/image.h"

namespace testctr::mkimage {

/// One entry of the layer that a recipe makes.
struct Entry {
  enum class Kind : uint8_t { file, directory, link };
  Kind kind = Kind::file;
  mode_t mode = 0644;
  std::string content;  ///< a file's bytes, a link's target
};

/// A recipe, read and carried out as far as its own entries go.
struct Recipe {
  std::string suite;                     ///< the base: a Debian suite for mmdebstrap ...
  std::vector<std::string> packages;     ///< ... with these packages
  std::string root;                      ///< or: an existing folder
  std::map<std::string, Entry> entries;  ///< path without leading slash -> entry, parents included
  std::vector<std::string> without;      ///< patterns (fnmatch) of what the base has and the image not
  image::Config config;                  ///< environment, working directory, user, command, labels, ...
};

/// Reads a recipe (the format: README.md beside this file), the files that it names and the output of the
/// programs that it names.
/// @return an error that names file and line when a key is unknown or a value is not what it has to be.
Result<Recipe> read_recipe(const std::string& path);

/// The standard output of a program; an error when it cannot be started or does not end with 0.
Result<std::string> output_of(const std::vector<std::string>& command);

}  // namespace testctr::mkimage
