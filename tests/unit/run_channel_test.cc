#include <doctest/doctest.h>
#include <sys/socket.h>

#include <thread>

#include "base/sys.h"
#include "run/channel.h"
#include "run/conversation.h"

using namespace testctr;
using namespace testctr::run;

namespace {

struct Collected : EventSink {
  void take(const Event& event) override { events.push_back(event); }
  std::vector<Event> events;
};

Assignment small_assignment() {
  Assignment a;
  a.name = "t.txt";
  a.source = "exec true\n";
  a.environment = {{"A", "1"}, {"B", "\xff"}};
  return a;
}

std::string frame(const Json& message) { return encode_frame(message).value(); }
std::string hello(const Assignment& a) {
  return frame(Json{{"t", "hello"}, {"v", protocol_version}, {"digest", Digest::of(a.source).str()}});
}
std::string event_frame(Event::Kind kind) {
  Event event;
  event.kind = kind;
  event.text = "x";
  return frame(Json{{"t", "event"}, {"e", to_wire(event)}});
}
std::string done(const Continuation& continuation) {
  std::string bytes = json::to_cbor(to_wire(continuation));
  return frame(Json{{"t", "done"}, {"size", bytes.size()}}) + encode_data(bytes).value();
}
Continuation passed() {
  Continuation c;
  c.done = true;
  return c;
}

// What a conversation says to these bytes: "" when it goes on.
std::string answer_to(const std::string& bytes) {
  auto conversation = Conversation::begin(small_assignment()).value();
  Collected sink;
  auto status = conversation.take(bytes, sink);
  return status.ok() ? "" : status.error().message();
}

}  // namespace

TEST_CASE("an assignment crosses unchanged") {
  Assignment a = small_assignment();
  a.from.position = 3;
  a.from.state.environment["X"] = std::nullopt;
  a.from.state.stdout_buffer = std::string("\0\xff", 2);
  auto back = assignment_from_wire(json::from_cbor(json::to_cbor(to_wire(a))).value());
  REQUIRE(back.ok());
  CHECK(back.value() == a);
}

TEST_CASE("a document's assignment crosses unchanged") {
  Assignment a = small_assignment();
  DocumentAssignment document;
  document.dialect = script::Dialect::cram;
  document.parts = {{"a.t", std::string("  $ \0\xff\n", 7)}, {"b.t", ""}};
  document.main = 1;
  document.reading.compat = document.setting.compat = script::Compat::cram;
  document.reading.indent = 4;
  document.setting.shell = "/bin/dash";
  document.setting.spare_shell = "/spare";
  document.setting.overrides.stream = script::Stream::combined;
  document.setting.overrides.keep_crlf = false;
  document.setting.overrides.timeout_ns = 7;
  document.setting.timeout_ns = 8;
  document.setting.whole_output = true;
  document.setting.directory = "/d";
  a.document = document;
  auto back = assignment_from_wire(json::from_cbor(json::to_cbor(to_wire(a))).value());
  REQUIRE(back.ok());
  CHECK(back.value() == a);
}

TEST_CASE("frames survive being cut at every byte") {
  std::string bytes = frame(Json{{"t", "a"}}) + frame(Json{{"t", "b"}, {"d", json::binary("\xff")}});
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    FrameReader reader;
    std::vector<std::string> types;
    for (auto part : {bytes.substr(0, cut), bytes.substr(cut)}) {
      reader.feed(part);
      while (auto message = reader.next().value()) types.push_back((*message)["t"]);
    }
    CHECK(types == std::vector<std::string>{"a", "b"});
    CHECK(reader.at_border());
  }
}

TEST_CASE("a conversation passes events on and ends with the result") {
  auto conversation = Conversation::begin(small_assignment()).value();
  Collected sink;
  REQUIRE(
      conversation.take(hello(small_assignment()) + event_frame(Event::Kind::command) + done(passed()), sink)
          .ok());
  CHECK(sink.events.size() == 1);
  auto result = conversation.result();
  REQUIRE(result);
  CHECK(result->outcome == Outcome::pass);
}

