// The outside's half of the channel against any bytes: it may refuse them, it may not crash, loop or pass on
// what only the outside makes.
#include <cstdint>
#include <cstdlib>

#include "run/conversation.h"

using namespace testctr;

namespace {
struct Sink : EventSink {
  void take(const Event& event) override {
    if (event.kind == Event::Kind::script_started || event.kind == Event::Kind::script_ended) std::abort();
  }
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto conversation = run::Conversation::begin(run::Assignment()).value();
  run::Order order;
  order.source = "exec true\n";
  if (!conversation.order(order).ok()) std::abort();
  // A folder that cannot be: what is asked for is taken, and nothing is written.
  conversation.expect({{"*.log", "/proc/none", ""}});
  Sink sink;
  // What comes first in every honest stream: without it the fuzzer would have to find a digest.
  const std::string greeting =
      run::encode_frame(Json{{"t", "hello"}, {"v", run::protocol_version}}).value() +
      run::encode_frame(Json{{"t", "took"}, {"digest", Digest::of(order.source).str()}}).value();
  if (!conversation.take(greeting, sink).ok()) std::abort();
  (void)conversation.take({reinterpret_cast<const char*>(data), size}, sink);
  int results = 0;
  while (auto said = conversation.next()) {
    if (said->kind == run::Said::Kind::carried_out) ++results;
    if (said->status < 0 || said->status > 255) std::abort();
  }
  if (results > 1) std::abort();  // there was one order
  (void)conversation.lost();
  return 0;
}
