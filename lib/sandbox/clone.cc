#include "sandbox/clone.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/sys.h"
#include "sandbox/support.h"

namespace testctr::sandbox {
namespace {

// Where the C library keeps this thread's id: the kernel writes the child's own id there, or the child would
// go on with ours.
int* thread_id_address() {
  int* address = nullptr;
  if (prctl(PR_GET_TID_ADDRESS, &address, 0, 0, 0) == 0) return address;
  return nullptr;
}

// @return the pid, 0 in the child, -1 and errno.
long clone_raw(uint64_t flags, int* id, int into_group) {
  clone_args args{};
  args.flags = flags | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
  args.child_tid = reinterpret_cast<uintptr_t>(id);
  // A sibling ends with the signal of the one that made it, and must not name another.
  args.exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD;
  if (into_group >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(into_group);
  }
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  // ENOSYS is also what container engines answer, to whom clone3 is opaque; clone gives the true reason.
  if (pid >= 0 || errno != ENOSYS || into_group >= 0) return pid;
  return syscall(SYS_clone, args.flags | SIGCHLD, nullptr, nullptr, id, 0);
}

Cloned clone_once(uint64_t flags, int* id, int into_group) {
  if (into_group >= 0) {
    // Whatever speaks against the group (a kernel before 5.7, rights) does not speak against the clone.
    const long pid = clone_raw(flags, id, into_group);
    if (pid >= 0) return {static_cast<pid_t>(pid), true, std::nullopt};
  }
  return {static_cast<pid_t>(clone_raw(flags, id, -1)), false, std::nullopt};
}

// What the process in between tells: the pid, or the errno of the step that failed.
struct Word {
  int pid = -1, number = 0, step = 0, in_group = 0;
};
constexpr std::array<const char*, 3> steps{"joining the user namespace", "joining the network namespace",
                                           "clone"};

// Between two clones: enters the namespaces, makes the child and ends. Returns in the child only: what it is
// to know.
Cloned go_between(const CloneOrder& order, int* id, int out) {
  Word word;
  const auto failed = [&](int step) {
    word.number = errno;
    word.step = step;
    (void)!::write(out, &word, sizeof word);
    _exit(1);
  };
  if (setns(order.join_user, CLONE_NEWUSER) != 0) failed(0);
  if (order.join_network >= 0 && setns(order.join_network, CLONE_NEWNET) != 0) failed(1);
  // Entering a user namespace hides our /proc files from ourselves.
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  uint64_t flags = order.flags | CLONE_PARENT;
  const CloneOrder::Ids here{getuid(), getgid()};
  const bool other = order.ids && (order.ids->user != here.user || order.ids->group != here.group);
  if (other) flags |= CLONE_NEWUSER;
  Cloned child = clone_once(flags, id, order.into_group);
  if (child.pid < 0) failed(2);
  if (child.pid == 0) {
    if (other) child.above = here;
    return child;
  }
  word.pid = child.pid;
  word.in_group = child.in_group ? 1 : 0;
  _exit(::write(out, &word, sizeof word) == static_cast<ssize_t>(sizeof word) ? 0 : 1);
}

Result<Cloned> clone_joined(const CloneOrder& order, int* id) {
  auto [reader, writer] = TRY(sys::pipe());
  const Cloned between = clone_once(0, id, -1);
  if (between.pid < 0) return Error::system("clone", "");
  if (between.pid == 0) {
    return go_between(order, id, writer.get());
  }
  writer.reset();
  Word word;
  auto got = sys::read_full(reader.get(), &word, sizeof word);
  while (waitpid(between.pid, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  if (!got.ok()) return std::move(got).error();
  if (got.value() != sizeof word)
    return Error::infrastructure("the process that joins namespaces was killed");
  if (word.number != 0) {
    return Error::system(word.step == 2 ? "clone" : "setns", "a namespace of another container", word.number)
        .in(steps.at(static_cast<size_t>(word.step)));
  }
  return Cloned{word.pid, word.in_group != 0, std::nullopt};
}

}  // namespace

Result<Cloned> clone_child(const CloneOrder& order) {
  int* id = thread_id_address();
  if (id == nullptr)
    return Error::system("prctl", "PR_GET_TID_ADDRESS").hint("the kernel lacks CONFIG_CHECKPOINT_RESTORE");
  if (order.join_user >= 0) return clone_joined(order, id);
  if (order.join_network >= 0)
    return Error::internal("a network can be joined only together with the user namespace that owns it");
  Cloned child = clone_once(order.flags, id, order.into_group);
  if (child.pid < 0) return namespace_error(errno, "clone");
  return child;
}

}  // namespace testctr::sandbox
