// Errors as values: what failed, where, why, and what to do next. No exception crosses a module's border.
#pragma once

#include <fmt/format.h>

#include <cassert>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace testctr {

/// Whose fault an error is; the program's exit code follows from it (`exit_code`).
enum class Fault : unsigned char {
  usage,           ///< the command line, a manifest or a script cannot be understood: exit 2
  infrastructure,  ///< an image, the sandbox, the machine: exit 3
  internal,        ///< a defect of this program: exit 5
};

/// An error: a sentence, the errno that caused it (0: none), the contexts it went through (innermost first),
/// and a hint.
class Error {
 public:
  Error(Fault fault, std::string what, int number = 0)
      : fault_(fault), number_(number), what_(std::move(what)) {}

  /// A usage error. @param what a sentence without a full stop.
  static Error usage(std::string what) { return {Fault::usage, std::move(what)}; }
  /// An infrastructure error that is not a failed system call.
  static Error infrastructure(std::string what) { return {Fault::infrastructure, std::move(what)}; }
  /// A defect of ours.
  static Error internal(std::string what) { return {Fault::internal, std::move(what)}; }
  /// The failed system call `call(operands)`; takes the current errno. An infrastructure error.
  static Error system(std::string_view call, std::string_view operands);
  /// The same with an errno that was kept.
  static Error system(std::string_view call, std::string_view operands, int number);

  /// Adds what was being done ("loading image x"); returns itself for chaining.
  Error& in(std::string context) & {
    contexts_.push_back(std::move(context));
    return *this;
  }
  Error in(std::string context) && {
    contexts_.push_back(std::move(context));
    return std::move(*this);
  }
  /// Sets what the user can do about it, unless something nearer to the cause has said so.
  Error hint(std::string text) && {
    if (hint_.empty()) hint_ = std::move(text);
    return std::move(*this);
  }
  /// Says of what kind it is by an errno that is not told: the sentence says it already.
  Error kind(int number) && {
    number_ = number;
    number_told_ = false;
    return std::move(*this);
  }
  /// The same error as somebody else's fault.
  Error as(Fault fault) && {
    fault_ = fault;
    return std::move(*this);
  }

  [[nodiscard]] Fault fault() const { return fault_; }
  /// The errno, 0 when none caused it.
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] const std::string& hint() const { return hint_; }
  /// One line: contexts from the outermost, the sentence, the errno's text; without the hint.
  [[nodiscard]] std::string message() const;
  /// `message()` and, on a second line, the hint.
  [[nodiscard]] std::string full() const;

 private:
  Fault fault_;
  int number_;
  bool number_told_ = true;
  std::string what_;
  std::vector<std::string> contexts_;
  std::string hint_;
};

/// The exit code that belongs to a fault: 2, 3 or 5.
int exit_code(Fault fault);

/// A value or an Error. Reading the value of an error is a defect (assert).
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : content_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : content_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return content_.index() == 0; }
  T& value() & { return *std::get_if<0>(&content_); }
  const T& value() const& { return *std::get_if<0>(&content_); }
  T value() && { return std::move(*std::get_if<0>(&content_)); }
  Error& error() & { return *std::get_if<1>(&content_); }
  const Error& error() const& { return *std::get_if<1>(&content_); }
  Error error() && { return std::move(*std::get_if<1>(&content_)); }
  /// Adds a context if this is an error.
  Result in(std::string context) && {
    if (!ok()) error().in(std::move(context));
    return std::move(*this);
  }

 private:
  std::variant<T, Error> content_;
};

struct Unit {};
template <>
class [[nodiscard]] Result<void> : public Result<Unit> {
 public:
  Result() : Result<Unit>(Unit{}) {}
  Result(Error error) : Result<Unit>(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  Result in(std::string context) && {
    if (!ok()) error().in(std::move(context));
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
