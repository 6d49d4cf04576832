// Which processes belong to the case that runs, so that they can be ended with it and others are left alone.
#pragma once

#include <set>
#include <vector>

#include "interpret/process_table.h"

namespace testctr::interpret {

/// What a case has started, told by age: everything younger than the standby - which was made right before it
/// - that is not a child of something older. One that has left its parents behind (setsid, a double fork) is
/// ours by then, and young all the same.
/// @param all the processes below `self`, nearest first
/// @param shell the document's shell: it is not among them, its children are
/// @param spared not these, nor what they have started
std::vector<pid_t> started_since(const std::vector<Process>& all, pid_t self, pid_t shell, pid_t standby,
                                 const std::set<pid_t>& spared);

/// A process and all that it has started, as far as they have not left it.
std::vector<pid_t> family_of(const std::vector<Process>& all, pid_t head);

}  // namespace testctr::interpret
