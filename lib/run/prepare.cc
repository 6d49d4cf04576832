#include "run/prepare.h"

#include <charconv>

#include "base/fd.h"
#include "base/sys.h"

namespace testctr::run {
namespace {

constexpr const char* inside_tree = "/testctr/tree";
constexpr const char* inside_work = "/work";

}  // namespace

uint64_t default_memory(unsigned parallel) {
  auto meminfo = sys::read_file("/proc/meminfo", 65536);
  if (!meminfo.ok()) return 0;
  std::string_view text = meminfo.value();
  constexpr std::string_view key = "MemAvailable:";
  size_t at = text.find(key);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + key.size());
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  uint64_t kilobytes = 0;
  std::from_chars(text.data(), text.data() + text.size(), kilobytes);
  return kilobytes * 1024 / 2 / std::max(1U, parallel);
}

sandbox::Spec make_spec(const plan::Job& job, const image::RootFilesystem& root, const std::string& program,
                        uint64_t memory) {
  sandbox::Spec spec;
  spec.root.kind = root.kind == image::RootFilesystem::Kind::hostfs ? sandbox::Root::Kind::hostfs
                                                                    : sandbox::Root::Kind::layers;
  spec.root.layers = root.layers;
  for (const Fd& lock : root.locks) spec.keep_open.push_back(lock.get());
  spec.program = program;
  spec.tree = job.tree;
  spec.user = root.config.user;
  spec.ids = job.ids == plan::Ids::one     ? sandbox::IdMode::one
             : job.ids == plan::Ids::range ? sandbox::IdMode::range
                                           : sandbox::IdMode::automatic;
  spec.network = job.network == plan::Network::host ? sandbox::Network::host : sandbox::Network::none;
  spec.limits.memory = job.limits.memory != 0 ? job.limits.memory : memory;
  spec.limits.pids = job.limits.pids;
  spec.limits.scratch = job.limits.scratch;
  spec.limits.cpus = job.limits.cpus;
  spec.seccomp = job.seccomp;
  return spec;
}

Assignment make_assignment(const plan::Job& job, const image::RootFilesystem& root) {
  Assignment assignment;
  assignment.name = job.file;
  assignment.source = job.source;
  assignment.work = inside_work;
  assignment.tree = job.tree.empty() ? "" : inside_tree;
  assignment.working_dir = root.config.working_dir;
  assignment.case_timeout_ns = job.limits.case_timeout_ns;
  assignment.max_output = job.limits.max_output;
  auto& environment = assignment.environment;
  environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  environment["LANG"] = "C.UTF-8";
  environment["TZ"] = "UTC";
  for (const auto& entry : root.config.env) {
    size_t equals = entry.find('=');
    if (equals != std::string::npos && equals != 0)
      environment[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  environment["WORK"] = assignment.work;
  environment["TMPDIR"] = assignment.work + "/.tmp";
  if (!assignment.tree.empty()) environment["TREE"] = assignment.tree;
  for (const auto& [name, value] : job.environment) environment[name] = value;
  return assignment;
}

}  // namespace testctr::run
