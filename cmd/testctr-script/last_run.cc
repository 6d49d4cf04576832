#include "last_run.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"
#include "plan/checks.h"
#include "plan/manifest.h"

namespace testctr::cmd {
namespace {

constexpr const char* how_to_name =
    "name where it is to be: `testctr-script shell [IMAGE] FILE:LINE`, or an image alone";

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

bool is_usual_manifest(const std::string& path) {
  return path == plan::manifest_name || path.ends_with(fmt::format("/{}", plan::manifest_name));
}

std::string FailedAt::words() const {
  return fmt::format("{}{}{}", image.empty() ? "" : text::shell_quoted(image), image.empty() ? "" : " ",
                     text::shell_quoted(fmt::format("{}:{}", file, line)));
}

Result<std::vector<FailedAt>> failed_lines() {
  const run::History history = TRY(history_of_last(std::nullopt));
  if (history.tests().empty())
    return Error::usage("nothing is known of an earlier run here, so there is no line that it failed at")
        .hint(how_to_name);
  const std::set<plan::TestKey> failed = history.failed();
  if (failed.empty())
    return Error::usage("no test failed the last time, so there is no line to stop at").hint(how_to_name);
  const run::KeptFailures failures(history.path());
  std::vector<FailedAt> all;
  for (const plan::TestKey& test : failed) {
    const auto kept = failures.failure(test);
    const uint32_t line = kept ? line_of(*kept) : 0;
    if (line == 0 || kept->file.empty()) continue;
    const auto script = kept->was.find("script");
    all.push_back({test, kept->manifest, image_of(*kept, test), kept->file, line,
                   script == kept->was.end() ? "" : script->second});
  }
  if (all.empty())
    return Error::usage(
               fmt::format(
                   "none of the {} test{} that failed the last time is known to have failed at a line "
                   "of its file",
                   failed.size(), failed.size() == 1 ? "" : "s"))
        .hint(fmt::format("`testctr-script explain` tells what is known; {}", how_to_name));
  return all;
}

}  // namespace testctr::cmd
