// From what the command line asks for to a Plan: which word is the image, which files are scripts, and the
// limits of each. Reads the scripts; resolves no image and starts nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "plan/plan.h"

namespace testctr::plan {

/// What a request says itself, so that it stands above what a manifest says.
struct Given {
  LimitSettings limits;
  bool ids = false, network = false, seccomp = false;
};

/// The arguments of `run` and of the other commands that take scripts, not yet judged.
struct RunRequest {
  std::vector<std::string> words;     ///< the positionals: [IMAGE] FILE...
  std::optional<std::string> format;  ///< --format, for the files named (not for what folders hold)
  std::optional<std::string> tree;    ///< --tree
  std::optional<std::string> layer;   ///< --layer
  std::vector<std::string> env;       ///< --env, each "K=V"
  std::vector<std::string> pass_env;  ///< --pass-env, each a name
  std::vector<std::string> secrets;   ///< --secret, each a name
  std::vector<std::string> programs, mounts, artifacts;  ///< --bin, --mount, --artifacts
  std::string seccomp = "default";
  Limits limits;
  Ids ids = Ids::automatic;
  Network network = Network::none;
  Given given;
  std::optional<std::string> manifest;  ///< -f
  std::vector<std::string> names;       ///< -t, of tests of a manifest
  std::vector<std::string> tags;        ///< --tag; tests with any of them
  bool here = false;                    ///< `--engine here`: there are no images
  bool locked = false;                  ///< --locked: every image must be in a lock file
  bool looks_only = false;              ///< nothing will run: what only a run needs may be missing
  DocumentOptions documents;
  std::optional<script::Language> language;  ///< --dialect; nothing: the manifest's, or our own
  ScriptOptions scripts;
  std::optional<unsigned> parallel;  ///< -j; nothing: as many as there are processors
  std::optional<uint32_t> retries;   ///< --retries; nothing: the manifest's, or none
  int64_t timeout_ns = 0;            ///< of the whole run; 0: none
};

/// What of its surroundings a plan depends on; a value so that tests can give another.
struct Surroundings {
  std::string home;  ///< $HOME, empty when there is none
  /// The environment's value of a name.
  std::optional<std::string> (*environment)(const std::string& name) = nullptr;
};
/// Those of this process.
Surroundings surroundings();

/// Judges a request.
/// @return a plan, with no jobs when the folders that were named hold no scripts. A script that cannot be
/// read or parsed is a job with an error. Usage errors: no image named; a word that could be image and path;
/// a missing file; an extension that is no known format; a tree that is `/` or the home folder; a malformed
/// --env; what host_paths.h says of --bin, --mount and --artifacts.
Result<Plan> make_plan(const RunRequest& request, const Surroundings& here = surroundings());

/// The number of processors that this process may use, at least 1.
unsigned processors();

/// How many of the plan's jobs run at the same time: as many as were asked for, or as there are processors.
void set_parallel(Plan& plan, const RunRequest& request);

/// The format that belongs to a file name's extension.
std::optional<Format> format_of(std::string_view path);

}  // namespace testctr::plan
