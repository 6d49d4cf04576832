// `--keep`: where the $WORK of tests that failed goes.
#pragma once

#include <string>

#include "commands.h"
#include "plan/plan.h"

namespace testctr::cmd {

inline constexpr Option keep_option{.names = "--keep",
                                    .help =
                                        "$WORK of each test that fails is brought out to a fresh folder, "
                                        "which the report names (`help debug`)"};
inline constexpr Option keep_all_option{.names = "--keep-all",
                                        .help = "as --keep, of those that pass as well"};

/// A fresh folder below $TMPDIR, for all tests of a run; gone at the end where nothing came to lie in it.
class KeptWork {
 public:
  KeptWork() = default;
  KeptWork(const KeptWork&) = delete;
  KeptWork& operator=(const KeptWork&) = delete;
  ~KeptWork();

  /// Where it is asked for: makes the folder, and each job of the plan gets its own in it. Errors
  /// (infrastructure): it cannot be made.
  Status prepare(const Arguments& arguments, plan::Plan& plan);

 private:
  std::string folder_;
};

}  // namespace testctr::cmd
