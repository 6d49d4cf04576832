// A recipe: what an image is made of, as a YAML file says it. Read here; `entries.h` carries out what it says
// of files, `build.h` makes an image of it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/image.h"
#include "plan/manifest.h"
#include "plan/yaml_tree.h"

namespace testctr::recipe {

using plan::Place;
using plan::Text;

/// What `files:` says of one thing.
struct FileSpec {
  enum class What : uint8_t { directory, text, from, link, output_of, packages_of };
  What what = What::text;
  Place place;
  std::string path;            ///< without a leading slash; of packages_of empty
  std::optional<mode_t> mode;  ///< nothing: 0755 for folders and programs, 0644 for other files
  uid_t uid = 0;               ///< numbers: names are the image's business
  gid_t gid = 0;
  Text value;                      ///< the bytes, the source's path, the link's target
  std::vector<std::string> words;  ///< of output_of the command, of packages_of the packages
};

/// What `links:` says: a symbolic link for each line that a program prints.
struct LinksSpec {
  Place place;
  std::string dir, to;
  std::vector<std::string> command;
};

struct Recipe {
  std::string name;         ///< as the user gave it
  std::string folder;       ///< that it lies in, as the user would write it: "." or a path
  plan::Mistakes mistakes;  ///< of later steps are added to a copy of this: it knows the file

  std::optional<Text> suite;          ///< the base: a Debian suite for mmdebstrap ...
  std::vector<std::string> packages;  ///< ... with these packages
  std::optional<Text> root;           ///< or: a folder, relative to the recipe's
  std::optional<Text> from;           ///< or: an image
  std::vector<Text> without;          ///< patterns (fnmatch) of what the base has and the image not
  std::vector<FileSpec> files;
  std::vector<LinksSpec> links;

  // The configuration; nothing: what the base image has.
  std::map<std::string, std::string> env, labels;
  std::optional<std::string> working_dir, user;
  std::optional<std::vector<std::string>> entrypoint, command;
  std::vector<std::string> ports;
  std::optional<image::Healthcheck> healthcheck;
};

/// Reads the text of a recipe. @param name for messages. All mistakes are told in one usage error, each with
/// name:line:column: keys that are unknown or given twice, values that are not what they have to be.
Result<Recipe> parse_recipe(const std::string& source, const std::string& name);
/// Reads a recipe's file.
Result<Recipe> read_recipe(const std::string& path);

/// The configuration of an image that has no base image.
image::Config config_of(const Recipe& recipe);

}  // namespace testctr::recipe
