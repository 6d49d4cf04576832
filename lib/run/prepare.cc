#include "run/prepare.h"

#include <set>

#include <charconv>
#include <cstdlib>
#include <ctime>

#include "base/fd.h"
#include "base/sys.h"
#include "plan/gather.h"
#include "run/artifacts.h"
#include "run/programs.h"

namespace testctr::run {
namespace {

constexpr const char* inside_tree = "/testctr/tree";
constexpr const char* inside_programs = "/testctr/bin";
constexpr const char* inside_shell = "/testctr/bin/bash";
// Below $WORK: where the caller's own folder is shown to a document.
std::string inside_directory() { return std::string(inside_work) + "/directory"; }

/// Whether an image seems to have a program. Where its layers hide it again, the place finds that out and
/// says so.
bool has_program(const image::RootFilesystem& root, const std::string& name) {
  const bool hostfs = root.kind == image::RootFilesystem::Kind::hostfs;
  for (const std::string& layer : hostfs ? std::vector<std::string>{""} : root.layers) {
    for (const char* folder : {"/bin/", "/usr/bin/", "/usr/local/bin/"}) {
      auto found = sys::stat_at(AT_FDCWD, layer + folder + name);
      if (found.ok() && found.value()) return true;
    }
  }
  return false;
}

bool needs_spare_shell(const plan::Job& job, const image::RootFilesystem& root) {
  for (const plan::HostProgram& program : job.programs)
    if (program.name == "bash") return false;
  const auto lacks = [&](const plan::Step& step) {
    if (step.format == plan::Format::script) return false;
    return !has_program(root, "bash") && (step.format != plan::Format::cram || !has_program(root, "sh"));
  };
  return lacks(job) || std::any_of(job.further.begin(), job.further.end(), lacks);
}

bool has_documents(const plan::Job& job) {
  const auto is = [](const plan::Step& step) { return step.format != plan::Format::script; };
  return is(job) || std::any_of(job.further.begin(), job.further.end(), is);
}

}  // namespace

uint64_t default_memory(unsigned parallel) { return sys::available_memory() / 2 / std::max(1U, parallel); }

Provisions::Provisions(image::Store& store, const image::Access& access, const std::vector<plan::Job>& jobs)
    : store_(store), access_(access), began_(::time(nullptr) - 1) {  // the kernel's stamps lag a little
  for (const plan::Job& job : jobs) {
    for (const plan::Artifacts& artifacts : job.artifacts) {
      if (outputs_.contains(artifacts.directory)) continue;
      outputs_.emplace(artifacts.directory,
                       sys::make_dirs(artifacts.directory, 0777).in("making a folder for artifacts"));
    }
    for (const plan::Mount& mount : job.mounts)
      if (!mount.read_only) outputs_.emplace(mount.source, Status());
    if (!job.documents.work_directory.empty()) outputs_.emplace(job.documents.work_directory, Status());
  }
}

void Provisions::set_apart(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved != nullptr) outputs_.emplace(resolved, Status());
  std::free(resolved);
}

template <class T, class F>
Result<T*> Provisions::once(std::map<std::string, Result<T>>& known, const std::string& key, F make) {
  auto it = known.find(key);
  if (it == known.end()) it = known.emplace(key, make()).first;
  if (!it->second.ok()) return it->second.error();
  return &it->second.value();
}

