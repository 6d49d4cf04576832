// What a script says itself of where it runs: its sections, the containers that it starts.
#pragma once

#include "base/result.h"
#include "plan/plan.h"

namespace testctr::plan {

/// Fills in what the job's first step says of places: where it begins when no image was given for it, the
/// images that it names. One that cannot be carried out so (a `[container]` without any image) gets an error.
/// @return whether it is known where it runs: it has an image, or says itself
bool set_places(Job& job);

/// The same where lines are carried out in this machine's own root: the job's image is then `hostfs`. Usage
/// errors: it names an image, a container, another place.
Status set_here(Job& job);

/// The error for an image where there is none.
Error no_image_here(const std::string& image);

/// Whether a document may say of its cases where they run.
bool names_places(const Step& step);

/// The containers that a document of `job` names (`containers:`), and its `image:` where the job has none. A
/// case whose place is no container of the job is an error of the job.
void add_document_places(Job& job, const Step& step);

}  // namespace testctr::plan
