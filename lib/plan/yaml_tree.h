// One YAML text as a tree in which everything knows where it stands. YAML is a large language and its library
// trusting: sizes, depth and what aliases repeat are bounded here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace testctr::plan {

/// A place in one of the files that were read.
struct Place {
  uint32_t file = 0;              ///< index of the file
  uint32_t line = 0, column = 0;  ///< 1-based, columns in bytes; 0: the file as a whole
  auto operator<=>(const Place&) const = default;
};

/// All that is wrong with some files, gathered so that their author is told at once.
class Mistakes {
 public:
  /// Makes a file known. @return its index, for Place
  uint32_t file(std::string name) {
    names_.push_back(std::move(name));
    return static_cast<uint32_t>(names_.size() - 1);
  }
  /// @param what a sentence without a full stop
  void add(Place place, std::string what) { all_.push_back({place, std::move(what)}); }
  [[nodiscard]] bool any() const { return !all_.empty(); }
  /// "name:line:column", for messages.
  [[nodiscard]] std::string told(Place place) const;
  /// One usage error with a line for each, in the order of their places; beyond a hundred they are counted.
  [[nodiscard]] Error error() const;

 private:
  struct Mistake {
    Place place;
    std::string what;
    bool operator==(const Mistake&) const = default;
  };
  std::vector<std::string> names_;
  std::vector<Mistake> all_;
};

struct YamlPair;

/// A value. Aliases are replaced by what they stand for, merges (`<<`) are carried out.
struct Yaml {
  enum class Kind : uint8_t { null, scalar, list, map };
  Kind kind = Kind::null;
  Place place;
  std::string text;    ///< of a scalar, as written
  bool plain = false;  ///< a scalar without quotes: may be meant as a number or a boolean
  uint32_t text_line =
      0;  ///< of a scalar: the line on which its text begins; 0: its lines are not those of the file
  std::vector<Yaml> items;        ///< of a list
  std::vector<YamlPair> members;  ///< of a map, each key once

  /// The member of this name, or null.
  [[nodiscard]] const Yaml* find(std::string_view name) const;
};

struct YamlPair {
  Yaml key;  ///< a scalar
  Yaml value;
};

/// Reads one YAML document. What is wrong goes to `mistakes`; then the tree may lack something.
/// @param file its index in `mistakes`
Yaml read_yaml(const std::string& source, uint32_t file, Mistakes& mistakes);

}  // namespace testctr::plan
