// Differences for people, and output made fit to be compared.
#include <algorithm>

#include "script/compare.h"

namespace testctr::script {

namespace {

constexpr size_t context = 3;

class Renderer {
 public:
  Renderer(const std::vector<Expectation>& expectations, std::string_view output,
           const CompareOptions& options, size_t most)
      : expectations_(expectations),
        lines_(output_lines(output, options)),
        dialect_(options.dialect),
        most_(most) {}

  std::string render(const std::vector<Step>& steps) {
    size_t at = 0;
    while (at < steps.size() && !full_) {
      if (is_same(steps[at])) {
        ++at;
        continue;
      }
      // A hunk: differences with less than two contexts of what is the same between them.
      size_t begin = at, end = at + 1;
      for (size_t i = 0; begin > done_ && i < context; ++i) --begin;
      for (size_t same = 0; end + same < steps.size() && same <= 2 * context;) {
        if (is_same(steps[end + same])) {
          ++same;
        } else {
          end += same + 1;
          same = 0;
        }
      }
      at = std::min(end + context, steps.size());
      hunk(steps, begin, at);
      done_ = at;
    }
    if (full_) out_ += "(the rest of the difference is left out)\n";
    return std::move(out_);
  }

 private:
  static bool is_same(const Step& step) { return step.kind == Step::Kind::matched; }

  // Whole lines only, and only while they fit.
  void put(char mark, std::string_view text) {
    if (full_ || out_.size() + text.size() + 64 > most_) {
      full_ = true;
      return;
    }
    out_ += mark;
    out_ += text;
    out_ += '\n';
  }

  void hunk(const std::vector<Step>& steps, size_t begin, size_t end) {
    size_t first_line = 0;
    for (size_t i = begin; i < end; ++i) {
      if (steps[i].lines == 0) continue;
      first_line = steps[i].line + 1;
      break;
    }
    size_t first_expectation = 0;
    for (size_t i = begin; i < end && first_expectation == 0; ++i) {
      if (steps[i].kind != Step::Kind::unexpected) first_expectation = steps[i].expectation + 1;
    }
    if (begin != 0 || end != steps.size()) put('@', place(first_expectation, first_line));
    for (size_t i = begin; i < end && !full_; ++i) {
      const Step& step = steps[i];
      if (step.kind == Step::Kind::missing) {
        put('-', expectations_[step.expectation].text);
      } else if (step.kind == Step::Kind::unexpected) {
        for (size_t k = 0; k < step.lines && !full_; ++k)
          put('+', expectation_for(lines_[step.line + k], dialect_, step.line + k == 0));
      } else {
        put(' ', expectations_[step.expectation].text);
      }
    }
  }

  [[nodiscard]] std::string place(size_t expectation, size_t line) const {
    std::string text = "@";
    if (expectation != 0 && expectations_[expectation - 1].line != 0)
      text += fmt::format(" line {}", expectations_[expectation - 1].line);
    if (line != 0) text += fmt::format(", output line {}", line);
    if (text.starts_with("@,")) text.erase(1, 1);
    return text + " @@";
  }

  const std::vector<Expectation>& expectations_;
  const std::vector<std::string_view> lines_;
  const Dialect dialect_;
  const size_t most_;
  size_t done_ = 0;  ///< steps that are told
  bool full_ = false;
  std::string out_;
};

// The length of the escape sequence at the start of `text` (which is ESC), 0 when there
// is none. One that never ends is none: it must not swallow the output.
size_t escape_sequence(std::string_view text) {
  if (text.size() < 2) return 0;
  const char kind = text[1];
  if (kind == '[') {
    size_t i = 2;
    while (i < text.size() && text[i] >= 0x20 && text[i] <= 0x3f) ++i;
    return i < text.size() && text[i] >= 0x40 && text[i] <= 0x7e ? i + 1 : 0;
  }
  if (kind == ']' || kind == 'P' || kind == 'X' || kind == '^' || kind == '_') {
    // A string ends with ST, an OSC also with BEL.
    for (size_t i = 2; i < text.size(); ++i) {
      if (text[i] == '\a' && kind == ']') return i + 1;
      if (text[i] == '\x1b') return i + 1 < text.size() && text[i + 1] == '\\' ? i + 2 : 0;
      if (text[i] == '\n') return 0;
    }
    return 0;
  }
  size_t i = 1;
  while (i < text.size() && text[i] >= 0x20 && text[i] <= 0x2f) ++i;
  return i < text.size() && text[i] >= 0x30 && text[i] <= 0x7e ? i + 1 : 0;
}

}  // namespace

std::string render_difference(const std::vector<Expectation>& expectations, std::string_view output,
                              const Comparison& comparison, const CompareOptions& options, size_t most) {
  return Renderer(expectations, output, options, most).render(comparison.steps);
}

std::string render_difference(const std::vector<Expectation>& expectations, std::string_view output,
                              const Comparison& comparison, Dialect dialect, size_t most) {
  return render_difference(expectations, output, comparison, CompareOptions{dialect}, most);
}

std::string normalised(std::string_view output, bool keep_crlf, bool strip_ansi) {
  std::string out;
  out.reserve(output.size());
  for (size_t i = 0; i < output.size();) {
    if (strip_ansi && output[i] == '\x1b') {
      if (const size_t size = escape_sequence(output.substr(i)); size != 0) {
        i += size;
        continue;
      }
    }
    out += output[i++];
    // Here and not before: a sequence between CR and LF keeps them from being a line's end no longer.
    if (!keep_crlf && out.back() == '\n' && out.size() > 1 && out[out.size() - 2] == '\r') {
      out.pop_back();
      out.back() = '\n';
    }
  }
  return out;
}

}  // namespace testctr::script
