// All that is wrong with a document, gathered so that its author is told at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace testctr::script {

class Defects {
 public:
  /// @param name of the document, for messages
  explicit Defects(std::string_view name) : name_(name) {}

  /// @param line 1-based. @param what a sentence without a full stop; may have a mend in it.
  void add(uint32_t line, std::string_view what);
  /// @param column 1-based, in bytes
  void add(uint32_t line, size_t column, std::string_view what);

  [[nodiscard]] bool any() const { return count_ != 0; }
  /// One error with a line for each; beyond a hundred they are counted only.
  [[nodiscard]] Error error() const;

 private:
  void add_at(const std::string& place, std::string_view what);

  std::string name_, told_;
  size_t count_ = 0;
};

}  // namespace testctr::script
