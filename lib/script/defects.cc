#include "script/defects.h"

namespace testctr::script {
namespace {

constexpr size_t most_told = 100;

}  // namespace

void Defects::add(uint32_t line, std::string_view what) { add_at(fmt::format("{}", line), what); }

void Defects::add(uint32_t line, size_t column, std::string_view what) {
  add_at(fmt::format("{}:{}", line, column), what);
}

void Defects::add_at(const std::string& place, std::string_view what) {
  if (++count_ > most_told) return;
  if (!told_.empty()) told_ += '\n';
  told_ += fmt::format("{}:{}: {}", name_, place, what);
}

Error Defects::error() const {
  if (count_ <= most_told) return Error::usage(told_);
  return Error::usage(fmt::format("{}\n{}: {} more mistakes", told_, name_, count_ - most_told));
}

}  // namespace testctr::script
