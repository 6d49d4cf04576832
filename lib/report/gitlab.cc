#include "report/gitlab.h"

#include "base/sys.h"
#include "report/render.h"

namespace testctr::report {
namespace {

constexpr std::string_view clear = "\x1b[0K";

std::string mark(std::string_view which, size_t number, std::string_view options, const std::string& title) {
  return fmt::format("{}section_{}:{}:testctr_{}{}\r{}{}\n", clear, which, sys::realtime_ns() / 1'000'000'000,
                     number, options, clear, title);
}

}  // namespace

void Gitlab::script_ended(const ScriptReport& script) {
  if (!is_folded(script)) return inner().script_ended(script);
  out_.write(mark("start", ++number_, "[collapsed=true]", title_of(script, work_)));
  inner().script_ended(script);
  out_.write(mark("end", number_, "", ""));
}

}  // namespace testctr::report
