#include "run/scope.h"

#include <algorithm>
#include <charconv>
#include <span>

#include "base/text.h"
#include "interpret/interpreter.h"
#include "interpret/shell_state.h"
#include "interpret/variables.h"
#include "plan/gather.h"

namespace testctr::run {
namespace {

Error breach(const std::string& place, std::string_view what) {
  return Error::infrastructure(
             fmt::format("{} broke the channel's protocol: {}", text::printable(place), what))
      .hint("what ran inside cannot be trusted to have said the truth: the script counts as an error");
}

std::optional<uint16_t> port_of(std::string_view word) {
  unsigned value = 0;
  auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (problem != std::errc() || end != word.data() + word.size() || value == 0 || value > 65535)
    return std::nullopt;
  return static_cast<uint16_t>(value);
}

/// A value as the container has it: a path below its work directory that was written out has become one below
/// $WORK.
std::optional<std::string> plain(const std::optional<std::string>& value) {
  if (!value) return value;
  return interpret::replace_token(*value, work_token, "/work");
}

/// The section that says where the lines from `position` on are carried out, if one begins there.
const script::Section* section_at(const script::Script& script, uint32_t position) {
  const script::Section* last = nullptr;
  for (const script::Section& section : script.sections) {
    if (section.first == position) last = &section;
  }
  return last;
}

/// Whether lines that belong elsewhere lie between two positions.
bool skips_border(const script::Script& script, uint32_t from, uint32_t to, const std::string& place) {
  for (const script::Section& section : script.sections) {
    if (section.first <= from || section.first >= to) continue;
    if (section_at(script, section.first)->place() != place) return true;
  }
  return false;
}

/// Whether a line may be that command: in a dialect that tells its words apart late it is one of them, or a
/// word that only the place knows.
bool may_be(const script::Command& command, std::string_view name) {
  if (command.name == name) return true;
  return std::any_of(command.words.begin(), command.words.end(), [&](const script::Word& word) {
    std::string text;
    bool known = true;
    for (const script::Fragment& fragment : word) {
      known = known && (fragment.quoted || fragment.text.find('$') == std::string::npos);
      text += fragment.text;
    }
    return !known || text == name;
  });
}

/// Whether a `testctr` line may take what follows into another place.
bool may_enter(const std::vector<std::optional<std::string>>& words) {
  if (words.size() == 2 && words[0] == "enter") return true;
  const auto enters = [](const std::optional<std::string>& word) { return !word || word == "--enter"; };
  return words.size() > 3 && words[0] == "start" && std::any_of(words.begin() + 3, words.end(), enters);
}

// Scripts that follow give these variables to programs of the host: those alone may have changed that the
// cases name, and none that a shell or the loader acts on.
void keep_environment(const std::string& words, const Continuation& from, Continuation& said) {
  const auto may_change = [&](const std::string& name) {
    return !interpret::is_interpreted_variable(name) && interpret::stands_in(name, words);
  };
  auto& now = said.state.environment;
  std::erase_if(now, [&](const auto& entry) { return !may_change(entry.first); });
  for (const auto& [name, value] : from.state.environment) {
    if (!may_change(name)) now[name] = value;
  }
}

bool is_inside_work(const std::string& directory) {
  if (directory.empty()) return true;
  if (!directory.starts_with(work_token)) return false;
  const std::string rest = directory.substr(work_token.size());
  if (!rest.empty() && rest.front() != '/') return false;
  for (const std::string& part : text::split(rest, '/')) {
    if (part == "..") return false;
  }
  return rest.find('\0') == std::string::npos;
}

}  // namespace

const plan::Step& Scope::step(uint32_t index) const {
  return index == 0 ? static_cast<const plan::Step&>(*job_) : job_->further.at(index - 1);
}

std::string Scope::image_of(const std::string& place) const {
  for (const Text& text : texts_) {
    if (!text.script) continue;
    for (const script::Section& section : text.script->sections) {
      if (!section.host && !section.image.empty() && section.place() == place) return section.image;
    }
  }
  return {};
}

std::string Scope::first_place(uint32_t index) const {
  const Text& text = texts_.at(index);
  if (text.script) {
    if (const script::Section* section = section_at(*text.script, 0)) return section->place();
  }
  if (!text.cases.empty()) return text.cases.front().place;
  return step(index).where;
}

Result<Scope> Scope::of(const plan::Job& job) {
  Scope scope;
  scope.job_ = &job;
  for (const plan::Container& container : job.containers) {
    scope.images_.insert(container.image);
    scope.names_.insert(container.name);
    scope.several_ = true;
  }
  scope.images_.insert(job.images.begin(), job.images.end());
  if (!job.image.empty()) scope.images_.insert(job.image);
  for (const auto& [name, value] : job.environment) scope.images_.insert(value);
  scope.several_ = scope.several_ || !job.further.empty();
  for (uint32_t index = 0; index < scope.steps(); ++index) {
    const plan::Step& step = scope.step(index);
    scope.host_ = scope.host_ || step.where == plan::host_place;
    if (step.format != plan::Format::script) {
      CHECK_OK(scope.read_cases(step, scope.texts_.emplace_back()));
      scope.note_text(step.source);
      for (const plan::DocumentPart& part : step.parts) scope.note_text(part.source);
      continue;
    }
    Text& text = scope.texts_.emplace_back();
    text.script = TRY(script::parse(step.file.empty() ? step.name : step.file, step.source, step.language));
    const script::Script& script = *text.script;
    for (const script::Section& section : script.sections) {
      scope.several_ = true;
      scope.host_ = scope.host_ || section.host;
      if (!section.image.empty()) scope.images_.insert(section.image);
      if (!section.name.empty()) scope.names_.insert(section.name);
    }
    for (const script::Command& command : script.commands) {
      if (command.name == "defer") ++scope.deferred_;
      if (const auto words = script::testctr_words(command); !words.empty()) scope.note_start(words);
    }
    if (step.source.find("testctr ") != std::string::npos) scope.clients_ = scope.clients_ || scope.several_;
  }
  scope.several_ = scope.several_ || scope.host_;
  return scope;
}

// A document that says nothing of places in a test that has one place is not read here: that takes its time.
Status Scope::read_cases(const plan::Step& step, Text& text) {
  bool speaks = several_ || step.where == plan::host_place;
  for (const plan::DocumentPart& part : step.parts)
    speaks = speaks || part.source.find("where") != std::string::npos ||
             part.source.find("testctr ") != std::string::npos;
  if (!speaks) return {};
  std::vector<script::Document> parts;
  for (const plan::DocumentPart& part : step.parts)
    parts.push_back(TRY(script::read_document(plan::dialect_of(step.format), part.name, part.source,
                                              job_->documents.reading)));
  for (const script::Document& part : parts) {
    for (const script::Case& test : part.cases) {
      text.cases.push_back(
          {script::place_of(test, parts.at(step.main_part).config.defaults, step.where), test.expression});
      const std::string& place = text.cases.back().place;
      several_ = several_ || place != step.where;
      host_ = host_ || place == plan::host_place;
    }
  }
  return {};
}

std::vector<std::string> Scope::expressions(uint32_t step, uint32_t from, uint32_t to) const {
  std::vector<std::string> all;
  const Text& text = texts_.at(step);
  for (size_t i = from; i < to && i < text.cases.size(); ++i) all.push_back(text.cases[i].expression);
  return all;
}

void Scope::note_start(const std::vector<std::optional<std::string>>& words) {
  several_ = true;
  if (words.size() < 3 || words[0] != "start") return;
  if (words[1]) images_.insert(*words[1]);
  if (words[2] && script::is_container_name(*words[2])) names_.insert(*words[2]);
  for (size_t i = 3; i + 1 < words.size(); ++i) {
    if (words[i] != "-p" || !words[i + 1]) continue;
    if (auto port = port_of(*words[i + 1])) ports_.insert(*port);
  }
}

// A document's commands are a shell's, which nobody outside reads: every place in the text where `testctr
// start` could stand counts.
void Scope::note_text(const std::string& text) {
  if (text.find("testctr ") == std::string::npos) return;
  clients_ = several_ = true;
  constexpr std::string_view start = "testctr start ";
  for (size_t at = text.find(start); at != std::string::npos; at = text.find(start, at + 1)) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::vector<std::optional<std::string>> words;
    for (std::string& word : text::split(std::string_view(text).substr(at + 8, end - at - 8), ' ')) {
      std::erase_if(word, [](char c) { return c == '"' || c == '\'' || c == ';'; });
      if (!word.empty()) words.emplace_back(std::move(word));
    }
    note_start(words);
  }
}

