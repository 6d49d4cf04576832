// `doctor`: what this machine allows, and the line that mends what it does not.
#include <cstdlib>

#include "base/sys.h"
#include "commands.h"
#include "sandbox/doctor.h"

namespace testctr::cmd {
namespace {

// Where the store is: the same order as lib/image has.
std::string store_directory() {
  auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value != nullptr && *value == '/' ? value : "");
  };
  if (auto home = variable("TESTCTR_HOME"); !home.empty()) return home;
  if (auto data = variable("XDG_DATA_HOME"); !data.empty()) return data + "/testctr";
  return variable("HOME") + "/.local/share/testctr";
}

Result<int> run_doctor(const Arguments&) {
  const std::string store = store_directory();
  (void)sys::make_dirs(store, 0700);  // whether that worked is one of the findings
  bool broken = false;
  std::string out;
  for (const sandbox::Finding& finding : sandbox::examine(store)) {
    const char* mark = finding.grade == sandbox::Finding::Grade::good      ? "ok"
                       : finding.grade == sandbox::Finding::Grade::limited ? "limited"
                                                                           : "BROKEN";
    out += fmt::format("{:<8} {:<20} {}\n", mark, finding.subject, finding.detail);
    if (!finding.mend.empty()) out += fmt::format("{:29} mend: {}\n", "", finding.mend);
    broken = broken || finding.grade == sandbox::Finding::Grade::broken;
  }
  out += broken ? "Containers cannot run here as things are.\n" : "Containers run here.\n";
  CHECK_OK(print(out));
  return broken ? exit_infrastructure : exit_passed;
}

const Registration doctor(
    {.name = "doctor",
     .rank = 600,
     .summary = "what this machine allows, what is missing, and the one line that mends it",
     .examples = "testctr-script doctor\n",
     .max_positionals = 0,
     .text = "Ends with 0 when containers can run here, with 3 when they cannot.",
     .run = run_doctor});

}  // namespace
}  // namespace testctr::cmd
