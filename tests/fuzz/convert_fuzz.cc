// Any bytes as a Cram document that becomes Markdown and Cram again, and as a Markdown document that becomes
// Cram.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "../unit/script_convert_support.h"

using namespace testctr::script;

namespace {

void check(const std::string& lost) {
  if (lost.empty()) return;
  std::fprintf(stderr, "%s\n", lost.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string source(reinterpret_cast<const char*>(data), size);
  check(lost_by_cram(source, 2));
  check(lost_by_cram(source, 1));
  check(lost_by_markdown(source, false));
  check(lost_by_markdown(source, true));
  return 0;
}
