// What the commands that make or read bundles have in common.
#pragma once

#include <string>
#include <vector>

#include "bundle/open.h"
#include "bundle/recording.h"
#include "commands.h"
#include "image/access.h"
#include "plan/plan.h"

namespace testctr::cmd {

/// The folder of `--pack-on-failure`, made when it is missing.
Status check_bundle_folder(const std::string& folder);

/// A bundle of each test that failed, and says where. @return an exit code: of what kept one from being
/// written
int pack_failures(const std::string& folder, const plan::Plan& plan, const bundle::Recording& recording,
                  const image::StoreOptions& store, const image::Access& access);

/// A plan of one of its jobs alone.
plan::Plan plan_of(const plan::Plan& plan, size_t index);

/// The words of a program that has a bundle behind it, as those of a command: without any, `replay`; `list`,
/// `shell`, `extract` and `inspect` are the group `bundle`'s. Other programs' words stay what they are.
std::vector<std::string> words_of_bundle(std::vector<std::string> words);

}  // namespace testctr::cmd
