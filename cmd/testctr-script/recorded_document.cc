// Documents made of commands: with what they print, run again until they hold.
#include <algorithm>

#include "base/text.h"
#include "create.h"
#include "plan/make_plan.h"
#include "recorded_script.h"
#include "revise.h"
#include "run_setup.h"
#include "scratch.h"

namespace testctr::cmd {
namespace {

constexpr int most_rounds = 6;

std::string first_line(const std::string& command) { return command.substr(0, command.find('\n')); }

std::string command_lines(const std::string& command, const std::string& indent) {
  std::string out;
  bool first = true;
  for (const std::string& line : text::split(command, '\n')) {
    out += fmt::format("{}{}{}\n", indent, first ? "$ " : (line.empty() ? ">" : "> "), line);
    first = false;
  }
  return out;
}

/// A fence that nothing in the document closes too early.
void lengthen_fences(std::string& document) {
  size_t longest = 2;
  for (std::string_view line : text::lines(document)) {
    if (line.starts_with("```scrut") || text::trim(line) == "```") continue;
    const size_t ticks = std::min(line.find_first_not_of('`'), line.size());
    longest = std::max(longest, ticks);
  }
  if (longest < 3) return;
  const std::string fence(longest + 1, '`');
  std::string out;
  for (std::string_view line : text::lines(document)) {
    if (line == "```scrut\n") {
      out += fence + "scrut\n";
    } else if (line == "```\n") {
      out += fence + "\n";
    } else {
      out += line;
    }
  }
  document = std::move(out);
}

}  // namespace

std::string bare_document(const std::vector<std::string>& commands, const std::string& title, bool cram,
                          size_t indent) {
  std::string out;
  if (!title.empty()) out += cram ? fmt::format("{}\n\n", title) : fmt::format("# {}\n\n", title);
  bool first = true;
  for (const std::string& command : commands) {
    if (!first) out += "\n";
    first = false;
    if (cram) {
      out += fmt::format("{}:\n\n", first_line(command)) + command_lines(command, std::string(indent, ' '));
      continue;
    }
    if (commands.size() > 1 || title.empty()) out += fmt::format("## {}\n\n", first_line(command));
    out += "```scrut\n" + command_lines(command, "") + "```\n";
  }
  if (!cram) lengthen_fences(out);
  return out;
}

namespace {

/// Lines without what both have at their beginning and end.
struct Middle {
  std::vector<std::string_view> before, after;
};

Middle middle_of(std::string_view before, std::string_view after) {
  Middle middle{text::lines(before), text::lines(after)};
  auto& [one, other] = middle;
  while (!one.empty() && !other.empty() && one.back() == other.back()) {
    one.pop_back();
    other.pop_back();
  }
  size_t same = 0;
  while (same < std::min(one.size(), other.size()) && one[same] == other[same]) ++same;
  one.erase(one.begin(), one.begin() + static_cast<ptrdiff_t>(same));
  other.erase(other.begin(), other.begin() + static_cast<ptrdiff_t>(same));
  return middle;
}

bool is_status(std::string_view line) {
  line = text::trim(line);
  return line.size() > 2 && line.front() == '[' && line.back() == ']' &&
         line.find_first_not_of("0123456789", 1) == line.size() - 1;
}

class Recording {
 public:
  Recording(const Arguments& arguments, const std::string& image, std::vector<std::string> commands,
            const std::string& as, bool cram, size_t indent)
      : arguments_(arguments),
        image_(image),
        commands_(std::move(commands)),
        as_(as),
        cram_(cram),
        indent_(cram ? indent : 0, ' ') {}

  Result<CreatedDocument> make() {
    // Each round leaves one out.
    while (!commands_.empty() && !TRY(try_all())) {
    }
    if (commands_.empty()) source_.clear();
    notes_.insert(notes_.end(), loose_.begin(), loose_.end());
    return CreatedDocument{std::move(source_), std::move(notes_), commands_.size()};
  }