Status Scope::allow(const Request& start) const {
  if (!images_.contains(start.image)) {
    return Error::infrastructure(
               fmt::format("{} asked for a container of {}, which stands nowhere in the test",
                           text::printable(start.place), text::quoted(start.image)))
        .hint("a test starts what its script, its manifest or --env NAME=IMAGE names");
  }
  for (uint16_t port : start.ports) {
    if (!ports_.contains(port))
      return Error::infrastructure(
          fmt::format("{} asked for the port {} on this machine, which stands nowhere in the test",
                      text::printable(start.place), port));
  }
  return {};
}

Result<Continuation> Scope::accept(const Continuation& from, Continuation said,
                                   const std::string& place) const {
  if (said.step != from.step || said.position < from.position)
    return breach(place, "it wants to go on where it has been");
  said.extracted = true;
  const Text& text = texts_.at(from.step);
  if (!text.script) return accept_document(text, from, std::move(said), place);
  const script::Script& script = *text.script;
  said.state.shell = from.state.shell;  // no line of a script changes that
  if (said.position > script.commands.size())
    return breach(place, "it wants to go on behind the script's end");
  if (skips_border(script, from.position, said.position, place))
    return breach(place, "it passed over lines that are not its own");
  // The last line that it can have carried out itself.
  const script::Command* last =
      said.position == from.position ? nullptr : &script.commands[said.position - 1];
  if (said.done) {
    const bool whole =
        said.position == script.commands.size() && section_at(script, said.position) == nullptr;
    const bool may_end = said.outcome == Outcome::fail || said.outcome == Outcome::not_run ||
                         said.outcome == Outcome::error ||
                         (last != nullptr && (may_be(*last, "stop") || may_be(*last, "skip"))) || whole;
    if (!may_end) return breach(place, "it ended the script before its end");
    return said;
  }
  CHECK_OK(accept_target(script, from, said, place));
  CHECK_OK(accept_environment(script, from, said));
  if (!is_inside_work(said.state.directory) && said.target != place)
    return breach(place, "its working directory is not below $WORK");
  const script::Section* border = section_at(script, said.position);
  said.state.line = border != nullptr ? border->line : last != nullptr ? last->line : 0;
  if (said.position == script.commands.size()) said.state.line = UINT32_MAX;
  return said;
}

