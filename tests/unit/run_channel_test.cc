#include <doctest/doctest.h>
#include <sys/socket.h>

#include <thread>

#include "base/sys.h"
#include "run/channel.h"
#include "run/channel_place.h"
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
  a.environment = {{"A", "1"}, {"B", "\xff"}};
  a.max_output = 1 << 20;
  return a;
}

Order small_order(uint32_t step = 0) {
  Order o;
  o.name = "t.txt";
  o.source = "exec true\n";
  o.from.step = step;
  return o;
}

std::string frame(const Json& message) { return encode_frame(message).value(); }
std::string with_data(Json header, const Json& body) {
  std::string bytes = json::to_cbor(body);
  header["size"] = bytes.size();
  return frame(header) + encode_data(bytes).value();
}
std::string hello() { return frame(Json{{"t", "hello"}, {"v", protocol_version}}); }
std::string took(const std::string& source = small_order().source) {
  return frame(Json{{"t", "took"}, {"digest", Digest::of(source).str()}});
}
std::string event_frame(Event::Kind kind) {
  Event event;
  event.kind = kind;
  event.text = "x";
  return frame(Json{{"t", "event"}, {"e", to_wire(event)}});
}
std::string done(const Continuation& continuation) {
  return with_data(Json{{"t", "done"}}, to_wire(continuation));
}
std::string request(uint64_t id, const Request& wanted) {
  return with_data(Json{{"t", "request"}, {"id", id}}, to_wire(wanted));
}
std::string answer(uint64_t id, const Reply& reply) {
  return with_data(Json{{"t", "answer"}, {"id", id}}, to_wire(reply));
}
Continuation passed() {
  Continuation c;
  c.done = true;
  return c;
}

// What a conversation with one order says to these bytes: "" when it goes on.
std::string answer_to(const std::string& bytes) {
  auto conversation = Conversation::begin(small_assignment()).value();
  REQUIRE(conversation.order(small_order()).ok());
  Collected sink;
  auto status = conversation.take(bytes, sink);
  if (!status.ok()) CHECK(status.error().fault() == Fault::infrastructure);
  return status.ok() ? "" : status.error().message();
}

// What it heard.
std::vector<Said> heard(Conversation& conversation, const std::string& bytes) {
  Collected sink;
  REQUIRE(conversation.take(bytes, sink).ok());
  std::vector<Said> all;
  while (auto said = conversation.next()) all.push_back(*std::move(said));
  return all;
}

}  // namespace

TEST_CASE("an assignment and an order cross unchanged") {
  Assignment a = small_assignment();
  a.place = "db\xff";
  a.shell = {ShellAt::failure, true, {24, 80}, "vt100", "/spare", {{"t\xff.txt", 7}, {"u.txt", 1}}};
  a.work = "/tmp/w";
  a.tree = "/t";
  a.control = "/c";
  a.programs = {"p", "q"};
  a.case_timeout_ns = 5;
  a.network = a.guarded = true;
  a.socket = "@x";
  a.service = ServiceAssignment{{"redis", ""}, {{"S", "\xff"}}, "/data"};
  auto back = assignment_from_wire(json::from_cbor(json::to_cbor(to_wire(a))).value());
  REQUIRE(back.ok());
  CHECK(back.value() == a);
  Order o = small_order(3);
  o.from.position = 3;
  o.from.state.environment["X"] = std::nullopt;
  o.from.state.stdout_buffer = std::string("\0\xff", 2);
  o.last = true;
  auto order = order_from_wire(json::from_cbor(json::to_cbor(to_wire(o))).value());
  REQUIRE(order.ok());
  CHECK(order.value() == o);
  o.fresh = false;
  order = order_from_wire(json::from_cbor(json::to_cbor(to_wire(o))).value());
  REQUIRE(order.ok());
  CHECK_FALSE(order.value().fresh);
  CHECK(order.value().from == o.from);
}

TEST_CASE("a document's order crosses unchanged") {
  Order a = small_order();
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
  auto back = order_from_wire(json::from_cbor(json::to_cbor(to_wire(a))).value());
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
      while (auto message = reader.next().value()) types.push_back((*message)["t"].get<std::string>());
    }
    CHECK(types == std::vector<std::string>{"a", "b"});
    CHECK(reader.at_border());
  }
}

