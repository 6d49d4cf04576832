// The keys of a manifest as data: names, what each may hold, what it is for, and where a reader puts it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "plan/manifest.h"

namespace testctr::plan {

struct Shape;

/// What a value may be.
struct Type {
  enum class Kind : uint8_t {
    text,
    boolean,
    integer,
    number,
    duration,
    size,
    choice,
    list,
    map,
    object,
    either
  };
  Kind kind = Kind::text;
  std::string wanted = {};              ///< for messages: "a time such as 30s or 1m30s"
  int64_t least = 0, most = 0;          ///< of integers
  std::vector<std::string> words = {};  ///< of a choice
  std::string pattern = {};             ///< of a text, of the keys of a map: the whole of it (RE2 and ECMA)
  std::vector<std::string> reserved = {};  ///< keys that a map cannot have
  const Type* of = nullptr;                ///< what a list or a map holds
  bool may_be_empty = false;               ///< a list
  const Shape& (*shape)() = nullptr;       ///< of an object
  /// What it is instead of `of`, when it is a list or a map: the first alternative of the value's kind.
  std::vector<const Type*> either = {};
};

struct Key {
  std::string name;
  const Type* type = nullptr;
  std::string help;  ///< a line without a full stop
  /// Puts a value that fits `type` into the target of the shape.
  std::function<void(const Yaml&, void*)> set;
  bool required = false;
};

/// A mapping with known keys.
struct Shape {
  std::string name;  ///< for messages ("a test"), and in the schema without its article
  std::vector<Key> keys = {};
  std::vector<std::string> one_of = {};  ///< keys that exclude each other
  bool needs_one = false;                ///< one of these must be there
  /// The first needs the second.
  std::vector<std::pair<std::string, std::string>> needs = {};
  bool extensions = false;  ///< keys `x-...` are not looked at
};

/// What the keys of one file give.
struct ManifestPart {
  Settings settings;
  std::vector<Text> include;
  std::vector<ManifestTest> tests;
  std::map<std::string, uint32_t> groups;
};

/// The shape of a file; its target is a ManifestPart.
const Shape& manifest_shape();

/// Whether a value fits; says what does not. @param path of the value: "limits.timeout"
bool fits(const Type& type, const Yaml& value, const std::string& path, Mistakes& mistakes);
bool fits(const Shape& shape, const Yaml& value, const std::string& path, Mistakes& mistakes);

/// Puts the values of a mapping that fits into the target.
void take(const Shape& shape, const Yaml& value, void* target);

/// All shapes, the manifest's first.
std::vector<const Shape*> all_shapes();

}  // namespace testctr::plan
