// What is to be run, as a plain value: scripts, where each runs, limits. Made from the command line (later
// from the manifest and from sections); it resolves no image and starts nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "script/document.h"
#include "script/script.h"

namespace testctr::plan {

enum class Format : uint8_t { script, markdown, cram };
enum class Ids : uint8_t { automatic, one, range };
enum class Network : uint8_t { none, host };

struct Limits {
  int64_t script_timeout_ns = 600'000'000'000;
  bool script_timeout_asked = false;  ///< somebody gave it: then it stands above what a document says
  int64_t case_timeout_ns = 30'000'000'000;
  uint64_t max_output = uint64_t{64} << 20;  ///< bytes a command and stream
  uint64_t memory = 0;  ///< bytes; 0: half of what is free on the machine, shared by the parallel scripts
  uint64_t pids = 1024;
  bool pids_asked = false;  ///< somebody gave the number
  uint64_t scratch = uint64_t{4} << 30;
  double cpus = 0;  ///< 0: no limit
  bool operator==(const Limits&) const = default;
};

/// Limits of which only some are given.
struct LimitSettings {
  std::optional<int64_t> script_timeout_ns, case_timeout_ns;
  std::optional<uint64_t> max_output, memory, pids, scratch;
  std::optional<double> cpus;
  bool operator==(const LimitSettings&) const = default;

  /// These where they are given, `outer` where they are not.
  [[nodiscard]] LimitSettings over(const LimitSettings& outer) const;
  /// Sets those that are given.
  void apply(Limits& limits) const;
};

/// One of the files that a document consists of: itself, and those that it includes.
struct DocumentPart {
  std::string name;  ///< shown in messages
  std::string source;
  bool operator==(const DocumentPart&) const = default;
};

/// How documents are run.
struct DocumentOptions {
  script::ReadOptions reading;
  std::string shell;                         ///< `--shell`; empty: what the document says
  script::CaseConfig overrides;              ///< of every case
  std::vector<std::string> prepend, append;  ///< documents whose cases run before and after each one
  std::string work_directory;                ///< absolute; empty: a fresh one
  bool whole_output = false;                 ///< all that cases print is told, for `update`
};

/// How scripts are run, beside their dialect.
struct ScriptOptions {
  std::vector<std::string> commands;  ///< `--command`: programs of the place that are commands
  std::map<std::string, bool>
      conditions;           ///< `--cond`: conditions beside those that there are, and whether they hold
  bool short_run = false;   ///< `--short`: [short]
  bool verbose = false;     ///< [verbose]
  bool strict_env = false;  ///< `--strict-env`: an unset variable is an error
  bool operator==(const ScriptOptions&) const = default;
};

/// What is carried out as one piece: a script, a document, or a text of the manifest.
struct Step {
  std::string where;  ///< the place that it begins in: "host", or the name of one of the job's containers
  std::string file;   ///< as the user gave it: opened from here, shown in messages
  std::string name;   ///< shown in reports; of a job's first step unique in the plan
  Format format = Format::script;
  script::Language language = script::Language::testctr;  ///< of a script
  std::string source;                                     ///< the file's bytes, read when the plan was made
  std::vector<DocumentPart> parts;                        ///< of a document: in the order of their cases
  size_t main_part = 0;                                   ///< which of them is the document itself
  size_t cases = 0;                                       ///< of all parts
};

/// The place outside of all containers, as sections, events and continuations name it.
inline constexpr const char* host_place = "host";
/// The container that a job has when it names none: of the image given to it.
inline constexpr const char* default_place = "container";

/// When a container that runs a program of its own is ready to be used.
struct Readiness {
  enum class Kind : uint8_t {
    started,  ///< as soon as its program runs
    health,   ///< the image's health check, where it has one; else as `started`
    exec,     ///< `words` succeed inside
    port,     ///< something listens at `port`
    file,     ///< `text` exists inside
    log,      ///< a line of its output matches the regular expression `text`
  };
  Kind kind = Kind::health;
  std::vector<std::string> words;
  uint16_t port = 0;
  std::string text;
  int64_t timeout_ns = 60'000'000'000;
  bool operator==(const Readiness&) const = default;
};

/// A container that belongs to a job.
struct Container {
  std::string name;   ///< of the place, its host name, and what others reach it by
  std::string image;  ///< the reference as given
  std::map<std::string, std::string> environment;
  /// Runs a program of its own beside the test: `command`, else the image's. Otherwise lines are carried out
  /// in it and nothing else.
  bool service = false;
  std::vector<std::string> command;
  Readiness ready;
};

/// A program of the host that is on $PATH inside (`--bin`).
struct HostProgram {
  std::string path;  ///< absolute, links resolved
  std::string name;  ///< inside
};

/// `--mount SRC:DST[:ro]`
struct Mount {
  std::string source;  ///< absolute, links resolved
  std::string target;  ///< absolute, inside
  bool read_only = false;
};

/// `--artifacts GLOB=DIR`: what is brought out when the test has ended, however it ended.
struct Artifacts {
  std::string pattern;    ///< below $WORK when it is not absolute
  std::string directory;  ///< absolute, on the host, links resolved; made when missing
  std::string below;      ///< the folder in it that is this job's, where several share it; empty: itself
};

/// `--keep`: what the test has left in $WORK.
struct Keep {
  std::string
      directory;  ///< absolute, on the host, links resolved; this job's own, made when there is something
  bool always = false;  ///< also where it passes
};

/// One test: a script in one image, or several steps in several places.
struct Job : Step {
  std::vector<Step> further;  ///< the steps behind the first
  DocumentOptions documents;  ///< of those that are documents
  ScriptOptions scripts;      ///< of those that are scripts
  std::string image;          ///< the reference as given, of the place `default_place`; empty: it has none
  std::vector<Container> containers;  ///< beside that: of sections, services
  std::string tree;                   ///< absolute path of the test tree
  std::string layer;                  ///< `--layer`: the tar layer that holds script and tree; empty: none
  std::map<std::string, std::string> environment;  ///< from --env and --pass-env
  std::vector<std::string> secrets;  ///< names of variables whose values are masked wherever they are told
  std::vector<HostProgram> programs;
  std::vector<Mount> mounts;
  std::vector<Artifacts> artifacts;
  std::optional<Keep> keep;
  bool update = false;  ///< what comparisons of its scripts want of files in them is told, for `--update`
  Limits limits;
  Ids ids = Ids::automatic;
  Network network = Network::none;
  /// Nothing but what `pins` has is obtained: its files are a stranger's, and an image may be a folder of
  /// this machine.
  bool pinned_only = false;
  std::string seccomp = "default";  ///< "default", "unconfined" or a profile's path
  std::vector<std::string> images;  ///< references that its lines may start besides (`testctr start`)
  /// What the lock file of its manifest has: an image as it is written -> NAME@DIGEST, by which it is
  /// obtained.
  std::map<std::string, std::string> pins;
  std::vector<std::string> tags;
  std::vector<size_t> needs;         ///< indices of the plan's jobs that must have passed before it begins
  uint32_t retries = 0;              ///< how often it is tried again after a failure
  std::optional<std::string> xfail;  ///< it is expected to fail, for this reason
  /// What it shares with others: of each no more tests run at the same time than `Plan::shared` says.
  std::vector<std::string> shares;
  /// It prepares an image for other tests: what it changes in that is a layer of theirs.
  bool setup = false;
  std::vector<size_t> set_up_by;  ///< indices of the plan's jobs that do that for this one; also in `needs`
  std::string repeated;           ///< `--repeat`: the name of the test that this is one run of
  std::vector<std::string> manifests;  ///< the files that say something of it besides its own
  bool listed = false;                 ///< it is one of those that the first of these lists, by its name
  std::optional<std::string> skip;     ///< it is not run but counted as skipped, for this reason
  std::optional<Error>
      error;  ///< the job cannot be run (it does not parse, ...): reported as such while the others run

