// `seccomp show` and `seccomp check`: the default system call filter in words, and whether a profile is
// understood.
#include <sys/utsname.h>

#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "sandbox/filter.h"
#include "sandbox/profile.h"

namespace testctr::cmd {
namespace {

Result<int> run_show(const Arguments&) {
  CHECK_OK(print(sandbox::default_table_text()));
  return exit_passed;
}

Result<int> run_check(const Arguments& arguments) {
  struct utsname system {};
  uname(&system);
  for (const std::string& file : arguments.positionals()) {
    auto content = TRY_IN(sys::read_file(file, size_t{4} << 20), "reading the system call profile");
    auto profile = TRY(sandbox::compile_profile(content, file, system.release));
    std::string out = fmt::format("{}: {} instructions", file, profile.program.size());
    if (!profile.unknown_calls.empty())
      out += fmt::format("; unknown here, left to the default action: {}",
                         text::join(profile.unknown_calls, " "));
    CHECK_OK(print(out + "\n"));
  }
  return exit_passed;
}

const Registration show({.name = "seccomp show",
                         .rank = 700,
                         .summary = "the default system call filter as a table",
                         .examples = "testctr-script seccomp show\n",
                         .max_positionals = 0,
                         .run = run_show});
const Registration check({.name = "seccomp check",
                          .rank = 710,
                          .summary = "whether a profile of Docker or the OCI is understood",
                          .synopsis = "FILE...",
                          .examples = "testctr-script seccomp check profile.json\n",
                          .min_positionals = 1,
                          .run = run_check});

}  // namespace
}  // namespace testctr::cmd
