#include "engine/container_body.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"
#include "run/prepare.h"

namespace testctr::engine {
namespace {

constexpr const char* inside_program = "/testctr/bin/testctr-script";
constexpr size_t largest_profile = size_t{1} << 20;
// Of PID 1 and the process below it, with its second thread: they are not the test's.
constexpr uint64_t own_tasks = 3;

// What root keeps: as in a container of our own (sandbox/confine.h).
Json capabilities() {
  return {"CHOWN",   "DAC_OVERRIDE", "FSETID",     "FOWNER",           "SETGID", "SETUID",
          "SETFCAP", "SETPCAP",      "SYS_CHROOT", "NET_BIND_SERVICE", "KILL"};
}

Json labels(const std::string& test) { return {{run_label, test}, {owner_label, Owner::self().str()}}; }

Json body_of(const std::string& image, const std::string& test, const std::string& network,
             const std::string& hostname) {
  Json body{{"Image", image},       {"Entrypoint", {inside_program, inner_command}},
            {"Cmd", Json::array()}, {"User", "0:0"},
            {"WorkingDir", "/"},    {"OpenStdin", true},
            {"StdinOnce", true},    {"AttachStdin", true},
            {"AttachStdout", true}, {"AttachStderr", true},
            {"Tty", false},         {"Labels", labels(test)}};
  // Who joins a network has that one's name.
  if (!network.starts_with("container:")) body["Hostname"] = hostname;
  body["HostConfig"] = {{"NetworkMode", network},
                        {"CapDrop", {"ALL"}},
                        {"CapAdd", capabilities()},
                        // What goes over its standard streams is nobody's log.
                        {"LogConfig", {{"Type", "none"}, {"Config", Json::object()}}},
                        {"RestartPolicy", {{"Name", "no"}}}};
  return body;
}

bool is_reserved(std::string_view target) {
  for (std::string_view own : {"/proc", "/sys", "/dev", "/testctr"}) {
    if (target == own || (target.starts_with(own) && target[own.size()] == '/')) return true;
  }
  return target == "/";
}

Result<Json> mount_of(const sandbox::Bind& bind) {
  const auto parts = text::split(bind.target, '/');
  const bool dots = std::find(parts.begin(), parts.end(), "..") != parts.end() ||
                    std::find(parts.begin(), parts.end(), ".") != parts.end() ||
                    bind.target.find("//") != std::string::npos;
  if (!bind.target.starts_with('/') || dots || (!bind.ours && is_reserved(bind.target))) {
    return Error::usage(fmt::format("nothing may be mounted at {}", text::quoted(bind.target)))
        .hint("choose another path inside");
  }
  return Json{
      {"Type", "bind"}, {"Source", bind.source}, {"Target", bind.target}, {"ReadOnly", bind.read_only}};
}

Status cannot(const char* what, const EngineInfo& engine) {
  return Error::infrastructure(fmt::format("{} keeps no limit of {} here", engine.shown, what))
      .hint("an engine of root can, or one of a user to whom its control group is delegated");
}

bool unusable(const std::string& image) { return image == "hostfs" || image.starts_with("dir:"); }

}  // namespace

bool shares_work(const run::PlaceRequest& request) {
  for (const sandbox::Bind& bind : request.spec.binds) {
    if (bind.ours && bind.target == run::inside_work) return true;
  }
  return false;
}

bool shares_network(const run::PlaceRequest& request) {
  if (request.spec.network == sandbox::Network::host) return false;
  const bool several = request.assignment.service.has_value() || shares_work(request);
  return several && (!request.spec.names.empty() || !request.assignment.socket.empty());
}

Status check_job(const plan::Job& job, const EngineInfo& engine) {
  std::vector<std::string> images{job.image};
  for (const plan::Container& container : job.containers) images.push_back(container.image);
  for (const std::string& image : images) {
    if (!unusable(image)) continue;
    return Error::usage(
               fmt::format("{} cannot run in {}: that takes images with layers", image, engine.shown))
        .hint("`--engine native` runs it");
  }
  if (job.ids != plan::Ids::automatic)
    return Error::usage(
               fmt::format("--ids says how ids are mapped, and in {} the engine decides that", engine.shown))
        .hint("leave it out, or use `--engine native`");
  if (job.limits.scratch != plan::Limits().scratch)
    return Error::usage(fmt::format("{} keeps no limit of scratch space", engine.shown))
        .hint("leave --scratch out, or use `--engine native`");
  if (job.limits.memory != 0 && !engine.memory) return cannot("memory", engine);
  if (job.limits.pids_asked && !engine.pids) return cannot("processes", engine);
  if (job.limits.cpus > 0 && !engine.cpus) return cannot("processors", engine);
  return {};
}

Result<Json> container_body(const run::PlaceRequest& request, const EngineInfo& engine,
                            const std::string& image, const std::string& network) {
  const sandbox::Spec& spec = request.spec;
  Json body = body_of(image, request.test, network, spec.hostname);
  Json& host = body["HostConfig"];
  if (spec.limits.memory != 0 && engine.memory) {
    host["Memory"] = spec.limits.memory;
    if (engine.swap) host["MemorySwap"] = spec.limits.memory;
  }
  if (spec.limits.pids != 0 && engine.pids) host["PidsLimit"] = spec.limits.pids + own_tasks;
  if (spec.limits.cpus > 0 && engine.cpus)
    host["NanoCpus"] = static_cast<int64_t>(spec.limits.cpus * 1'000'000'000);
  Json security = Json::array();
  // All of the image runs under our default filter, which is no wider than the engines'. What theirs refuses
  // would not come to ours, and nobody would be told. With another filter theirs stays.
  if (spec.seccomp == "default") security.push_back("seccomp=unconfined");
  Json mounts = Json::array();
  for (const sandbox::Bind& bind : spec.binds) mounts.push_back(TRY(mount_of(bind)));
  if (!mounts.empty()) {
    host["Mounts"] = mounts;
    // Files of the host have labels for the host.
    if (TRY(sys::stat_at(AT_FDCWD, "/sys/fs/selinux/enforce"))) security.push_back("label=disable");
  }
  host["SecurityOpt"] = security;
  return body;
}

Json holder_body(const std::string& image, const std::string& test, const std::string& hostname) {
  return body_of(image, test, "none", hostname);
}

Result<InnerSetup> setup_for(const run::PlaceRequest& request, const EngineInfo& engine) {
  const sandbox::Spec& spec = request.spec;
  InnerSetup setup;
  setup.user = spec.user;
  setup.working_dir = spec.working_dir;
  setup.seccomp = spec.seccomp;
  if (setup.seccomp != "default" && setup.seccomp != "unconfined")
    setup.seccomp = TRY(sys::read_file(spec.seccomp, largest_profile));
  setup.names = spec.names;
  if (!request.assignment.service) setup.work = request.assignment.work;
  setup.shared_work = shares_work(request);
  setup.work_owner = engine.rootless ? 0 : ::geteuid();
  for (const sandbox::Bind& bind : spec.binds) {
    const auto st = TRY(sys::stat_at(AT_FDCWD, bind.source, 0));
    if (!st)
      return Error::infrastructure(fmt::format("{} does not exist any more", text::quoted(bind.source)));
    setup.seen.push_back({bind.target, st->st_dev, st->st_ino});
  }
  return setup;
}

}  // namespace testctr::engine
