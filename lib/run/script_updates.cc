#include "run/script_updates.h"

#include <algorithm>
#include <functional>

#include "base/text.h"
#include "interpret/update.h"
#include "script/member_edit.h"

namespace testctr::run {
namespace {

/// What is wanted of one file of a script, first by the line that said so first.
struct Want {
  uint32_t line = 0;
  bool quoted = false;
  bool refused = false;
  std::string content;
};

const script::Command* command_at(const script::Script& script, uint32_t line) {
  const auto found = std::find_if(script.commands.begin(), script.commands.end(),
                                  [&](const script::Command& command) { return command.line == line; });
  return found == script.commands.end() ? nullptr : &*found;
}

/// One file, for all tests that run it.
class FileReviser {
 public:
  explicit FileReviser(const plan::Step& step, bool at_start)
      : at_start_(at_start), update_{step.file, step.file, step.source, {}, {}} {
    auto parsed = script::parse(step.file, step.source, step.language);
    if (parsed.ok()) script_ = std::move(parsed).value();
  }

  [[nodiscard]] bool is_of(const plan::Step& step) const {
    return update_.file == step.file && update_.source == step.source;
  }
  void also_later() { at_start_ = false; }

  void take(const ComparedMember& compared) {
    Status status = want(compared);
    if (!status.ok()) problem(compared.line, status.error());
  }

  void take(const FailedLine& failed, bool all) {
    const script::Command* command = command_at(script_, failed.line);
    const Failure& failure = failed.failure;
    const bool matches = command != nullptr &&
                         (command->name == "stdout" || command->name == "stderr" || command->name == "grep");
    if (failure.hint.starts_with(interpret::not_updatable)) {
      problem(failed.line, Error::usage(failure.hint));
    } else if (matches) {
      problem(failed.line,
              Error::usage(fmt::format("not updatable: {}: {}{}", failure.reason,
                                       failure.actual.empty() ? "there was nothing" : "there was\n",
                                       failure.actual)));
    } else if (all) {
      problem(failed.line, Error::usage(failure.reason));
    }
  }

  void refuse(const std::string& why) { problem(0, Error::usage(why)); }

  ScriptUpdate finish() {
    for (const auto& [name, want] : wants_) {
      if (want.refused) continue;
      auto edits = script::edits_for_member(script_, {name, want.content, want.quoted, at_start_});
      if (!edits.ok()) {
        problem(want.line, edits.error());
        continue;
      }
      if (edits.value().empty()) continue;
      const script::Command* command = command_at(script_, want.line);
      update_.changes.push_back({want.line,
                                 command == nullptr ? name : std::string(text::trim(command->text)),
                                 std::move(edits).value()});
    }
    auto& changes = update_.changes;
    std::sort(changes.begin(), changes.end(),
              [](const MemberChange& a, const MemberChange& b) { return a.line < b.line; });
    return std::move(update_);
  }

 private:
  /// Keeps what is wanted. Errors: it cannot be, whatever stands in the file.
  Status want(const ComparedMember& compared) {
    const script::Command* command = command_at(script_, compared.line);
    const auto file = std::find_if(script_.files.begin(), script_.files.end(),
                                   [&](const script::File& one) { return one.name == compared.member; });
    bool succeeds = false;
    const std::string name = command == nullptr ? "" : script::command_of(*command, succeeds);
    const bool compares = succeeds && (name == "cmp" || name == "cmpenv");
    if (!compares || file == script_.files.end())
      return Error::infrastructure("a comparison was told of that the script does not have");
    const auto plain = script::unquoted_member(file->data);
    const bool unquotes = script::is_unquoted(script_, compared.member);
    if (compared.quoted && (!plain.ok() || !unquotes))
      return Error::infrastructure("a file was told of as quoted that the script has not unquoted");
    const std::string& content = !compared.equal   ? compared.content
                                 : compared.quoted ? plain.value()
                                                   : file->data;
    const auto [known, fresh] =
        wants_.emplace(compared.member, Want{compared.line, compared.quoted, false, content});
    Want& want = known->second;
    if (compared.cut || compared.secret) {
      want.refused = true;
      return compared.cut ? Error::usage("not updatable: there is more than is kept")
                          : Error::usage("not updatable: the value of a secret is in it");
    }
    if (fresh || (want.quoted == compared.quoted && want.content == content)) return {};
    want.refused = true;
    return Error::usage(
        fmt::format("not updatable: it wants another content of {} than line {}: neither is written",
                    text::quoted(compared.member), want.line));
  }

  void problem(uint32_t line, const Error& error) {
    std::string said = update_.file;
    if (line != 0) said += fmt::format(":{}", line);
    said += ": ";
    // What lib/script says has the place already.
    if (error.message().starts_with(update_.file + ":")) said.clear();
    said += error.message();
    if (!error.hint().empty()) said += ": " + error.hint();
    auto& problems = update_.problems;
    if (std::find(problems.begin(), problems.end(), said) == problems.end())
      problems.push_back(std::move(said));
  }

  bool at_start_;
  script::Script script_;
  ScriptUpdate update_;
  std::map<std::string, Want> wants_;
};

class Scripts {
 public:
  void job(const plan::Job& job, const ObservedScript& ended, bool all) {
    const bool trusted =
        ended.outcome == Outcome::pass || ended.outcome == Outcome::fail || ended.outcome == Outcome::skip;
    for (size_t index = 0; index <= job.further.size(); ++index) {
      const plan::Step& step = index == 0 ? static_cast<const plan::Step&>(job) : job.further[index - 1];
      if (step.format != plan::Format::script) continue;
      FileReviser& file = of(step, index == 0);
      const auto is_mine = [&](const std::string& name) {
        return name == step.file || (index == 0 && name.empty());
      };
      for (const ComparedMember& compared : ended.compared) {
        if (!is_mine(compared.file)) continue;
        if (trusted) {
          file.take(compared);
        } else if (!compared.equal) {
          file.refuse("nothing is written, since the test was not carried out as it should be");
        }
      }
      for (const FailedLine& failed : ended.failures) {
        if (is_mine(failed.file)) file.take(failed, all);
      }
    }
  }

  std::vector<ScriptUpdate> finish() {
    std::vector<ScriptUpdate> files;
    for (FileReviser& reviser : files_) {
      files.push_back(reviser.finish());
      const ScriptUpdate& last = files.back();
      if (!keeps_all_ && last.changes.empty() && last.problems.empty()) files.pop_back();
    }
    return files;
  }
  void keep_all() { keeps_all_ = true; }

 private:
  FileReviser& of(const plan::Step& step, bool at_start) {
    for (FileReviser& one : files_) {
      if (!one.is_of(step)) continue;
      if (!at_start) one.also_later();
      return one;
    }
    return files_.emplace_back(step, at_start);
  }

  std::vector<FileReviser> files_;
  bool keeps_all_ = false;
};

}  // namespace

std::vector<ScriptUpdate> script_updates(const plan::Plan& plan,
                                         const std::map<uint32_t, ObservedScript>& ended, bool all) {
  Scripts scripts;
  if (all) scripts.keep_all();
  for (const auto& [index, script] : ended) {
    if (index < plan.jobs.size()) scripts.job(plan.jobs[index], script, all);
  }
  return scripts.finish();
}

}  // namespace testctr::run
