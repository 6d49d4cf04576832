// Any bytes as a manifest: it is refused, with places that are in it, or its values are what the table of
// keys promises.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "plan/manifest_keys.h"
#include "plan/manifest_matrix.h"

using namespace testctr;
using namespace testctr::plan;

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

/// A place is in the text, or behind its end.
void check_place(const Yaml& node, uint32_t lines) {
  demand(node.place.line >= 1 && node.place.line <= lines && node.place.column >= 1);
  for (const Yaml& item : node.items) check_place(item, lines);
  for (const YamlPair& member : node.members) {
    demand(member.key.kind == Yaml::Kind::scalar);
    check_place(member.key, lines);
    check_place(member.value, lines);
  }
}

void check_test(const ManifestTest& test) {
  demand(test.scripts.empty() != test.sections.empty());
  demand(test.name || test.sections.empty());
  Mistakes mistakes;
  mistakes.file("f.yaml");
  for (const Combination& combination : combinations(axes_of(test))) {
    for (const Text& script : test.scripts) (void)replaced(script, combination, mistakes);
    for (const auto& [name, value] : test.settings.env) {
      demand(!name.empty() && name != "WORK" && value.value.find('\0') == std::string::npos);
      (void)replaced(value, combination, mistakes);
    }
    demand(agree(combination, combination));
  }
  for (const Section& section : test.sections) demand(section.run.has_value() != section.script.has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string source(reinterpret_cast<const char*>(data), size);
  Mistakes mistakes;
  const uint32_t file = mistakes.file("f.yaml");
  const Yaml tree = read_yaml(source, file, mistakes);
  check_place(tree, static_cast<uint32_t>(std::count(source.begin(), source.end(), '\n')) + 1);
  bool good = false;
  if (tree.kind == Yaml::Kind::map) good = fits(manifest_shape(), tree, "", mistakes) && !mistakes.any();
  if (mistakes.any()) {
    const Error error = mistakes.error();
    demand(error.fault() == Fault::usage && error.message().starts_with("f.yaml:"));
  }
  if (!good) return 0;
  ManifestPart part;
  take(manifest_shape(), tree, &part);
  for (ManifestTest& test : part.tests) {
    test.settings = test.settings.over(part.settings);
    check_test(test);
  }
  Limits limits;
  part.settings.limits.apply(limits);
  demand(limits.script_timeout_ns > 0 && limits.case_timeout_ns > 0 && limits.pids > 0);
  return 0;
}
