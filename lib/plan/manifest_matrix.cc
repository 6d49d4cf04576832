#include "plan/manifest_matrix.h"

#include <algorithm>

#include "base/text.h"

namespace testctr::plan {
namespace {

constexpr std::string_view opening = "${matrix.";
constexpr size_t most_combinations = 1000;

bool mentions(const std::optional<Text>& text, std::string_view what) {
  return text && text->value.find(what) != std::string::npos;
}

bool mentions(const std::vector<Text>& texts, std::string_view what) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const Text& text) { return text.value.find(what) != std::string::npos; });
}

bool mentions(const std::map<std::string, Text>& texts, std::string_view what) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const auto& entry) { return entry.second.value.find(what) != std::string::npos; });
}

bool mentions(const ManifestTest& test, std::string_view what) {
  const Settings& settings = test.settings;
  if (mentions(test.scripts, what) || (test.own_image && mentions(settings.image, what)) ||
      mentions(settings.tree, what) || mentions(settings.env, what) || mentions(settings.bin, what) ||
      mentions(settings.mounts, what) || mentions(settings.artifacts, what))
    return true;
  const bool in_services =
      std::any_of(settings.services.begin(), settings.services.end(), [&](const Service& service) {
        return mentions(service.image, what) || mentions(service.env, what) ||
               mentions(service.command, what);
      });
  return in_services || std::any_of(test.sections.begin(), test.sections.end(), [&](const Section& section) {
           return mentions(section.script, what) || mentions(section.run, what) ||
                  mentions(section.image, what);
         });
}

/// Whether something of a test runs in the image that its manifest gives.
bool uses_given_image(const ManifestTest& test) {
  if (test.own_image) return false;
  if (!test.scripts.empty()) return true;
  return std::any_of(test.sections.begin(), test.sections.end(),
                     [](const Section& section) { return !section.host && !section.image; });
}

}  // namespace

std::vector<Axis> axes_of(const ManifestTest& test) {
  std::vector<Axis> axes;
  for (const Axis& axis : test.settings.matrix) {
    if (axis.name.value != "image" || test.own_matrix || uses_given_image(test) ||
        mentions(test, "${matrix.image}"))
      axes.push_back(axis);
  }
  return axes;
}

std::vector<Combination> combinations(const std::vector<Axis>& axes) {
  std::vector<Combination> all = {{}};
  for (const Axis& axis : axes) {
    if (all.size() * axis.values.size() > most_combinations) return {};
    std::vector<Combination> longer;
    for (const Combination& combination : all) {
      for (const Text& value : axis.values) {
        longer.push_back(combination);
        longer.back().emplace_back(axis.name.value, value.value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

std::string suffix_of(const Combination& combination) {
  if (combination.empty()) return "";
  std::string list;
  for (const auto& [name, value] : combination)
    list += fmt::format("{}{}={}", list.empty() ? "" : ", ", name, value);
  return fmt::format(" [{}]", list);
}

const std::string* value_of(const Combination& combination, std::string_view name) {
  for (const auto& [axis, value] : combination) {
    if (axis == name) return &value;
  }
  return nullptr;
}

bool agree(const Combination& a, const Combination& b) {
  return std::all_of(a.begin(), a.end(), [&](const auto& entry) {
    const std::string* other = value_of(b, entry.first);
    return other == nullptr || *other == entry.second;
  });
}

std::string replaced(const Text& text, const Combination& combination, Mistakes& mistakes) {
  std::string out;
  std::string_view rest = text.value;
  for (size_t at = rest.find(opening); at != std::string_view::npos; at = rest.find(opening)) {
    out += rest.substr(0, at);
    rest.remove_prefix(at);
    const size_t end = rest.find('}');
    const std::string name(rest.substr(opening.size(), end - std::min(end, opening.size())));
    const std::string* value = end == std::string_view::npos ? nullptr : value_of(combination, name);
    if (value == nullptr) {
      mistakes.add(text.place,
                   fmt::format("{} is no variable of this test's matrix",
                               text::quoted(rest.substr(0, end == std::string_view::npos ? 40 : end + 1))));
      return text.value;
    }
    out += *value;
    rest.remove_prefix(end + 1);
  }
  out += rest;
  return out;
}

}  // namespace testctr::plan