Result<Provision> Provisions::provide(const plan::Job& job) {
  for (const plan::Artifacts& artifacts : job.artifacts) {
    const auto made = outputs_.find(artifacts.directory);
    if (made != outputs_.end()) CHECK_OK(made->second);
  }
  Provision provision;
  if (!job.image.empty()) provision.root = TRY(root(job.pinned(job.image)));
  for (const plan::Container& container : job.containers) (void)TRY(root(job.pinned(container.image)));
  // Whether they are needed shows when they are asked for.
  for (const std::string& image : job.images) (void)root(job.pinned(image)).ok();
  if (!job.layer.empty()) {
    provision.layer =
        TRY(once(layers_, job.layer, [&] { return image::open_layer(store_, job.layer).in(job.layer); }));
    if (!provision.layer->script.empty()) {
      std::string script = TRY(sys::read_file(provision.layer->script));
      if (script != job.source) {
        return Error::usage(fmt::format("{} was made from another version of {}", job.layer, job.file))
            .hint("make the layer again with `testctr-script layer`");
      }
    }
  } else if (!job.tree.empty()) {
    provision.tree = TRY(once(trees_, job.tree, [&]() -> Result<image::TreeWatch> {
      std::vector<std::string> apart;
      for (const auto& [path, status] : outputs_) apart.push_back(path);
      return image::TreeWatch(TRY_IN(image::scan_tree(job.tree, apart), "the test tree"));
    }));
  }
  const bool for_user = shells_ && provision.root != nullptr && !has_program(*provision.root, "bash") &&
                        !has_program(*provision.root, "sh");
  if (provision.root != nullptr && (for_user || needs_spare_shell(job, *provision.root)))
    provision.spare = TRY(once(images_, "builtin", [&] { return image::obtain(store_, "builtin"); }));
  if (provision.root != nullptr) CHECK_OK(check_programs_in(job, job.pinned(job.image), provision));
  return provision;
}

Result<const image::RootFilesystem*> Provisions::root(const plan::Job& job, const std::string& image) {
  for (const size_t setup : job.set_up_by) {
    const auto extended = extended_.find(setup);
    if (extended != extended_.end() && extended->second.first == image) return &extended->second.second;
  }
  return root(image);
}

Result<std::shared_ptr<const image::ChangesLayer>> Provisions::extend(size_t setup, const std::string& image,
                                                                      int upper) {
  const image::RootFilesystem& base = *TRY(root(image));
  if (base.kind == image::RootFilesystem::Kind::hostfs)
    return Error::infrastructure("what is set up in hostfs cannot be kept: this machine's root has no layers")
        .hint("an image such as builtin has");
  // Ours, and what containers have in place of what an image may bring.
  const std::set<std::string> without = {"testctr", "work", "dev", "proc", "sys"};
  auto layer = std::make_shared<const image::ChangesLayer>(TRY_IN(
      image::layer_of_changes(store_, upper, without, base.layers, began_), "keeping what was set up"));
  image::RootFilesystem made;
  made.kind = base.kind;
  made.layers = base.layers;
  made.layers.push_back(layer->directory());
  made.config = base.config;
  made.manifest = base.manifest;
  made.reference = base.reference;
  made.root_mode = base.root_mode;
  for (const Fd& lock : base.locks) made.locks.push_back(TRY(sys::duplicate(lock.get())));
  set_up_.push_back(layer);
  extended_.insert_or_assign(setup, std::pair(image, std::move(made)));
  return layer;
}

Status Provisions::check_programs_in(const plan::Job& job, const std::string& image,
                                     const Provision& provision) {
  if (job.programs.empty()) return {};
  Assignment assignment = make_assignment(job, provision);
  hand_in(job, assignment);
  const auto& environment = assignment.environment;
  std::string key = image;
  for (const plan::HostProgram& program : job.programs) key += '\0' + program.path + '=' + program.name;
  for (const plan::Mount& mount : job.mounts) key += '\0' + mount.source + ':' + mount.target;
  for (const auto& [name, value] : environment) key += '\0' + name + '=' + value;
  auto checked = once(checked_, key, [&]() -> Result<Unit> {
    CHECK_OK(check_programs(job, image, *provision.root, environment));
    return Unit();
  });
  if (!checked.ok()) return std::move(checked).error();
  return {};
}

Result<const image::RootFilesystem*> Provisions::root(const std::string& image) {
  return TRY(once(images_, image, [&] { return image::obtain(store_, image, access_); }));
}

std::vector<std::string> notes_of(const Provision& provision) {
  std::vector<std::string> notes;
  if (provision.root != nullptr) notes = provision.root->notes;
  if (provision.tree != nullptr)
    notes.insert(notes.end(), provision.tree->tree().notes.begin(), provision.tree->tree().notes.end());
  return notes;
}

