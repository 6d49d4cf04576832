#include "run/observe.h"

#include "base/text.h"

namespace testctr::run {
namespace {

script::Variables variables_of(const std::string& values) {
  script::Variables variables;
  for (const std::string& entry : text::split(values, '\0')) {
    const size_t equals = entry.find('=');
    if (equals != std::string::npos) variables[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return variables;
}

}  // namespace

void CaseObserver::take(const Event& event) {
  next_.take(event);
  if (event.kind == Event::Kind::output) {
    Output& output = outputs_[{event.script, event.file}][event.line];
    const size_t room = most_output - output.bytes.size();
    output.cut = output.cut || event.text.size() > room;
    output.bytes += event.text.substr(0, room);
  }
  if (event.kind == Event::Kind::script_ended) {
    outputs_.erase(outputs_.lower_bound({event.script, ""}), outputs_.lower_bound({event.script + 1, ""}));
  }
  if (event.kind != Event::Kind::case_ended) return;
  ObservedCase ended;
  ended.script = event.script;
  ended.file = event.file;
  ended.line = event.line;
  ended.outcome = event.outcome;
  ended.reason = event.detail;
  ended.code = event.code;
  ended.shell_ended = event.shell_ended;
  if (!event.values.empty()) ended.values = variables_of(event.values);
  auto& lines = outputs_[{event.script, event.file}];
  if (auto found = lines.find(event.line); found != lines.end()) {
    ended.output = std::move(found->second.bytes);
    ended.cut = found->second.cut;
    lines.erase(found);
  }
  take_(std::move(ended));
}

}  // namespace testctr::run
