#include "run_setup.h"

#include "base/sys.h"
#include "open_store.h"
#include "plan/checks.h"
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

namespace {

/// What a run of that file would take for its tree; empty: none.
Result<std::string> tree_of(const std::string& file) {
  const size_t slash = file.rfind('/');
  std::string folder = TRY(plan::real_folder(slash == std::string::npos ? "."
                                             : slash == 0               ? "/"
                                                                        : file.substr(0, slash)));
  return plan::is_too_much(folder, plan::surroundings()) ? "" : folder;
}

}  // namespace

Result<plan::Plan> plan_of_text(const Arguments& arguments, const std::string& image,
                                const std::string& scratch, const std::string& name, std::string_view text,
                                const std::string& as) {
  const std::string file = scratch + "/" + name;
  CHECK_OK(sys::write_file_at(AT_FDCWD, file, text));
  plan::RunRequest request = TRY(request_of(arguments));
  const bool has_tree = request.tree.has_value();
  request.words = {image, file};
  request.format.reset();
  plan::Plan plan = TRY(plan::make_plan(request));
  for (plan::Job& job : plan.jobs) {
    if (job.error) return *job.error;
    job.name = name;
    // The file lies where nothing else of the user's does.
    if (!has_tree) job.tree.clear();
    if (as.empty()) continue;
    if (!has_tree) job.tree = TRY(tree_of(as));
    job.file = as;
    if (job.format != plan::Format::script) job.parts[job.main_part].name = as;
  }
  return plan;
}

Result<size_t> cram_indent(const Arguments& arguments) {
  return TRY(request_of(arguments)).documents.reading.indent;
}

}  // namespace testctr::cmd
