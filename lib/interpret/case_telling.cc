#include "interpret/case_telling.h"

#include <unistd.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/judge.h"

namespace testctr::interpret {

Event failure_event(Session& session, std::string file, uint32_t line, Failure failure, std::string shown) {
  if (std::string denials = tell_denials(session); !denials.empty())
    failure.hint = failure.hint.empty() ? denials : failure.hint + "; " + denials;
  Event event;
  event.kind = Event::Kind::failure;
  event.line = line;
  event.file = std::move(file);
  event.text = failure.reason;
  event.stream = std::move(shown);
  event.failure = std::move(failure);
  return event;
}

Event end_event(std::string file, const script::Case& test, Outcome outcome, std::string reason,
                std::optional<int> code, uint64_t started) {
  Event event;
  event.kind = Event::Kind::case_ended;
  event.line = test.line;
  event.file = std::move(file);
  event.text = test.title;
  event.outcome = outcome;
  event.detail = std::move(reason);
  event.code = code;
  if (started != 0) event.duration_ns = static_cast<int64_t>(sys::monotonic_ns() - started);
  return event;
}

std::string shown_stream(const script::CaseConfig& config, const Failure& failure) {
  if (failure.diff.empty()) return "";
  return *config.stream == script::Stream::err ? "stderr" : "stdout";
}

std::string joined(const script::Variables& variables) {
  std::string text;
  for (const auto& [name, value] : variables) text += name + "=" + value + std::string(1, '\0');
  return text;
}

std::string input_path(const script::Input& input, const Session& session) {
  return input.text.starts_with('/') ? input.text : session.setting.tree + "/" + input.text;
}

std::string unusable_name(const script::CaseConfig& config) {
  for (const auto& [name, value] : config.environment) {
    const bool word = std::all_of(name.begin(), name.end(), [](unsigned char c) {
      return c == '_' || (c < 0x80 && std::isalnum(c) != 0);
    });
    if (!word || name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) != 0)
      return fmt::format("environment: {} cannot be a variable of a shell", text::quoted(name));
  }
  return "";
}

std::string unusable_input(const script::CaseConfig& config, const Session& session) {
  if (!config.input || !config.input->is_file) return "";
  const std::string shown = text::printable(config.input->text);
  if (!config.input->text.starts_with('/') && session.setting.tree.empty())
    return fmt::format("stdin: {}: there is no test tree (--tree DIR names one)", shown);
  if (::access(input_path(*config.input, session).c_str(), R_OK) != 0)
    return fmt::format("stdin: {}: {}", shown, Error::system("open", shown).message());
  return "";
}

}  // namespace testctr::interpret
