// Stamps what comes from the places of a test, and remembers what a verdict must agree with.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "interpret/event.h"

namespace testctr::run {

class Stamper : public EventSink {
 public:
  /// @param sink is told everything; borrowed @param script index in the plan @param attempt from 0
  Stamper(EventSink& sink, uint32_t script, uint64_t run_start_ns, uint32_t attempt = 0)
      : sink_(sink), script_(script), attempt_(attempt), run_start_ns_(run_start_ns) {}

  void take(const Event& event) override;
  /// Where what is taken from now on comes from. @param leads whether its lines are those that the test is at
  void set_place(const std::string& place, bool leads) {
    place_ = place;
    leads_ = leads;
  }
  /// Whose lines those are that say nothing else: a step's; empty: the test's own.
  void set_file(std::string file) { step_file_ = std::move(file); }
  void log(std::string text);
  /// A failure that the outside saw: at the line that was being carried out.
  void fail(std::string reason, std::string hint);
  [[nodiscard]] uint32_t line() const { return line_; }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] size_t cases_passed() const { return cases_passed_; }
  /// Whether a line of the test was carried out, or a case of it has ended.
  [[nodiscard]] bool began() const { return line_ != 0 || !cases_ended_.empty(); }
  /// Of a case of a document. @param file as in its events
  [[nodiscard]] bool is_at(const std::string& file, uint32_t line) const {
    return line_ == line && file_ == file;
  }
  [[nodiscard]] bool has_ended(const std::string& file, uint32_t line) const {
    return cases_ended_.contains({file, line});
  }

 private:
  EventSink& sink_;
  uint32_t script_, attempt_;
  uint64_t run_start_ns_;
  uint64_t sequence_ = 0;
  std::string place_ = "container";
  bool leads_ = true;
  uint32_t line_ = 0;
  std::string file_, command_, step_file_;
  bool failed_ = false;
  size_t cases_passed_ = 0;
  std::set<std::pair<std::string, uint32_t>> cases_ended_;  ///< their files and lines
};

}  // namespace testctr::run