Result<Continuation> Scope::accept_document(const Text& text, const Continuation& from, Continuation said,
                                            const std::string& place) {
  if (text.cases.empty()) {  // the only place of its test
    if (!said.done) return breach(place, "it wants to go on where there is nothing");
    return said;
  }
  if (said.position > text.cases.size()) return breach(place, "it wants to go on behind the document's end");
  const bool whole = said.position == text.cases.size();
  if (said.done) {
    if (said.outcome == Outcome::pass && !whole) return breach(place, "it ended the document before its end");
    return said;
  }
  for (size_t i = from.position; i < said.position; ++i) {
    if (text.cases[i].place != place) return breach(place, "it passed over cases that are not its own");
  }
  const std::string& next = whole ? place : text.cases[said.position].place;
  if (said.target != next || (!whole && next == place) || said.state.targets != from.state.targets)
    return breach(place, "it wants to go on in another place than the document says");
  if (!is_inside_work(said.state.directory)) return breach(place, "its working directory is not below $WORK");
  if (!said.state.shell.empty()) {
    auto shell = interpret::shell_state_from_bytes(said.state.shell);
    if (!shell.ok()) return breach(place, shell.error().message());
  }
  if (place != plan::host_place) {
    std::string words;
    for (size_t i = from.position; i < said.position; ++i) words += text.cases[i].expression + "\n";
    keep_environment(words, from, said);
  }
  // What a script left before it is as it was.
  said.state.stdout_buffer = from.state.stdout_buffer;
  said.state.stderr_buffer = from.state.stderr_buffer;
  said.state.status = from.state.status;
  said.state.signalled = from.state.signalled;
  said.state.line = whole ? UINT32_MAX : 0;
  return said;
}

