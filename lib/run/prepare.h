// From a Job and the root file system of its image to what the sandbox and the interpreter are told.
#pragma once

#include "image/image.h"
#include "plan/plan.h"
#include "run/assignment.h"
#include "sandbox/container.h"

namespace testctr::run {

/// The memory limit of a script when none was asked for: half of what the machine has free, divided among the
/// parallel scripts.
/// @return bytes; 0 when the machine does not say.
uint64_t default_memory(unsigned parallel);

/// @param program our own binary's path. @param memory what `default_memory` said.
sandbox::Spec make_spec(const plan::Job& job, const image::RootFilesystem& root, const std::string& program,
                        uint64_t memory);

/// The environment is the image's Env, over our own LANG, TZ, PATH, with WORK, TMPDIR and TREE, and the job's
/// on top; nothing of the host's.
Assignment make_assignment(const plan::Job& job, const image::RootFilesystem& root);

}  // namespace testctr::run
