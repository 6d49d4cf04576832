// References: what is taken has a full form that is taken again and stays the same.
#include <cstdint>
#include <cstdlib>

#include "image/reference.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using testctr::image::Reference;
  auto once = Reference::parse({reinterpret_cast<const char*>(data), size});
  if (!once.ok() || once.value().kind != Reference::Kind::name) return 0;
  auto again = Reference::parse(once.value().full());
  if (!again.ok() || again.value().full() != once.value().full()) abort();
  return 0;
}
