#include "run/stamper.h"

#include "base/sys.h"

namespace testctr::run {

void Stamper::take(const Event& event) {
  if (event.kind == Event::Kind::command && leads_) {
    line_ = event.line;
    file_ = event.file.empty() ? step_file_ : event.file;
    command_ = event.text;
  }
  if (event.kind == Event::Kind::failure) failed_ = true;
  if (event.kind == Event::Kind::case_ended) {
    if (event.outcome == Outcome::pass) ++cases_passed_;
    cases_ended_.emplace(event.file, event.line);
    if (event.outcome == Outcome::fail || event.outcome == Outcome::error) failed_ = true;
  }
  Event stamped = event;
  // What is written from that belongs to the step, whatever the place says.
  if (event.kind == Event::Kind::compared || (stamped.file.empty() && stamped.line != 0))
    stamped.file = step_file_;
  stamped.script = script_;
  stamped.attempt = attempt_;
  stamped.place = place_;
  stamped.sequence = sequence_++;
  stamped.time_ns = static_cast<int64_t>(sys::monotonic_ns() - run_start_ns_);
  sink_.take(stamped);
}

void Stamper::log(std::string text) {
  Event event;
  event.kind = Event::Kind::log;
  event.text = std::move(text);
  take(event);
}

void Stamper::fail(std::string reason, std::string hint) {
  Event event;
  event.kind = Event::Kind::failure;
  event.line = line_;
  event.file = file_;
  event.failure.command = command_;
  event.failure.reason = std::move(reason);
  event.failure.hint = std::move(hint);
  take(event);
}

}  // namespace testctr::run
