#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace testctr {

Error Error::system(std::string_view call, std::string_view operands) {
  return system(call, operands, errno);
}

Error Error::system(std::string_view call, std::string_view operands, int number) {
  return {Fault::infrastructure, fmt::format("{}({})", call, operands), number};
}

std::string Error::message() const {
  std::string text;
  for (auto it = contexts_.rbegin(); it != contexts_.rend(); ++it) text += *it + ": ";
  text += what_;
  if (number_ != 0 && number_told_)
    text +=
        fmt::format(": {}", strerrordesc_np(number_) != nullptr ? strerrordesc_np(number_) : "unknown error");
  return text;
}

std::string Error::full() const { return hint_.empty() ? message() : message() + "\n  " + hint_; }

int exit_code(Fault fault) {
  switch (fault) {
    case Fault::usage:
      return 2;
    case Fault::infrastructure:
      return 3;
    case Fault::internal:
      return 5;
  }
  return 5;
}

}  // namespace testctr
