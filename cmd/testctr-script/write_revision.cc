#include "write_revision.h"

#include <poll.h>
#include <unistd.h>

#include <iostream>

#include "base/output_file.h"
#include "base/sys.h"
#include "base/text.h"
#include "run_request.h"

namespace testctr::cmd {
namespace {

/// The lines that are not alike at the beginning or the end of both.
void leave_out_common(std::vector<std::string_view>& one, std::vector<std::string_view>& other) {
  size_t front = 0, back = 0;
  const size_t least = std::min(one.size(), other.size());
  while (front < least && one[front] == other[front]) ++front;
  while (back < least - front && one[one.size() - 1 - back] == other[other.size() - 1 - back]) ++back;
  for (auto* lines : {&one, &other}) *lines = {lines->begin() + front, lines->end() - back};
}

/// The change as people read it: lines that go and lines that come.
std::string shown(const RevisedFile& file, const Change& change) {
  std::string out =
      fmt::format("{}:{}: {}\n", text::printable(file.name), change.line, text::printable(change.title));
  for (const script::Edit& edit : change.edits) {
    const std::string_view old = std::string_view(file.source).substr(edit.span.begin, edit.span.size());
    auto before = text::lines(old), after = text::lines(std::string_view(edit.text));
    leave_out_common(before, after);
    for (const auto& [mark, side] : {std::pair{'-', &before}, std::pair{'+', &after}}) {
      for (std::string_view line : *side) {
        if (line.ends_with('\n')) line.remove_suffix(1);
        out += fmt::format("{}{}\n", mark, text::printable(line, /*keep_layout=*/true));
      }
    }
  }
  return out;
}

/// The next line of standard input; nothing: there is none, or none is to be waited for.
std::optional<std::string> read_answer(int stop_fd) {
  std::string line;
  for (;;) {
    pollfd all[] = {{STDIN_FILENO, POLLIN, 0}, {stop_fd, POLLIN, 0}};
    if (::poll(all, 2, -1) < 0 && errno != EINTR) return std::nullopt;
    if (all[1].revents != 0) return std::nullopt;
    if (all[0].revents == 0) continue;
    char byte = 0;
    const ssize_t size = ::read(STDIN_FILENO, &byte, 1);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return line.empty() ? std::nullopt : std::optional(line);
    if (byte == '\n') return line;
    line += byte;
  }
}

Choice ask(int stop_fd) {
  std::cerr << "write this? [y]es, [N]o, [a]ll, [q]uit: " << std::flush;
  const std::optional<std::string> answer = read_answer(stop_fd);
  if (!answer) {
    std::cerr << "\n";
    return Choice::quit;
  }
  const std::string& line = *answer;
  if (line == "y" || line == "yes") return Choice::yes;
  if (line == "a" || line == "all") return Choice::all;
  if (line == "q" || line == "quit") return Choice::quit;
  return Choice::no;
}

/// The changes that the user wants.
Result<std::vector<Change>> chosen(const RevisedFile& file, Writing& writing) {
  std::vector<Change> wanted;
  for (const Change& change : file.revision.changes) {
    Choice answer = writing.decided.value_or(Choice::no);
    if (!writing.decided) {
      CHECK_OK(writing.say(shown(file, change)));
      answer = ask(writing.stop_fd);
      if (answer == Choice::all || answer == Choice::quit) writing.decided = answer;
    }
    if (answer == Choice::yes || answer == Choice::all) wanted.push_back(change);
  }
  return wanted;
}

Status write(const RevisedFile& file, const std::vector<Change>& changes) {
  std::vector<script::Edit> edits;
  for (const Change& change : changes) edits.insert(edits.end(), change.edits.begin(), change.edits.end());
  const std::string updated = TRY(script::with_edits(file.source, std::move(edits)));
  const auto now = sys::read_file(file.file);
  if (!now.ok()) return Error(now.error()).hint("lines that stand in a manifest are never updated");
  if (now.value() != file.source)
    return Error::infrastructure(
               fmt::format("{} was changed while it ran, and is left as it is", text::printable(file.file)))
        .hint("update it again; lines that stand in a manifest are never updated");
  sys::OutputFile output = TRY(sys::OutputFile::create(file.file));
  CHECK_OK(sys::write_full(TRY(output.begin()), updated));
  return output.finish();
}

std::string lines_of(const std::vector<Change>& changes) {
  std::string list;
  for (const Change& change : changes) list += fmt::format("{}{}", list.empty() ? "" : ", ", change.line);
  return list;
}

}  // namespace

Result<bool> write_revision(const RevisedFile& file, Writing& writing) {
  const std::string name = text::printable(file.name);
  const Revision& revision = file.revision;
  bool holds = revision.problems.empty();
  for (const std::string& problem : revision.problems) complain(fmt::format("not updated: {}", problem));
  if (revision.changes.empty()) {
    if (holds && writing.says_unchanged) CHECK_OK(writing.say(fmt::format("unchanged {}\n", name)));
    return holds;
  }
  if (writing.dry_run) {
    for (const Change& change : revision.changes) CHECK_OK(writing.say(shown(file, change)));
    return false;
  }
  std::vector<Change> changes = revision.changes;
  if (writing.interactive) changes = TRY(chosen(file, writing));
  holds = holds && changes.size() == revision.changes.size();
  if (changes.empty()) return false;
  CHECK_OK(write(file, changes));
  const bool one = changes.size() == 1;
  CHECK_OK(writing.say(fmt::format("updated   {} ({} {}{}: line{} {})\n", name, changes.size(), file.unit,
                                   one ? "" : "s", one ? "" : "s", lines_of(changes))));
  return holds;
}

Status may_update(std::string_view what, bool even_in_ci, std::string_view otherwise) {
  if (!is_ci() || even_in_ci) return {};
  return Error::usage(fmt::format("{}: the environment says `CI`, where nobody would see what changes", what))
      .hint(std::string(otherwise));
}

}  // namespace testctr::cmd
