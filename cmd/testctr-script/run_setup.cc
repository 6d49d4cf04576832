#include "run_setup.h"

#include "base/sys.h"
#include "open_store.h"
#include "run_request.h"

namespace testctr::cmd {

Result<RunSetup> set_up_run(const Arguments& arguments, const plan::Plan& plan, bool quiet) {
  engine::Chosen chosen = TRY(engine::choose(TRY(engine_of(arguments)), plan));
  if (!chosen.note.empty()) complain(chosen.note);
  RunSetup setup{std::move(chosen), TRY(StopSignals::install()), nullptr, {}};
  setup.images = TRY(ImageAccess::from(arguments, {.pull = true, .quiet = quiet}, &setup.signals));
  setup.how.engine = setup.chosen.engine();
  setup.how.store = store_options(arguments);
  setup.how.access = setup.images->access();
  setup.how.stop_fd = setup.signals.descriptor();
  return setup;
}

Result<plan::Plan> plan_of_text(plan::RunRequest request, const std::string& image,
                                const std::string& scratch, const std::string& name, std::string_view text) {
  const std::string file = scratch + "/" + name;
  CHECK_OK(sys::write_file_at(AT_FDCWD, file, text));
  const bool has_tree = request.tree.has_value();
  request.words = {image, file};
  request.format.reset();
  plan::Plan plan = TRY(plan::make_plan(request));
  for (plan::Job& job : plan.jobs) {
    if (job.error) return *job.error;
    job.name = name;
    // The file lies where nothing else of the user's does.
    if (!has_tree) job.tree.clear();
  }
  return plan;
}

}  // namespace testctr::cmd
