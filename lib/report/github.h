// The text report in the log of a GitHub Actions step: what a failed test has to say is a group that unfolds;
// at the end come annotations, as many as GitHub shows, and the job's summary has them all.
//
// The runner looks for commands ("::error::...") in every line. Whatever is not written here is between
// ::stop-commands::TOKEN and ::TOKEN::, with a token that nobody can know before, so that no test commands
// it.
#pragma once

#include "base/fd.h"
#include "report/around.h"
#include "report/writer.h"

namespace testctr::report {

/// Annotations of one kind that GitHub takes of a step.
inline constexpr size_t most_annotations = 10;
/// Bytes of a step's summary that it takes.
inline constexpr size_t most_summary = size_t{1} << 20;

struct GithubOptions {
  std::string folder;     ///< where names of files begin, absolute: the working directory
  std::string workspace;  ///< where the repository is, absolute; empty: nobody says
  Fd summary;             ///< the step's summary, opened to append; none: it is not written
  std::string work = "/work";
};

/// A file's name as an annotation needs it: from the top of the repository. As it is when it lies elsewhere.
std::string repository_path(std::string_view folder, std::string_view workspace, std::string_view name);

/// "::error file=...,line=...,title=...::message", without a line end. @param kind "error", "warning"
/// @param line 0: none
std::string annotation(std::string_view kind, std::string_view file, uint32_t line, std::string_view title,
                       std::string_view message);

/// Bytes as one line of Markdown that shows them as they are.
std::string markdown_text(std::string_view bytes);

class Github : public Around {
 public:
  /// @param inner writes to `out`, too
  Github(Writer& out, std::unique_ptr<Reporter> inner, GithubOptions options)
      : Around(std::move(inner)), out_(out), options_(std::move(options)) {}
  void run_started(const RunStart& start) override;
  void script_ended(const ScriptReport& script) override;
  void run_ended(const RunEnding& ending, const Tally& tally) override;
  [[nodiscard]] Status status() const override;

 private:
  /// Annotations of one kind: the first of them, and how many there are.
  struct Annotations {
    std::string_view kind;
    std::vector<std::string> first;
    size_t count = 0;
    void add(std::string_view file, uint32_t line, std::string_view title, std::string_view message);
    [[nodiscard]] std::string text() const;
  };
  void stop_commands();
  void resume_commands();
  void annotate(const ScriptReport& script);
  void summarize(const ScriptReport& script);
  Status write_summary(const RunEnding& ending, const Tally& tally);

  Writer& out_;
  GithubOptions options_;
  std::string token_;  ///< empty: commands are heard
  Annotations errors_{"error", {}, 0}, warnings_{"warning", {}, 0};
  std::string summary_;
  size_t not_summarized_ = 0;
  Status summary_status_;
};

}  // namespace testctr::report