namespace {

// Where the tree lies, and how it is shown: as root's, whoever owns it here.
void set_tree(sandbox::Spec& spec, const Provision& provision) {
  if (provision.layer != nullptr) {
    spec.tree = provision.layer->tree;
    spec.keep_open.push_back(provision.layer->lock.get());
    return;
  }
  if (provision.tree == nullptr) return;
  const image::Tree& tree = provision.tree->tree();
  spec.tree = tree.root;
  spec.tree_hidden = tree.hidden;
  spec.tree_owners = tree.owners;
  spec.tree_groups = tree.groups;
  // An ordinary user can show only what is his own as root's without a copy.
  spec.copy_tree = tree.owners.size() > 1 || tree.groups.size() > 1 ||
                   (geteuid() != 0 && !(tree.owners.contains(geteuid()) && tree.groups.contains(getegid())));
}

}  // namespace

sandbox::Spec make_spec(const plan::Job& job, const Provision& provision, const std::string& program,
                        uint64_t memory) {
  const image::RootFilesystem& root = *provision.root;
  sandbox::Spec spec;
  spec.root.kind = root.kind == image::RootFilesystem::Kind::hostfs ? sandbox::Root::Kind::hostfs
                                                                    : sandbox::Root::Kind::layers;
  spec.root.layers = root.layers;
  spec.root.mode = root.root_mode;
  for (const Fd& lock : root.locks) spec.keep_open.push_back(lock.get());
  spec.program = program;
  set_tree(spec, provision);
  spec.user = root.config.user;
  spec.working_dir = root.config.working_dir;
  spec.ids = job.ids == plan::Ids::one     ? sandbox::IdMode::one
             : job.ids == plan::Ids::range ? sandbox::IdMode::range
                                           : sandbox::IdMode::automatic;
  spec.network = job.network == plan::Network::host ? sandbox::Network::host : sandbox::Network::none;
  spec.limits.memory = job.limits.memory != 0 ? job.limits.memory : memory;
  spec.limits.memory_asked = job.limits.memory != 0;
  spec.limits.pids = job.limits.pids;
  spec.limits.pids_asked = job.limits.pids_asked;
  spec.limits.scratch = job.limits.scratch;
  spec.limits.cpus = job.limits.cpus;
  spec.seccomp = job.seccomp;
  if (provision.spare != nullptr && !provision.spare->layers.empty()) {
    spec.binds.push_back(
        {provision.spare->layers.front() + "/bin/bash", inside_shell, /*read_only=*/true, /*ours=*/true});
    for (const Fd& lock : provision.spare->locks) spec.keep_open.push_back(lock.get());
  }
  if (!job.documents.work_directory.empty())
    spec.binds.push_back({job.documents.work_directory, inside_directory(), /*read_only=*/false});
  return spec;
}

namespace {

void set_common(Assignment& assignment, const plan::Job& job) {
  assignment.case_timeout_ns = job.limits.case_timeout_ns;
  assignment.max_output = job.limits.max_output;
  assignment.update = job.update;
  assignment.scripts = job.scripts;
  auto& environment = assignment.environment;
  environment["WORK"] = assignment.work;
  environment["TMPDIR"] = assignment.work + "/.tmp";
  if (!assignment.tree.empty()) environment["TREE"] = assignment.tree;
  if (has_documents(job)) {
    // What Scrut and Cram give their documents.
    for (const char* name : {"LANG", "LC_ALL", "LANGUAGE"}) environment[name] = "C";
    environment["TZ"] = "GMT";
    environment["COLUMNS"] = "80";
    environment["CDPATH"] = environment["GREP_OPTIONS"] = "";
    environment["TMPDIR"] = assignment.work + "/tmp";
  }
  for (const auto& [name, value] : job.environment) environment[name] = value;
}

}  // namespace

std::string spare_shell(const Provision& provision) {
  return provision.spare == nullptr || provision.spare->layers.empty() ? "" : inside_shell;
}

/// Whether a job's lines see nothing of the image's variables but PATH, as these dialects have it.
bool begins_bare(const plan::Job& job) {
  return job.format == plan::Format::script &&
         (job.language == script::Language::testscript || job.language == script::Language::cmdgo);
}

