// Any text as an event file: refused, or told to every report; what is read is written as it was read.
#include <fcntl.h>

#include <cstdint>
#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"
#include "report/ctrf.h"
#include "report/github.h"
#include "report/html.h"
#include "report/json_lines.h"
#include "report/junit.h"
#include "report/merge.h"
#include "report/tap.h"
#include "report/terminal.h"

using namespace testctr;
using namespace testctr::report;

namespace {

/// What a line comes to when it is written again; nothing where that is not the events' writer's doing.
std::string written_again(const EventLine& line) {
  StringWriter out;
  JsonLines json(out);
  if (const auto* start = std::get_if<RunStart>(&line)) json.run_started(*start);
  if (const auto* event = std::get_if<Event>(&line)) json.event(*event);
  return out.text();
}

void check_lines(std::string_view bytes) {
  for (std::string_view line : text::lines(bytes)) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    const auto read = read_event_line(line);
    if (!read.ok()) continue;
    const std::string written = written_again(read.value());
    if (written.empty()) continue;
    const auto again = read_event_line(std::string_view(written).substr(0, written.size() - 1));
    if (!again.ok() || written_again(again.value()) != written) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_lines(bytes);
  static const std::string path = fmt::format("/tmp/events-fuzz-{}", ::getpid());
  if (!sys::write_file_at(AT_FDCWD, path, bytes).ok()) std::abort();
  auto merge = Merge::read({path});
  if (!merge.ok()) return 0;
  StringWriter out;
  Collector collector(false);
  collector.add(std::make_unique<JsonLines>(out));
  collector.add(std::make_unique<Junit>(out));
  collector.add(std::make_unique<Tap>(out));
  collector.add(std::make_unique<Ctrf>(out));
  collector.add(std::make_unique<Html>(out));
  collector.add(std::make_unique<Github>(out, std::make_unique<Terminal>(out, out, TerminalOptions{}),
                                         GithubOptions{}));
  collector.start(merge.value().start());
  const auto ending = merge.value().play(collector);
  if (!ending.ok() || !collector.finish(ending.value()).ok()) std::abort();
  // Every test is counted, and what is missing is never green.
  if (collector.tally().total() != merge.value().start().scripts) std::abort();
  if (!merge.value().missing().empty() && collector.tally().exit_code(ending.value()) == 0) std::abort();
  if (out.text().find('\x1b') != std::string::npos) std::abort();
  return 0;
}
