// Where a place says that its script is to go on, against one script: what is accepted can be gone on from,
// in a place that the script names.
#include <cstdint>
#include <cstdlib>

#include "run/scope.h"

using namespace testctr;

namespace {

constexpr const char* source =
    "[host]\nexec true\nenv A=1\n[container builtin as c]\nexec true\ncd d\n"
    "testctr start builtin d --enter\nenv B=$X\ntestctr leave\nstop now\n[host]\nexec true\n";

const plan::Job& job() {
  static const plan::Job made = [] {
    plan::Job one;
    one.name = "t.txt";
    one.source = source;
    one.where = "host";
    return one;
  }();
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const run::Scope scope = run::Scope::of(job()).value();
  if (size < 2) return 0;
  auto wire = json::from_cbor({reinterpret_cast<const char*>(data) + 2, size - 2});
  if (!wire.ok()) return 0;
  auto said = continuation_from_wire(wire.value());
  if (!said.ok()) return 0;
  Continuation from;
  from.position = data[0] % 10;
  const char* const places[] = {"host", "c", "d"};
  const std::string place = places[data[1] % 3];
  from.target = place;
  auto accepted = scope.accept(from, said.value(), place);
  if (!accepted.ok()) return 0;
  const Continuation& next = accepted.value();
  if (next.step != 0 || next.position < from.position || next.position > 9) std::abort();
  if (!next.done && next.target != "host" && next.target != "c" && next.target != "d") std::abort();
  return 0;
}
