// The environment of a script: the place's base and what the script changed, kept so that only the change
// crosses to another place.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace testctr::interpret {

class Variables {
 public:
  /// @param base the place's own, complete
  explicit Variables(std::map<std::string, std::string> base) : base_(base), current_(std::move(base)) {}

  [[nodiscard]] std::optional<std::string> get(std::string_view name) const;
  /// Errors (usage): a name that is empty or contains `=` or NUL, a value that contains NUL.
  Status set(const std::string& name, std::string value);
  void unset(const std::string& name) { current_.erase(name); }
  /// Sets what follows from the place and is not a part of the difference (PWD).
  void set_local(const std::string& name, std::string value);
  [[nodiscard]] const std::map<std::string, std::string>& all() const { return current_; }
  /// "NAME=VALUE", sorted by name.
  [[nodiscard]] std::vector<std::string> list() const;

  using Difference = std::map<std::string, std::optional<std::string>>;
  [[nodiscard]] Difference difference() const;
  void apply(const Difference& difference);

 private:
  std::map<std::string, std::string> base_;
  std::map<std::string, std::string> current_;
};

/// `text` with each path `work` (at the borders of path components) replaced by `token`.
std::string replace_path(std::string_view text, std::string_view work, std::string_view token);

/// `text` with each `token` replaced by `value`.
std::string replace_token(const std::string& text, const std::string& token, const std::string& value);

}  // namespace testctr::interpret
