// Any bytes as a recipe: it is refused, with places that are in it, or its paths stay in the image.
#include <cstdint>
#include <cstdlib>

#include "recipe/recipe.h"

using namespace testctr;
using namespace testctr::recipe;

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string source(reinterpret_cast<const char*>(data), size);
  const auto read = parse_recipe(source, "f.yaml");
  if (!read.ok()) {
    demand(read.error().fault() == Fault::usage && read.error().message().starts_with("f.yaml:"));
    return 0;
  }
  const Recipe& made = read.value();
  demand((made.suite ? 1 : 0) + (made.root ? 1 : 0) + (made.from ? 1 : 0) <= 1);
  for (const FileSpec& file : made.files) {
    if (file.what == FileSpec::What::packages_of) continue;
    const std::string path = "/" + file.path + "/";
    demand(path.find("//") == std::string::npos && path.find("/../") == std::string::npos &&
           path.find('\0') == std::string::npos);
    demand(!file.mode || *file.mode <= 07777);
  }
  for (const std::string& variable : config_of(made).env) demand(variable.find('=') != 0);
  return 0;
}
