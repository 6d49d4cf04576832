#include "run/observe_members.h"

#include "interpret/update.h"

#include <algorithm>

namespace testctr::run {

MemberObserver::MemberObserver(const plan::Plan& plan, EventSink& next) : next_(next) {
  for (const plan::Job& job : plan.jobs) {
    for (const std::string& name : job.secrets) {
      const auto value = job.environment.find(name);
      if (value != job.environment.end()) secrets_.add(value->second);
    }
  }
}

void MemberObserver::take(const Event& event) {
  if (event.kind == Event::Kind::compared) return compare(event);
  next_.take(event);
  if (event.kind == Event::Kind::script_started) {
    running_.erase(event.script);  // another attempt
    ended_.erase(event.script);
  }
  if (event.kind == Event::Kind::failure) {
    std::vector<FailedLine>& failures = running_[event.script].script.failures;
    if (failures.size() < most_compared) failures.push_back({event.file, event.line, event.failure});
  }
  if (event.kind == Event::Kind::script_ended) end(event);
}

void MemberObserver::compare(const Event& event) {
  Running& running = running_[event.script];
  std::vector<ComparedMember>& all = running.script.compared;
  const Wanted& wanted = event.compared;
  const bool goes_on = running.open && all.back().line == event.line && all.back().file == event.file &&
                       all.back().member == wanted.member;
  if (!goes_on) {
    if (all.size() == most_compared) return;
    if (running.open) all.back().cut = true;  // another place spoke meanwhile, or it lies
    all.push_back({event.file, event.line, wanted.member, wanted.quoted, wanted.equal, false, false, {}});
  }
  ComparedMember& member = all.back();
  running.open = wanted.more && !wanted.equal;
  const size_t room =
      std::min(interpret::most_member - std::min(member.content.size(), interpret::most_member),
               most_content - running.bytes);
  member.cut = member.cut || event.text.size() > room;
  member.content += event.text.substr(0, room);
  running.bytes += std::min(event.text.size(), room);
}

void MemberObserver::end(const Event& event) {
  auto running = running_.extract(event.script);
  ObservedScript script = running.empty() ? ObservedScript{} : std::move(running.mapped().script);
  script.script = event.script;
  script.outcome = event.outcome;
  script.reason = event.text;
  for (ComparedMember& member : script.compared) member.secret = secrets_.in(member.content);
  // A comparison that went on when the test ended is not whole.
  if (!running.empty() && running.mapped().open && !script.compared.empty())
    script.compared.back().cut = true;
  ended_[event.script] = std::move(script);
}

}  // namespace testctr::run
