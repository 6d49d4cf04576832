#include "engine/demultiplexer.h"

namespace testctr::engine {

Status Demultiplexer::take(std::string_view came, std::string& out) {
  while (!came.empty()) {
    if (rest_ == 0) {
      header_ += came.front();
      came.remove_prefix(1);
      if (header_.size() == header_size) CHECK_OK(begin());
      continue;
    }
    const std::string_view piece = came.substr(0, rest_);
    came.remove_prefix(piece.size());
    rest_ -= piece.size();
    if (stream_ == 1) {
      out += piece;
    } else {
      errors_ += piece;
      if (errors_.size() > 2 * errors_kept) errors_.erase(0, errors_.size() - errors_kept);
    }
  }
  return {};
}

Status Demultiplexer::begin() {
  const auto byte = [this](size_t i) { return static_cast<uint8_t>(header_[i]); };
  if (byte(0) > 2 || byte(1) != 0 || byte(2) != 0 || byte(3) != 0)
    return Error::infrastructure("the engine sent what is no container's output");
  stream_ = byte(0);
  rest_ = size_t{byte(4)} << 24 | size_t{byte(5)} << 16 | size_t{byte(6)} << 8 | byte(7);
  header_.clear();
  return {};
}

std::string Demultiplexer::errors() const {
  return errors_.size() <= errors_kept ? errors_ : errors_.substr(errors_.size() - errors_kept);
}

}  // namespace testctr::engine
