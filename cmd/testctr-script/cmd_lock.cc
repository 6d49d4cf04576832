// `lock`: testctr.lock, which says by digests what the images of a manifest are.
#include <set>

#include "base/output_file.h"
#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "image/images.h"
#include "image_access.h"
#include "open_store.h"
#include "plan/from_manifest.h"
#include "plan/lockfile.h"
#include "plan/plan_images.h"
#include "plan/plan_request.h"

namespace testctr::cmd {
namespace {

constexpr Option options[] = {
    {.names = "-f,--manifest",
     .value = "FILE",
     .help = "the manifest (default: testctr.yaml here or in a folder above)"},
    {.names = "--check",
     .help = "write nothing; end with 1 when the lock file is not as it has to be (for CI)"},
    {.names = "--update",
     .help = "ask again what names stand for that are locked already: those given, without any all"},
    {.names = "--offline", .help = "take what the store has, and ask no registry (also: TESTCTR_OFFLINE=1)"},
    authfile_option,
    {.names = "--pull",
     .value = "WHEN",
     .help = "of --check: always also asks whether registries still have the same (default: missing)",
     .choices = "missing|always"},
    store_option,
};

// What a registry has for a name at this moment.
Result<plan::LockedImage> ask_registry(const std::string& name, const image::Access& access) {
  const image::Resolved resolved = TRY(image::resolve(name, access));
  plan::LockedImage image;
  image.digest = resolved.digest;
  for (const auto& [platform, digest] : resolved.manifests) image.platforms.emplace(platform.str(), digest);
  return image;
}

// What the store has for it.
Result<plan::LockedImage> ask_store(image::Store& store, const std::string& name) {
  plan::LockedImage image;
  image.digest = TRY(image::find(store, name));
  image.platforms[plan::own_platform()] = image.digest;
  return image;
}

/// What is to be locked, and where.
struct Lock {
  std::string path;
  plan::LockFile file;
  bool is_there = false;
  std::string text;  ///< as it is there
  std::vector<std::string> names;
};

Result<Lock> read(const Arguments& arguments) {
  const std::string manifest =
      TRY(plan::manifest_path(arguments.value("--manifest"), "no manifest is named to lock"));
  plan::RunRequest request;
  request.looks_only = true;
  const plan::Manifest read = TRY(plan::read_manifest(manifest));
  const plan::Plan plan = TRY(plan::plan_of_manifest(read, request));
  Lock lock;
  lock.path = plan::lock_path(manifest);
  lock.is_there = read.lock.has_value();
  if (lock.is_there) {
    lock.file = *read.lock;
    lock.text = TRY(sys::read_file(lock.path));
  }
  for (std::string& name : TRY(plan::images_of(plan)))
    if (plan::can_be_locked(name)) lock.names.push_back(std::move(name));
  return lock;
}

Result<int> check(const Lock& lock, const plan::ResolveImage& resolve) {
  const std::string shown = text::printable(lock.path);
  if (!lock.is_there && !lock.names.empty()) {
    CHECK_OK(print(fmt::format("{}: there is no lock file\n", shown)));
    return exit_failed;
  }
  std::vector<std::string> wrong = TRY(plan::check_lock(lock.file, lock.names, resolve));
  if (wrong.empty() && lock.is_there && plan::lock_text(lock.file) != lock.text)
    wrong.emplace_back("it is not written as `lock` writes it");
  std::string out;
  for (const std::string& sentence : wrong) out += fmt::format("{}: {}\n", shown, text::printable(sentence));
  if (wrong.empty())
    out = fmt::format("ok    {} ({} {})\n", shown, lock.names.size(),
                      lock.names.size() == 1 ? "image" : "images");
  CHECK_OK(print(out));
  if (!wrong.empty()) complain("`testctr-script lock` writes the lock file");
  return wrong.empty() ? exit_passed : exit_failed;
}

Result<std::vector<std::string>> names_to_renew(const Arguments& arguments, const Lock& lock) {
  const std::vector<std::string>& given = arguments.positionals();
  if (!arguments.flag("--update")) {
    if (given.empty()) return given;
    return Error(Error::usage(fmt::format("lock: unexpected argument {}", text::quoted(given[0]))))
        .hint("`--update NAME...` asks again what these stand for; `-f FILE` names the manifest");
  }
  if (given.empty()) return lock.names;
  for (const std::string& name : given) {
    if (std::find(lock.names.begin(), lock.names.end(), name) != lock.names.end()) continue;
    const auto near = text::nearest(name, lock.names);
    return Error(Error::usage(fmt::format("--update: the manifest names no image {}", text::quoted(name))))
        .hint(near ? fmt::format("did you mean {}?", *near)
                   : fmt::format("it names {}", text::join(lock.names, ", ")));
  }
  return given;
}

std::string told(const plan::LockChange& change) {
  const std::string name = text::printable(change.name);
  if (change.after.empty()) return fmt::format("- {}\n", name);
  if (change.before.empty()) return fmt::format("+ {} {}\n", name, change.after.str());
  if (change.before == change.after)
    return fmt::format("~ {} {} (its platforms)\n", name, change.after.str());
  return fmt::format("~ {} {} -> {}\n", name, change.before.str(), change.after.str());
}

Result<int> run_lock(const Arguments& arguments) {
  static const std::vector<std::string> times{"missing", "always"};
  const bool always = TRY(arguments.choice("--pull", times)).value_or("missing") == "always";
  const bool checks = arguments.flag("--check");
  if (checks && arguments.flag("--update"))
    return Error::usage("--check writes nothing, and --update does: give one of them");
  if (always && !checks)
    return Error(Error::usage("--pull always goes with --check")).hint("`lock --update` asks for all names");
  Lock lock = TRY(read(arguments));
  const StopSignals signals = TRY(StopSignals::install());
  const auto images = TRY(ImageAccess::from(arguments, {}, &signals));
  const bool offline = images->access().offline;
  const std::vector<std::string> renew = TRY(names_to_renew(arguments, lock));
  std::optional<image::Store> store;
  if (offline && (!checks || always)) store = TRY(open_store(store_options(arguments)));
  const plan::ResolveImage resolve = [&](const std::string& name) {
    return store ? ask_store(*store, name) : ask_registry(name, images->access());
  };
  if (checks) return check(lock, always ? resolve : nullptr);
  const std::vector<plan::LockChange> changes = TRY(plan::update_lock(lock.file, lock.names, renew, resolve));
  const std::string text = plan::lock_text(lock.file);
  if (text != lock.text) {
    sys::OutputFile file = TRY(sys::OutputFile::create(lock.path));
    CHECK_OK(sys::write_full(TRY(file.begin()), text));
    CHECK_OK(file.finish());
  }
  std::string out;
  for (const plan::LockChange& change : changes) out += told(change);
  CHECK_OK(print(out));
  return exit_passed;
}

const Registration lock({
    .name = "lock",
    .rank = 460,
    .summary = "write down by digests which images a manifest's names stand for",
    .synopsis = "[-f testctr.yaml] [--check] [--update [NAME...]]",
    .examples = "testctr-script lock\n"
                "testctr-script lock --update golang:latest\n"
                "testctr-script lock --check\n"
                "testctr-script run --locked\n",
    .options = options,
    .text =
        "Beside testctr.yaml it writes testctr.lock (beside FILE.yaml: FILE.lock), to be committed with it. "
        "From then on `run` takes these very\n"
        "images, whatever the names stand for meanwhile, and reports show the digests. Images that are "
        "locked stay as they are, new ones are\n"
        "added, and those that the manifest does not name any more go. Images that a manifest names by "
        "digest, by a file or folder, and those\n"
        "of this program need no lock. `run --locked` refuses what is not locked.\n"
        "Prints what changed: + added, ~ changed, - removed.",
    .run = run_lock,
});

}  // namespace
}  // namespace testctr::cmd
