// Any bytes as a lock file: it is refused, with places that are in it, or what it says can be written and
// read again.
#include <cstdint>
#include <cstdlib>

#include "plan/lockfile.h"

using namespace testctr;
using namespace testctr::plan;

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string source(reinterpret_cast<const char*>(data), size);
  const auto lock = parse_lock(source, "f.lock");
  if (!lock.ok()) {
    demand(lock.error().fault() == Fault::usage && lock.error().message().starts_with("f.lock:"));
    return 0;
  }
  for (const auto& [name, image] : lock.value().images)
    demand(can_be_locked(name) && image.digest.hex().size() == 64);
  const auto again = parse_lock(lock_text(lock.value()), "f.lock");
  demand(again.ok() && again.value() == lock.value());
  for (const auto& [name, pin] : pins_of(lock.value(), own_platform()))
    demand(pin.empty() || pin.starts_with(name + "@sha256:"));
  return 0;
}
