#include "registry/helper.h"

#include <sys/wait.h>

#include "base/json.h"
#include "base/program_output.h"
#include "base/text.h"

namespace testctr::registry {
namespace {

constexpr size_t largest_answer = size_t{64} << 10;

bool knows_none(std::string_view said) {
  for (std::string_view words : {"credentials not found", "no credentials"})
    if (said.find(words) != std::string_view::npos) return true;
  return false;
}

}  // namespace

Result<std::optional<Credentials>> ask_helper(const std::string& name, const std::string& server,
                                              const std::string& named_by, int64_t limit_ns) {
  const std::string program_name = "docker-credential-" + name;
  const std::string told = fmt::format("{} (named by {})", text::printable(program_name), named_by);
  if (name.empty() || name.find('/') != std::string::npos || name.find('\0') != std::string::npos)
    return Error::usage(fmt::format("{}: {} is no credential helper's name", named_by, text::quoted(name)));
  const std::string program = sys::find_program(program_name);
  if (program.empty())
    return Error(Error::infrastructure(fmt::format("the credential helper {} is not installed", told)))
        .hint(fmt::format("install it into a folder of PATH, or take it out of {}", named_by));
  const sys::ProgramOutput answer =
      TRY_IN(sys::run_program(program, {program, "get"}, server, largest_answer, limit_ns), told);
  if (answer.late)
    return Error::infrastructure(
        fmt::format("the credential helper {} did not end within {}", told, text::format_duration(limit_ns)));
  if (answer.too_much)
    return Error::infrastructure(fmt::format("the credential helper {} says too much", told));
  if (!WIFEXITED(answer.status) || WEXITSTATUS(answer.status) != 0) {
    const std::string said = text::printable(text::trim(answer.output)).substr(0, 300);
    if (knows_none(said)) return std::optional<Credentials>();
    return Error::infrastructure(
        fmt::format("the credential helper {} failed: {}", told, said.empty() ? "it said nothing" : said));
  }
  auto parsed = json::parse(answer.output);
  auto user = parsed.ok() ? json::get_string(parsed.value(), "Username") : Result<std::string>(std::string());
  auto secret = parsed.ok() ? json::get_string(parsed.value(), "Secret") : Result<std::string>(std::string());
  if (!parsed.ok() || !user.ok() || !secret.ok())
    return Error::infrastructure(fmt::format("the credential helper {} gave no Username and Secret", told));
  if (user.value().empty() && secret.value().empty()) return std::optional<Credentials>();
  Credentials credentials;
  credentials.from = fmt::format("{}, named by {}", program_name, named_by);
  if (user.value() == "<token>") {
    credentials.identity_token = secret.value();
  } else {
    credentials.user = user.value();
    credentials.password = secret.value();
  }
  return std::optional<Credentials>(std::move(credentials));
}

}  // namespace testctr::registry
