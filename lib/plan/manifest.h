// The manifest, testctr.yaml: what is to run where, as a plain value. What a key may hold is said once, in
// manifest_keys.cc: the reader, the suggestions for misspelt keys and the JSON Schema are all made from that.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "plan/lockfile.h"
#include "plan/plan.h"
#include "plan/yaml_tree.h"

namespace testctr::plan {

/// The name that is looked for.
inline constexpr const char* manifest_name = "testctr.yaml";

template <class T>
struct Placed {
  T value{};
  Place place;
};
using Text = Placed<std::string>;

/// One of the files that a manifest consists of: itself, and those that it includes.
struct ManifestFile {
  std::string name;      ///< as it is shown and opened from here
  std::string prefix;    ///< of its folder, to open what it names: empty or with a "/" at the end
  std::string relative;  ///< the same from the folder of the first manifest, for names
  std::string folder;    ///< absolute, links resolved
  Place included;        ///< where it is named; of the first nowhere
};

/// A service as it is declared.
struct Service {
  Text name;
  Text image;
  std::map<std::string, Text> env;
  std::vector<Text> command;
  Readiness ready;
};

/// A variable of a matrix. "image" is the image, any other an environment variable.
struct Axis {
  Text name;
  std::vector<Text> values;
};

/// A section of a test: a script's file or a text, on the host or in a container.
struct Section {
  Place place;
  bool host = false;
  std::optional<Text> script;  ///< a path
  std::optional<Text> run;     ///< a text
  uint32_t run_line = 0;       ///< on which that text begins; 0: its lines are not those of the file
  std::optional<Text> image, name, format;
};

/// What a manifest says for all of its tests, and a test for itself.
struct Settings {
  std::optional<Text> image, tree, seccomp, format;
  std::optional<Placed<script::Language>> language;
  std::optional<uint32_t> retries;
  std::map<std::string, bool> conditions;
  std::vector<Text> commands;
  std::optional<Placed<Network>> network;
  std::optional<Placed<Ids>> ids;
  std::map<std::string, Text> env;
  LimitSettings limits;
  std::vector<Text> secrets, images;  ///< of manifests alone
  std::vector<Text> bin, mounts, artifacts;
  std::vector<Service> services;
  std::vector<Axis> matrix;
  std::optional<Section> setup;  ///< what prepares each image, once

  /// These where they say something, `outer` where they do not. Lists, variables, services and axes are those
  /// of both; of a name that both have, these.
  [[nodiscard]] Settings over(const Settings& outer) const;
};

struct ManifestTest {
  Place place;
  std::optional<Text> name;
  std::vector<Text> scripts;      ///< paths and globs; or
  std::vector<Section> sections;  ///< these
  std::vector<Text> tags, needs;
  std::optional<Text> skip;   ///< why; "true" when no reason is given
  std::optional<Text> xfail;  ///< why it is expected to fail
  std::vector<Text> locks;    ///< of these each is held by one test at a time
  std::optional<Text> group;  ///< of the manifest's
  /// Services of the manifest that it uses; nothing: all of them.
  std::optional<std::vector<Text>> used_services;
  bool own_image = false;   ///< it names its image itself
  bool own_matrix = false;  ///< it has an axis "image" itself
  Settings settings;        ///< its own over those of its manifest
};

struct Manifest {
  std::vector<ManifestFile> files;  ///< the first is the manifest itself; Place::file is an index of it
  Mistakes mistakes;                ///< of later steps are added to a copy of this: it knows the files
  Settings settings;                ///< of the first file
  std::map<std::string, uint32_t> groups;  ///< how many tests of each may run at the same time; of all files
  std::vector<ManifestTest> tests;         ///< of all files, in their order
  std::optional<LockFile> lock;            ///< of the first file
};

/// Reads a manifest and those that it includes.
/// @param path as the user gave it. All mistakes are told in one usage error, each with "path:line:column: ";
/// then those of its lock file.
Result<Manifest> read_manifest(const std::string& path);

/// The manifest of a folder: the first testctr.yaml in it or in a folder above it.
/// @param folder as the user would write it: "." or the folder of a script. @return its path, in the same
/// way ("../testctr.yaml"); nothing when there is none.
Result<std::optional<std::string>> find_manifest(const std::string& folder);

/// What a manifest may say, as a JSON Schema (draft 7).
Json manifest_schema();

/// The same for people: a line for each key.
std::string manifest_keys_text();

}  // namespace testctr::plan
