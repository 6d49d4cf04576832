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

Result<Revision> revise_text(const Arguments& arguments, const std::string& image, const std::string& name,
                             const std::string& source, const std::string& as) {
  const Scratch scratch = TRY(Scratch::make());
  Revisions revisions =
      TRY(run_and_revise(TRY(plan_of_text(arguments, image, scratch.path(), name, source, as)), arguments));
  if (revisions.code > 128) return Error::infrastructure("interrupted");
  return std::move(revisions.documents.front());
}

Result<std::string> with_changes(const std::string& source, const std::vector<Change>& changes) {
  std::vector<script::Edit> edits;
  for (const Change& change : changes) edits.insert(edits.end(), change.edits.begin(), change.edits.end());
  return script::with_edits(source, std::move(edits));
}

namespace {

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
      Revision revision = TRY(run());
      if (!revision.problems.empty()) {
        CHECK_OK(leave_out(revision));
        return false;
      }
      if (revision.changes.empty() && round > 0) return true;
      for (Change& change : revision.changes) {
        if (round == 0) break;
        for (script::Edit& edit : change.edits) {
          if (loosen(edit)) continue;
          drop(change.line, "what it does is different each time, as no document could say");
          return false;
        }
        tell_loose(change.line);
      }
      source_ = TRY(with_changes(source_, revision.changes));
    }
    return Error::infrastructure("the document that was recorded does not pass");
  }

  Result<Revision> run() {
    return revise_text(arguments_, image_, as_.substr(as_.rfind('/') + 1), source_, as_);
  }

  /// Lines that are now others than they were match anything. @return whether that can be said
  bool loosen(script::Edit& edit) const {
    const auto one = text::lines(std::string_view(source_).substr(edit.span.begin, edit.span.size()));
    const auto other = text::lines(std::string_view(edit.text));
    const size_t least = std::min(one.size(), other.size());
    size_t front = 0, back = 0;
    while (front < least && one[front] == other[front]) ++front;
    while (back < least - front && one[one.size() - 1 - back] == other[other.size() - 1 - back]) ++back;
    for (const auto* lines : {&one, &other})
      for (size_t i = front; i < lines->size() - back; ++i)
        if (is_status((*lines)[i])) return false;
    const bool same = one.size() == other.size();
    if (!same && cram_) return false;
    std::string text;
    for (size_t i = 0; i < one.size(); ++i) {
      if (!same && i == front) text += "* (glob*)\n";
      const bool differs = i >= front && i < one.size() - back;
      if (!differs || (same && one[i] == other[i])) {
        text += one[i];
      } else if (same) {
        text += indent_ + "* (glob)\n";
      }
    }
    if (!same && front == one.size()) text += "* (glob*)\n";
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
    // Behind its place.
    drop(revision.problem_line, problem.substr(problem.find(": ") + 2));
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
