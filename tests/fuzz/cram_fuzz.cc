// Any bytes as a Cram document, as each tool reads it.
#include <cstdint>

#include "document_checks.h"

using namespace testctr::script;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string source(reinterpret_cast<const char*>(data), size);
  for (Compat compat : {Compat::none, Compat::scrut, Compat::cram})
    check_document(Dialect::cram, source, {compat, 2});
  return 0;
}
