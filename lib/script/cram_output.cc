#include "script/cram_output.h"

#include <algorithm>

#include "base/text.h"
#include "script/compare.h"
#include "script/difflib.h"
#include "script/escapes.h"

namespace testctr::script {

namespace {

// Lines with "\n" each; Cram gives one to the last.
std::vector<std::string> whole_lines(std::string_view source) {
  std::vector<std::string> lines;
  for (std::string_view line : text::lines(source)) lines.emplace_back(line);
  if (!lines.empty() && !lines.back().ends_with('\n')) lines.back() += '\n';
  return lines;
}

// What stands in front of the first command's output, and behind each command's: text, and the lines of the
// next command. A "> " belongs to the last command, even behind text, and so goes in front of that.
std::vector<std::string> kept_texts(std::string_view source, const std::string& indent) {
  std::vector<std::string> texts(1);
  size_t continued = 0;
  for (const std::string& line : whole_lines(source)) {
    if (line.starts_with(indent + "$ ")) {
      texts.back() += line;
      continued = texts.size() - 1;
      texts.emplace_back();
    } else if (line.starts_with(indent + "> ")) {
      texts[continued] += line;
    } else if (!line.starts_with(indent)) {
      texts.back() += line;
    }
  }
  return texts;
}

// Opcodes with three lines of what is equal around them, split where more lies between.
std::vector<std::vector<Opcode>> grouped(std::vector<Opcode> codes) {
  static constexpr uint32_t context = 3;
  auto keep_end = [](Opcode& code) {
    const uint32_t size = std::min(code.a_end - code.a_begin, context);
    code.a_begin = code.a_end - size;
    code.b_begin = code.b_end - size;
  };
  auto keep_begin = [](Opcode& code) {
    const uint32_t size = std::min(code.a_end - code.a_begin, context);
    code.a_end = code.a_begin + size;
    code.b_end = code.b_begin + size;
  };
  std::vector<std::vector<Opcode>> groups;
  if (codes.empty() || (codes.size() == 1 && codes[0].equal)) return groups;
  if (codes.front().equal) keep_end(codes.front());
  if (codes.back().equal) keep_begin(codes.back());
  groups.emplace_back();
  for (Opcode code : codes) {
    if (code.equal && code.a_end - code.a_begin > 2 * context) {
      Opcode before = code;
      keep_begin(before);
      groups.back().push_back(before);
      groups.emplace_back();
      keep_end(code);
    }
    groups.back().push_back(code);
  }
  return groups;
}

}  // namespace

std::string cram_rewritten(std::string_view source, const std::vector<CramResult>& results, size_t indent) {
  const std::string blanks(indent, ' ');
  const std::vector<std::string> texts = kept_texts(source, blanks);
  const CompareOptions options{Dialect::cram, Compat::cram, nullptr, indent};
  std::string out = texts[0];
  for (size_t i = 0; i < results.size(); ++i) {
    std::string_view output = results[i].output;
    if (!results[i].status && !output.empty()) output.remove_suffix(1);
    for (std::string_view line : output_lines(output, options)) out += blanks + cram_rendering(line);
    if (results[i].status.value_or(0) != 0) out += fmt::format("{}[{}]\n", blanks, *results[i].status);
    if (i + 1 < texts.size()) out += texts[i + 1];
    if (!results[i].status) break;
  }
  return out;
}

std::string cram_difference(std::string_view source, std::string_view rewritten, std::string_view name,
                            std::string_view rewritten_name) {
  const std::vector<std::string> a = whole_lines(source), b = whole_lines(rewritten);
  std::string out;
  for (const std::vector<Opcode>& group : grouped(difflib_opcodes(a, b))) {
    if (out.empty()) out = fmt::format("--- {}\n+++ {}\n", name, rewritten_name);
    const Opcode &first = group.front(), &last = group.back();
    out += fmt::format("@@ -{},{} +{},{} @@\n", first.a_begin + 1, last.a_end - first.a_begin,
                       first.b_begin + 1, last.b_end - first.b_begin);
    for (const Opcode& code : group) {
      for (uint32_t i = code.a_begin; i < code.a_end; ++i) out += (code.equal ? ' ' : '-') + a[i];
      for (uint32_t j = code.b_begin; j < code.b_end && !code.equal; ++j) out += '+' + b[j];
    }
  }
  return out;
}

}  // namespace testctr::script
