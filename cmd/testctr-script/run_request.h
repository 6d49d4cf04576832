// What `run`, `update` and `create` have in common: the options that say where and how scripts run.
#pragma once

#include <algorithm>
#include <array>

#include "commands.h"
#include "engine/choose.h"
#include "image_access.h"
#include "open_store.h"
#include "plan/make_plan.h"

namespace testctr::cmd {

inline constexpr Option engine_option =
    Option{.names = "--engine",
           .value = "ENGINE",
           .help =
               "who makes the containers: native, docker, podman, chroot, here, or auto: the first of these "
               "that\nworks, but never here (default: auto)",
           .choices = "auto|native|docker|podman|chroot|here"};

// What `check` has as well.
inline constexpr Option dialect_option{
    .names = "--dialect",
    .value = "NAME",
    .help =
        "of scripts: testctr, rsc, testscript or cmdgo; the three behave as the tools of that name\n"
        "(default: testctr)",
    .choices = "testctr|rsc|testscript|cmdgo"};
inline constexpr Option command_option{
    .names = "--command",
    .value = "NAME",
    .help = "a program of the image that scripts use as a command, without `exec`",
    .repeats = true};
inline constexpr Option condition_option{
    .names = "--cond",
    .value = "NAME=true|false",
    .help = "a condition of scripts, [NAME], beside those that there are",
    .repeats = true};

inline constexpr std::array place_options{
    pull_option,
    offline_option,
    authfile_option,
    engine_option,
    Option{.names = "-j,--jobs",
           .value = "N",
           .help = "scripts that run at the same time (default: one per processor)"},
    Option{.names = "--timeout",
           .value = "TIME",
           .help = "of each script or document; reaching it is a failure (default: 10m)"},
    Option{.names = "--case-timeout",
           .value = "TIME",
           .help = "of each command of a script, each case of a document (default: 30s)"},
    dialect_option,
    command_option,
    condition_option,
    Option{.names = "--short", .help = "the condition [short] of scripts holds"},
    Option{.names = "--strict-env", .help = "an unset variable in a script is an error"},
    Option{.names = "--run-timeout",
           .value = "TIME",
           .help = "of the whole run; reaching it is exit code 124 (default: none)"},
    Option{.names = "--max-output", .value = "SIZE", .help = "of a command, each stream (default: 64MiB)"},
    Option{
        .names = "--memory",
        .value = "SIZE",
        .help = "of each container (default: half of what is free, shared by the scripts that run together)"},
    Option{.names = "--pids",
           .value = "N",
           .help =
               "processes in each container; a refused one is a failure where a control group counts them,\n"
               "elsewhere nobody tells (`doctor` says which) (default: 1024)"},
    Option{.names = "--scratch", .value = "SIZE", .help = "what each container may write (default: 4GiB)"},
    Option{.names = "--cpus",
           .value = "N",
           .help = "processors of each container, such as 1.5 (default: no limit)"},
    Option{.names = "--network",
           .value = "none|host",
           .help = "none: loopback alone; host: this machine's (default: none)"},
    Option{.names = "--seccomp",
           .value = "FILTER",
           .help = "default, unconfined, or the file of a Docker/OCI profile (default: default)",
           .choices = "default|unconfined|@files"},
    Option{.names = "--ids",
           .value = "one|range",
           .help =
               "one: you are root inside; range: subordinate ids as well\n(default: range for root, one for "
               "others)"},
    Option{.names = "-e,--env", .value = "NAME=VALUE", .help = "a variable of the scripts", .repeats = true},
    Option{.names = "--pass-env",
           .value = "NAME",
           .help = "a variable with this machine's value",
           .repeats = true},
    Option{.names = "--secret",
           .value = "NAME",
           .help = "as --pass-env, and the value is shown in no report and stands in no bundle",
           .repeats = true},
    Option{.names = "--bin",
           .value = "PATH[=NAME]",
           .help = "a program of this machine, on $PATH inside and usable without `exec`",
           .repeats = true},
    Option{.names = "--mount",
           .value = "SRC:DST[:ro]",
           .help = "a folder or file of this machine, at DST inside",
           .repeats = true},
    Option{.names = "--artifacts",
           .value = "GLOB=DIR",
           .help = "files that are brought out when a script has ended, also when it failed",
           .repeats = true},
    store_option,
    Option{.names = "--tree",
           .value = "DIR",
           .help = "the test tree, $TREE inside (default: the script's folder)"},
    Option{.names = "--layer",
           .value = "FILE",
           .help = "take script and tree from a tar layer that `layer` wrote"},
    Option{.names = "--format",
           .value = "FORMAT",
           .help = "of the files named: script, scrut or cram (default: by extension)",
           .choices = "script|scrut|cram"},
    Option{.names = "--shell",
           .value = "PROGRAM",
           .help = "of documents (default: what the document says, else bash, for Cram /bin/sh)"},
    Option{.names = "--compat",
           .value = "TOOL",
           .help = "judge documents as that tool would: scrut, cram",
           .choices = "scrut|cram"},
    Option{.names = "--work-directory",
           .value = "DIR",
           .help = "the cases of a document work in this folder of yours, which stays"},
    Option{.names = "--prepend",
           .value = "FILE",
           .help = "a document whose cases run before each one",
           .repeats = true},
    Option{.names = "--append",
           .value = "FILE",
           .help = "a document whose cases run after each one",
           .repeats = true},
    Option{.names = "--combine-output", .help = "cases of documents are compared with both streams in one"},
    Option{.names = "--keep-output-crlf", .help = "CRLF in what cases print stays"},
    Option{.names = "--indent",
           .value = "N",
           .help = "blanks in front of the lines of Cram documents (default: 2)"}};

/// What selects tests of a manifest, for the commands that take one.
inline constexpr std::array manifest_options{
    Option{.names = "-f,--manifest",
           .value = "FILE",
           .help = "the manifest (default: testctr.yaml here or in a folder above)"},
    Option{.names = "-t,--test",
           .value = "NAME",
           .help = "this test of the manifest, and those that it needs",
           .repeats = true,
           .choices = "@tests"},
    Option{.names = "--tag",
           .value = "TAG",
           .help = "tests of the manifest with this tag, and those that they need",
           .repeats = true,
           .choices = "@tags"}};

/// The options of a command: its own behind those above.
template <size_t N>
constexpr auto with_place_options(const Option (&own)[N]) {
  std::array<Option, place_options.size() + N> all{};
  std::copy(std::begin(own), std::end(own),
            std::copy(place_options.begin(), place_options.end(), all.begin()));
  return all;
}

/// The same for a command that also takes a manifest.
template <size_t N>
constexpr auto with_manifest_options(const Option (&own)[N]) {
  std::array<Option, manifest_options.size() + place_options.size() + N> all{};
  const auto behind = std::copy(manifest_options.begin(), manifest_options.end(), all.begin());
  std::copy(std::begin(own), std::end(own), std::copy(place_options.begin(), place_options.end(), behind));
  return all;
}

/// Adds to a request what the manifest's options give.
void add_manifest(const Arguments& arguments, plan::RunRequest& request);

/// What the options say of scripts: --dialect, --command, --cond. Errors (usage): a value that cannot be one.
Status set_scripts(const Arguments& arguments, plan::RunRequest& request);

/// The request that the place options and the positionals make. @param given of a command that has them all,
/// or all but some
Result<plan::RunRequest> request_of(const Arguments& given);

/// What `--engine` says.
Result<engine::Kind> engine_of(const Arguments& arguments);

/// Whether the environment says that nobody is watching (`CI`).
bool is_ci();

}  // namespace testctr::cmd
