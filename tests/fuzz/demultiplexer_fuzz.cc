// Any bytes as what an engine sends of a container's streams, in one piece and cut: the same, and bounded.
#include <cstdint>
#include <cstdlib>

#include "engine/demultiplexer.h"

using namespace testctr;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  engine::Demultiplexer whole, cut;
  std::string one, other;
  const bool good = whole.take(bytes, one).ok();
  const size_t step = size == 0 ? 1 : 1 + data[0] % 16;
  bool as_good = true;
  for (size_t at = 0; at < size && as_good; at += step)
    as_good = cut.take(bytes.substr(at, step), other).ok();
  if (good != as_good || (good && (one != other || whole.errors() != cut.errors()))) std::abort();
  if (one.size() > size || whole.errors().size() > size) std::abort();
  return 0;
}
