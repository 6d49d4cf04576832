// What is told of a run while it goes on: on a terminal a line that is drawn anew, elsewhere a line of its
// own for each test that runs for long.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "report/writer.h"

namespace testctr::report {

struct ProgressOptions {
  bool live = false;    ///< draw the line
  bool told = false;    ///< else: tell of tests that run for long
  int64_t slow_ns = 0;  ///< a test that runs longer is slow; 0: none is
  /// The time limit of each test by its index in the plan; 0, or no such index: it has none.
  std::vector<int64_t> limits = {};
  std::function<size_t()> columns = {};  ///< how wide the terminal is now; empty: 80
  std::function<uint64_t()> now = {};    ///< monotonic nanoseconds; empty: this machine's clock
};

/// From when on a test with this time limit is told as one that hangs: shortly before that ends it.
int64_t hung_after(int64_t limit_ns);

class Progress {
 public:
  /// @param live where the line is drawn; must outlive this @param say takes a line for people, which is not
  /// a result
  Progress(Writer& live, ProgressOptions options, std::function<void(const std::string&)> say);
  void run_started(size_t scripts) { scripts_ = scripts; }
  void started(uint32_t index, const std::string& name);
  /// @param bad whether it is one that the run fails for
  void ended(uint32_t index, bool bad);
  /// Some time has passed: draws what changed with it, tells what has to be told.
  void tick();
  /// Draws the line again, at once.
  void show();
  /// Takes the line away, before something else is written.
  void wipe();
  /// The line as it is now, for so many columns.
  [[nodiscard]] std::string line(size_t columns) const;

 private:
  struct Running {
    std::string name;
    uint64_t since_ns = 0;
    bool slow_told = false, hung_told = false;
  };
  [[nodiscard]] uint64_t now() const;
  [[nodiscard]] int64_t limit_of(uint32_t index) const;
  [[nodiscard]] std::string shown(uint32_t index, const Running& running, size_t columns) const;
  [[nodiscard]] size_t columns_now() const;
  /// What takes the line away that stands there.
  [[nodiscard]] std::string_view erasing(size_t columns) const;
  void tell();
  void draw(bool at_once);

  Writer& live_;
  ProgressOptions options_;
  std::function<void(const std::string&)> say_;
  size_t scripts_ = 0, ended_ = 0, bad_ = 0;
  std::map<uint32_t, Running> running_;
  std::string drawn_;  ///< what stands on the terminal; empty: nothing
  size_t drawn_columns_ = 0;
  uint64_t drawn_ns_ = 0;
};

}  // namespace testctr::report