Assignment make_assignment(const plan::Job& job, const Provision& provision) {
  const image::RootFilesystem& root = *provision.root;
  const bool has_tree =
      provision.tree != nullptr || (provision.layer != nullptr && !provision.layer->tree.empty());
  Assignment assignment;
  assignment.work = inside_work;
  assignment.tree = has_tree ? inside_tree : "";
  assignment.network = job.network == plan::Network::host;
  auto& environment = assignment.environment;
  environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const bool bare = begins_bare(job);
  if (!bare) {
    environment["LANG"] = "C.UTF-8";
    environment["TZ"] = "UTC";
  }
  for (const auto& entry : root.config.env) {
    size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) continue;
    const std::string name = entry.substr(0, equals);
    if (!bare || name == "PATH") environment[name] = entry.substr(equals + 1);
  }
  set_common(assignment, job);
  return assignment;
}

void hand_in(const plan::Job& job, sandbox::Spec& spec) {
  for (const plan::HostProgram& program : job.programs)
    spec.binds.push_back({program.path, path_inside(program), /*read_only=*/true, /*ours=*/true});
  for (const plan::Mount& mount : job.mounts)
    spec.binds.push_back({mount.source, mount.target, mount.read_only});
}

void hand_in(const plan::Job& job, Assignment& assignment) {
  assignment.programs = names_of(job.programs);
  for (const plan::Artifacts& artifacts : artifacts_of(job, 0))
    assignment.artifacts.push_back(artifacts.pattern);
  assignment.keeps_failed = job.keep && !job.keep->always;
  if (job.programs.empty()) return;
  // Before all others: who gives a program means that one.
  std::string& path = assignment.environment["PATH"];
  path = path.empty() ? inside_programs : fmt::format("{}:{}", inside_programs, path);
}

std::string client_folder(const std::string& work) { return work.substr(0, work.rfind('/')) + "/bin"; }

Assignment host_assignment(const plan::Job& job, const std::string& work, bool clients) {
  Assignment assignment;
  assignment.place = plan::host_place;
  assignment.work = work;
  assignment.tree = job.tree;
  assignment.control = work.substr(0, work.rfind('/')) + "/control";
  assignment.network = assignment.guarded = true;
  for (const char* name : {"PATH", "HOME", "USER", "LOGNAME"}) {
    if (const char* value = ::getenv(name); value != nullptr) assignment.environment[name] = value;
  }
  assignment.environment.emplace("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  assignment.environment["LANG"] = "C.UTF-8";
  assignment.environment["TZ"] = "UTC";
  if (clients) {
    assignment.socket = work.substr(0, work.rfind('/')) + "/socket";
    assignment.environment["TESTCTR_SOCKET"] = assignment.socket;
    assignment.environment["PATH"] = client_folder(work) + ":" + assignment.environment["PATH"];
  }
  set_common(assignment, job);
  // A container could put a link where programs of the host write theirs. Cases of a document share the
  // folder.
  if (!has_documents(job)) assignment.environment["TMPDIR"] = work.substr(0, work.rfind('/')) + "/tmp";
  // An absolute one is a path in a container.
  for (const plan::Artifacts& artifacts : artifacts_of(job, 0)) {
    const bool inside = artifacts.pattern.starts_with('/') && artifacts.pattern != whole_work;
    assignment.artifacts.push_back(inside ? "" : artifacts.pattern);
  }
  assignment.keeps_failed = job.keep && !job.keep->always;
  return assignment;
}

Order make_order(const plan::Job& job, const plan::Step& step, const Provision& provision, Continuation from,
                 bool fresh) {
  Order order;
  order.from = std::move(from);
  order.fresh = fresh;
  if (!fresh) return order;
  order.name = step.name;
  order.source = step.source;
  order.language = step.language;
  if (step.format == plan::Format::script) return order;
  DocumentAssignment document;
  document.dialect = plan::dialect_of(step.format);
  document.parts = step.parts;
  document.main = static_cast<uint32_t>(step.main_part);
  document.reading = job.documents.reading;
  document.setting.where = step.where;
  document.setting.compat = job.documents.reading.compat;
  document.setting.shell = job.documents.shell;
  const bool on_host = order.from.target == plan::host_place;
  if (provision.spare != nullptr && !on_host) document.setting.spare_shell = inside_shell;
  document.setting.overrides = job.documents.overrides;
  document.setting.whole_output = job.documents.whole_output;
  if (!job.documents.work_directory.empty())
    document.setting.directory = on_host ? job.documents.work_directory : inside_directory();
  order.document = std::move(document);
  return order;
}

}  // namespace testctr::run