TEST_CASE("a conversation passes events on and ends with the result") {
  auto conversation = Conversation::begin(small_assignment()).value();
  REQUIRE(conversation.order(small_order()).ok());
  Collected sink;
  REQUIRE(
      conversation.take(hello() + took() + event_frame(Event::Kind::command) + done(passed()), sink).ok());
  CHECK(sink.events.size() == 1);
  auto said = conversation.next();
  REQUIRE(said);
  CHECK(said->kind == Said::Kind::carried_out);
  CHECK(said->continuation.outcome == Outcome::pass);
  CHECK_FALSE(conversation.next());
  // A step that the place knows needs no acknowledgement.
  Order again = small_order();
  again.fresh = false;
  REQUIRE(conversation.order(again).ok());
  CHECK(heard(conversation, done(passed())).size() == 1);
  CHECK(heard(conversation, frame(Json{{"t", "finished"}, {"outcome", "fail"}})).at(0).outcome ==
        Outcome::fail);
}

TEST_CASE("requests, answers, logs and ends are heard in their order, however the bytes are cut") {
  Request wanted;
  wanted.kind = Request::Kind::exec;
  wanted.name = "db";
  wanted.words = {"true"};
  Reply reply;
  reply.out = std::string(300'000, 'x');
  const std::string bytes =
      hello() + request(7, wanted) + frame(Json{{"t", "log"}, {"d", json::binary("a\xff")}}) +
      frame(Json{{"t", "log"}, {"d", json::binary("b")}}) + answer(1, reply) +
      frame(Json{{"t", "service"}, {"status", 3}}) + frame(Json{{"t", "finished"}, {"outcome", "pass"}});
  for (size_t piece : {size_t{1}, size_t{7}, size_t{4096}, bytes.size()}) {
    auto conversation = Conversation::begin(small_assignment()).value();
    Collected sink;
    std::vector<Said> all;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      REQUIRE(conversation.take(std::string_view(bytes).substr(at, piece), sink).ok());
      while (auto said = conversation.next()) {
        if (said->kind == Said::Kind::log && !all.empty() && all.back().kind == Said::Kind::log) {
          all.back().text += said->text;
        } else {
          all.push_back(*std::move(said));
        }
      }
    }
    REQUIRE(all.size() == 5);
    CHECK(all[0].kind == Said::Kind::request);
    CHECK(all[0].id == 7);
    CHECK(all[0].request == wanted);
    CHECK(all[1].kind == Said::Kind::log);
    CHECK(all[1].text ==
          "a\xff"
          "b");
    CHECK(all[2].kind == Said::Kind::answer);
    CHECK(all[2].reply == reply);
    CHECK(all[3].kind == Said::Kind::service_ended);
    CHECK(all[3].status == 3);
    CHECK(all[4].kind == Said::Kind::finished);
  }
}

