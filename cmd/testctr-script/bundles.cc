#include "bundles.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "bundle/pack.h"
#include "open_store.h"
#include "run_request.h"

namespace testctr::cmd {
namespace {

/// A file name of a test's: without folders, each once.
std::string file_name(const std::string& test, std::set<std::string>& taken) {
  std::string name;
  for (const char c : test) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    name += plain ? c : '-';
  }
  name = name.substr(std::min(name.find_first_not_of(".-"), name.size()), 120);
  if (name.empty()) name = "test";
  std::string own = name;
  for (int i = 2; !taken.insert(own).second; ++i) own = fmt::format("{}-{}", name, i);
  return own + ".tar";
}

/// Whether a bundle's tests may have what they want of this machine.
Status check_consent(const Arguments& arguments, const bundle::Bundle& opened) {
  if (arguments.flag("--allow-host")) return {};
  if (const auto wants = opened.wants_of_host(); !wants.empty())
    return Error::usage(fmt::format("the bundle's tests want {}", text::join(wants, " and ")))
        .hint("look at them with `testctr-script bundle extract`; --allow-host lets them have it");
  if (!TRY(opened.has_host_sections())) return {};
  return Error::usage("the bundle has lines that run on the host, outside of every container")
      .hint(
          "look at them with `testctr-script bundle extract`; --allow-host lets them do what they want, as "
          "you");
}

}  // namespace

Result<OpenBundle> open_bundle(const Arguments& arguments, const std::string& name, AccessOptions has,
                               const StopSignals* signals) {
  OpenBundle opened;
  opened.images = TRY(ImageAccess::from(arguments, has, signals));
  opened.store = std::make_unique<image::Store>(TRY(open_store(store_options(arguments))));
  opened.bundle = TRY(bundle::Bundle::open(*opened.store, name, opened.images->access()));
  return opened;
}

std::string first_word(const Arguments& arguments) {
  return arguments.positionals().empty() ? "" : arguments.positionals()[0];
}

Result<RunnableBundle> runnable_bundle(const Arguments& arguments, AccessOptions has,
                                       const StopSignals& signals) {
  OpenBundle opened = TRY(open_bundle(arguments, first_word(arguments), has, &signals));
  CHECK_OK(check_consent(arguments, *opened.bundle));
  engine::Chosen engine = TRY(engine::choose(TRY(engine_of(arguments)), opened.bundle->file().plan));
  if (!engine.note.empty()) complain(engine.note);
  const std::vector<std::string>& secrets = arguments.values("--secret");
  bundle::Ready ready = TRY(opened.bundle->ready(*opened.store, /*keep_blobs=*/engine.owned != nullptr,
                                                 {secrets.begin(), secrets.end()}));
  for (const std::string& note : ready.notes) complain(note);
  run::Options how;
  how.engine = engine.engine();
  how.store = store_options(arguments);
  how.access = opened.images->access();
  how.note = [](const std::string&) {};  // of the store: told when it was opened here
  how.stop_fd = signals.descriptor();
  return RunnableBundle{std::move(opened), std::move(engine), std::move(ready), std::move(how)};
}

Status check_bundle_folder(const std::string& folder) {
  return sys::make_dirs(folder, 0777).in("--pack-on-failure");
}

std::vector<std::string> results_at(const std::vector<std::optional<std::string>>& paths) {
  std::vector<std::string> found;
  for (const auto& path : paths) {
    if (!path) continue;
    const std::unique_ptr<char, decltype(&free)> real(::realpath(path->c_str(), nullptr), &free);
    if (real) found.emplace_back(real.get());
  }
  return found;
}

plan::Plan plan_of(const plan::Plan& plan, size_t index) {
  plan::Plan own;
  own.jobs.push_back(plan.jobs[index]);
  own.jobs.front().needs.clear();
  return own;
}

int pack_failures(const std::string& folder, const plan::Plan& plan, const bundle::Recording& recording,
                  const image::ChangesLayers& set_ups, const image::StoreOptions& options,
                  const image::Access& access, const std::vector<std::string>& left_out) {
  int code = exit_passed;
  std::set<std::string> taken;
  std::optional<image::Store> store;
  for (size_t i = 0; i < plan.jobs.size(); ++i) {
    const bundle::RecordedTest& test = recording.tests[i];
    const std::string name = file_name(plan.jobs[i].name, taken);
    if (test.outcome != Outcome::fail && test.outcome != Outcome::error) continue;
    if (!store) {
      auto opened = image::Store::open(options);
      if (!opened.ok()) return complain(opened.error());
      store.emplace(std::move(opened).value());
    }
    const std::string path = folder + "/" + name;
    bundle::PackOptions how{.output = path, .recording = &recording};
    how.left_out = left_out;
    how.set_ups = set_ups;
    how.only = i;
    auto packed = bundle::pack(*store, access, plan, how);
    if (!packed.ok()) {
      code = complain(std::move(packed).error().in(fmt::format("packing {}", plan.jobs[i].name)));
      continue;
    }
    for (const std::string& note : packed.value().notes) complain(note);
    complain(fmt::format("{}: {} ({}); `testctr-script replay {}` runs it again", plan.jobs[i].name, path,
                         text::human_size(packed.value().size), text::shell_quoted(path)));
  }
  return code;
}

std::vector<std::string> words_of_bundle(std::vector<std::string> words) {
  constexpr std::array<std::string_view, 4> looks{"list", "shell", "extract", "inspect"};
  const bool none = words.empty() || (words[0].starts_with('-') && words[0] != "--version" &&
                                      words[0] != "-h" && words[0] != "--help");
  const bool look = !words.empty() && std::find(looks.begin(), looks.end(), words[0]) != looks.end();
  if (!none && !look) return words;
  const auto carries = bundle::carries_bundle();
  if (!carries.ok() || !carries.value()) return words;
  words.insert(words.begin(), none ? "replay" : "bundle");
  return words;
}

}  // namespace testctr::cmd
