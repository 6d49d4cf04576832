#include "image/near_name.h"

#include "base/text.h"

namespace testctr::image {
namespace {

/// "docker.io/library/golang:latest": "golang".
std::string as_typed(std::string name) {
  for (const std::string_view before : {"docker.io/library/", "docker.io/"}) {
    if (!name.starts_with(before)) continue;
    name.erase(0, before.size());
    break;
  }
  if (name.ends_with(":latest")) name.resize(name.size() - 7);
  return name;
}

}  // namespace

std::optional<std::string> near_name(Store::Impl& store, const std::string& what) {
  const Result<std::vector<Tag>> tags = store.all_tags();
  if (!tags.ok()) return std::nullopt;
  std::vector<std::string> names{"builtin", "hostfs"};
  for (const Tag& tag : tags.value()) {
    names.push_back(as_typed(tag.name));
    if (tag.name.ends_with(":latest")) names.push_back(names.back() + ":latest");
  }
  const std::string word = as_typed(what);
  std::optional<std::string> near = text::nearest(word, names);
  if (near || word.find(':') != std::string::npos) return near;
  // Without a tag it may be one that is there with another.
  for (const std::string& name : names)
    if (name.starts_with(word + ":")) return name;
  return near;
}

}  // namespace testctr::image
