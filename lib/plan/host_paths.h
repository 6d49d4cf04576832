// What the user hands in from this machine, and what is brought out to it: `--bin`, `--mount`, `--artifacts`,
// and the same words in a manifest. Looks at the files that are named; starts nothing and writes nothing.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "plan/make_plan.h"
#include "plan/plan.h"

namespace testctr::plan {

/// Where a word stands.
struct WordPlace {
  std::string shown;   ///< begins the message of an error: "--bin", "testctr.yaml:7:5: bin"
  std::string folder;  ///< relative paths of this machine are in it; empty: the current one
  std::string home;    ///< $HOME, which is not mounted; empty: unknown
};

/// Adds what `PATH[=NAME]` says: NAME stands behind the last `=`, unless a `/` follows it; without one it is
/// the file's name. Usage errors: no such file, not a regular file, not executable, a name that no script can
/// use or that is one of ours (testctr, testctr-script), a name that is given twice.
Status add_program(std::vector<HostProgram>& all, const std::string& word, const WordPlace& where);

/// Adds what `SRC:DST[:ro]` says, so that a mount that lies in another comes behind it. Usage errors: no such
/// file or folder, SRC is `/`, the home folder or holds that, DST is not absolute, has `..` in it or is a
/// place that must stay what it is (/, /proc, /sys, /dev, /testctr, /work), DST is given twice.
Status add_mount(std::vector<Mount>& all, const std::string& word, const WordPlace& where);

/// Adds what `GLOB=DIR` says: DIR stands behind the last `=`. Usage errors: the pattern is none (see
/// script/path_glob.h) or lies in /proc, /sys or /dev; DIR is empty, or something else than a folder.
Status add_artifacts(std::vector<Artifacts>& all, const std::string& word, const WordPlace& where);

/// Adds to a job what the options of a request say. Errors: those above.
Status add_host_paths(Job& job, const RunRequest& request, const Surroundings& here);

/// Jobs that bring their files to the same folder get one each in it, named as they are. Usage error: a
/// folder is the test tree of a job, which must stay as it is while that runs. (One in it is hidden from the
/// job.)
Status settle_artifacts(std::vector<Job>& jobs);

}  // namespace testctr::plan