TEST_CASE("what no honest interpreter sends is a breach") {
  const std::string greeting = hello() + took();
  Request wanted;
  wanted.kind = Request::Kind::logs;
  wanted.name = "db";
  struct Row {
    std::string bytes;
    const char* want;
  };
  Json bad = to_wire(wanted);
  bad["kind"] = "fork";
  Json half = to_wire(passed());
  half.erase("state");
  std::string flood;
  for (uint64_t i = 0; i < 1100; ++i) flood += request(i, wanted);
  const Row rows[] = {
      {event_frame(Event::Kind::command), "hello first"},
      {frame(Json{{"t", "hello"}, {"v", 1}}), "another version"},
      {frame(Json{{"t", "hello"}}), "protocol"},
      {hello() + took("exec false\n"), "another script"},
      {hello() + done(passed()), "a script that it was not given"},
      {greeting + took(), "another script"},
      {greeting + hello(), "unknown type"},
      {greeting + event_frame(Event::Kind::script_ended), "only the outside"},
      {greeting + event_frame(Event::Kind::script_started), "only the outside"},
      {greeting + event_frame(Event::Kind::compared), "nobody asked for"},
      {greeting + frame(Json{{"t", "spawn"}}), "unknown type"},
      {greeting + frame(Json{{"t", "start"}, {"v", 2}, {"size", 1}}), "unknown type"},
      {greeting + frame(Json{{"t", "data"}, {"d", json::binary("x")}}), "unknown type"},
      {greeting + frame(Json{{"t", "event"}}), "without an event"},
      {greeting + frame(Json{{"t", "event"}, {"e", {{"kind", 5}}}}), "protocol"},
      {greeting + frame(Json{{"t", 5}}), "protocol"},
      {greeting + frame(Json::array()), "protocol"},
      {greeting + frame(Json{{"t", "done"}}), "protocol"},
      {greeting + frame(Json{{"t", "done"}, {"size", -1}}), "absurd"},
      {greeting + frame(Json{{"t", "done"}, {"size", 0}}), "absurd"},
      {greeting + frame(Json{{"t", "done"}, {"size", int64_t{1} << 50}}), "absurd"},
      {greeting + frame(Json{{"t", "answer"}, {"id", 1}, {"size", int64_t{1} << 50}}), "absurd"},
      {greeting + frame(Json{{"t", "request"}, {"id", -1}, {"size", 1}}), "without a number"},
      {greeting + frame(Json{{"t", "request"}, {"size", 1}}), "protocol"},
      {greeting + frame(Json{{"t", "done"}, {"size", 1}}) + event_frame(Event::Kind::note),
       "within its result"},
      {greeting + frame(Json{{"t", "done"}, {"size", 1}}) + encode_data("xy").value(), "longer than it said"},
      {greeting + frame(Json{{"t", "done"}, {"size", 1}}) + encode_data("\xff").value(), "protocol"},
      {greeting + with_data(Json{{"t", "done"}}, half), "\"state\""},
      {greeting + with_data(Json{{"t", "request"}, {"id", 1}}, bad), "unknown kind"},
      {greeting + with_data(Json{{"t", "answer"}, {"id", 1}}, Json::object()), "protocol"},
      {greeting + done(passed()) + done(passed()), "nobody asked for"},
      {greeting + frame(Json{{"t", "log"}}), "protocol"},
      {greeting + frame(Json{{"t", "log"}, {"d", 5}}), "protocol"},
      {greeting + frame(Json{{"t", "service"}, {"status", "x"}}), "protocol"},
      {greeting + frame(Json{{"t", "finished"}, {"outcome", "green"}}), "protocol"},
      {greeting + frame(Json{{"t", "finished"}, {"outcome", "pass"}}) + event_frame(Event::Kind::note),
       "after its end"},
      {greeting + flood, "faster than anybody"},
      {greeting + frame(Json{{"t", "error"}, {"message", 5}}), "an error that is none"},
      {std::string("\xff\xff\xff\xff", 4), "at most"},
      {std::string("\0\0\0\0", 4), "at most"},
      {std::string("\1\0\0\0\xff", 5), "bad frame"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.want);
    const std::string said = answer_to(row.bytes);
    CAPTURE(said);
    CHECK(said.find("protocol") != std::string::npos);
    CHECK(said.find(row.want) != std::string::npos);
  }
  CHECK(answer_to(greeting + event_frame(Event::Kind::note) + done(passed())).empty());
}

