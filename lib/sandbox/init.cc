#include "sandbox/init.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <csignal>

#include "base/sanitizer.h"
#include "base/sys.h"
#include "base/text.h"
#include "sandbox/confine.h"
#include "sandbox/devices.h"
#include "sandbox/packet.h"
#include "sandbox/root.h"
#include "sandbox/spawner.h"
#include "sandbox/watch.h"

namespace testctr::sandbox {
namespace {

// The host's signal handlers and mask are not for here.
// A program inside may read our command line, which is still the runner's: options can hold what is nobody
// else's.
Status hide_command_line() {
  const std::string stat = TRY(sys::read_file("/proc/self/stat", 4096));
  // After the name, which may hold anything: the third field and so on.
  const auto fields = text::split(std::string_view(stat).substr(stat.rfind(')') + 1), ' ');
  constexpr size_t start_field = 48 - 2, end_field = 49 - 2;  // proc_pid_stat(5): arg_start, arg_end
  if (fields.size() <= end_field) return Error::infrastructure("/proc/self/stat has too few fields");
  const uintptr_t start = std::strtoull(std::string(fields[start_field]).c_str(), nullptr, 10),
                  end = std::strtoull(std::string(fields[end_field]).c_str(), nullptr, 10);
  if (start == 0 || end <= start)
    return Error::infrastructure("/proc/self/stat does not tell where arguments are");
  constexpr std::string_view shown("testctr-script\0init", 19);
  char* area = reinterpret_cast<char*>(start);
  const size_t size = end - start;
  memset(area, 0, size);
  memcpy(area, shown.data(), std::min(shown.size(), size - 1));
  return {};
}

// Standard streams lead nowhere, so that nothing inside holds the caller's terminal.
Status close_inherited(const Plan& plan, const ChildEnds& ends) {
  std::vector<int> keep = plan.spec.keep_open;
  keep.push_back(ends.channel.get());
  keep.push_back(ends.setup.get());
  if (plan.spec.follow >= 0) {
    keep.push_back(plan.spec.follow);
    if (fcntl(plan.spec.follow, F_SETFD, FD_CLOEXEC) != 0) return Error::system("fcntl", "F_SETFD");
  }
  if (plan.spec.learn >= 0) {
    keep.push_back(plan.spec.learn);
    if (fcntl(plan.spec.learn, F_SETFD, FD_CLOEXEC) != 0) return Error::system("fcntl", "F_SETFD");
  }
  CHECK_OK(close_all_but(std::move(keep)));
  std::optional<Fd> device = TRY(null_device(O_RDWR));
  const Fd null = device ? std::move(*device) : TRY(sys::memory_file("null"));
  const int led = sanitized ? 2 : 3;  // a sanitizer's reports are to be seen
  for (int fd = 0; fd < led; ++fd) {
    if (dup2(null.get(), fd) < 0) return Error::system("dup2", "/dev/null");
  }
  return {};
}

Status write_own(const char* path, const std::string& content) {
  Fd file = TRY(sys::open(path, O_WRONLY));
  return sys::write_full(file.get(), content);
}

// As long as a single id is mapped nobody else is needed for it, and no time is spent on waiting.
Status write_own_maps(const Plan& plan) {
  CHECK_OK(write_own("/proc/self/setgroups", "deny"));
  CHECK_OK(write_own("/proc/self/uid_map", map_text(plan.uid_map)));
  return write_own("/proc/self/gid_map", map_text(plan.gid_map));
}

Result<Handed> take_handed(const Plan& plan, int setup) {
  Handed handed;
  const size_t layers = plan.rank == Plan::Rank::root && !plan.shifted ? handed_layers(plan) : 0;
  const size_t wanted = plan.rank == Plan::Rank::root && !plan.shifted ? handed_count(plan) : 0;
  std::vector<Fd> fds;
  do {
    Packet packet = TRY(receive_packet(setup));
    if (packet.text != "m") return Error::internal("an unexpected packet before the maps");
    for (Fd& fd : packet.fds) fds.push_back(std::move(fd));
  } while (fds.size() < wanted);
  if (wanted == 0) return handed;
  size_t at = 0;
  for (size_t i = 0; i < layers; ++i) handed.layers.push_back(std::move(fds[at++]));
  if (!plan.spec.program.empty()) handed.program = std::move(fds[at++]);
  if (!plan.spec.tree.empty()) handed.tree = std::move(fds[at++]);
  for (size_t i = 0; i < plan.spec.binds.size(); ++i) handed.binds.push_back(std::move(fds[at++]));
  return handed;
}

// The last steps that need privilege, and then privilege itself.
Status confine(const Plan& plan, Spawner& spawner) {
  struct utsname system {};
  uname(&system);
  // Before Linux 5.14 it would count all that the user runs on the machine.
  const bool count = plan.rank == Plan::Rank::root || process_limit_is_per_namespace(system.release);
  // RLIMIT_NPROC refuses in silence: where a group counts too, the group is to be the first.
  const uint64_t processes = plan.spec.limits.pids * (plan.counted ? 2 : 1);
  CHECK_OK(set_limits(count ? processes : 0));
  // To follow what they touch, programs are looked into that have hidden themselves or become other users. A
  // thread of ours that runs nothing of the image.
  const bool follows = plan.spec.follow >= 0;
  CHECK_OK(drop_privileges(plan, follows ? uint64_t{1} << CAP_SYS_PTRACE : 0));
  spawner.thread().await_filter();
  // After the last change of ids by either thread: those reset both.
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return Error::system("prctl", "PR_SET_DUMPABLE");
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return Error::system("prctl", "PR_SET_PDEATHSIG");
  return {};
}

// The numbers in the notifications are our own, and a /proc that is another's has others.
Status check_proc() {
  char self[16];
  const ssize_t n = readlink("/proc/self", self, sizeof self);
  if (n > 0 && std::string_view(self, static_cast<size_t>(n)) == std::to_string(getpid())) return {};
  return Error::infrastructure(
             "what a run touches cannot be followed here: /proc is that of the container around us")
      .hint("docker run --security-opt systempaths=unconfined, or podman run --security-opt unmask=ALL");
}

// @return what is to be told inside.
Result<std::vector<std::string>> set_up(const Plan& plan, const ChildEnds& ends, Spawner& spawner) {
  std::vector<std::string> notes = plan.notes;
  umask(0);
  CHECK_OK(close_inherited(plan, ends).in("closing inherited descriptors"));
  // Once for both threads. It takes nothing away that we have already.
  CHECK_OK(limit_bounding_set(kept_capabilities(plan)).in("giving up privileges"));
  // As early as can be: its network takes longest. It needs no ids for that.
  CHECK_OK(spawner.start());
  CHECK_OK(hide_command_line().in("hiding the runner's command line"));
  setsid();
  Handed handed;
  if (plan.rank == Plan::Rank::single) {
    if (plan.spec.join_user < 0 || plan.below_joined)
      CHECK_OK(write_own_maps(plan).in("mapping the user's id"));
    if (getuid() != plan.account.uid || getgid() != plan.account.gid) {
      return Error::infrastructure(fmt::format("one id is mapped here, {}:{}, and the image's user is {}:{}",
                                               getuid(), getgid(), plan.account.uid, plan.account.gid))
          .hint("containers that share a network need images with the same user, or --ids range");
    }
  } else {
    handed = TRY(take_handed(plan, ends.setup.get()));
    CHECK_OK(become_root());
  }
  if (sethostname(plan.spec.hostname.data(), plan.spec.hostname.size()) != 0) {
    // Engines' filters refuse it even where we have the right.
    if (errno != EPERM) return Error::system("sethostname", plan.spec.hostname);
    notes.push_back("the host name stays as it is: the container around us refuses to set it");
  }
  {
    const Built built = TRY(build_root(plan, std::move(handed), spawner, notes));
    Fd user = TRY(sys::open_at(built.proc.get(), "self/ns/user", O_RDONLY)),
       network = TRY(sys::open_at(built.proc.get(), "self/ns/net", O_RDONLY));
    CHECK_OK(send_packet(
        ends.setup.get(), "p",
        {built.proc.get(), user.get(), network.get(), built.scratch.get(), built.shared_memory.get()}));
  }
  umask(022);
  if (plan.spec.follow >= 0) CHECK_OK(check_proc());
  CHECK_OK(confine(plan, spawner).in("giving up privileges"));
  Packet go = TRY(receive_packet(ends.setup.get()));
  if (!go.text.starts_with('g')) return Error::internal("an unexpected packet before the start");
  for (std::string_view line : text::lines(std::string_view(go.text).substr(1)))
    notes.emplace_back(text::trim(line));
  return notes;
}

}  // namespace

void fail(const ChildEnds& ends, const Error& error) {
  std::string packet = "e" + error.message() + std::string(1, '\0') + error.hint();
  if (packet.size() > 16384) packet.resize(16384);
  send(ends.setup.get(), packet.data(), packet.size(), MSG_NOSIGNAL);
  _exit(1);
}

void run_init(const Plan& plan, const Body& body, ChildEnds ends) {
  reset_signals();
  Spawner spawner(plan, body, ends);
  auto notes = set_up(plan, ends, spawner);
  if (!notes.ok()) fail(ends, notes.error());
  if (Status filtered = spawner.thread().filter_supervisor(); !filtered.ok()) fail(ends, filtered.error());
  spawner.thread().begin(std::move(notes).value());
  spawner.thread().supervise();
}

}  // namespace testctr::sandbox
