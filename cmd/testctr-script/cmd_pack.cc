// `pack`: a test with everything that it needs, and what it came to, as one file.
#include "base/sys.h"
#include "base/text.h"
#include "bundle/pack.h"
#include "bundles.h"
#include "commands.h"
#include "image_access.h"
#include "plan/plan_request.h"
#include "reports.h"
#include "run/run.h"
#include "run_request.h"
#include "stop_signals.h"

namespace testctr::cmd {
namespace {

constexpr Option own_options[] = {
    {.names = "-o,--output",
     .value = "FILE",
     .help = "where the bundle goes; with the extension .run it is a program that replays itself"},
    {.names = "--no-record",
     .help = "do not run the tests: the bundle says what is to be run, not what came of it"},
    {.names = "--slim", .help = "of the images only the files that the run touches"},
    {.names = "--plain-layers",
     .help = "zstd layers uncompressed as well, however large they are: for Docker before version 23"},
    {.names = "--locked", .help = "every image must be in the manifest's lock file (`testctr-script lock`)"}};
constexpr auto options = with_report_options(with_manifest_options(own_options));

constexpr std::string_view examples =
    "testctr-script pack golang:latest mytest.txt -o bug.tar\n"
    "testctr-script pack golang:latest mytest.txt -o bug.run && ./bug.run\n"
    "testctr-script pack -f testctr.yaml -t build -o bug.tar\n"
    "docker load -i bug.tar && docker run --rm localhost/bug\n"
    "podman run --rm oci-archive:bug.tar\n";

constexpr std::string_view text =
    "The tests run once, and what came of it is kept in the bundle: `testctr-script replay FILE` says later, "
    "elsewhere, "
    "whether the same comes of it.\n"
    "The bundle holds the images (their layers as they are), the test tree, programs and mounts, this "
    "program, and no "
    "value of a secret\n"
    "(`secrets:` of a manifest, `--secret`). The same input gives the same content, whose digest is printed, "
    "wherever "
    "and whenever it is packed.\n"
    "Exit code: 0 when the bundle is written, whatever came of the tests.\n";

Result<int> run_pack(const Arguments& arguments) {
  const uint64_t started = sys::monotonic_ns();
  const std::optional<std::string> output = arguments.value("--output");
  if (!output)
    return Error::usage("pack: no output is named").hint("add `-o FILE`, such as bug.tar or bug.run");
  if (arguments.flag("--slim") && arguments.flag("--no-record"))
    return Error::usage("--slim and --no-record exclude each other: what a run touches shows when it runs");
  CHECK_OK(check_reports(arguments));
  plan::RunRequest request = TRY(request_of(arguments));
  add_manifest(arguments, request);
  request.locked = arguments.flag("--locked");
  plan::Plan plan = TRY(plan::plan_request(request));
  for (const std::string& note : plan.notes) complain(note);
  if (plan.jobs.empty()) return Error::usage("nothing was selected to pack");
  for (const plan::Job& job : plan.jobs)
    if (job.error) return *job.error;

  const StopSignals signals = TRY(StopSignals::install());
  const auto images =
      TRY(ImageAccess::from(arguments, {.pull = true, .quiet = arguments.flag("--quiet")}, &signals));
  bundle::PackOptions how{.output = *output, .runnable = output->ends_with(".run")};
  how.plain_layers = arguments.flag("--plain-layers");
  std::optional<bundle::Recording> recording;
  bundle::Touched touched(
      output->substr(0, output->rfind('/') == std::string::npos ? 0 : output->rfind('/') + 1) + ".");
  // Without a recording, setups run nevertheless: what they change is to be in the bundle.
  const bool records = !arguments.flag("--no-record");
  for (size_t i = 0; i < plan.jobs.size(); ++i)
    if (!records && plan.jobs[i].setup) plan.order.push_back(i);
  if (records || !plan.order.empty()) {
    const engine::Chosen chosen = TRY(engine::choose(TRY(engine_of(arguments)), plan));
    if (!chosen.note.empty()) complain(chosen.note);
    ReportedRun reported(arguments, plan, TRY(report_files(arguments, plan)), started, chosen.lacks());
    bundle::Recorder recorder(reported.collector(), plan.jobs.size());
    run::Options running;
    running.set_ups = &how.set_ups;
    running.engine = chosen.engine();
    running.store = store_options(arguments);
    running.access = images->access();
    running.note = [](const std::string&) {};  // of the store: told when it is opened for packing
    if (arguments.flag("--slim"))
      running.follow = [&touched](const std::string& image) { return touched.file_for(image); };
    reported.run(plan, recorder, running, signals);
    const int code = reported.finish();
    if (reported.interrupted()) return code;
    if (!records && code != exit_passed) {
      complain("nothing was packed: without --no-record the bundle would say how the setup fails");
      return code;
    }
    if (records) recording = std::move(recorder.recording());
    if (records) recording->surroundings = bundle::surroundings_here(chosen.shown());
    if (records) how.recording = &*recording;
    if (arguments.flag("--slim")) how.touched = &touched;
  }
  image::Store store = TRY(open_store(store_options(arguments)));
  how.left_out = results_at(report_paths(arguments));
  const bundle::Packed packed = TRY(bundle::pack(store, images->access(), plan, how));
  for (const std::string& note : packed.notes) complain(note);
  complain(fmt::format("{}: {}, content {}", *output, text::human_size(packed.size), packed.content.str()));
  return exit_passed;
}

const Registration pack({.name = "pack",
                         .rank = 320,
                         .summary = "one file with a test, all that it needs, and what came of it",
                         .synopsis = "[IMAGE] [FILE...] -o FILE",
                         .examples = examples,
                         .options = options,
                         .text = text,
                         .run = run_pack});

}  // namespace
}  // namespace testctr::cmd
