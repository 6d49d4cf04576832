// The record of what a run touches: names of files, as the kernel is asked for them. The supervisor of a
// container writes it, the outside reads it when the container has ended.
//
// A record is names that end with NUL, each once for each container: absolute paths as the container's root
// has them, without links in the folders on their way; links that were followed are named themselves. A name
// that ends with "/" is a directory whose entries were read. "?..." is something that could not be seen, and
// "!..." why the record is not complete.
#pragma once

#include <linux/seccomp.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "sandbox/path_calls.h"

namespace testctr::sandbox {

/// Writes the record. What it is given is hostile: no name, pointer or number makes it fail, wait or grow
/// without bound.
class Follower {
 public:
  struct Bounds {
    size_t names = 1'000'000, bytes = size_t{64} << 20;
  };
  /// @param out where records are appended (O_APPEND)
  explicit Follower(int out) : out_(out) {}
  Follower(int out, Bounds bounds) : out_(out), bounds_(bounds) {}
  /// Notes what a call names that `path_call` knows. @param listener tells whether the caller is still there
  void note(int listener, const seccomp_notif& call, const PathCall& kind);

  /// What a process at `base` that asks for `path` gets to, noted with every link on the way. What is not
  /// there is noted as the last thing on its way that is. @param root of that process. @return the path
  /// without links; nothing when there is nothing.
  std::optional<std::string> walk(const std::string& root, const std::string& base, std::string_view path);

 private:
  struct Asked {
    std::string root, base, path;
  };
  /// Where a process is, as far as that can be seen.
  std::optional<std::string> base_of(const seccomp_notif& call, int dir);
  std::string root_of(const seccomp_notif& call);
  std::optional<Asked> asked(const seccomp_notif& call, const PathCall& kind, const PathCall::Name& name);
  /// What the kernel opens besides a program: the interpreter that it names, the loader.
  void note_interpreters(const seccomp_notif& call, const Asked& asked, std::string program);
  void add(std::string name);
  void unseen(const seccomp_notif& call, const PathCall& kind);
  void write(const std::string& record);
  void stop(std::string_view why);

  int out_;
  Bounds bounds_;
  std::unordered_set<std::string> names_;
  std::set<std::string> unseen_;
  size_t bytes_ = 0;
  bool stopped_ = false;
  // A child of ours that has not executed anything yet hides its working directory from us: what it asked for
  // last.
  uint32_t child_ = 0;
  std::string child_base_;
};

/// What containers touched.
struct Followed {
  std::vector<std::string> names;   ///< sorted, each once
  std::vector<std::string> unseen;  ///< calls whose names could not be read, for people
};
/// Reads a record from its beginning. It comes from containers: names that are no names are an error, and so
/// is a record that says it is not complete.
Result<Followed> read_followed(int record);

/// An empty record, for `Spec::follow`: a file without a name in `directory`.
Result<Fd> make_record(const std::string& directory);

}  // namespace testctr::sandbox
