#include "sandbox/profile.h"

#include <linux/capability.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "sandbox/confine.h"

namespace testctr::sandbox {
namespace {

struct FilterEnd {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, FilterEnd>;

// What this project's own containers are, to the conditions of a profile.
const std::map<std::string, int>& capability_numbers() {
  static const std::map<std::string, int> numbers = {{"CAP_CHOWN", CAP_CHOWN},
                                                     {"CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE},
                                                     {"CAP_FSETID", CAP_FSETID},
                                                     {"CAP_FOWNER", CAP_FOWNER},
                                                     {"CAP_SETGID", CAP_SETGID},
                                                     {"CAP_SETUID", CAP_SETUID},
                                                     {"CAP_SETFCAP", CAP_SETFCAP},
                                                     {"CAP_SETPCAP", CAP_SETPCAP},
                                                     {"CAP_NET_BIND_SERVICE", CAP_NET_BIND_SERVICE},
                                                     {"CAP_SYS_CHROOT", CAP_SYS_CHROOT},
                                                     {"CAP_KILL", CAP_KILL}};
  return numbers;
}

bool has_capability(const std::string& name) {
  auto found = capability_numbers().find(name);
  return found != capability_numbers().end() && (kept_capabilities() >> found->second & 1) != 0;
}

Error malformed(const std::string& what) {
  return Error::usage(what).hint(
      "the format is that of Docker's default.json, or of linux.seccomp of the OCI runtime specification");
}

Result<uint32_t> action_of(const std::string& name, int64_t number) {
  if (name == "SCMP_ACT_ALLOW") return SCMP_ACT_ALLOW;
  if (name == "SCMP_ACT_ERRNO") {
    if (number < 0 || number > 4095) return malformed(fmt::format("errnoRet {} is out of range", number));
    return SCMP_ACT_ERRNO(static_cast<uint32_t>(number));
  }
  if (name == "SCMP_ACT_KILL" || name == "SCMP_ACT_KILL_THREAD") return SCMP_ACT_KILL_THREAD;
  if (name == "SCMP_ACT_KILL_PROCESS") return SCMP_ACT_KILL_PROCESS;
  if (name == "SCMP_ACT_TRAP") return SCMP_ACT_TRAP;
  if (name == "SCMP_ACT_LOG") return SCMP_ACT_LOG;
  return malformed(fmt::format("the action {} is not supported", text::quoted(name)));
}

Result<scmp_compare> comparison_of(const std::string& name) {
  static const std::map<std::string, scmp_compare> names = {{"SCMP_CMP_NE", SCMP_CMP_NE},
                                                            {"SCMP_CMP_LT", SCMP_CMP_LT},
                                                            {"SCMP_CMP_LE", SCMP_CMP_LE},
                                                            {"SCMP_CMP_EQ", SCMP_CMP_EQ},
                                                            {"SCMP_CMP_GE", SCMP_CMP_GE},
                                                            {"SCMP_CMP_GT", SCMP_CMP_GT},
                                                            {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
  auto found = names.find(name);
  if (found == names.end()) return malformed(fmt::format("the comparison {} is unknown", text::quoted(name)));
  return found->second;
}

Status known_members(const Json& object, std::initializer_list<const char*> known) {
  for (auto member = object.begin(); member != object.end(); ++member) {
    if (std::none_of(known.begin(), known.end(), [&](const char* name) { return member.key() == name; })) {
      return malformed(fmt::format("the member {} is unknown", text::quoted(member.key())));
    }
  }
  return {};
}

Result<std::vector<std::string>> strings(const Json& object, const char* key) {
  std::vector<std::string> result;
  auto found = object.find(key);
  if (found == object.end() || found->is_null()) return result;
  if (!found->is_array()) return malformed(fmt::format("{} is not a list", key));
  for (const Json& value : *found) {
    if (!value.is_string()) return malformed(fmt::format("{} has an element that is no string", key));
    result.push_back(value.get<std::string>());
  }
  return result;
}

std::pair<int, int> version_of(const std::string& text) {
  int major = 0, minor = 0;
  std::sscanf(text.c_str(), "%d.%d", &major, &minor);
  return {major, minor};
}

// Which conditions hold here: "every one" decides an inclusion, "any one" an exclusion.
struct Conditions {
  bool every = true, any = false;
  void add(bool holds) {
    every = every && holds;
    any = any || holds;
  }
};

Result<Conditions> conditions_of(const Json& entry, const char* key, const std::string& release) {
  Conditions result;
  auto found = entry.find(key);
  if (found == entry.end() || found->is_null()) return result;
  if (!found->is_object()) return malformed(fmt::format("{} is not an object", key));
  CHECK_OK(known_members(*found, {"arches", "caps", "minKernel"}));
  auto arches = TRY(strings(*found, "arches")), capabilities = TRY(strings(*found, "caps"));
  if (!arches.empty()) result.add(std::find(arches.begin(), arches.end(), "amd64") != arches.end());
  for (const std::string& name : capabilities) result.add(has_capability(name));
  std::string kernel = TRY(json::get_string(*found, "minKernel", ""));
  if (!kernel.empty()) result.add(version_of(release) >= version_of(kernel));
  return result;
}

Result<std::vector<scmp_arg_cmp>> comparisons_of(const Json& entry) {
  std::vector<scmp_arg_cmp> result;
  auto found = entry.find("args");
  if (found == entry.end() || found->is_null()) return result;
  if (!found->is_array()) return malformed("args is not a list");
  for (const Json& value : *found) {
    if (!value.is_object()) return malformed("args has an element that is no object");
    CHECK_OK(known_members(value, {"index", "value", "valueTwo", "op"}));
    int64_t index = TRY(json::get_int(value, "index"));
    if (index < 0 || index > 5) return malformed(fmt::format("there is no argument {}", index));
    scmp_compare op = TRY(comparison_of(TRY_IN(json::get_string(value, "op"), "args")));
    auto number = [&](const char* key) {
      auto at = value.find(key);
      return at != value.end() && at->is_number_integer() ? at->get<uint64_t>() : uint64_t{0};
    };
    result.push_back({.arg = static_cast<unsigned>(index),
                      .op = op,
                      .datum_a = number("value"),
                      .datum_b = number("valueTwo")});
  }
  return result;
}

class Compiler {
 public:
  explicit Compiler(std::string release) : release_(std::move(release)) {}

  Result<CompiledProfile> compile(const Json& profile) {
    if (!profile.is_object()) return malformed("the profile is not an object");
    CHECK_OK(known_members(profile, {"defaultAction", "defaultErrnoRet", "defaultErrno", "architectures",
                                     "archMap", "syscalls", "flags", "comment"}));
    std::string name = TRY(json::get_string(profile, "defaultAction"));
    default_action_ = TRY(action_of(name, TRY(json::get_int(profile, "defaultErrnoRet", EPERM))));
    filter_.reset(seccomp_init(default_action_));
    if (!filter_) return Error::internal("seccomp_init failed");
    CHECK_OK(choose_architectures(profile));
    // x32 has numbers of its own; a profile that does not name it means to refuse it.
    if (seccomp_attr_set(filter_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) < 0 ||
        seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2) < 0) {
      return Error::internal("libseccomp refused an attribute");
    }
    const Json* calls = json::find(profile, "syscalls", Json::value_t::array);
    for (size_t i = 0; calls != nullptr && i < calls->size(); ++i)
      CHECK_OK(add_entry((*calls)[i]).in(fmt::format("syscalls[{}]", i)));
    return finish();
  }

 private:
  Status choose_architectures(const Json& profile) {
    auto names = TRY(strings(profile, "architectures"));
    const Json* map = json::find(profile, "archMap", Json::value_t::array);
    for (size_t i = 0; map != nullptr && i < map->size(); ++i) {
      const Json& line = (*map)[i];
      if (!line.is_object() || TRY(json::get_string(line, "architecture")) != "SCMP_ARCH_X86_64") continue;
      names.emplace_back("SCMP_ARCH_X86_64");
      for (std::string& sub : TRY(strings(line, "subArchitectures"))) names.push_back(std::move(sub));
    }
    for (const std::string& name : names) {
      uint32_t token = name == "SCMP_ARCH_X86" ? SCMP_ARCH_X86 : name == "SCMP_ARCH_X32" ? SCMP_ARCH_X32 : 0;
      if (token != 0 && seccomp_arch_exist(filter_.get(), token) < 0 &&
          seccomp_arch_add(filter_.get(), token) < 0)
        return Error::internal("seccomp_arch_add failed");
    }
    return {};
  }

  Status add_entry(const Json& entry) {
    if (!entry.is_object()) return malformed("not an object");
    CHECK_OK(known_members(
        entry, {"names", "name", "action", "errnoRet", "errno", "args", "includes", "excludes", "comment"}));
    auto names = TRY(strings(entry, "names"));
    if (auto single = TRY(json::get_string(entry, "name", "")); !single.empty()) names.push_back(single);
    if (names.empty()) return malformed("no names");
    uint32_t action =
        TRY(action_of(TRY(json::get_string(entry, "action")), TRY(json::get_int(entry, "errnoRet", EPERM))));
    auto comparisons = TRY(comparisons_of(entry));
    Conditions includes = TRY(conditions_of(entry, "includes", release_)),
               excludes = TRY(conditions_of(entry, "excludes", release_));
    if (!includes.every || excludes.any || action == default_action_) return {};
    for (const std::string& name : names) CHECK_OK(add_rule(name, action, comparisons));
    return {};
  }

  Status add_rule(const std::string& name, uint32_t action, const std::vector<scmp_arg_cmp>& comparisons) {
    int number = seccomp_syscall_resolve_name(name.c_str());
    if (number == __NR_SCMP_ERROR) {
      unknown_.insert(name);
      return {};
    }
    // Several tests of one argument cannot stand in one rule of the library; the OCI runtimes read them as
    // alternatives.
    std::set<unsigned> arguments;
    for (const scmp_arg_cmp& c : comparisons) arguments.insert(c.arg);
    int rc = 0;
    if (arguments.size() == comparisons.size()) {
      rc = seccomp_rule_add_array(filter_.get(), action, number, static_cast<unsigned>(comparisons.size()),
                                  comparisons.data());
    } else {
      for (size_t i = 0; i < comparisons.size() && rc == 0; ++i)
        rc = seccomp_rule_add_array(filter_.get(), action, number, 1, &comparisons[i]);
    }
    if (rc < 0 && rc != -EEXIST && rc != -EDOM) return Error::system("seccomp_rule_add", name, -rc);
    return {};
  }

  Result<CompiledProfile> finish() {
    Fd memory = TRY(sys::memory_file("profile"));
    if (int rc = seccomp_export_bpf(filter_.get(), memory.get()); rc < 0)
      return Error::system("seccomp_export_bpf", "", -rc);
    lseek(memory.get(), 0, SEEK_SET);
    std::string bytes = TRY(sys::read_all(memory.get(), size_t{1} << 20));
    CompiledProfile result;
    result.program.resize(bytes.size() / sizeof(sock_filter));
    memcpy(result.program.data(), bytes.data(), result.program.size() * sizeof(sock_filter));
    if (result.program.empty() || result.program.size() > BPF_MAXINSNS)
      return malformed(fmt::format("the filter would have {} instructions; the kernel takes {}",
                                   result.program.size(), BPF_MAXINSNS));
    result.unknown_calls.assign(unknown_.begin(), unknown_.end());
    return result;
  }

  std::string release_;
  uint32_t default_action_ = 0;
  Filter filter_;
  std::set<std::string> unknown_;
};

}  // namespace

Result<CompiledProfile> compile_profile(std::string_view json, const std::string& name,
                                        const std::string& release) {
  auto work = [&]() -> Result<CompiledProfile> {
    auto document = json::parse(json);
    if (!document.ok()) return std::move(document).error().as(Fault::usage);
    return Compiler(release).compile(document.value());
  };
  auto result = work();
  if (!result.ok())
    return std::move(result).error().as(Fault::usage).in(fmt::format("the system call profile {}", name));
  return result;
}

}  // namespace testctr::sandbox
