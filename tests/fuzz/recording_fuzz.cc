// Any CBOR as a bundle's recording: refused, or one that survives the way back and can be compared.
#include <cstdint>
#include <cstdlib>

#include "bundle/compare.h"

using namespace testctr;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto wire = json::from_cbor({reinterpret_cast<const char*>(data), size});
  if (!wire.ok()) return 0;
  auto recording = bundle::recording_from_wire(wire.value());
  if (!recording.ok()) return 0;
  const std::string bytes = json::to_cbor(bundle::to_wire(recording.value()));
  auto again = bundle::recording_from_wire(json::from_cbor(bytes).value());
  if (!again.ok() || json::to_cbor(bundle::to_wire(again.value())) != bytes) std::abort();
  const bundle::Comparison same = bundle::compare(recording.value(), again.value());
  if (same.verdict != bundle::Verdict::reproduced || !same.output.empty() || !same.surroundings.empty())
    std::abort();
  const bundle::Comparison none = bundle::compare(recording.value(), {});
  for (const char c : none.outcome)
    if (c == '\x1b') std::abort();
  return 0;
}
