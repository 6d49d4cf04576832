// The parent's side: the limits, the maps, the mounts that are handed in, and the end.
#include "sandbox/container.h"

#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/cgroup.h"
#include "sandbox/clone.h"
#include "sandbox/init.h"
#include "sandbox/mounts.h"
#include "sandbox/packet.h"
#include "sandbox/plan.h"
#include "sandbox/shifted.h"
#include "sandbox/subordinate.h"
#include "sandbox/watch.h"

namespace testctr::sandbox {
namespace {

uint64_t namespace_flags(const Spec& spec) {
  uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  if (spec.join_user < 0) flags |= CLONE_NEWUSER;
  // Not CLONE_NEWNET: the container makes its network itself, while it does other things.
  return flags;
}

Status write_map(int process, const char* name, const std::string& content) {
  Fd file = TRY(sys::open_at(process, name, O_WRONLY));
  return sys::write_full(file.get(), content);
}

// The owners of the tree as the first ids inside: a single one is root. What is not mapped could not be read,
// even by root.
IdMap map_of_owners(const std::set<uint32_t>& owners, uint32_t inside) {
  IdMap map;
  for (uint32_t owner : owners) map.push_back({owner, inside++, 1});
  return map;
}

// A user namespace with these maps, to see a mount through. Its process lives only until the descriptor is
// there.
Result<Fd> namespace_of_owners(const IdMap& owners, const IdMap& groups) {
  auto [here, there] = TRY(sys::socket_pair(SOCK_STREAM));
  const pid_t pid = TRY(clone_child({.flags = CLONE_NEWUSER, .ids = {}})).pid;
  if (pid == 0) {
    char byte;
    there.reset();
    while (::read(here.get(), &byte, 1) < 0 && errno == EINTR) {
    }
    _exit(0);
  }
  here.reset();
  auto work = [&]() -> Result<Fd> {
    Fd process = TRY(sys::open(fmt::format("/proc/{}", pid), O_PATH | O_DIRECTORY));
    CHECK_OK(write_map(process.get(), "uid_map", map_text(owners)));
    CHECK_OK(write_map(process.get(), "gid_map", map_text(groups)));
    return sys::open_at(process.get(), "ns/user", O_RDONLY);
  };
  auto result = work();
  there.reset();
  while (waitpid(pid, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  return result;
}

Result<Fd> tree_mount(const Plan& plan, int names) {
  Fd source = TRY(sys::open(plan.spec.tree, O_PATH | O_DIRECTORY));
  std::set<uid_t> owners = plan.spec.tree_owners;
  std::set<gid_t> groups = plan.spec.tree_groups;
  if (owners.empty() || groups.empty()) {
    struct stat st {};
    if (fstat(source.get(), &st) != 0) return Error::system("fstat", plan.spec.tree);
    owners = {st.st_uid};
    groups = {st.st_gid};
  }
  // As they are: root's own, and more owners than a map has lines for.
  constexpr size_t most_lines = 340;
  if ((*owners.rbegin() == 0 && *groups.rbegin() == 0) || owners.size() > most_lines ||
      groups.size() > most_lines)
    return id_mapped(source.get(), names, {.read_only = true});
  Fd other = TRY(namespace_of_owners(map_of_owners(owners, plan.uid_map[0].outside),
                                     map_of_owners(groups, plan.gid_map[0].outside)));
  return id_mapped(source.get(), other.get(), {.read_only = true});
}

// The layers, or the entries of the host's root.
Status root_mounts(const Plan& plan, int names, std::vector<Fd>& mounts) {
  for (const std::string& layer : plan.spec.root.layers) {
    Fd source = TRY(sys::open(layer, O_PATH | O_DIRECTORY));
    mounts.push_back(
        TRY_IN(id_mapped(source.get(), names, {.read_only = true, .nosuid = false, .nodev = true}), layer));
  }
  for (const HostEntry& entry : plan.host_entries) {
    if (entry.kind == HostEntry::Kind::link) continue;
    Fd source = TRY(sys::open("/" + entry.name, O_PATH));
    struct stat st {};
    if (fstat(source.get(), &st) != 0) return Error::system("fstat", entry.name);
    const Attributes attributes{.read_only = true,
                                .nosuid = false,
                                .nodev = true,
                                .recursive = entry.kind == HostEntry::Kind::bind && S_ISDIR(st.st_mode)};
    auto mount = id_mapped(source.get(), names, attributes);
    // Not every file system maps ids: there, root's files are seen as nobody's.
    if (!mount.ok() && mount.error().number() == EINVAL) mount = detached(source.get(), attributes);
    mounts.push_back(TRY_IN(std::move(mount), "/" + entry.name));
  }
  return {};
}

// A bind, with the mounts in it. Not every file system maps ids: there, read-only, root's files are seen as
// nobody's.
Result<Fd> bind_mount(const Bind& bind, int names) {
  Fd source = TRY(sys::open(bind.source, O_PATH));
  struct stat st {};
  if (fstat(source.get(), &st) != 0) return Error::system("fstat", bind.source);
  const Attributes attributes{.read_only = bind.read_only, .recursive = S_ISDIR(st.st_mode)};
  auto mount = id_mapped(source.get(), names, attributes);
  if (mount.ok() || mount.error().number() != EINVAL) return mount;
  if (bind.read_only) return detached(source.get(), attributes);
  return Error(mount.error())
      .hint(
          "a file system in it cannot map ids, which root needs to share it: mount a folder of another, or "
          "read-only, or run as an ordinary user");
}

// As root: the maps, and every host directory as a mount in which its owner is root inside.
Status hand_in(const Plan& plan, pid_t pid, int setup) {
  Fd process = TRY(sys::open(fmt::format("/proc/{}", pid), O_PATH | O_DIRECTORY));
  if (plan.spec.join_user < 0) {
    CHECK_OK(write_map(process.get(), "uid_map", map_text(plan.uid_map)));
    CHECK_OK(write_map(process.get(), "gid_map", map_text(plan.gid_map)));
  }
  if (plan.shifted) return send_packet(setup, "m");
  Fd names = TRY(sys::open_at(process.get(), "ns/user", O_RDONLY));
  std::vector<Fd> mounts;
  CHECK_OK(root_mounts(plan, names.get(), mounts));
  if (!plan.spec.program.empty()) {
    Fd source = TRY(sys::open(plan.spec.program, O_PATH));
    mounts.push_back(TRY_IN(id_mapped(source.get(), names.get(), {.read_only = true}), plan.spec.program));
  }
  if (!plan.spec.tree.empty()) {
    mounts.push_back(TRY_IN(tree_mount(plan, names.get()), plan.spec.tree));
  }
  for (const Bind& bind : plan.spec.binds) {
    mounts.push_back(TRY_IN(bind_mount(bind, names.get()), bind.source));
  }
  for (size_t at = 0; at == 0 || at < mounts.size(); at += fds_per_packet) {
    std::vector<int> part;
    for (size_t i = at; i < std::min(mounts.size(), at + fds_per_packet); ++i)
      part.push_back(mounts[i].get());
    CHECK_OK(send_packet(setup, "m", part));
  }
  return {};
}

// What makes each limit hold that was asked for. @return a line to be told, or nothing.
Result<std::string> mechanisms(const Limits& limits, const Group& group, bool counts_processes) {
  const std::string why = group.reason().empty() ? "" : fmt::format(" ({})", group.reason());
  constexpr const char* mend =
      "run as root where /sys/fs/cgroup can be written, or in a control group of your own: systemd-run "
      "--user "
      "--scope -p Delegate=yes testctr-script ...";
  std::vector<std::string> told;
  if (limits.memory_asked && limits.memory != 0) {
    told.push_back(fmt::format("memory by {}", group.memory().empty()
                                                   ? "looking every 50 ms: watched, not enforced" + why
                                                   : group.memory()));
  }
  if (limits.pids != 0 && group.pids().empty() && !counts_processes) {
    if (limits.pids_asked) {
      return Error::infrastructure(
                 fmt::format(
                     "nothing here can limit the number of processes to {}{}: neither a control group nor "
                     "RLIMIT_NPROC, which counts by namespace since Linux 5.14",
                     limits.pids, why))
          .hint(fmt::format("{}; or leave out --pids", mend));
    }
    told.emplace_back("processes are not limited");
  } else if (limits.pids_asked) {
    told.push_back(fmt::format("processes by {}", group.pids().empty() ? "RLIMIT_NPROC" : group.pids()));
  }
  if (limits.cpus > 0 && !group.cpus().empty()) {
    told.push_back(fmt::format("processors by {}", group.cpus()));
  } else if (limits.cpus > 0) {
    const unsigned there = std::thread::hardware_concurrency();
    if (there == 0 || limits.cpus < there) {
      return Error::infrastructure(
                 fmt::format("nothing here can limit a container to {} processors: no control group with the "
                             "controller cpu can be made{}",
                             limits.cpus, why))
          .hint(fmt::format("{}; or leave out --cpus", mend));
    }
    told.push_back(fmt::format("processors by there being {}", there));
  }
  return told.empty() ? "" : "limits: " + text::join(told, ", ");
}

}  // namespace

struct Container::Impl {
  Fd channel, setup, proc, user, network, scratch, shared_memory;
  Limits limits;
  uint64_t peak_memory = 0;
  bool memory_exceeded = false;
  std::optional<Error> setup_error;
  std::shared_ptr<Copies> copies;  ///< what its root is made of
  pid_t pid = -1;
  bool reaped = false;
  std::vector<std::string> notes;
  Group group;
  bool pids_exceeded = false, pids_refused = false;

  ~Impl() { end(); }

  void end() {
    if (pid < 0 || reaped) return;
    ::kill(pid, SIGKILL);
    reap(nullptr);
  }

  int reap(struct rusage* usage) {
    int status = 0;
    while (wait4(pid, &status, __WALL, usage) < 0 && errno == EINTR) {
    }
    reaped = true;
    return status;
  }

  // Takes what the child has said on the set-up socket so far: where its /proc is, or why it failed.
  void listen() {
    for (int turns = 0; turns < 8; ++turns) {
      pollfd ready{.fd = setup.get(), .events = POLLIN, .revents = 0};
      if (poll(&ready, 1, 0) <= 0 || (ready.revents & POLLIN) == 0) return;
      auto packet = receive_packet(setup.get());
      // It ended before it read all that was sent to it: that is told first, once.
      if (!packet.ok() && packet.error().number() == ECONNRESET) continue;
      if (!packet.ok()) return;
      const std::string& text = packet.value().text;
      if (text == "p" && packet.value().fds.size() == 5) {
        proc = std::move(packet.value().fds[0]);
        user = std::move(packet.value().fds[1]);
        network = std::move(packet.value().fds[2]);
        scratch = std::move(packet.value().fds[3]);
        shared_memory = std::move(packet.value().fds[4]);
      }
      if (!text.starts_with('e')) continue;
      size_t middle = std::min(text.find('\0'), text.size());
      setup_error = Error::infrastructure(text.substr(1, middle - 1)).in("setting up the container");
      if (middle + 1 < text.size()) setup_error = std::move(*setup_error).hint(text.substr(middle + 1));
      return;
    }
  }

  // What the control groups say, where there are any.
  void read_group() {
    const Group::Reading reading = group.read();
    peak_memory = std::max(peak_memory, reading.peak_memory);
    pids_refused = pids_refused || reading.pids_exceeded;
    pids_exceeded = pids_exceeded || pids_refused;
    if (reading.memory_exceeded && !memory_exceeded) {
      memory_exceeded = true;
      // The kernel ended one process of many; the rest would go on without it.
      if (!reaped) ::kill(pid, SIGKILL);
    }
  }

  // Looks at what it uses now.
  void measure() {
    read_group();
    if (!group.memory().empty() && !group.pids().empty()) return;
    if (!proc.valid()) listen();
    if (!proc.valid()) return;
    auto usage = usage_of(proc.get(), {scratch.get(), shared_memory.get()}, limits.memory);
    if (!usage.ok()) return;
    pids_exceeded = pids_exceeded || (limits.pids != 0 && usage.value().tasks >= limits.pids);
    if (!group.memory().empty()) return;
    peak_memory = std::max(peak_memory, usage.value().memory);
    if (limits.memory != 0 && usage.value().memory > limits.memory && !memory_exceeded) {
      memory_exceeded = true;
      ::kill(pid, SIGKILL);
    }
  }
};

Container::Container(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Container::Container(Container&&) noexcept = default;
Container& Container::operator=(Container&&) noexcept = default;
Container::~Container() = default;

Result<Container> Container::start(const Spec& wanted, Body body) {
  Caller caller = TRY(Caller::current());
  Spec spec = wanted;
  std::shared_ptr<Copies> copies;
  if (caller.real_root() && spec.ids != IdMode::one && !id_mapping_available()) {
    auto base = high_range(caller.uids, caller.taken);
    if (base) {
      copies = spec.copies ? spec.copies : std::make_shared<Copies>();
      CHECK_OK(copies->use(spec, *base).in("copying the image for the container's ids"));
    }
  }
  Plan plan = TRY(make_plan(spec, caller));
  plan.shifted = copies != nullptr;
  if (plan.shifted && spec.root.kind == Root::Kind::layers)
    plan.notes.emplace_back(
        "this container has a copy of the image: there are no id-mapped mounts here (Linux 5.12, "
        "CAP_SYS_ADMIN)");
  auto [channel, channel_inside] = TRY(sys::socket_pair(SOCK_STREAM));
  auto [setup, setup_inside] = TRY(sys::socket_pair(SOCK_SEQPACKET));
  auto impl = std::make_unique<Impl>();
  impl->group = Group::make(spec.limits);
  plan.counted = !impl->group.pids().empty();
  struct utsname system {};
  uname(&system);
  if (auto line =
          TRY(mechanisms(spec.limits, impl->group,
                         plan.rank == Plan::Rank::root || process_limit_is_per_namespace(system.release)));
      !line.empty())
    impl->notes.push_back(std::move(line));
  // A range of ids holds all users; of a single one there may be another for each image.
  std::optional<CloneOrder::Ids> ids;
  if (plan.rank == Plan::Rank::single) ids = {plan.account.uid, plan.account.gid};
  const Cloned child = TRY_IN(clone_child({.flags = namespace_flags(spec),
                                           .into_group = impl->group.into(),
                                           .join_user = spec.join_user,
                                           .join_network = spec.join_network,
                                           .ids = ids}),
                              "making a container");
  if (child.pid == 0 && child.above) {
    plan.below_joined = true;
    plan.uid_map = {{plan.account.uid, child.above->user, 1}};
    plan.gid_map = {{plan.account.gid, child.above->group, 1}};
  }
  if (child.pid == 0) run_init(plan, body, {std::move(channel_inside), std::move(setup_inside)});
  impl->pid = child.pid;
  impl->limits = spec.limits;
  impl->copies = std::move(copies);
  impl->channel = std::move(channel);
  impl->setup = std::move(setup);
  channel_inside.reset();
  setup_inside.reset();
  CHECK_OK(impl->group.add(impl->pid, child.in_group).in("limiting the container"));
  if (plan.rank == Plan::Rank::root)
    CHECK_OK(hand_in(plan, impl->pid, impl->setup.get()).in("handing the image to the container"));
  if (plan.rank == Plan::Rank::subordinate) {
    if (spec.join_user < 0) {
      CHECK_OK(write_subordinate_maps(impl->pid, plan.uid_map, plan.gid_map).in("mapping subordinate ids"));
    }
    CHECK_OK(send_packet(impl->setup.get(), "m"));
  }
  if (auto sent = send_packet(
          impl->setup.get(), "g" +
                                 [&] {
                                   std::string lines;
                                   for (const std::string& note : impl->notes) lines += note + "\n";
                                   return lines;
                                 }());
      !sent.ok() && sent.error().number() != EPIPE) {  // EPIPE: the child has failed and said why
    return std::move(sent).error();
  }
  return Container(std::move(impl));
}

int Container::channel() const { return impl_->channel.get(); }
pid_t Container::pid() const { return impl_->pid; }

Result<Fd> Container::changes() {
  (void)TRY(namespaces());
  auto upper = sys::open_at(impl_->scratch.get(), "up", O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!upper.ok()) return Error(std::move(upper).error()).in("what the container has changed");
  return upper;
}

Result<struct stat> Container::mark() {
  (void)TRY(namespaces());
  const auto st = TRY(sys::stat_at(impl_->scratch.get(), "made"));
  if (!st) return Error::infrastructure("the container has not set itself up");
  return *st;
}

Result<Container::Namespaces> Container::namespaces() {
  Impl& impl = *impl_;
  while (!impl.user.valid()) {
    pollfd ready{.fd = impl.setup.get(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, -1) < 0) continue;
    impl.listen();
    if (impl.setup_error) return *impl.setup_error;
    if (!impl.user.valid() && (ready.revents & (POLLHUP | POLLERR)) != 0)
      return Error::infrastructure("the container was killed while it set itself up");
  }
  return Namespaces{impl.user.get(), impl.network.get()};
}

void Container::kill() {
  if (!impl_->reaped) ::kill(impl_->pid, SIGKILL);
}

void Container::check_limits() {
  if (!impl_->reaped) impl_->measure();
}

Result<Ending> Container::finish() {
  Ending ending;
  struct rusage usage {};
  int status = impl_->reap(&usage);
  if (WIFEXITED(status)) ending.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ending.signal = WTERMSIG(status);
  ending.cpu_ns = static_cast<uint64_t>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000'000 +
                  static_cast<uint64_t>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
  impl_->listen();
  impl_->read_group();
  impl_->group = Group();
  ending.pids_exceeded = impl_->pids_exceeded;
  ending.pids_refused = impl_->pids_refused;
  ending.setup_error = impl_->setup_error;
  ending.memory_exceeded = impl_->memory_exceeded;
  ending.peak_memory = impl_->peak_memory;
  return ending;
}

}  // namespace testctr::sandbox
