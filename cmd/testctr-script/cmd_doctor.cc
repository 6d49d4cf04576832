// `doctor`: what this machine allows, and the line that mends what it does not.
#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "engine/choose.h"
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

std::string line(std::string_view mark, const std::string& subject, const std::string& detail,
                 const std::string& mend) {
  std::string text = fmt::format("{:<8} {:<20} {}\n", mark, subject, detail);
  if (!mend.empty()) text += fmt::format("{:29} mend: {}\n", "", mend);
  return text;
}

/// What can be said in the end. @return whether what nobody named would run containers
bool conclude(bool native, bool nowhere, const engine::Chosen& automatic,
              const std::vector<engine::Candidate>& others, std::string& out) {
  const bool takes_native = automatic.owned == nullptr;
  if (nowhere || (takes_native && !native)) {
    std::vector<std::string> serve;
    for (const engine::Candidate& other : others)
      if (other.usable && !nowhere) serve.push_back("--engine " + other.name);
    out += serve.empty() ? "Containers cannot run here as things are.\n"
                         : fmt::format(
                               "Native containers, which `auto` takes, cannot run here as things are; "
                               "{} would serve.\n",
                               text::join(serve, " or "));
    return false;
  }
  out += takes_native ? "Containers run here: `auto` takes native.\n"
                      : fmt::format("Native containers cannot run here as things are: `auto` takes {}.\n",
                                    automatic.shown());
  return true;
}

Result<int> run_doctor(const Arguments&) {
  const std::string store = store_directory();
  (void)sys::make_dirs(store, 0700);  // whether that worked is one of the findings
  bool native = true, nowhere = false;
  std::string out;
  using Grade = sandbox::Finding::Grade;
  for (const sandbox::Finding& finding : sandbox::examine(store)) {
    const char* mark = finding.grade == Grade::good      ? "ok"
                       : finding.grade == Grade::limited ? "limited"
                                                         : "BROKEN";
    out += line(mark, finding.subject, finding.detail, finding.mend);
    native = native && finding.grade != Grade::broken;
    nowhere = nowhere || finding.everywhere;
  }
  const auto others = engine::other_engines();
  out += line(native ? "ok" : "no", "engine native", native ? "works" : "what is BROKEN above keeps it", "");
  for (const engine::Candidate& other : others)
    out += line(other.usable ? "ok" : "no", "engine " + other.name, other.detail, other.mend);
  plan::Plan any;
  any.jobs.emplace_back().image = "builtin";
  const auto automatic = TRY(engine::choose(engine::Kind::automatic, any));
  const bool fine = conclude(native, nowhere, automatic, others, out);
  CHECK_OK(print(out));
  return fine ? exit_passed : exit_infrastructure;
}

const Registration doctor(
    {.name = "doctor",
     .rank = 600,
     .summary = "what this machine allows, what is missing, and the one line that mends it",
     .examples = "testctr-script doctor\n",
     .max_positionals = 0,
     .text = "Of each engine it says whether it could be used, and which of them `--engine auto` takes. Ends "
             "with 0 "
             "when that one runs\ncontainers, with 3 when it does not.",
     .run = run_doctor});

}  // namespace
}  // namespace testctr::cmd
