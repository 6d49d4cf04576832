#include "report/github.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"
#include "report/render_parts.h"

namespace testctr::report {
namespace {

constexpr size_t most_of_message = size_t{4} << 10;  // bytes of an annotation
constexpr size_t most_of_title = 255;                // bytes of its title
constexpr size_t most_of_log = size_t{16} << 10;     // bytes of a test in the summary
constexpr size_t kept_free = size_t{4} << 10;        // of the summary, for its head and its end

/// Nobody can know it before it is written, and none is written twice.
std::string fresh_token() {
  unsigned char bytes[20];
  size_t got = 0;
  while (got < sizeof bytes) {
    const ssize_t n = ::getrandom(bytes + got, sizeof bytes - got, 0);
    if (n > 0) got += static_cast<size_t>(n);
    if (n < 0 && errno != EINTR) break;
  }
  // Without random bytes no output may be seen as ours: the time is the best that is left.
  if (got < sizeof bytes) return fmt::format("t{}{}", sys::realtime_ns(), sys::monotonic_ns());
  return "t" + text::hex({reinterpret_cast<const char*>(bytes), sizeof bytes});
}

std::string escaped_data(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','))) {
      out += fmt::format("%{:02X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out;
}

/// The beginning of a text, no sequence of UTF-8 cut in two.
std::string_view first_bytes(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

/// Lines as they may be shown, up to some bytes.
class Lines {
 public:
  explicit Lines(size_t most) : most_(most) {}
  void add(std::string_view line) {
    if (text_.size() >= most_) {
      cut_ = true;
      return;
    }
    text_ += text::printable(first_bytes(line, most_), /* keep_layout= */ true);
    text_ += '\n';
  }
  [[nodiscard]] std::string text() const { return cut_ ? text_ + "[... cut ...]\n" : text_; }

 private:
  size_t most_;
  std::string text_;
  bool cut_ = false;
};

std::string difference_of(const Failure& failure) {
  Lines lines(most_of_message);
  render_difference(failure, [&](Style, std::string_view line) { lines.add(line); });
  return lines.text();
}

/// A fence that the text does not end.
std::string fence_for(std::string_view text) {
  size_t longest = 2, run = 0;
  for (const char c : text) {
    run = c == '~' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return std::string(longest + 1, '~');
}

std::string html_text(std::string_view bytes) {
  std::string out;
  for (const char c : text::printable(bytes)) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string log_of(const ScriptReport& script, std::string_view work) {
  Lines lines(most_of_log);
  const TakeLine take = [&](Style, std::string_view line) { lines.add(line); };
  for (const ScriptReport& attempt : script.earlier) {
    lines.add(fmt::format("[attempt {}: {}]", attempt.attempt + 1, summary_of(attempt, work)));
    render_script(attempt, work, take);
  }
  if (!is_good(script.outcome)) render_script(script, work, take);
  return lines.text();
}

}  // namespace

std::string repository_path(std::string_view folder, std::string_view workspace, std::string_view name) {
  while (workspace.ends_with('/')) workspace.remove_suffix(1);
  if (workspace.empty()) return std::string(name);
  std::vector<std::string> parts;
  const auto add = [&](std::string_view path) {
    for (const std::string& part : text::split(path, '/')) {
      if (part.empty() || part == ".") continue;
      if (part == ".." && !parts.empty()) {
        parts.pop_back();
      } else {
        parts.push_back(part);
      }
    }
  };
  if (!name.starts_with('/')) add(folder);
  add(name);
  const std::string whole = "/" + text::join(parts, "/");
  const std::string below = std::string(workspace) + "/";
  return whole.starts_with(below) ? whole.substr(below.size()) : std::string(name);
}

std::string annotation(std::string_view kind, std::string_view file, uint32_t line, std::string_view title,
                       std::string_view message) {
  std::string text = fmt::format("::{} ", kind);
  if (!file.empty()) text += fmt::format("file={},", escaped_data(text::printable(file), true));
  if (line != 0) text += fmt::format("line={},", line);
  // What is larger GitHub does not show.
  const std::string told = text::printable(message, /* keep_layout= */ true);
  return text + fmt::format("title={}::{}",
                            escaped_data(first_bytes(text::printable(title), most_of_title), true),
                            escaped_data(first_bytes(told, 2 * most_of_message), false));
}

std::string markdown_text(std::string_view bytes) {
  std::string out;
  for (const char c : html_text(bytes)) {
    if (std::string_view("\\`*_{}[]()#+-.!|~^$@:").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

void Github::Annotations::add(std::string_view file, uint32_t line, std::string_view title,
                              std::string_view message) {
  ++count;
  if (first.size() < most_annotations) first.push_back(annotation(kind, file, line, title, message));
}

std::string Github::Annotations::text() const {
  const size_t shown = count > most_annotations ? most_annotations - 1 : first.size();
  std::string out;
  for (size_t i = 0; i < shown; ++i) out += first[i] + "\n";
  if (shown < count)
    out += annotation(kind, "", 0, "testctr-script",
                      fmt::format("{} more in the summary of this step: GitHub shows no more than {} of them",
                                  count - shown, most_annotations)) +
           "\n";
  return out;
}

void Github::stop_commands() {
  token_ = fresh_token();
  out_.write(fmt::format("::stop-commands::{}\n", token_));
}

void Github::resume_commands() {
  if (!token_.empty()) out_.write(fmt::format("::{}::\n", token_));
  token_.clear();
}

void Github::run_started(const RunStart& start) {
  stop_commands();
  inner().run_started(start);
}

void Github::script_ended(const ScriptReport& script) {
  if (is_folded(script)) {
    resume_commands();
    out_.write(fmt::format("::group::{}\n", escaped_data(title_of(script, options_.work), false)));
    stop_commands();
    inner().script_ended(script);
    resume_commands();
    out_.write("::endgroup::\n");
    stop_commands();
    annotate(script);
    summarize(script);
  } else {
    inner().script_ended(script);
  }
}

void Github::annotate(const ScriptReport& script) {
  const auto path = [&](const std::string& file) {
    return repository_path(options_.folder, options_.workspace, script.source(file));
  };
  if (is_good(script.outcome)) {
    const ScriptReport& failed = script.earlier.back();
    const FailureAt* at = failed.main_failure();
    return warnings_.add(path(at == nullptr ? "" : at->file), at == nullptr ? failed.line : at->line,
                         "flaky: " + script.name, summary_of(script, options_.work));
  }
  for (size_t i = 0; i < script.cases.size(); ++i) {
    const CaseReport& test = script.cases[i];
    if (is_good(test.outcome) || test.outcome == Outcome::not_run) continue;
    const auto at = std::find_if(script.failures.begin(), script.failures.end(),
                                 [&](const FailureAt& each) { return each.of_case == i; });
    const bool told = at != script.failures.end();
    errors_.add(path(test.file), told ? at->line : test.line, fmt::format("{}: {}", script.name, test.name),
                told ? fmt::format("{}\n{}", at->failure.reason, difference_of(at->failure)) : test.reason);
  }
  if (!script.cases.empty() && !script.beyond_cases()) return;
  const FailureAt* at = script.main_failure();
  std::string message = summary_of(script, options_.work);
  if (at != nullptr) message += "\n" + difference_of(at->failure);
  errors_.add(path(at == nullptr ? "" : at->file), at == nullptr ? script.line : at->line, script.name,
              message);
}

void Github::summarize(const ScriptReport& script) {
  if (!options_.summary.valid()) return;
  const std::string log = log_of(script, options_.work);
  const std::string fence = fence_for(log);
  const std::string title = html_text(first_bytes(title_of(script, options_.work), 1000));
  const std::string whole =
      fmt::format("<details><summary><code>{}</code></summary>\n\n{}text\n{}{}\n\n</details>\n\n", title,
                  fence, log, fence);
  const std::string line = fmt::format("<p><code>{}</code></p>\n\n", title);
  // Room for a line of each is worth more than the logs of some.
  const size_t room = most_summary - kept_free;
  if (summary_.size() + whole.size() <= room * 3 / 4) {
    summary_ += whole;
  } else if (not_summarized_ == 0 && summary_.size() + line.size() <= room) {
    summary_ += line;
  } else {
    ++not_summarized_;
  }
}

Status Github::write_summary(const RunEnding& ending, const Tally& tally) {
  if (!options_.summary.valid()) return {};
  std::string text =
      fmt::format("### testctr-script: {}\n\n{}\n\n", tally.exit_code(ending) == 0 ? "passed" : "failed",
                  markdown_text(tally.line(ending)));
  for (const std::string& line : {tally.cases_line(), tally.kinds_line()})
    if (!line.empty()) text += markdown_text(line) + "\n\n";
  text += summary_;
  if (not_summarized_ > 0) text += fmt::format("and {} more\n\n", not_summarized_);
  struct stat found {};
  const uint64_t there = ::fstat(options_.summary.get(), &found) == 0 && S_ISREG(found.st_mode)
                             ? static_cast<uint64_t>(found.st_size)
                             : 0;
  const uint64_t room = there < most_summary ? most_summary - there : 0;
  if (text.size() > room) {
    // A summary that is too large is not shown at all: earlier steps have filled it.
    const std::string end = "\n\nThe summary is full; the log has it all.\n";
    if (room < end.size()) return {};
    text = fmt::format("{}\n\n{}", markdown_text(tally.line(ending)), end);
    if (text.size() > room) return {};
  }
  return sys::write_full(options_.summary.get(), text);
}

void Github::run_ended(const RunEnding& ending, const Tally& tally) {
  inner().run_ended(ending, tally);
  resume_commands();
  if (tally.of(Outcome::not_run) > 0)
    warnings_.add("", 0, "testctr-script",
                  fmt::format("{} tests were not run: {}", tally.of(Outcome::not_run),
                              ending.stopped().empty() ? "see the log" : ending.stopped()));
  out_.write(errors_.text());
  out_.write(warnings_.text());
  summary_status_ = write_summary(ending, tally);
  if (!summary_status_.ok()) summary_status_.error().in("writing the step's summary ($GITHUB_STEP_SUMMARY)");
}

Status Github::status() const {
  Status status = inner().status();
  return status.ok() ? summary_status_ : status;
}

}  // namespace testctr::report
