// Any bytes as lines of a script, in every dialect: words keep their promises, written down again they are
// the same ones, and dialects that tell prefixes apart late do so without a crash, whatever the variables
// hold.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/text.h"
#include "interpret/rules.h"
#include "script/line.h"
#include "script/script.h"

using namespace testctr;

namespace {

void check(bool well) {
  if (!well) std::abort();
}

struct Silent : EventSink {
  void take(const Event&) override {}
};

/// A word as it would be written.
std::string written(const script::Word& word) {
  std::string text;
  for (const script::Fragment& fragment : word) {
    if (!fragment.quoted) {
      check(!fragment.text.empty() && fragment.text.find_first_of(" \t\r\n#'") == std::string::npos);
      text += fragment.text;
      continue;
    }
    text += '\'';
    for (const char c : fragment.text) text += c == '\'' ? "''" : std::string(1, c);
    text += '\'';
  }
  return text;
}

/// Words that were told apart are the same when they are written down and read again.
void check_words(const script::Place& place, const script::Command& command) {
  std::string line;
  for (const script::Word& word : command.words) line += " " + written(word);
  const auto again = script::parse_words(place, line);
  check(again && again->defect.empty() && again->words == command.words);
}

void check_resolved(interpret::Session& session, const script::Command& line) {
  if (session.rules->resolve == nullptr) return;
  const script::Command command = session.rules->resolve(session, line);
  check(command.line == line.line && command.text == line.text);
  if (!command.defect.empty()) return;
  check(command.background || command.background_name.empty());
  for (const script::Condition& condition : command.conditions)
    check(condition.text.find('\n') == std::string::npos || line.text.find('\n') == std::string::npos);
  if (session.rules->unknown != nullptr && interpret::find_command(*session.rules, command.name) == nullptr)
    check(!session.rules->unknown(session, command).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string source(reinterpret_cast<const char*>(data), size);
  const script::Place place{"f.txt", 7};
  interpret::Setting setting;
  setting.environment = {{"WORK", "/work"}, {"X", "a b"}, {"N", "!"},
                         {"C", "[linux]"},  {"E", ""},    {"A", "&"}};
  setting.programs = {"prog"};
  Silent silent;
  for (std::string_view line : text::lines(std::string_view(source))) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    const auto ours = script::parse_line(place, line);
    if (ours.ok() && ours.value()) {
      check(!ours.value()->name.empty() && ours.value()->column > 0 && ours.value()->column <= line.size());
    } else if (!ours.ok()) {
      check(ours.error().fault() == Fault::usage && ours.error().message().starts_with("f.txt:7:"));
    }
    (void)script::parse_section(place, line);
    const auto theirs = script::parse_words(place, line);
    if (!theirs) continue;
    if (theirs->defect.empty()) check_words(place, *theirs);
    for (const auto language :
         {script::Language::rsc, script::Language::testscript, script::Language::cmdgo}) {
      interpret::Session session(setting, silent, nullptr);
      session.rules = &interpret::rules_of(language);
      check_resolved(session, *theirs);
    }
  }
  return 0;
}
