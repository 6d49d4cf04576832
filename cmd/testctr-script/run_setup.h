// What a command needs to run a plan that it only looks on.
#pragma once

#include <memory>

#include "commands.h"
#include "engine/choose.h"
#include "image_access.h"
#include "plan/make_plan.h"
#include "run/run.h"
#include "stop_signals.h"

namespace testctr::cmd {

/// The engine, the signals and the images of a run; `how` speaks of them all, and must not outlive this.
struct RunSetup {
  engine::Chosen chosen;
  StopSignals signals;
  std::unique_ptr<ImageAccess> images;
  run::Options how;
};

/// By the options of a command that has place_options. Says which engine it is where nobody asked for it.
/// Errors: no engine can do it (usage, infrastructure); an option's value (usage).
Result<RunSetup> set_up_run(const Arguments& arguments, const plan::Plan& plan, bool quiet = false);

/// The plan of one test that the command made up: a file `name` with this text, in the folder `scratch`.
/// @param arguments but for their words and format @param as the file that it is to become: it has its
/// name and test tree; empty: none Errors: of the request, of what was made up (usage).
Result<plan::Plan> plan_of_text(const Arguments& arguments, const std::string& image,
                                const std::string& scratch, const std::string& name, std::string_view text,
                                const std::string& as = "");

/// The indentation of Cram's lines that these ask for.
Result<size_t> cram_indent(const Arguments& arguments);

}  // namespace testctr::cmd
