// Whether a program of this machine can be started in a root that was made elsewhere: what it needs of it, as
// the kernel and the loader would look for it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/merged_root.h"

namespace testctr::image {

/// What is missing in `root` for the program at the absolute path `program` in it, each as a sentence:
/// another machine's program, its `#!` interpreter, its loader, libraries, versions of them. Nothing where it
/// can be started, and nothing about what we may not look into. Libraries are found as glibc and musl do: by
/// the names that are loaded already, RPATH, LD_LIBRARY_PATH, RUNPATH with $ORIGIN, /etc/ld.so.conf, the
/// usual folders.
/// @param environment what it will be started with: PATH and LD_LIBRARY_PATH matter
Result<std::vector<std::string>> missing_for(const MergedRoot& root, const std::string& program,
                                             const std::map<std::string, std::string>& environment);

}  // namespace testctr::image
