// Any CBOR as an event, a continuation, a request or a reply: refused, or a value that survives the way back.
#include <cstdint>
#include <cstdlib>

#include "interpret/event.h"
#include "interpret/request.h"
#include "interpret/state.h"

using namespace testctr;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto wire = json::from_cbor({reinterpret_cast<const char*>(data), size});
  if (!wire.ok()) return 0;
  if (auto event = event_from_wire(wire.value()); event.ok()) {
    auto again = event_from_wire(to_wire(event.value()));
    if (!again.ok() || again.value().text != event.value().text || again.value().kind != event.value().kind)
      std::abort();
    if (event.value().script != 0 || !event.value().place.empty()) std::abort();
  }
  if (auto continuation = continuation_from_wire(wire.value()); continuation.ok()) {
    auto again = continuation_from_wire(to_wire(continuation.value()));
    if (!again.ok() || !(again.value() == continuation.value())) std::abort();
  }
  if (auto request = request_from_wire(wire.value()); request.ok()) {
    auto again = request_from_wire(to_wire(request.value()));
    if (!again.ok() || !(again.value() == request.value())) std::abort();
    if (request.value().name.find('\0') != std::string::npos) std::abort();
    if (request.value().kind == Request::Kind::cp) (void)parse_copy(request.value()).ok();
  }
  if (auto reply = reply_from_wire(wire.value()); reply.ok()) {
    auto again = reply_from_wire(to_wire(reply.value()));
    if (!again.ok() || !(again.value() == reply.value())) std::abort();
  }
  return 0;
}