TEST_CASE("a shell is opened once, where one was asked for, and takes no more than it was sent") {
  const std::string greeting = hello() + took();
  const std::string open = frame(Json{{"t", "shell"}, {"state", "open"}, {"terminal", true}});
  const std::string ended = frame(Json{{"t", "shell"}, {"state", "ended"}});
  const std::string refused =
      frame(Json{{"t", "shell"}, {"state", "refused"}, {"text", json::binary("\x1b")}});
  const auto tty = [](const Json& taken, std::string_view bytes = "x") {
    return frame(Json{{"t", "tty"}, {"d", json::binary(bytes)}, {"taken", taken}});
  };
  for (const std::string& unwanted : {open, ended, refused, tty(0)})
    CHECK(answer_to(greeting + unwanted).find("protocol") != std::string::npos);
  Assignment a = small_assignment();
  a.shell.at = ShellAt::failure;
  for (const std::string& bad :
       {tty(0), ended, open + open, open + refused, refused + open, open + ended + open,
        open + ended + tty(0), open + tty(1), open + tty(-1), open + tty("x"),
        open + frame(Json{{"t", "tty"}, {"d", "x"}}), frame(Json{{"t", "shell"}, {"state", "here"}}),
        frame(Json{{"t", "shell"}})}) {
    auto conversation = Conversation::begin(a).value();
    REQUIRE(conversation.order(small_order()).ok());
    Collected sink;
    const Status status = conversation.take(greeting + bad, sink);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().message().find("protocol") != std::string::npos);
  }
  auto conversation = Conversation::begin(a).value();
  REQUIRE(conversation.order(small_order()).ok());
  CHECK(conversation.shell({"nobody is there yet", false, false, false, {}}).ok());
  auto all = heard(conversation, greeting + open + tty(0, "one ") + tty(0, "two"));
  REQUIRE(all.size() == 2);
  CHECK(all[0].kind == Said::Kind::shell_opened);
  CHECK(all[0].terminal);
  CHECK(all[1].kind == Said::Kind::shell_printed);
  CHECK(all[1].text == "one two");
  const size_t room = conversation.shell_room();
  CHECK(conversation.shell({std::string(room, 'x'), false, false, false, {}}).ok());
  CHECK(conversation.shell_room() == 0);
  (void)heard(conversation, tty(room / 2));
  CHECK(conversation.shell_room() == room / 2);
  all = heard(conversation, ended);
  CHECK(all.back().kind == Said::Kind::shell_ended);
  auto other = Conversation::begin(a).value();
  REQUIRE(other.order(small_order()).ok());
  all = heard(other, greeting + refused);
  REQUIRE(all.size() == 1);
  CHECK(all[0].kind == Said::Kind::shell_refused);
  CHECK(all[0].text.find('\x1b') == std::string::npos);
}

TEST_CASE("a prompt asks for one line at a time, and opens shells, as often as there is a reason") {
  const std::string greeting = hello() + took();
  const auto state = [](std::string_view name) {
    return frame(
        Json{{"t", "shell"}, {"state", std::string(name)}, {"text", json::binary("> ")}, {"stepping", true}});
  };
  const std::string tty = frame(Json{{"t", "tty"}, {"d", json::binary("x")}, {"taken", 0}});
  const std::string opens = state("prompt"), asks = state("asks"), shell = state("open"),
                    ended = state("ended"), closed = state("closed");
  for (const std::string& unwanted : {opens, asks})
    CHECK(answer_to(greeting + unwanted).find("protocol") != std::string::npos);
  Assignment a = small_assignment();
  a.shell.at = ShellAt::prompt;
  for (const std::string& bad :
       {asks, shell, ended, closed, tty, state("refused"), opens + opens, opens + asks + asks,
        opens + asks + closed, opens + asks + tty, opens + ended, opens + shell + asks,
        opens + shell + closed, opens + closed + tty}) {
    auto conversation = Conversation::begin(a).value();
    REQUIRE(conversation.order(small_order()).ok());
    Collected sink;
    const Status status = conversation.take(greeting + bad, sink);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().message().find("protocol") != std::string::npos);
  }
  auto conversation = Conversation::begin(a).value();
  REQUIRE(conversation.order(small_order()).ok());
  for (int i = 0; i < 2; ++i) {
    auto all = heard(conversation, (i == 0 ? greeting : "") + opens + tty + asks);
    REQUIRE(all.size() == 3);
    CHECK(all[0].kind == Said::Kind::prompt_opened);
    CHECK(all[1].kind == Said::Kind::shell_printed);
    CHECK(all[2].kind == Said::Kind::prompt_asks);
    CHECK(all[2].text == "> ");
    const size_t before = conversation.outgoing().size();
    ShellInput line{.bytes = "next", .end = false, .line = true, .window = {}};
    CHECK(conversation.shell(line).ok());
    const size_t behind = conversation.outgoing().size();
    CHECK(behind > before);
    // One that it has not asked for is not sent.
    CHECK(conversation.shell(line).ok());
    CHECK(conversation.outgoing().size() == behind);
    all = heard(conversation, shell + tty + ended + closed);
    REQUIRE(all.size() == 4);
    CHECK(all[0].kind == Said::Kind::prompt_shell);
    CHECK(all[2].kind == Said::Kind::prompt_back);
    CHECK(all[3].kind == Said::Kind::prompt_closed);
    CHECK(all[3].stepping);
  }
}

