// Errors as values: what failed, where, why, and what to do next. No exception crosses a module's border.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace testctr {

/// Whose fault an error is; the program's exit code follows from it (`exit_code`).
enum class Fault : unsigned char {
  usage,           ///< the command line, a manifest or a script cannot be understood: exit 2
  infrastructure,  ///< an image, the sandbox, the machine: exit 3
  internal,        ///< a defect of this program: exit 5
};

/// An error: a sentence, the errno that caused it (0: none), the contexts it went through (innermost first),
/// and a hint. One that was moved from may only be assigned to or destroyed.
class Error {
 public:
  Error(Fault fault, std::string_view what, int number = 0);
  Error(const Error& other);
  Error(Error&& other) noexcept = default;
  Error& operator=(const Error& other);
  Error& operator=(Error&& other) noexcept = default;
  ~Error() = default;

  /// A usage error. @param what a sentence without a full stop.
  static Error usage(std::string_view what) { return {Fault::usage, what}; }
  /// An infrastructure error that is not a failed system call.
  static Error infrastructure(std::string_view what) { return {Fault::infrastructure, what}; }
  /// A defect of ours.
  static Error internal(std::string_view what) { return {Fault::internal, what}; }
  /// The failed system call `call(operands)`; takes the current errno. An infrastructure error.
  static Error system(std::string_view call, std::string_view operands);
  /// The same with an errno that was kept.
  static Error system(std::string_view call, std::string_view operands, int number);

  /// Adds what was being done ("loading image x"); returns itself for chaining.
  Error& in(std::string_view context) &;
  Error in(std::string_view context) && { return std::move(in(context)); }
  /// Sets what the user can do about it, unless something nearer to the cause has said so.
  Error hint(std::string_view text) &&;
  /// Says of what kind it is by an errno that is not told: the sentence says it already.
  Error kind(int number) &&;
  /// The same error as somebody else's fault.
  Error as(Fault fault) &&;

  [[nodiscard]] Fault fault() const;
  /// The errno, 0 when none caused it.
  [[nodiscard]] int number() const;
  [[nodiscard]] const std::string& hint() const;
  /// One line: contexts from the outermost, the sentence, the errno's text; without the hint.
  [[nodiscard]] std::string message() const;
  /// `message()` and, on a second line, the hint.
  [[nodiscard]] std::string full() const;

 private:
  template <class T>
  friend class Result;
  // A pointer, and all that is done with it elsewhere: every call that can fail carries an error's
  // destruction.
  struct Details;
  struct Delete {
    void operator()(Details* details) const noexcept;
  };
  Error() = default;

  std::unique_ptr<Details, Delete> details_;
};

/// The exit code that belongs to a fault: 2, 3 or 5.
int exit_code(Fault fault);

/// A value or an Error. Reading the value of an error is a defect.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return value_.has_value(); }
  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T value() && { return *std::move(value_); }
  Error& error() & { return error_; }
  const Error& error() const& { return error_; }
  Error error() && { return std::move(error_); }
  /// Adds a context if this is an error.
  Result in(std::string_view context) && {
    if (!ok()) error_.in(context);
    return std::move(*this);
  }

 private:
  std::optional<T> value_;
  Error error_;
};

struct Unit {};
template <>
class [[nodiscard]] Result<void> : public Result<Unit> {
 public:
  Result() : Result<Unit>(Unit{}) {}
  Result(Error error) : Result<Unit>(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  Result in(std::string_view context) && {
    if (!ok()) error().in(context);
    return std::move(*this);
  }
};
using Status = Result<void>;

}  // namespace testctr

#define TESTCTR_TRY_(result, expression, context)               \
  __extension__({                                               \
    auto&& result = (expression);                               \
    if (!result.ok()) return std::move(result).error() context; \
    std::move(result).value();                                  \
  })
#define TESTCTR_CHECK_(result, expression)              \
  do {                                                  \
    auto&& result = (expression);                       \
    if (!result.ok()) return std::move(result).error(); \
  } while (false)
#define TESTCTR_JOIN__(a, b) a##b
#define TESTCTR_JOIN_(a, b) TESTCTR_JOIN__(a, b)

/// `auto x = TRY(f());` - the value, or return the error from the enclosing function. May be nested.
#define TRY(expression) TESTCTR_TRY_(TESTCTR_JOIN_(try_result_, __COUNTER__), expression, )
/// As TRY, with a context added to the error: `TRY_IN(read_file(p), fmt::format("reading {}", p))`.
#define TRY_IN(expression, context) \
  TESTCTR_TRY_(TESTCTR_JOIN_(try_result_, __COUNTER__), expression, .in(context))
/// For a Status: return its error, else go on.
#define CHECK_OK(expression) TESTCTR_CHECK_(TESTCTR_JOIN_(try_result_, __COUNTER__), expression)
