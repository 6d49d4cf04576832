// The life of PID 1: from the clone to its end.
#pragma once

#include "base/fd.h"
#include "sandbox/container.h"
#include "sandbox/plan.h"

namespace testctr::sandbox {

/// The child's ends of what ties it to the outside.
struct ChildEnds {
  Fd channel;  ///< SOCK_STREAM
  Fd setup;    ///< SOCK_SEQPACKET: see below
};

// What goes over the setup socket, a packet each:
//   parent -> child  'm' and descriptors: the maps are written; mounts handed in, in several packets when
//   there are many (rank root: one per layer, the program,
//                    the tree, one per bind)
//   parent -> child  'g' and notes, one a line: begin (limits are in place)
//   child -> parent  'p' and descriptors of the container's /proc, of its user and network namespaces, for
//   containers that are to join them, of its scratch space and its /dev/shm: the first and the last two are
//   for the watch over its memory child -> parent  'e' message NUL hint: the set-up failed
constexpr size_t fds_per_packet = 200;

/// Reports why the container cannot be, and ends the process.
[[noreturn]] void fail(const ChildEnds& ends, const Error& error);

/// Sets the calling process - the child of the clone - up and runs the body. Never returns.
[[noreturn]] void run_init(const Plan& plan, const Body& body, ChildEnds ends);

}  // namespace testctr::sandbox
