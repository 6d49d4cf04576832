// A report that goes to a file.
#pragma once

#include <memory>

#include "base/output_file.h"
#include "report/collector.h"
#include "report/writer.h"

namespace testctr::report {

/// Writes into a file that sys::OutputFile judged. Its name appears when all is written, or with the first
/// byte.
class FileWriter : public Writer {
 public:
  enum class Appears : uint8_t {
    whole,    ///< an older file stays until the new one is finished
    at_once,  ///< an older file is replaced before anything is written: others read what grows
  };
  FileWriter(sys::OutputFile file, std::string path, Appears appears)
      : file_(std::move(file)), path_(std::move(path)), appears_(appears) {}
  void write(std::string_view bytes) override;
  [[nodiscard]] Status status() const override { return status_; }
  /// Nothing follows. A file of which not all could be written is not given its name.
  void finish();
  [[nodiscard]] const sys::OutputFile& file() const { return file_; }
  [[nodiscard]] bool grows() const { return appears_ == Appears::at_once; }

 private:
  Status begin();
  Status keep(Status done);

  sys::OutputFile file_;
  std::string path_;
  Appears appears_;
  int fd_ = -1;
  Status status_;
};

/// A Reporter with the file that it writes into.
class FileReport : public Reporter {
 public:
  /// Checks early that `path` can be written, so that a run is not lost to a wrong name; writes nothing yet.
  /// @param what for errors: "--junit" @return usage and infrastructure errors as sys::OutputFile has them
  static Result<std::unique_ptr<FileReport>> create(const std::string& what, const std::string& path,
                                                    FileWriter::Appears appears = FileWriter::Appears::whole);
  FileReport(sys::OutputFile file, std::string path, FileWriter::Appears appears)
      : path_(path), writer_(std::move(file), std::move(path), appears) {}

  /// The file, where it changes while tests run; empty: it is written when they have ended.
  [[nodiscard]] std::string growing() const { return writer_.grows() ? path_ : ""; }
  /// What the reporter writes into.
  [[nodiscard]] Writer& writer() { return writer_; }
  void set(std::unique_ptr<Reporter> reporter) { reporter_ = std::move(reporter); }
  /// Whether the report would overwrite this file.
  [[nodiscard]] bool overwrites(const std::string& path) const { return writer_.file().is(path); }
  /// Whether both would be written into the same file.
  [[nodiscard]] bool shares_file_with(const FileReport& other) const;
  [[nodiscard]] const std::string& path() const { return path_; }

  void run_started(const RunStart& start) override { reporter_->run_started(start); }
  void event(const Event& event) override { reporter_->event(event); }
  void script_started(const ScriptReport& script) override { reporter_->script_started(script); }
  void attempt_ended(const ScriptReport& script) override { reporter_->attempt_ended(script); }
  void script_ended(const ScriptReport& script) override { reporter_->script_ended(script); }
  void run_ended(const RunEnding& ending, const Tally& tally) override;
  [[nodiscard]] Status status() const override;

 private:
  std::string path_;
  FileWriter writer_;
  std::unique_ptr<Reporter> reporter_;
};

}  // namespace testctr::report
