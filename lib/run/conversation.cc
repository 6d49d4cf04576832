#include "run/conversation.h"

#include "base/text.h"

namespace testctr::run {
namespace {

constexpr size_t most_said = 1000;  // before somebody hears it
constexpr size_t most_shell_text = 1000;
constexpr size_t most_untyped = size_t{64} << 10;

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

bool has_data(std::string_view type) { return type == "done" || type == "request" || type == "answer"; }

}  // namespace

Result<Conversation> Conversation::begin(const Assignment& assignment) {
  Conversation conversation(assignment.max_output);
  conversation.updates_ = assignment.update;
  if (assignment.shell.at == ShellAt::prompt) {
    conversation.shell_ = ShellState::closed;
  } else if (assignment.shell.at != ShellAt::none) {
    conversation.shell_ = ShellState::wanted;
  }
  CHECK_OK(conversation.put(Json{{"t", "start"}, {"v", protocol_version}}, to_wire(assignment)));
  return conversation;
}

Status Conversation::put(Json header, const Json& body) {
  const std::string bytes = json::to_cbor(body);
  header["size"] = bytes.size();
  output_ += TRY(encode_frame(header));
  output_ += TRY(encode_data(bytes));
  return {};
}

Status Conversation::order(const Order& order) {
  if (order.fresh) untaken_ = Digest::of(order.source);
  at_work_ = true;
  return put(Json{{"t", "go"}}, to_wire(order));
}

Status Conversation::reply(uint64_t id, const Reply& reply) {
  return put(Json{{"t", "reply"}, {"id", id}}, to_wire(reply));
}

Status Conversation::ask(uint64_t id, const Request& request) {
  return put(Json{{"t", "do"}, {"id", id}}, to_wire(request));
}

Status Conversation::finish(Outcome so_far, bool artifacts) {
  output_ += TRY(encode_frame(
      Json{{"t", "finish"}, {"outcome", std::string(to_string(so_far))}, {"artifacts", artifacts}}));
  return {};
}

Status Conversation::shell(const ShellInput& input) {
  if (input.stop) {
    if (shell_ == ShellState::prompt) output_ += TRY(encode_frame(Json{{"t", "line"}, {"stop", true}}));
    return {};
  }
  if (input.line) {
    if (shell_ != ShellState::asking) return {};
    shell_ = ShellState::prompt;
    output_ += TRY(encode_frame(Json{{"t", "line"}, {"d", json::binary(input.bytes)}, {"end", input.end}}));
    return {};
  }
  if (!in_shell()) return {};
  if (input.window)
    output_ += TRY(encode_frame(
        Json{{"t", "window"}, {"rows", input.window->rows}, {"columns", input.window->columns}}));
  if (input.bytes.empty() && !input.end) return {};
  untyped_ += input.bytes.size();
  output_ += TRY(encode_frame(Json{{"t", "tty"}, {"d", json::binary(input.bytes)}, {"end", input.end}}));
  return {};
}

size_t Conversation::shell_room() const { return most_untyped - std::min(untyped_, most_untyped); }

Status Conversation::take(std::string_view bytes, EventSink& events) {
  reader_.feed(bytes);
  while (auto frame = TRY(or_breach(reader_.next()))) CHECK_OK(take_frame(*frame, events));
  return {};
}

std::optional<Said> Conversation::next() {
  if (said_.empty()) return std::nullopt;
  Said said = std::move(said_.front());
  said_.pop_front();
  return said;
}

void Conversation::sent(size_t count) {
  written_ += count;
  // Not at each turn: what is left is moved.
  if (written_ < output_.size() / 2) return;
  output_.erase(0, written_);
  written_ = 0;
}

Status Conversation::take_frame(const Json& frame, EventSink& events) {
  std::string type = TRY(or_breach(json::get_string(frame, "t")));
  if (type == "error") return take_error(frame);
  if (!greeted_) return take_hello(type, frame);
  if (finished_) return breach("it went on after its end");
  if (open_) return take_data(type, frame);
  if (artifacts_.takes(type)) return or_breach(artifacts_.take(type, frame, events));
  if (said_.size() > most_said) return breach("it asks faster than anybody could answer");
  if (type == "event") return take_event(frame, events);
  if (has_data(type)) return open(type, frame);
  return take_small(type, frame, events);
}

Status Conversation::take_hello(const std::string& type, const Json& frame) {
  if (type != "hello") return breach("it did not say hello first");
  if (TRY(or_breach(json::get_int(frame, "v"))) != protocol_version)
    return breach("it speaks another version");
  greeted_ = true;
  return {};
}

Status Conversation::take_event(const Json& frame, EventSink& events) {
  const Json* wire = json::find(frame, "e", Json::value_t::object);
  if (wire == nullptr) return breach("an event frame without an event");
  Event event = TRY(or_breach(event_from_wire(*wire)));
  if (!from_inside(event.kind)) return breach("an event of a kind that only the outside makes");
  if (event.kind == Event::Kind::compared && !updates_)
    return breach("it told of comparisons that nobody asked for");
  events.take(event);
  return {};
}

Status Conversation::open(const std::string& type, const Json& frame) {
  Open opened;
  opened.type = type;
  const int64_t size = TRY(or_breach(json::get_int(frame, "size")));
  if (size <= 0 || static_cast<uint64_t>(size) > most_data_) return breach("a result of absurd size");
  opened.size = static_cast<size_t>(size);
  if (type == "done") {
    if (!at_work_) return breach("a result that nobody asked for");
    if (untaken_) return breach("a result of a script that it was not given");
  } else {
    const int64_t id = TRY(or_breach(json::get_int(frame, "id")));
    if (id < 0) return breach("a request without a number");
    opened.id = static_cast<uint64_t>(id);
    if (outgoing().size() > most_data_) return breach("it asks and does not take the answers");
  }
  open_ = std::move(opened);
  return {};
}

Status Conversation::take_data(const std::string& type, const Json& frame) {
  if (type != "data") return breach("it sent something within its result");
  open_->data += TRY(or_breach(json::get_string(frame, "d")));
  if (open_->data.size() > open_->size) return breach("its result is longer than it said");
  if (open_->data.size() < open_->size) return {};
  Open whole = std::move(*open_);
  open_.reset();
  return close(std::move(whole));
}

Status Conversation::close(Open whole) {
  const Json wire = TRY(or_breach(json::from_cbor(whole.data)));
  Said said;
  said.id = whole.id;
  if (whole.type == "done") {
    said.kind = Said::Kind::carried_out;
    said.continuation = TRY(or_breach(continuation_from_wire(wire)));
    at_work_ = false;
  } else if (whole.type == "request") {
    said.kind = Said::Kind::request;
    said.request = TRY(or_breach(request_from_wire(wire)));
  } else {
    said.kind = Said::Kind::answer;
    said.reply = TRY(or_breach(reply_from_wire(wire)));
  }
  said_.push_back(std::move(said));
  return {};
}

Status Conversation::take_shell(const Json& frame) {
  Said said;
  const std::string state = TRY(or_breach(json::get_string(frame, "state")));
  said.text = TRY(or_breach(json::get_string(frame, "text", "")));
  said.text = text::printable(said.text.substr(0, most_shell_text));
  const Json* terminal = json::find(frame, "terminal", Json::value_t::boolean);
  said.terminal = terminal != nullptr && terminal->get<bool>();
  const Json* stepping = json::find(frame, "stepping", Json::value_t::boolean);
  said.stepping = stepping != nullptr && stepping->get<bool>();
  if (shell_ >= ShellState::closed) return take_prompt(state, said);
  if (state == "ended" && shell_ == ShellState::open) {
    said.kind = Said::Kind::shell_ended;
    shell_ = ShellState::over;
  } else if (state == "open" && shell_ == ShellState::wanted) {
    said.kind = Said::Kind::shell_opened;
    shell_ = ShellState::open;
  } else if (state == "refused" && shell_ == ShellState::wanted) {
    said.kind = Said::Kind::shell_refused;
    shell_ = ShellState::over;
  } else {
    return breach("a shell that nobody asked for");
  }
  said_.push_back(std::move(said));
  return {};
}

// What a prompt says of itself, in the only order that makes sense.
Status Conversation::take_prompt(const std::string& state, Said& said) {
  struct Step {
    std::string_view name;
    ShellState from, to;
    Said::Kind kind;
  };
  constexpr Step steps[] = {{"prompt", ShellState::closed, ShellState::prompt, Said::Kind::prompt_opened},
                            {"asks", ShellState::prompt, ShellState::asking, Said::Kind::prompt_asks},
                            {"open", ShellState::prompt, ShellState::at_prompt, Said::Kind::prompt_shell},
                            {"ended", ShellState::at_prompt, ShellState::prompt, Said::Kind::prompt_back},
                            {"closed", ShellState::prompt, ShellState::closed, Said::Kind::prompt_closed}};
  for (const Step& step : steps) {
    if (step.name != state || step.from != shell_) continue;
    shell_ = step.to;
    if (state == "open") untyped_ = 0;
    said.kind = step.kind;
    said_.push_back(std::move(said));
    return {};
  }
  return breach("a prompt that nobody asked for");
}

Status Conversation::take_tty(const Json& frame) {
  const bool at_prompt = shell_ == ShellState::prompt;
  if (!in_shell() && !at_prompt) return breach("it prints for a shell that is not there");
  const int64_t taken = TRY(or_breach(json::get_int(frame, "taken")));
  if (taken < 0 || static_cast<uint64_t>(taken) > untyped_)
    return breach("a shell that has taken more than it was sent");
  untyped_ -= static_cast<size_t>(taken);
  std::string text = TRY(or_breach(json::get_string(frame, "d")));
  if (!said_.empty() && said_.back().kind == Said::Kind::shell_printed) {
    said_.back().text += text;
    return {};
  }
  Said said;
  said.kind = Said::Kind::shell_printed;
  said.text = std::move(text);
  said_.push_back(std::move(said));
  return {};
}

// Frames that are whole by themselves.
Status Conversation::take_small(const std::string& type, const Json& frame, EventSink&) {
  if (type == "shell") return take_shell(frame);
  if (type == "tty") return take_tty(frame);
  Said said;
  if (type == "took") {
    if (!untaken_ || TRY(or_breach(json::get_string(frame, "digest"))) != untaken_->str())
      return breach("it was given another script");
    untaken_.reset();
    return {};
  }
  if (type == "log") {
    if (!said_.empty() && said_.back().kind == Said::Kind::log) {
      said_.back().text += TRY(or_breach(json::get_string(frame, "d")));
      return {};
    }
    said.kind = Said::Kind::log;
    said.text = TRY(or_breach(json::get_string(frame, "d")));
  } else if (type == "service") {
    said.kind = Said::Kind::service_ended;
    said.status = static_cast<int>(TRY(or_breach(json::get_int(frame, "status"))) & 255);
  } else if (type == "finished") {
    said.kind = Said::Kind::finished;
    said.outcome = TRY(or_breach(outcome_from_string(TRY(or_breach(json::get_string(frame, "outcome"))))));
    finished_ = true;
  } else {
    return breach(fmt::format("a frame of the unknown type {}", text::quoted(type.substr(0, 40))));
  }
  said_.push_back(std::move(said));
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
  reported_ = true;
  Error error(kind, text::printable(message.value(), /*keep_layout=*/true));
  return hint.value().empty() ? std::move(error) : std::move(error).hint(text::printable(hint.value()));
}

}  // namespace testctr::run
