// `bundle list|inspect|extract`: what is in a bundle; `push`: its image to a registry.
#include <fcntl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "bundle/packed_image.h"
#include "bundles.h"
#include "commands.h"
#include "image/reference.h"
#include "image/transfer.h"
#include "image_access.h"
#include "open_store.h"
#include "sandbox/tree.h"
#include "stop_signals.h"

namespace testctr::cmd {
namespace {

constexpr Option look_options[] = {offline_option, pull_option, authfile_option, store_option};
constexpr Option push_options[] = {offline_option, authfile_option, store_option};

std::string outcome_of(const bundle::Bundle& bundle, size_t i) {
  if (!bundle.recording()) return "not recorded";
  const bundle::RecordedTest& test = bundle.recording()->tests[i];
  std::string words(to_string(test.outcome));
  if (const bundle::RecordedStep* failure = test.failure())
    words += fmt::format(" at line {}: {}", failure->line, text::printable(failure->reason));
  return words;
}

Result<int> run_list(const Arguments& arguments) {
  const OpenBundle opened = TRY(open_bundle(arguments, first_word(arguments), {.pull = true}));
  const bundle::Bundle& bundle = *opened.bundle;
  std::string out;
  for (size_t i = 0; i < bundle.file().plan.jobs.size(); ++i) {
    const plan::Job& job = bundle.file().plan.jobs[i];
    out += fmt::format("{}  {}  {}\n", text::printable(job.name), text::printable(job.image),
                       outcome_of(bundle, i));
  }
  CHECK_OK(print(out));
  return exit_passed;
}

Result<int> run_inspect(const Arguments& arguments) {
  const OpenBundle opened = TRY(open_bundle(arguments, first_word(arguments), {.pull = true}));
  const bundle::Bundle& bundle = *opened.bundle;
  Json tests = Json::array(), images = Json::array(), layers = Json::array();
  for (size_t i = 0; i < bundle.file().plan.jobs.size(); ++i) {
    const plan::Job& job = bundle.file().plan.jobs[i];
    Json environment = Json::object();
    for (const auto& [name, value] : job.environment)
      environment[text::to_utf8(name)] = json::from_bytes(value);
    Json test{{"name", json::from_bytes(job.name)},
              {"image", json::from_bytes(job.image)},
              {"environment", std::move(environment)},
              {"secrets", job.secrets},
              {"timeout_ns", job.limits.script_timeout_ns}};
    if (bundle.recording()) test["recorded"] = std::string(to_string(bundle.recording()->tests[i].outcome));
    tests.push_back(std::move(test));
  }
  for (const bundle::NamedDigest& image : bundle.file().images)
    images.push_back({{"name", json::from_bytes(image.name)},
                      {"manifest", image.manifest.str()},
                      {"setup", json::from_bytes(image.setup)},
                      {"setup_layer", image.layer.str()}});
  for (const image::Descriptor& layer : bundle.packed().manifest.layers)
    layers.push_back({{"digest", layer.digest.str()}, {"size", layer.size}, {"mediaType", layer.media_type}});
  Json all{{"content", bundle.content().str()}, {"packed_by", bundle.file().program},
           {"slim", bundle.file().slim},        {"host_sections", TRY(bundle.has_host_sections())},
           {"tests", std::move(tests)},         {"images", std::move(images)},
           {"layers", std::move(layers)}};
  if (bundle.recording())
    for (const auto& [name, value] : bundle.recording()->surroundings)
      all["recorded_on"][name] = json::from_bytes(value);
  CHECK_OK(print(json::dump(all, 2) + "\n"));
  return exit_passed;
}

/// Where a bundle's file goes below the folder: as it is named, without what leads out.
Result<std::string> plain_path(const std::string& name) {
  std::vector<std::string> parts;
  for (const std::string& part : text::split(name, '/')) {
    if (part.empty() || part == "." || part == "..") continue;
    if (part.find('\0') != std::string::npos)
      return Error::infrastructure("the bundle holds a file name with a null byte: it is damaged");
    parts.push_back(part);
  }
  if (parts.empty()) return Error::infrastructure("the bundle holds a script without a name: it is damaged");
  return text::join(parts, "/");
}

Status write_script(const std::string& folder, const std::string& name, const std::string& source) {
  if (source.empty() && name.empty()) return {};
  const std::string path = fmt::format("{}/scripts/{}", folder, TRY(plain_path(name)));
  CHECK_OK(sys::make_dirs(path.substr(0, path.rfind('/')), 0755));
  return sys::write_file_at(AT_FDCWD, path, source);
}

Result<int> run_extract(const Arguments& arguments) {
  const auto& words = arguments.positionals();
  const std::string& folder = words.back();
  if (TRY(sys::stat_at(AT_FDCWD, folder)))
    return Error::usage(fmt::format("{} is there already", text::quoted(folder)))
        .hint("name a folder that is to be made");
  const OpenBundle opened = TRY(open_bundle(arguments, words.size() > 1 ? words[0] : "", {.pull = true}));
  const bundle::Bundle& bundle = *opened.bundle;
  // Nobody else's: what is in it came from somebody.
  CHECK_OK(sys::make_dir_at(AT_FDCWD, folder, 0700));
  for (const plan::Job& job : bundle.file().plan.jobs) {
    CHECK_OK(write_script(folder, job.name, job.source));
    for (const plan::Step& step : job.further) CHECK_OK(write_script(folder, step.name, step.source));
    for (const plan::DocumentPart& part : job.parts) CHECK_OK(write_script(folder, part.name, part.source));
  }
  Fd from = TRY(sys::open(bundle.folder(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  CHECK_OK(sys::make_dir_at(AT_FDCWD, folder + "/files", 0755));
  Fd to = TRY(sys::open(folder + "/files", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  std::vector<std::string> skipped;
  CHECK_OK(sandbox::copy_below(from.get(), to.get(), {"bin", bundle::plan_name}, skipped));
  for (const std::string& name : skipped) complain(fmt::format("{} is left out", text::printable(name)));
  CHECK_OK(print(fmt::format("{}\n", folder)));
  return exit_passed;
}

/// A repository's name, with the tag or without.
std::string repository_of(const std::string& full) {
  const std::string name = full.substr(0, full.find('@'));
  const size_t colon = name.rfind(':');
  return colon != std::string::npos && name.find('/', colon) == std::string::npos ? name.substr(0, colon)
                                                                                  : name;
}

Status push_to(image::Store& store, const image::Access& access, std::unique_ptr<image::Source> source,
               const std::string& name) {
  std::string said;
  const auto destination = TRY(image::open_destination(store, "docker://" + name, said, access));
  CHECK_OK(destination->put(std::move(source), {said.empty() ? name : said}));
  (void)TRY(destination->finish());
  return {};
}

Result<int> run_push(const Arguments& arguments) {
  const auto& words = arguments.positionals();
  std::string reference = words.back();
  if (reference.starts_with("docker://")) reference = reference.substr(9);
  const std::string full = TRY(image::Reference::parse_new_name(reference)).full();
  const StopSignals signals = TRY(StopSignals::install());
  OpenBundle opened = TRY(open_bundle(arguments, words.size() > 1 ? words[0] : "", {}));
  const bundle::Bundle& bundle = *opened.bundle;
  const image::Access& access = opened.images->access();
  auto images = TRY(bundle.images());
  const std::string repository = repository_of(full);
  // The bundle itself last: who finds it finds all that it needs.
  for (size_t i = images.size(); i-- > 1;) {
    const std::string name = fmt::format("{}:sha256-{}", repository, images[i]->manifest_digest.hex());
    CHECK_OK(push_to(*opened.store, access, std::move(images[i]), name));
  }
  if (bundle.recording()) {
    const std::string bytes = json::to_cbor(bundle::to_wire(*bundle.recording()));
    CHECK_OK(push_to(*opened.store, access, TRY(bundle::recording_image(bytes)),
                     bundle::recording_name(repository, bundle.content())));
  }
  CHECK_OK(push_to(*opened.store, access, std::move(images[0]), full));
  CHECK_OK(print(fmt::format("{}@{}\n", repository, bundle.content().str())));
  return exit_passed;
}

constexpr std::string_view where_text =
    "FILE is what `pack` wrote; REF is an image that `push` sent to a registry. Without either: the bundle "
    "behind this "
    "program.\n";

const Registration list({.name = "bundle list",
                         .rank = 340,
                         .summary = "the tests in a bundle, and what was recorded of each",
                         .synopsis = "[FILE|REF]",
                         .examples = "testctr-script bundle list bug.tar\n./bug.run list\n",
                         .options = look_options,
                         .max_positionals = 1,
                         .text = where_text,
                         .run = run_list});
const Registration inspect({.name = "bundle inspect",
                            .rank = 341,
                            .summary = "all that a bundle says of itself, as JSON",
                            .synopsis = "[FILE|REF]",
                            .examples = "testctr-script bundle inspect bug.tar\n./bug.run inspect\n",
                            .options = look_options,
                            .max_positionals = 1,
                            .text = where_text,
                            .run = run_inspect});
const Registration extract({.name = "bundle extract",
                            .rank = 342,
                            .summary = "scripts, test tree and programs of a bundle into a new folder",
                            .synopsis = "[FILE|REF] DIR",
                            .examples = "testctr-script bundle extract bug.tar bug\n./bug.run extract bug\n",
                            .options = look_options,
                            .min_positionals = 1,
                            .max_positionals = 2,
                            .text = where_text,
                            .run = run_extract});
const Registration push(
    {.name = "push",
     .rank = 335,
     .summary = "send a bundle's image to a registry",
     .synopsis = "[FILE] REF",
     .examples = "testctr-script push bug.tar registry.example.org/team/bug:7\n",
     .options = push_options,
     .min_positionals = 1,
     .max_positionals = 2,
     .text = "Prints what the image is called by its digest. `testctr-script replay REF` runs it "
             "again, `docker run REF` and `podman run REF` run it in that engine.\n",
     .run = run_push});

}  // namespace
}  // namespace testctr::cmd