TEST_CASE("what no honest interpreter sends is a breach") {
  std::string greeting = hello(small_assignment());
  Assignment other = small_assignment();
  other.source = "exec false\n";
  CHECK(answer_to(event_frame(Event::Kind::command)).find("hello first") != std::string::npos);
  CHECK(answer_to(hello(other)).find("another script") != std::string::npos);
  CHECK(answer_to(greeting + event_frame(Event::Kind::script_ended)).find("only the outside") !=
        std::string::npos);
  CHECK(answer_to(greeting + event_frame(Event::Kind::script_started)).find("only the outside") !=
        std::string::npos);
  CHECK(answer_to(greeting + frame(Json{{"t", "spawn"}})).find("unknown type") != std::string::npos);
  CHECK(answer_to(greeting + frame(Json{{"t", "event"}})).find("without an event") != std::string::npos);
  CHECK(answer_to(greeting + frame(Json{{"t", "event"}, {"e", {{"kind", 5}}}})).find("protocol") !=
        std::string::npos);
  CHECK(answer_to(greeting + frame(Json{{"t", 5}})).find("protocol") != std::string::npos);
  CHECK(answer_to(greeting + frame(Json{{"t", "done"}, {"size", -1}})).find("absurd") != std::string::npos);
  CHECK(answer_to(greeting + frame(Json{{"t", "done"}, {"size", 1}}) + event_frame(Event::Kind::note))
            .find("within its result") != std::string::npos);
  CHECK(answer_to(greeting + done(passed()) + event_frame(Event::Kind::note)).find("after its result") !=
        std::string::npos);
  CHECK(answer_to(std::string("\xff\xff\xff\xff", 4)).find("at most") != std::string::npos);
  CHECK(answer_to(std::string("\0\0\0\0", 4)).find("at most") != std::string::npos);
  CHECK(answer_to(std::string("\1\0\0\0\xff", 5)).find("bad frame") != std::string::npos);
}

TEST_CASE("twenty megabytes of events cross a socket whole") {
  auto [outer, inner] = sys::socket_pair(SOCK_STREAM).value();
  auto conversation = Conversation::begin(small_assignment()).value();
  Collected sink;
  Status sent;
  std::thread inside([&, fd = inner.get()] {
    InnerChannel channel(fd);
    Json start = channel.receive().value();
    (void)channel.receive_data(static_cast<size_t>(start["size"].get<int64_t>())).value();
    sent = channel.send(Json{
        {"t", "hello"}, {"v", protocol_version}, {"digest", Digest::of(small_assignment().source).str()}});
    Event event;
    event.kind = Event::Kind::output;
    event.stream = "stdout";
    event.text = std::string(400'000, 'y');
    for (int i = 0; i < 50 && sent.ok(); ++i)
      sent = channel.send(Json{{"t", "event"}, {"e", to_wire(event)}});
    std::string bytes = json::to_cbor(to_wire(passed()));
    if (sent.ok()) sent = channel.send_with_data(Json{{"t", "done"}, {"size", bytes.size()}}, bytes);
  });
  std::string buffer(65536, '\0');
  std::optional<Continuation> result;
  Status taken;
  while (!result && taken.ok()) {
    if (!conversation.outgoing().empty()) {
      REQUIRE(sys::write_full(outer.get(), conversation.outgoing()).ok());
      conversation.sent(conversation.outgoing().size());
    }
    ssize_t n = ::recv(outer.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) break;
    taken = conversation.take(std::string_view(buffer).substr(0, static_cast<size_t>(n)), sink);
    result = conversation.result();
  }
  inside.join();
  CHECK(taken.ok());
  CHECK(sent.ok());
  CHECK(result);
  CHECK(sink.events.size() == 50);
}
