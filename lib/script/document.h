// A shell document - Scrut Markdown or Cram - as a value: its cases with what they run and what they expect,
// and where each of these stands in the source, to the byte. Nothing is carried out or compared here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace testctr::script {

enum class Dialect : uint8_t { markdown, cram };
/// Whose verdicts: our own, or those of the tool that a suite comes from (`--compat`).
enum class Compat : uint8_t { none, scrut, cram };

/// Bytes of a document's source, half-open.
struct Span {
  size_t begin = 0, end = 0;
  [[nodiscard]] size_t size() const { return end - begin; }
  bool operator==(const Span&) const = default;
};

enum class Stream : uint8_t { out, err, combined };
enum class Mode : uint8_t { output, jsonschema };

/// `wait:` a time to sleep, or (with a path below $TMPDIR) the longest time to wait for a file.
struct Wait {
  int64_t timeout_ns = 0;
  std::string path;
  bool operator==(const Wait&) const = default;
};

/// `stdin:` of a case: a text, or a file's path.
struct Input {
  std::string text;
  bool is_file = false;
  bool operator==(const Input&) const = default;
};

/// The configuration of a case; what is not given is not there.
struct CaseConfig {
  std::optional<bool> detached, fail_fast, interpolated, keep_crlf, strip_ansi_escaping;
  std::optional<int> detached_kill_signal;  ///< 0: disabled
  std::map<std::string, std::string> environment;
  std::optional<Input> input;
  std::optional<Mode> mode;
  std::optional<int> skip_document_code;
  std::optional<Stream> stream;
  std::optional<int64_t> timeout_ns;
  std::optional<Wait> wait;
  /// The place that carries it out: "host", "container", or a name of the document's `containers`.
  std::optional<std::string> where;
  bool operator==(const CaseConfig&) const = default;

  /// This configuration where it says something, `other` where it does not (environments by name).
  [[nodiscard]] CaseConfig over(const CaseConfig& other) const;
};

/// Another document whose cases run before or after (`prepend:`, `append:`).
struct Inclusion {
  std::string path;   ///< as written, relative to the document's folder
  uint32_t line = 0;  ///< where it is named
  bool operator==(const Inclusion&) const = default;
};

/// The front matter of a Markdown document.
struct DocumentConfig {
  std::vector<Inclusion> append, prepend;
  CaseConfig defaults;
  std::optional<std::string> image;               ///< of the place "container", where nobody gave one
  std::map<std::string, std::string> containers;  ///< name and image of each further place
  std::optional<std::string> shell;
  std::optional<int64_t> total_timeout_ns;  ///< 0: unlimited
  bool operator==(const DocumentConfig&) const = default;
};

enum class Rule : uint8_t { equal, no_eol, escaped, glob, regex, json };

/// One line of what a case is to print.
struct Expectation {
  uint32_t line = 0;  ///< 1-based
  Span span;          ///< of the text: without indentation and line end
  std::string text;   ///< as written
  Rule rule = Rule::equal;
  bool optional = false, multi = false;  ///< `?` and `*`; `*` and `+`
  bool unescape = false;                 ///< "X (escaped) (glob)": escapes in the pattern are undone first
  std::string pattern;                   ///< `text` without its suffixes
  bool operator==(const Expectation&) const = default;
};

/// A `[N]` line.
struct ExpectedCode {
  int value = 0;
  uint32_t line = 0;
  Span span;  ///< of the text: without indentation and line end
  bool operator==(const ExpectedCode&) const = default;
};

struct Case {
  uint32_t line = 0;       ///< of its `$`, 1-based
  std::string title;       ///< may be empty
  std::string expression;  ///< its command lines without `$ ` and `> `, joined by "\n"
  std::vector<Expectation> expectations;
  std::optional<ExpectedCode> code;
  CaseConfig config;   ///< of the block alone: fence and `%` lines (defaults are in the document)
  Span block;          ///< whole lines: Markdown from the opening to the closing fence, Cram from the `$` on
  Span command;        ///< whole lines: `$` and `>`
  Span body;           ///< whole lines behind the command: expectations and `[N]`; perhaps empty
  std::string indent;  ///< in front of every line of the body
  /// Cram: text stands between the lines of the body, or before them. Cram itself never finds that equal.
  bool scattered = false;
  bool operator==(const Case&) const = default;
};

/// The place of a case: what it says itself, else its document's `defaults`, else `where`.
std::string place_of(const Case& test, const CaseConfig& defaults, const std::string& where);

/// Something a reader should know though the document can be run ("```Scrut" is taken for a test).
struct Remark {
  uint32_t line = 0;
  std::string text;
  bool operator==(const Remark&) const = default;
};

struct Document {
  std::string name;    ///< for messages: the path as the user gave it
  std::string source;  ///< as it was read
  Dialect dialect = Dialect::markdown;
  DocumentConfig config;
  std::vector<Case> cases;
  std::vector<Remark> remarks;
};

struct ReadOptions {
  Compat compat = Compat::none;
  size_t indent = 2;  ///< of Cram documents
  bool operator==(const ReadOptions&) const = default;
};

/// Reads a document. What is wrong with it is told whole: one Error (usage) with a line for each defect,
/// which begins with "name:line: " or "name:line:column: ". A document without a single case is an error only
/// for who asked for it by name, and so not here.
/// @param name for messages
Result<Document> read_markdown(std::string name, std::string_view source, const ReadOptions& options = {});
Result<Document> read_cram(std::string name, std::string_view source, const ReadOptions& options = {});
inline Result<Document> read_document(Dialect dialect, std::string name, std::string_view source,
                                      const ReadOptions& options = {}) {
  return dialect == Dialect::markdown ? read_markdown(std::move(name), source, options)
                                      : read_cram(std::move(name), source, options);
}

/// Whether a Markdown text has a fence that is a test, wellformed or not.
bool has_test_fence(std::string_view source);

}  // namespace testctr::script