  /// What is obtained in place of an image that must not be: no store has it.
  [[nodiscard]] static const std::string& no_image() {
    static const std::string none = "sha256:" + std::string(64, '0');
    return none;
  }
  /// An image as it is to be obtained.
  [[nodiscard]] const std::string& pinned(const std::string& written) const {
    const auto pin = pins.find(written);
    if (pin != pins.end()) return pin->second;
    return pinned_only ? no_image() : written;
  }
};

/// One of several machines' part of a plan.
struct Shard {
  uint32_t index = 0, count = 0;  ///< the first is 1; count 0: all of it is here
  std::string by;                 ///< "count", "hash" or "time"
};

struct Plan {
  std::vector<Job> jobs;
  /// Indices of `jobs` in the order in which they begin; empty: as they stand.
  std::vector<size_t> order;
  std::map<std::string, uint32_t> shared;  ///< how many tests may use it at once; what is not here: one
  Shard shard;
  std::string selection;         ///< digest of all names that were selected, before a shard was taken of them
  size_t selected = 0;           ///< how many these were
  std::optional<uint64_t> seed;  ///< of `--shuffle`
  bool fail_fast = false;        ///< the first failure ends the run
  unsigned parallel = 1;         ///< how many of them run at the same time
  unsigned allowed = 1;          ///< how many could, of a larger plan: -j
  int64_t timeout_ns = 0;        ///< of the whole run; 0: none
  uint64_t not_tests = 0;        ///< files in named folders that were passed over
  std::vector<std::string>
      notes;  ///< what the user should know before it runs ("a.txt is named twice and runs once")
};

}  // namespace testctr::plan
