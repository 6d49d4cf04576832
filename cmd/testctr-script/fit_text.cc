#include "fit_text.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "commands.h"
#include "report/terminal.h"

namespace testctr::cmd {
namespace {

// A shorter line at the margin was ended there on purpose.
constexpr size_t shortest_filled = 60;

size_t indent_of(std::string_view line) { return std::min(line.find_first_not_of(' '), line.size()); }

/// Where a line's second column begins, else its indentation.
size_t hang_of(std::string_view line) {
  const size_t indent = indent_of(line);
  const size_t gap = line.find("  ", indent);
  const size_t second = gap == std::string_view::npos ? gap : line.find_first_not_of(' ', gap);
  return second == std::string_view::npos ? indent : second;
}

/// A line with those that go on with it.
struct Block {
  std::vector<std::string_view> lines;
  size_t indent = 0, hang = 0;

  explicit Block(std::string_view first) : lines{first}, indent(indent_of(first)), hang(hang_of(first)) {}

  [[nodiscard]] bool goes_on_with(std::string_view line) const {
    if (line.empty() || lines.back().empty()) return false;
    if (hang > indent) return indent_of(line) == hang;
    return indent == 0 && hang_of(line) == 0 && lines.back().size() >= shortest_filled;
  }
  [[nodiscard]] bool fits(size_t columns) const {
    return std::all_of(lines.begin(), lines.end(),
                       [&](std::string_view line) { return line.size() <= columns; });
  }
};

/// The words of a text, each with the blanks that stand before it in its line.
std::vector<std::string_view> words_of(const Block& block) {
  std::vector<std::string_view> words;
  for (size_t i = 0; i < block.lines.size(); ++i) {
    std::string_view rest = block.lines[i].substr(i == 0 ? block.hang : indent_of(block.lines[i]));
    while (!rest.empty()) {
      const size_t end = std::min(rest.find(' ', indent_of(rest)), rest.size());
      words.push_back(rest.substr(0, end));
      rest.remove_prefix(end);
    }
  }
  return words;
}

/// Words behind `line`, further lines with an indentation.
std::string flow(std::string line, const std::vector<std::string_view>& words, size_t hang, size_t columns) {
  std::string out;
  bool fresh = true;
  for (const std::string_view word : words) {
    const std::string_view bare = word.substr(indent_of(word));
    const std::string_view gap =
        word.size() == bare.size() ? std::string_view(" ") : word.substr(0, indent_of(word));
    if (fresh) {
      line += bare;
    } else if (line.size() + gap.size() + bare.size() > columns) {
      out += line + "\n";
      line = std::string(hang, ' ');
      line += bare;
    } else {
      line += gap;
      line += bare;
    }
    fresh = false;
  }
  return out + line + "\n";
}

std::string filled(const Block& block, size_t columns) {
  const std::string_view left = block.lines.front().substr(0, block.hang);
  const std::vector<std::string_view> words = words_of(block);
  if (block.hang == block.indent)
    return flow(std::string(left), words, block.indent + (block.indent > 0 ? 2 : 0), columns);
  const bool beside =
      block.hang <= columns / 2 && std::all_of(words.begin(), words.end(), [&](std::string_view word) {
        return word.size() - indent_of(word) + block.hang <= columns;
      });
  if (beside) return flow(std::string(left), words, block.hang, columns);
  const size_t below = std::min(block.indent + 6, columns / 4);
  const Block alone(left.substr(0, left.find_last_not_of(' ') + 1));
  const std::string above =
      alone.fits(columns) ? std::string(alone.lines.front()) + "\n" : filled(alone, columns);
  return above + flow(std::string(below, ' '), words, below, columns);
}

}  // namespace

std::string fitted(std::string_view text, size_t columns) {
  std::string out;
  std::vector<std::string_view> lines = text::lines(text);
  for (std::string_view& line : lines)
    if (line.ends_with('\n')) line.remove_suffix(1);
  for (size_t at = 0; at < lines.size();) {
    Block block(lines[at]);
    while (++at < lines.size() && block.goes_on_with(lines[at])) block.lines.push_back(lines[at]);
    if (!block.fits(columns)) {
      out += filled(block, columns);
      continue;
    }
    for (std::string_view line : block.lines) out += fmt::format("{}\n", line);
  }
  return out;
}

Status print_help(std::string_view text) {
  return ::isatty(STDOUT_FILENO) == 1 ? print(fitted(text, report::columns_of(STDOUT_FILENO))) : print(text);
}

}  // namespace testctr::cmd
