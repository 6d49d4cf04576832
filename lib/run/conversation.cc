#include "run/conversation.h"

#include "base/text.h"

namespace testctr::run {
namespace {

constexpr size_t continuation_limit = size_t{8} << 20;  // an honest one has told its output already

Error breach(std::string what) {
  return Error::infrastructure(fmt::format("the container broke the channel's protocol: {}", what))
      .hint("what ran inside cannot be trusted to have said the truth: the script counts as an error");
}

// The events that an interpreter inside may send; the rest are the outside's own.
bool from_inside(Event::Kind kind) {
  return kind != Event::Kind::script_started && kind != Event::Kind::script_ended;
}

template <class T>
Result<T> or_breach(Result<T> result) {
  if (!result.ok()) return breach(result.error().message());
  return result;
}

}  // namespace

Result<Conversation> Conversation::begin(const Assignment& assignment) {
  Conversation conversation(Digest::of(assignment.source));
  std::string bytes = json::to_cbor(to_wire(assignment));
  conversation.output_ =
      TRY(encode_frame(Json{{"t", "start"}, {"v", protocol_version}, {"size", bytes.size()}}));
  conversation.output_ += TRY(encode_data(bytes));
  return conversation;
}

Status Conversation::take(std::string_view bytes, EventSink& events) {
  reader_.feed(bytes);
  while (auto frame = TRY(or_breach(reader_.next()))) CHECK_OK(take_frame(*frame, events));
  return {};
}

void Conversation::sent(size_t count) {
  written_ += count;
  if (written_ < output_.size()) return;
  output_.clear();
  written_ = 0;
}

Status Conversation::take_frame(const Json& frame, EventSink& events) {
  if (finished_) return breach("it went on after its result");
  std::string type = TRY(or_breach(json::get_string(frame, "t")));
  if (type == "error") return take_error(frame);
  if (!greeted_) return take_hello(type, frame);
  if (result_size_) {
    CHECK_OK(take_data(type, frame));
  } else if (type == "event") {
    CHECK_OK(take_event(frame, events));
  } else if (type == "done") {
    int64_t size = TRY(or_breach(json::get_int(frame, "size")));
    if (size <= 0 || static_cast<uint64_t>(size) > continuation_limit)
      return breach("a result of absurd size");
    result_size_ = static_cast<size_t>(size);
  } else {
    return breach(fmt::format("a frame of the unknown type {}", text::quoted(type.substr(0, 40))));
  }
  return {};
}

Status Conversation::take_hello(const std::string& type, const Json& frame) {
  if (type != "hello") return breach("it did not say hello first");
  if (TRY(or_breach(json::get_int(frame, "v"))) != protocol_version)
    return breach("it speaks another version");
  if (TRY(or_breach(json::get_string(frame, "digest"))) != script_.str())
    return breach("it was given another script");
  greeted_ = true;
  return {};
}

Status Conversation::take_event(const Json& frame, EventSink& events) {
  const Json* wire = json::find(frame, "e", Json::value_t::object);
  if (wire == nullptr) return breach("an event frame without an event");
  Event event = TRY(or_breach(event_from_wire(*wire)));
  if (!from_inside(event.kind)) return breach("an event of a kind that only the outside makes");
  events.take(event);
  return {};
}

Status Conversation::take_data(const std::string& type, const Json& frame) {
  if (type != "data") return breach("it sent something within its result");
  result_ += TRY(or_breach(json::get_string(frame, "d")));
  if (result_.size() > *result_size_) return breach("its result is longer than it said");
  if (result_.size() < *result_size_) return {};
  Json wire = TRY(or_breach(json::from_cbor(result_)));
  finished_ = TRY(or_breach(continuation_from_wire(wire)));
  result_.clear();
  return {};
}

// An error as a value from inside. Its words are shown as bytes.
Error Conversation::take_error(const Json& frame) {
  auto fault = json::get_int(frame, "fault", 3);
  auto message = json::get_string(frame, "message", "");
  auto hint = json::get_string(frame, "hint", "");
  if (!fault.ok() || !message.ok() || !hint.ok()) return breach("an error that is none");
  Fault kind = fault.value() == 2   ? Fault::usage
               : fault.value() == 5 ? Fault::internal
                                    : Fault::infrastructure;
  Error error(kind, text::printable(message.value(), /*keep_layout=*/true));
  return hint.value().empty() ? std::move(error) : std::move(error).hint(text::printable(hint.value()));
}

}  // namespace testctr::run
