// The matrix of a manifest: which values a test runs with, and `${matrix.NAME}` in its texts.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "plan/manifest.h"

namespace testctr::plan {

/// A value for each axis of a test, in the order of the axes.
using Combination = std::vector<std::pair<std::string, std::string>>;

/// The axes that a test runs with. "image" counts only where something of the test runs in the image that it
/// gives: a container that names none itself, or a text with `${matrix.image}`.
std::vector<Axis> axes_of(const ManifestTest& test);

/// All combinations, the last axis changing fastest; one empty one when there are no axes. Nothing when they
/// are more than a thousand.
std::vector<Combination> combinations(const std::vector<Axis>& axes);

/// " [image=golang:1.21, GO=1]"; empty for an empty one.
std::string suffix_of(const Combination& combination);

/// The value of an axis, or null.
const std::string* value_of(const Combination& combination, std::string_view name);

/// Whether two have equal values of the axes that both have.
bool agree(const Combination& a, const Combination& b);

/// `text` with every `${matrix.NAME}` replaced; a name that is no axis goes to `mistakes`.
std::string replaced(const Text& text, const Combination& combination, Mistakes& mistakes);

}  // namespace testctr::plan
