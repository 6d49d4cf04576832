// The event files of the shards of one run, held against each other and told again as one run.
//
// What must be so before anything is told: every file is what JsonLines writes, of this version, in order;
// the files are shards of the same selection, none twice; no test is in two of them. What is missing - a
// shard, the end of a file, tests that no shard had - is told as an error of the run, so that no report of it
// is green.
#pragma once

#include <array>
#include <map>

#include "report/read_events.h"

namespace testctr::report {

/// Whether the lines of one file follow each other as those of a run do.
class Course {
 public:
  /// The next line of it. Errors (usage): it cannot stand here.
  Status take(const EventLine& line);

  [[nodiscard]] bool began() const { return began_; }
  [[nodiscard]] const RunStart& start() const { return start_; }
  [[nodiscard]] const std::optional<EndedRun>& ended() const { return ended_; }
  struct Test {
    std::string name;
    uint32_t attempt = 0;
    bool running = false;  ///< an attempt has begun and not ended
    bool ended = false;
  };
  /// Those that have begun.
  [[nodiscard]] const std::map<uint32_t, Test>& tests() const { return tests_; }
  /// The latest time that an event had.
  [[nodiscard]] int64_t time_ns() const { return time_ns_; }
  /// Whether the run counted flaky tests as failed.
  [[nodiscard]] bool flaky_fails() const { return flaky_fails_; }

 private:
  Status event(const Event& event);
  Status started(const Event& event);
  Status end(const EndedRun& run);

  bool began_ = false;
  RunStart start_;
  std::optional<EndedRun> ended_;
  std::map<uint32_t, Test> tests_;
  size_t running_ = 0;
  std::array<uint64_t, 8> outcomes_{};
  int64_t time_ns_ = 0;
  bool flaky_fails_ = false;
};

class Merge {
 public:
  /// Reads the files through. Errors name file and line: usage where the files are no event files or not of
  /// one run, infrastructure where they cannot be read.
  static Result<Merge> read(const std::vector<std::string>& paths);

  /// Of all of it.
  [[nodiscard]] RunStart start() const;
  /// What is missing, a sentence each.
  [[nodiscard]] const std::vector<std::string>& missing() const { return missing_; }
  /// Whether a run of these counted flaky tests as failed.
  [[nodiscard]] bool flaky_fails() const;
  /// Tells all events, then of each thing that is missing a test of its own that is an error. Errors: a file
  /// changed while it was read.
  Result<RunEnding> play(EventSink& sink);

 private:
  struct File {
    std::string name;
    Fd fd;
    Course course;
    uint64_t lines = 0;
  };
  static Result<File> read_file(const std::string& path);
  Status check_shards();
  Status check_names() const;
  void find_missing();
  [[nodiscard]] int64_t shift_of(const File& file) const;
  Status play_file(File& file, uint32_t base, EventSink& sink) const;

  std::vector<File> files_;
  std::vector<std::string> missing_;
};

}  // namespace testctr::report
