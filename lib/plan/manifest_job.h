// One job of a manifest's test: what from_manifest.cc is made of.
#pragma once

#include "plan/make_plan.h"
#include "plan/manifest.h"
#include "plan/manifest_matrix.h"
#include "plan/select.h"

namespace testctr::plan {

/// What it takes to make the jobs of a manifest.
struct JobContext {
  const Manifest& manifest;
  const RunRequest& request;
  const Surroundings& here;
  Mistakes& mistakes;
};

/// What holds for all jobs of a test: everything but steps and name. What is wrong goes to the mistakes.
/// @param test null: for scripts that are named by themselves
Job common_job(const JobContext& context, const Settings& settings, const ManifestTest* test,
               const Combination& combination);

/// The default image of a test; empty: it has none.
std::string image_of(const JobContext& context, const ManifestTest& test, const Combination& combination);

/// Makes a test of sections of a job: its steps, read, and its containers.
void add_sections(const JobContext& context, const ManifestTest& test, const Combination& combination,
                  Job& job);

/// Makes the job that prepares an image for tests with these settings. @param combination of the first of
/// them
Job setup_job(const JobContext& context, const Section& section, const Settings& settings,
              const Combination& combination, const std::string& image);

/// Makes it the job of a script.
void add_script(const JobContext& context, const Selected& script, Job& job);

}  // namespace testctr::plan