TEST_CASE("who asks and does not listen is stopped before the answers fill the memory") {
  auto conversation = Conversation::begin(small_assignment()).value();
  Collected sink;
  REQUIRE(conversation.take(hello(), sink).ok());
  Request wanted;
  wanted.kind = Request::Kind::logs;
  wanted.name = "db";
  Reply reply;
  reply.out = std::string(size_t{1} << 20, 'x');
  Status taken;
  uint64_t id = 0;
  for (; id < 100 && taken.ok(); ++id) {
    taken = conversation.take(request(id, wanted), sink);
    while (conversation.next()) REQUIRE(conversation.reply(id, reply).ok());
  }
  REQUIRE_FALSE(taken.ok());
  CHECK(taken.error().message().find("does not take the answers") != std::string::npos);
  CHECK(conversation.outgoing().size() < (size_t{24} << 20));
  // One that listens goes on.
  auto other = Conversation::begin(small_assignment()).value();
  REQUIRE(other.take(hello(), sink).ok());
  for (id = 0; id < 100; ++id) {
    REQUIRE(other.take(request(id, wanted), sink).ok());
    while (other.next()) REQUIRE(other.reply(id, reply).ok());
    while (other.outgoing().size() > 1000) other.sent(other.outgoing().size() / 3 + 1);
  }
}

TEST_CASE("an error from inside is an error, its words as bytes") {
  auto conversation = Conversation::begin(small_assignment()).value();
  Collected sink;
  auto status = conversation.take(
      frame(Json{{"t", "error"}, {"fault", 2}, {"message", json::binary("a\x1b[1m")}, {"hint", "h"}}), sink);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().message() == "a\\x1b[1m");
  CHECK(status.error().hint() == "h");
  CHECK(status.error().fault() == Fault::usage);
}

TEST_CASE("garbage at a place's descriptor ends the place, and nothing is waited for") {
  class Socket : public ChannelPlace {
   public:
    using ChannelPlace::ChannelPlace;
    void watch() override {}
    void kill() override {}
    PlaceEnding finish() override { return {}; }
  };
  for (const char* garbage : {"GET / HTTP/1.1\r\n\r\n", "\xff\xff\xff\x7f", "\1"}) {
    auto [outer, inner] = sys::socket_pair(SOCK_STREAM).value();
    Socket place(Conversation::begin(small_assignment()).value(), outer.get());
    Collected sink;
    auto said = place.advance(sink);
    REQUIRE(said.ok());
    CHECK_FALSE(said.value());
    REQUIRE(sys::write_full(inner.get(), garbage).ok());
    said = place.advance(sink);
    const bool half = std::string_view(garbage).size() < 4;
    CHECK(said.ok() == half);
    CHECK_FALSE(place.ended());
    inner.reset();
    said = place.advance(sink);
    CHECK_FALSE(said.ok());
    if (half) CHECK(place.ended());
  }
}

TEST_CASE("twenty megabytes of events cross a socket whole") {
  auto [outer, inner] = sys::socket_pair(SOCK_STREAM).value();
  auto conversation = Conversation::begin(small_assignment()).value();
  REQUIRE(conversation.order(small_order()).ok());
  Collected sink;
  Status sent;
  std::thread inside([&, fd = inner.get()] {
    InnerChannel channel(fd);
    Json start = channel.receive().value();
    (void)channel.receive_data(static_cast<size_t>(start["size"].get<int64_t>())).value();
    sent = channel.send(Json{{"t", "hello"}, {"v", protocol_version}});
    Json go = channel.receive().value();
    Order order =
        order_from_wire(
            json::from_cbor(channel.receive_data(static_cast<size_t>(go["size"].get<int64_t>())).value())
                .value())
            .value();
    if (sent.ok()) sent = channel.send(Json{{"t", "took"}, {"digest", Digest::of(order.source).str()}});
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
    if (auto said = conversation.next()) result = said->continuation;
  }
  inside.join();
  CHECK(taken.ok());
  CHECK(sent.ok());
  CHECK(result);
  CHECK(sink.events.size() == 50);
}
