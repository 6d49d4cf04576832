// What a plan depends on, and which of its tests a change affects.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "commands.h"
#include "file_watch.h"
#include "plan/plan.h"

namespace testctr::cmd {

/// Which tests are to run.
struct Affected {
  bool all = false;
  std::set<std::string> names;
  [[nodiscard]] bool any() const { return all || !names.empty(); }
  void add(const Affected& more) {
    all = all || more.all;
    names.insert(more.names.begin(), more.names.end());
  }
};

class Watched {
 public:
  /// @param arguments of `run`, which made the plan
  Watched(const Arguments& arguments, const plan::Plan& plan);
  [[nodiscard]] const Followed& followed() const { return followed_; }
  [[nodiscard]] const std::set<std::string>& tests() const { return tests_; }
  /// The tests that a change of these paths affects.
  [[nodiscard]] Affected by(const std::set<std::string>& paths) const;

 private:
  void add_file(const std::string& path, const std::string& test);
  void add_manifests(const Arguments& arguments, const plan::Plan& plan);
  void add_ours(const Arguments& arguments, const plan::Plan& plan);

  Followed followed_;
  std::set<std::string> tests_;
  std::map<std::string, std::set<std::string>> files_;  ///< whose they are: scripts, programs
  std::map<std::string, std::set<std::string>> trees_;
  std::set<std::string> of_all_;  ///< manifests, and what else all tests depend on
};

}  // namespace testctr::cmd
