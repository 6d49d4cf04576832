// What the commands that make or read bundles have in common.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bundle/open.h"
#include "bundle/recording.h"
#include "commands.h"
#include "engine/choose.h"
#include "image/access.h"
#include "image/image.h"
#include "image_access.h"
#include "plan/plan.h"
#include "run/run.h"
#include "stop_signals.h"

namespace testctr::cmd {

inline constexpr Option allow_host_option{
    .names = "--allow-host",
    .help =
        "host sections may run: the bundle's lines then do what they want "
        "with this machine, as you;\nits tests may have the host's network and a filter of their own"};
inline constexpr Option secret_option{
    .names = "--secret",
    .value = "NAME",
    .help = "this variable of your environment for the tests that name it as a secret",
    .repeats = true};

/// A bundle with what it needs to stay open.
struct OpenBundle {
  std::unique_ptr<ImageAccess> images;
  std::unique_ptr<image::Store> store;
  std::optional<bundle::Bundle> bundle;
};
/// @param name see `bundle::Bundle::open` @param has which options of images the command has
/// @param signals whose arrival ends what waits; may be null, else it must outlive the bundle
Result<OpenBundle> open_bundle(const Arguments& arguments, const std::string& name, AccessOptions has,
                               const StopSignals* signals = nullptr);

/// The word that names a bundle; empty: there is none.
std::string first_word(const Arguments& arguments);

/// A bundle whose tests can be run, and how.
struct RunnableBundle {
  OpenBundle opened;
  engine::Chosen engine;
  bundle::Ready ready;
  run::Options how;  ///< borrows from the others
};
/// Opens the bundle that the command line names, chooses who makes its containers, and says what is to be
/// known of that. Usage errors: its tests want of this machine what only --allow-host gives.
/// @param signals must outlive the bundle
Result<RunnableBundle> runnable_bundle(const Arguments& arguments, AccessOptions has,
                                       const StopSignals& signals);

/// The folder of `--pack-on-failure`, made when it is missing.
Status check_bundle_folder(const std::string& folder);

/// Where results go that may lie in a test tree, links resolved: they are no part of it. @param paths some
/// are there, some are not
std::vector<std::string> results_at(const std::vector<std::optional<std::string>>& paths);

/// A bundle of each test that failed, and says where. @param set_ups, left_out see `bundle::PackOptions`
/// @return an exit code: of what kept one from being written
int pack_failures(const std::string& folder, const plan::Plan& plan, const bundle::Recording& recording,
                  const image::ChangesLayers& set_ups, const image::StoreOptions& store,
                  const image::Access& access, const std::vector<std::string>& left_out);

/// A plan of one of its jobs alone.
plan::Plan plan_of(const plan::Plan& plan, size_t index);

/// The words of a program that has a bundle behind it, as those of a command: without any, `replay`; `list`,
/// `shell`, `extract` and `inspect` are the group `bundle`'s. Other programs' words stay what they are.
std::vector<std::string> words_of_bundle(std::vector<std::string> words);

}  // namespace testctr::cmd
