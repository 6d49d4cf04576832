// What there is to do when a script has come to its end in a place: what was put off, what still runs.
#pragma once

#include "interpret/judge.h"
#include "interpret/session.h"

namespace testctr::interpret {

/// What `defer` has put off, the last one first, each with the variables and the directory of its line; all
/// of them, whatever becomes of the others. @return failed: one of them was
Verdict carry_out_deferred(Session& session);

/// What was started with `&` and never waited for. @param judged whether its ends count @return whether all
/// is well
bool finish_background(Session& session, bool judged);

/// The reason why a script failed is often what its server had to say.
void tell_background_output(Session& session);

/// Ends and names what programs of the script left behind.
void sweep(Session& session);

}  // namespace testctr::interpret
