// A place that is a process of this machine without namespaces, below a guardian: how it is watched and
// ended.
#pragma once

#include <memory>
#include <string>

#include "run/channel_place.h"
#include "run/engine.h"
#include "run/guardian.h"
#include "sandbox/confined.h"

namespace testctr::engine {

/// Starts a place whose process is the guardian's body.
/// @param shown the engine's name, for messages
Result<std::unique_ptr<run::Place>> start_plain_place(const std::string& shown,
                                                      std::unique_ptr<run::Guardian> guardian,
                                                      const run::PlaceRequest& request,
                                                      const run::Assignment& assignment);

/// Sets the system call filter that `Spec::seccomp` names; a profile is read now.
Status read_profile(const std::string& seccomp, sandbox::ConfinedSpec& spec);

/// Confines the calling process, the body of a guardian, and carries out what the channel says. Programs
/// reach neither it, nor its guardian, nor the runner.
/// @param spec all but `channel`, `failed` and `dies_with_parent` @param closed as in guard_filter.h
[[noreturn]] void reside_confined(int channel, sandbox::ConfinedSpec spec, pid_t runner, bool closed);

}  // namespace testctr::engine
