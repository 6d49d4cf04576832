#include "sandbox/plan.h"

#include <unistd.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/filtered.h"
#include "sandbox/subordinate.h"

namespace testctr::sandbox {
namespace {

std::string read_or_nothing(const std::string& path) {
  auto content = sys::read_file(path, size_t{1} << 20);
  return content.ok() ? std::move(content).value() : "";
}

// A file of the image as the topmost layer has it that has it at all. A whiteout (a device) or anything else
// that is not a plain file counts as none.
std::string file_of_image(const Root& root, const std::string& path) {
  if (root.kind == Root::Kind::hostfs) return read_or_nothing("/" + path);
  for (auto layer = root.layers.rbegin(); layer != root.layers.rend(); ++layer) {
    auto dir = sys::open(*layer, O_PATH | O_DIRECTORY);
    if (!dir.ok()) continue;
    auto file = sys::open_in_root(dir.value().get(), path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file.ok()) {
      if (file.error().number() == ENOENT) continue;
      return "";
    }
    struct stat st {};
    if (fstat(file.value().get(), &st) != 0 || !S_ISREG(st.st_mode)) return "";
    auto content = sys::read_all(file.value().get(), size_t{1} << 20);
    return content.ok() ? std::move(content).value() : "";
  }
  return "";
}

bool lies_below(const std::string& path, const std::string& dir) {
  return path == dir || path.starts_with(dir + "/");
}

Result<std::string> choose_scratch_point(const Spec& spec) {
  std::vector<std::string> used = spec.root.layers;
  used.push_back(spec.program);
  used.push_back(spec.tree);
  for (const Bind& bind : spec.binds) used.push_back(bind.source);
  for (const char* candidate : {"/sys", "/mnt", "/media", "/srv", "/run", "/tmp", "/opt", "/usr"}) {
    auto st = sys::stat_at(AT_FDCWD, candidate);
    if (!st.ok() || !st.value() || !S_ISDIR(st.value()->st_mode)) continue;
    if (std::none_of(used.begin(), used.end(),
                     [&](const std::string& path) { return lies_below(path, candidate); }))
      return std::string(candidate);
  }
  return Error::infrastructure(
      "no directory of this machine can be covered for the scratch space (of /sys, /mnt, /media, /srv, /run, "
      "/tmp, /opt, /usr)");
}

Status choose_maps(Plan& plan, const Caller& caller) {
  IdMode mode = plan.spec.ids;
  if (mode == IdMode::automatic) mode = caller.real_root() ? IdMode::range : IdMode::one;
  if (mode == IdMode::one && caller.real_root()) {
    return Error::usage("one id for the real root would make it root inside: it is never mapped")
        .hint("leave out --ids, or run as an ordinary user");
  }
  const Account& account = plan.account;
  if (mode == IdMode::one) {
    plan.rank = Plan::Rank::single;
    plan.account.groups.clear();
    plan.uid_map = {{account.uid, caller.uid, 1}};
    plan.gid_map = {{account.gid, caller.gid, 1}};
    return {};
  }
  if (account.uid >= range_size || account.gid >= range_size) {
    return Error::infrastructure(
        fmt::format("the image's user {}:{} lies outside of the {} ids that a container has", account.uid,
                    account.gid, range_size));
  }
  if (caller.real_root()) {
    auto base = high_range(caller.uids, caller.taken);
    if (!base)
      return Error::infrastructure("no 65536 free ids are left for a container")
          .hint("run as an ordinary user");
    plan.rank = Plan::Rank::root;
    plan.uid_map = plan.gid_map = {{0, *base, range_size}};
    return {};
  }
  auto uids = subordinate_ranges(caller.subuid, caller.name, caller.uid),
       gids = subordinate_ranges(caller.subgid, caller.name, caller.uid);
  if (uids.empty() || gids.empty()) {
    return Error::infrastructure(
               fmt::format("user {} has no subordinate ids in /etc/subuid and /etc/subgid", caller.uid))
        .hint(fmt::format("as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}; or "
                          "leave out --ids range",
                          caller.name.empty() ? std::to_string(caller.uid) : caller.name));
  }
  plan.rank = Plan::Rank::subordinate;
  plan.uid_map = subordinate_map(caller.uid, uids);
  plan.gid_map = subordinate_map(caller.gid, gids);
  return {};
}

}  // namespace

Result<Caller> Caller::current() {
  Caller caller{.uid = geteuid(),
                .gid = getegid(),
                .uids = {},
                .gids = {},
                .taken = {},
                .subuid = "",
                .subgid = "",
                .name = ""};
  caller.uids =
      parse_map(TRY(sys::read_file("/proc/self/uid_map").in("finding out who we are (is /proc mounted?)")));
  caller.gids = parse_map(TRY(sys::read_file("/proc/self/gid_map")));
  caller.subuid = read_or_nothing("/etc/subuid");
  caller.subgid = read_or_nothing("/etc/subgid");
  caller.taken = subordinate_ranges(caller.subuid, "", std::nullopt);
  for (const Extent& e : subordinate_ranges(caller.subgid, "", std::nullopt)) caller.taken.push_back(e);
  const std::string users = read_or_nothing("/etc/passwd");
  for (std::string_view line : text::lines(users)) {
    auto fields = text::split(line, ':');
    if (fields.size() > 2 && fields[2] == std::to_string(caller.uid)) {
      caller.name = fields[0];
      break;
    }
  }
  return caller;
}

bool Caller::real_root() const {
  return uid == 0 && std::any_of(uids.begin(), uids.end(), [](const Extent& e) {
           return e.inside == 0 && e.outside == 0 && e.count != 0;
         });
}

Result<Plan> make_plan(const Spec& spec, const Caller& caller) {
  Plan plan;
  plan.spec = spec;
  if (spec.root.kind == Root::Kind::layers && spec.root.layers.empty())
    return Error::internal("a container without layers");
  const bool plain = spec.user.empty() || spec.user == "0" || spec.user == "root";
  std::string passwd = file_of_image(spec.root, "etc/passwd");
  plan.account =
      TRY(resolve_user(plain ? "0" : spec.user, passwd, plain ? "" : file_of_image(spec.root, "etc/group")));
  CHECK_OK(choose_maps(plan, caller));
  if (spec.seccomp != "default" && spec.seccomp != "unconfined") {
    auto text = TRY_IN(sys::read_file(spec.seccomp, size_t{4} << 20), "reading the system call profile");
    Filter filter{.name = spec.seccomp, .profile = {}};
    CHECK_OK(compile_into(filter, text, plan.notes));
    plan.profile = std::move(filter.profile);
  }
  plan.fake_success = spec.fake_success.value_or(plan.rank == Plan::Rank::single);
  if (spec.root.kind == Root::Kind::hostfs)
    plan.host_entries = TRY(host_entries().in("looking at this machine's root"));
  plan.scratch_point = TRY(choose_scratch_point(spec));
  return plan;
}

}  // namespace testctr::sandbox