 private:
  /// @return whether they are all in a document that holds; else one is left out now
  Result<bool> try_all() {
    loose_.clear();
    source_ = bare_document(commands_, "", cram_, indent_.size());
    for (int round = 0; round < most_rounds; ++round) {
      if (round == 1) wait_for_next_second();
      const Revision revision = TRY(run());
      if (!revision.problems.empty()) {
        CHECK_OK(leave_out(revision));
        return false;
      }
      if (revision.changes.empty() && round > 0) return true;
      std::vector<script::Edit> edits;
      for (const Change& change : revision.changes) {
        for (script::Edit edit : change.edits) {
          if (round > 0 && !loosen(edit)) {
            drop(change.line, "what it does is different each time, as no document could say");
            return false;
          }
          edits.push_back(std::move(edit));
        }
        if (round > 0) tell_loose(change.line);
      }
      source_ = TRY(script::with_edits(source_, std::move(edits)));
    }
    return Error::infrastructure("the document that was recorded does not pass");
  }

  Result<Revision> run() {
    const Scratch scratch = TRY(Scratch::make());
    plan::Plan plan =
        TRY(plan_of_text(arguments_, image_, scratch.path(), as_.substr(as_.rfind('/') + 1), source_, as_));
    Revisions revisions = TRY(run_and_revise(std::move(plan), arguments_));
    if (revisions.code > 128) return Error::infrastructure("interrupted");
    return std::move(revisions.documents.front());
  }

  /// Lines that are now others than they were match anything. @return whether that can be said
  bool loosen(script::Edit& edit) const {
    const std::string before = source_.substr(edit.span.begin, edit.span.size());
    const auto [one, other] = middle_of(before, edit.text);
    if (std::any_of(one.begin(), one.end(), is_status) || std::any_of(other.begin(), other.end(), is_status))
      return false;
    const bool same = one.size() == other.size();
    if (!same && cram_) return false;
    std::string anything;
    for (size_t i = 0; same && i < one.size(); ++i)
      anything += one[i] == other[i] ? std::string(one[i]) : indent_ + "* (glob)\n";
    if (!same) anything = "* (glob*)\n";
    // What both have stays as it was first.
    const auto lines = text::lines(std::string_view(before));
    size_t front = 0;
    const auto second = text::lines(std::string_view(edit.text));
    while (front < std::min(lines.size(), second.size()) && lines[front] == second[front]) ++front;
    front = std::min(front, lines.size() - one.size());
    std::string text;
    for (size_t i = 0; i < front; ++i) text += lines[i];
    text += anything;
    for (size_t i = front + one.size(); i < lines.size(); ++i) text += lines[i];
    edit.text = std::move(text);
    return true;
  }

  Status leave_out(const Revision& revision) {
    if (revision.shell_ended_line != 0) {
      drop(revision.shell_ended_line, "it ends the shell, which all cases of a Cram document share");
      return {};
    }
    const std::string& problem = revision.problems.front();
    if (revision.problem_line == 0) return Error::infrastructure(problem);
    const size_t place = problem.find(fmt::format(":{}: ", revision.problem_line));
    drop(revision.problem_line,
         place == std::string::npos ? problem : problem.substr(problem.find(": ", place) + 2));
    return {};
  }

  void drop(uint32_t line, const std::string& why) {
    const size_t at = number_of(line);
    notes_.push_back(fmt::format("{}: left out: {}", shown_command(commands_[at]), why));
    commands_.erase(commands_.begin() + static_cast<ptrdiff_t>(at));
  }

  void tell_loose(uint32_t line) {
    std::string note =
        fmt::format("{}: what it prints is different each time; lines of it are not compared (`glob`)",
                    shown_command(commands_[number_of(line)]));
    if (std::find(loose_.begin(), loose_.end(), note) == loose_.end()) loose_.push_back(std::move(note));
  }

  /// Which command's case stands at that line.
  [[nodiscard]] size_t number_of(uint32_t line) const {
    size_t number = 0;
    const auto lines = text::lines(std::string_view(source_));
    for (size_t i = 0; i < lines.size() && i < line; ++i)
      if (lines[i].starts_with(indent_ + "$ ")) ++number;
    return std::min(std::max(number, size_t{1}), commands_.size()) - 1;
  }

  const Arguments& arguments_;
  const std::string& image_;
  std::vector<std::string> commands_;
  const std::string& as_;
  bool cram_;
  std::string indent_, source_;
  std::vector<std::string> notes_, loose_;
};

}  // namespace

Result<CreatedDocument> record_document(const Arguments& arguments, const std::string& image,
                                        const std::vector<std::string>& commands, const std::string& as,
                                        bool cram) {
  return Recording(arguments, image, commands, as, cram, TRY(cram_indent(arguments))).make();
}

}  // namespace testctr::cmd
