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
  run::Assignment assignment;
  assignment.source = "exec true\n";
  auto conversation = run::Conversation::begin(assignment).value();
  Sink sink;
  // The greeting comes first in every honest stream: without it the fuzzer would have to find a digest.
  auto hello = run::encode_frame(
      Json{{"t", "hello"}, {"v", run::protocol_version}, {"digest", Digest::of(assignment.source).str()}});
  if (!conversation.take(hello.value(), sink).ok()) std::abort();
  (void)conversation.take({reinterpret_cast<const char*>(data), size}, sink);
  (void)conversation.result();
  return 0;
}
