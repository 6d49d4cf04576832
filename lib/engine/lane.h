// Bytes on their way from one descriptor to another, in one direction, without waiting.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace testctr::engine {

class Lane {
 public:
  /// What becomes of the bytes that were read. Errors end the lane.
  using Filter = std::function<Status(std::string_view came, std::string& out)>;

  /// @param from, to descriptors that do not block, borrowed @param filter empty: they go on as they are
  Lane(int from, int to, Filter filter = {}) : from_(from), to_(to), filter_(std::move(filter)) {}

  /// These go first.
  void put(std::string bytes) { held_ += bytes; }
  /// As if these had been read.
  Status feed(std::string_view bytes);
  /// Moves what can be moved now. Errors: of reading, of the filter.
  Status move();
  /// What is to be waited for.
  [[nodiscard]] bool reads() const { return !ended_ && held_.size() < most_held; }
  [[nodiscard]] bool writes() const { return !held_.empty(); }
  /// Nothing more will be read.
  [[nodiscard]] bool ended() const { return ended_; }
  /// Nobody takes the bytes any more: they are read and dropped.
  [[nodiscard]] bool broken() const { return broken_; }
  void stop_reading() { ended_ = true; }

 private:
  static constexpr size_t most_held = size_t{256} << 10;
  void write();

  int from_, to_;
  Filter filter_;
  std::string held_;
  size_t written_ = 0;
  bool ended_ = false, broken_ = false;
};

/// Makes a descriptor's reads and writes not wait.
Status do_not_block(int fd);

}  // namespace testctr::engine