Status Scope::accept_target(const script::Script& script, const Continuation& from, Continuation& said,
                            const std::string& place) const {
  if (said.position == script.commands.size()) {
    if (said.target == place && said.state.targets == from.state.targets) return {};
    // What was entered in the last line is where the next step begins, or nowhere.
    said.target = place;
    return {};
  }
  if (said.position == from.position) return breach(place, "it carried out nothing and wants to go on");
  if (const script::Section* section = section_at(script, said.position)) {
    if (said.target != section->place() || !said.state.targets.empty())
      return breach(place, "it wants to go on in another place than the script says");
    return {};
  }
  const auto words = script::testctr_words(script.commands[said.position - 1]);
  const auto wrong = [&] { return breach(place, "it wants to go on in another place than the script says"); };
  std::vector<std::string> targets = from.state.targets;
  if (words == std::vector<std::optional<std::string>>{"leave"}) {
    if (targets.empty() || said.target != targets.back()) return wrong();
    targets.pop_back();
  } else {
    if (!may_enter(words)) return wrong();
    const size_t name = words[0] == "enter" ? 1 : 2;
    if (said.target == plan::host_place) return wrong();
    if (words[name] && *words[name] != said.target) return wrong();
    targets.push_back(place);
  }
  if (said.state.targets != targets) return wrong();
  return {};
}

Status Scope::accept_environment(const script::Script& script, const Continuation& from,
                                 const Continuation& said) const {
  std::set<std::string> may_change;
  bool any = false;
  if (from.position == 0) {
    for (const char* name : interpret::prepared_variables(script.language)) may_change.insert(name);
  }
  for (uint32_t i = from.position; i < said.position; ++i) {
    const script::Command& command = script.commands[i];
    const bool captures = command.name == "capture";
    if (!captures && !may_be(command, "env")) continue;
    std::span<const script::Word> words(command.words.empty() ? command.arguments : command.words);
    // The words behind the name of what is captured are no names.
    if (captures) words = words.first(std::min<size_t>(words.size(), 1));
    for (const script::Word& word : words) {
      std::string literal;
      for (const script::Fragment& fragment : word) {
        // A name that only the place knows can be any.
        if (literal.find('=') == std::string::npos && !fragment.quoted) {
          const size_t dollar = fragment.text.find('$');
          any = any || (dollar != std::string::npos && dollar < fragment.text.find('='));
        }
        literal += fragment.text;
      }
      may_change.insert(literal.substr(0, literal.find('=')));
    }
  }
  const auto changed = [&](const std::string& name) {
    return any || may_change.contains(name) || interpret::stands_in(name, typed_);
  };
  for (const auto& [name, value] : said.state.environment) {
    const auto before = from.state.environment.find(name);
    const bool same = before != from.state.environment.end() && plain(before->second) == plain(value);
    if (!same && !changed(name))
      return breach("a place", fmt::format("it changed the variable {}, which its lines do not set",
                                           text::printable(name)));
  }
  for (const auto& [name, value] : from.state.environment) {
    if (value && !said.state.environment.contains(name) && !changed(name))
      return breach("a place", fmt::format("it lost the variable {}", text::printable(name)));
  }
  return {};
}

}  // namespace testctr::run
