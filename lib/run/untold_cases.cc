#include "run/untold_cases.h"

#include "plan/gather.h"

namespace testctr::run {

void tell_untold_cases(const plan::Job& job, Outcome outcome, const std::string& reason, Stamper& stamper) {
  const bool stopped = outcome == Outcome::fail || outcome == Outcome::error || outcome == Outcome::not_run;
  if (job.parts.empty() || !job.further.empty() || !stopped || !stamper.began()) return;
  const auto documents = plan::read_parts(job);
  if (!documents.ok()) return;
  for (size_t i = 0; i < documents.value().size(); ++i) {
    const std::string file = i == job.main_part ? "" : job.parts[i].name;
    for (const script::Case& test : documents.value()[i].cases) {
      if (stamper.has_ended(file, test.line)) continue;
      Event event;
      event.kind = Event::Kind::case_ended;
      event.line = test.line;
      event.file = file;
      event.text = test.title;
      event.outcome =
          outcome == Outcome::fail && stamper.is_at(file, test.line) ? Outcome::fail : Outcome::not_run;
      event.detail = reason;
      stamper.take(event);
    }
  }
}

}  // namespace testctr::run
