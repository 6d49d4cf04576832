// Index, manifest, configuration and .testctrignore: whatever the bytes, an answer or an error.
#include <cstdint>

#include "image/manifest.h"
#include "image/tree.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace testctr::image;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto index = parse_index(bytes, "");
  if (index.ok()) (void)choose(index.value(), "latest", "fuzz");
  (void)parse_manifest(bytes, "");
  (void)parse_config(bytes);
  (void)parse_ignore(bytes, "fuzz");
  return 0;
}
