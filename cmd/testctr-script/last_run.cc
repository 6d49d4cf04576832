#include "last_run.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"
#include "plan/checks.h"
#include "plan/manifest.h"

namespace testctr::cmd {
namespace {

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

Result<run::History> history_in(const std::string& folder) {
  run::History history = TRY(run::History::open(TRY(plan::real_path(folder))));
  CHECK_OK(history.load());
  return history;
}

int64_t written_ns(const run::History& history) {
  struct stat st {};
  if (::stat(history.path().c_str(), &st) != 0) return 0;
  return st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec;
}

}  // namespace

Result<run::History> history_of_last(const std::optional<std::string>& named) {
  if (named) {
    if (!TRY(sys::stat_at(AT_FDCWD, *named, 0)))
      return Error::usage(fmt::format("--manifest: there is no {}", text::quoted(*named)));
    return history_in(folder_of(*named));
  }
  run::History here = TRY(history_in("."));
  const auto manifest = TRY(plan::find_manifest("."));
  if (!manifest) return here;
  run::History other = TRY(history_in(folder_of(*manifest)));
  if (other.path() == here.path() || other.tests().empty()) return here;
  if (!here.tests().empty() && written_ns(here) > written_ns(other)) return here;
  complain(fmt::format("the last run of the tests of {}", text::printable(*manifest)));
  return other;
}

uint32_t line_of(const run::KeptFailure& kept) {
  uint32_t failed = 0, command = 0;
  for (const Event& event : kept.events) {
    if (event.kind == Event::Kind::failure && failed == 0 && event.file.empty()) failed = event.line;
  }
  // A case fails at what it was to print, below its command.
  for (const Event& event : kept.events) {
    const bool begins = event.kind == Event::Kind::command || event.kind == Event::Kind::case_ended;
    if (begins && event.file.empty() && event.line <= failed) command = std::max(command, event.line);
  }
  return command != 0 ? command : failed;
}

std::string image_of(const run::KeptFailure& kept, const plan::TestKey& test) {
  return kept.above ? "" : test.second;
}

std::string name_of(const run::KeptFailure& kept, const plan::TestKey& test) {
  for (const Event& event : kept.events)
    if (event.kind == Event::Kind::script_started && plan::key_of(event.text, "").first == test.first)
      return event.text;
  return test.first;
}

bool is_usual_manifest(const std::string& path) {
  return path == plan::manifest_name || path.ends_with(fmt::format("/{}", plan::manifest_name));
}

std::string shell_words(const run::KeptFailure& kept, const plan::TestKey& test, uint32_t line) {
  const std::string image = image_of(kept, test);
  return fmt::format("{}{}{}", image.empty() ? "" : text::shell_quoted(image), image.empty() ? "" : " ",
                     text::shell_quoted(fmt::format("{}:{}", kept.file, line)));
}

}  // namespace testctr::cmd
