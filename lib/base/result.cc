#include "base/result.h"

#include <cerrno>
#include <cstring>
#include <vector>

namespace testctr {

struct Error::Details {
  Fault fault;
  int number;
  bool number_told = true;
  std::string what;
  std::vector<std::string> contexts;
  std::string hint;
};

void Error::Delete::operator()(Details* details) const noexcept { std::unique_ptr<Details>{details}; }

Error::Error(Fault fault, std::string_view what, int number)
    : details_(std::make_unique<Details>(Details{fault, number, true, std::string(what), {}, {}}).release()) {
}

Error::Error(const Error& other)
    : details_(other.details_ ? std::make_unique<Details>(*other.details_).release() : nullptr) {}

Error& Error::operator=(const Error& other) {
  if (this != &other) *this = Error(other);
  return *this;
}

Error& Error::in(std::string_view context) & {
  details_->contexts.emplace_back(context);
  return *this;
}

Error Error::hint(std::string_view text) && {
  if (details_->hint.empty()) details_->hint = text;
  return std::move(*this);
}

Error Error::kind(int number) && {
  details_->number = number;
  details_->number_told = false;
  return std::move(*this);
}

Error Error::as(Fault fault) && {
  details_->fault = fault;
  return std::move(*this);
}

Fault Error::fault() const { return details_->fault; }

int Error::number() const { return details_->number; }

const std::string& Error::hint() const { return details_->hint; }

Error Error::system(std::string_view call, std::string_view operands) {
  return system(call, operands, errno);
}

Error Error::system(std::string_view call, std::string_view operands, int number) {
  return {Fault::infrastructure, fmt::format("{}({})", call, operands), number};
}

std::string Error::message() const {
  std::string text;
  for (auto it = details_->contexts.rbegin(); it != details_->contexts.rend(); ++it) text += *it + ": ";
  text += details_->what;
  if (int number = details_->number; number != 0 && details_->number_told) {
    const char* sentence = strerrordesc_np(number);
    text += fmt::format(": {}", sentence != nullptr ? sentence : "unknown error");
  }
  return text;
}

std::string Error::full() const { return hint().empty() ? message() : message() + "\n  " + hint(); }

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
