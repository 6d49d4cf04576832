// Where a report's bytes go.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "report/spill.h"

namespace testctr::report {

class Writer {
 public:
  virtual ~Writer() = default;
  /// Writes all of it; the first error is kept and ends the writing.
  virtual void write(std::string_view bytes) = 0;
  [[nodiscard]] virtual Status status() const { return {}; }
};

/// To a descriptor, which is borrowed.
class FdWriter : public Writer {
 public:
  /// @param what is written to, for the error ("standard output").
  FdWriter(int fd, std::string what) : fd_(fd), what_(std::move(what)) {}
  void write(std::string_view bytes) override;
  [[nodiscard]] Status status() const override { return status_; }

 private:
  int fd_;
  std::string what_;
  Status status_;
};

class StringWriter : public Writer {
 public:
  void write(std::string_view bytes) override { text_ += bytes; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Writes all that was gathered.
void write_all(Writer& out, const Spill& gathered);

}  // namespace testctr::report
