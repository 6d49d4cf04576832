// Where /proc is, for who asks it in a root that may have none: a process that has left for such a root keeps
// a descriptor of the one outside.
#pragma once

#include <string>

namespace testctr::proc {

/// From now on what is asked of /proc is asked of this directory. @param directory stays open until the
/// process ends; close-on-exec, so that no program has it. -1: /proc of the root
void use(int directory);

/// A path below /proc as the *at system calls take it.
struct Place {
  int directory;
  std::string path;
};
/// @param below such as "self/fd/3"; empty: /proc itself
Place place(const std::string& below);

}  // namespace testctr::proc
