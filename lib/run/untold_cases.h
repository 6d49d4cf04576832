// The cases of a document that was stopped from outside - by the test's time limit, for its memory, by the
// user - and could not tell of them itself.
#pragma once

#include "plan/plan.h"
#include "run/stamper.h"

namespace testctr::run {

/// Tells what became of the cases of a document that have no end yet: the one that it was at has failed where
/// the test has, the others were not run. Nothing is told of a document that never began, or of a test that
/// passed.
/// @param outcome of the attempt
void tell_untold_cases(const plan::Job& job, Outcome outcome, const std::string& reason, Stamper& stamper);

}  // namespace testctr::run
