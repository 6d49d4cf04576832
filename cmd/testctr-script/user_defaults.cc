#include "user_defaults.h"

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "plan/user_config.h"

namespace testctr::cmd {
namespace {

/// Options that answer one question: who gives one on the command line has answered it.
const std::vector<std::vector<std::string>> questions = {
    {"--quiet", "--verbose"},
    {"--color", "--no-color", "--plain", "--json", "--tap"},
    {"--offline", "--pull"}};

bool is_answered(const Arguments& given, const std::string& option) {
  if (given.flag(option)) return true;
  // The environment is nearer than a file.
  const char* offline = std::getenv("TESTCTR_OFFLINE");
  if (option == "--pull" && offline != nullptr && *offline != '\0' && std::string_view(offline) != "0")
    return true;
  return std::any_of(questions.begin(), questions.end(), [&](const std::vector<std::string>& question) {
    return std::find(question.begin(), question.end(), option) != question.end() &&
           std::any_of(question.begin(), question.end(),
                       [&](const std::string& one) { return given.flag(one); });
  });
}

}  // namespace

Result<Arguments> with_user_defaults(Arguments arguments) {
  if (arguments.flag("--no-config")) return arguments;
  const std::optional<plan::UserConfig> config = TRY(plan::read_user_config());
  if (!config) return arguments;
  const Arguments given = arguments;
  std::vector<std::string> taken;
  for (const plan::UserDefault& one : config->defaults) {
    if (is_answered(given, one.option)) continue;
    taken.push_back(fmt::format("{}: {}", one.key, text::join(one.values, ", ")));
    if (one.flag && one.values.front() == "false") continue;
    arguments.options_[one.option] = one.values;
  }
  if (arguments.flag("--verbose"))
    complain(fmt::format("from {}: {}", config->path, taken.empty() ? "nothing" : text::join(taken, "; ")));
  return arguments;
}

}  // namespace testctr::cmd
