#include "run/inside.h"

#include <sys/statvfs.h>

#include "base/digest.h"
#include "base/sys.h"
#include "interpret/interpreter.h"
#include "run/assignment.h"
#include "run/channel.h"
#include "script/script.h"

namespace testctr::run {
namespace {

constexpr size_t output_chunk = 512 << 10;  // leaves room in a frame for the rest of the event
constexpr size_t text_limit = 256 << 10;

void shorten(std::string& text) {
  if (text.size() <= text_limit) return;
  text.resize(text_limit);
  text += "\n[cut here]\n";
}

// The scratch space is one file system for all that a script writes. A program that met its end rarely says
// what ended.
bool scratch_is_full() {
  struct statvfs now {};
  return statvfs("/work", &now) == 0 &&
         ((now.f_blocks != 0 && now.f_bavail == 0) || (now.f_files != 0 && now.f_favail == 0));
}
constexpr const char* scratch_hint =
    "the scratch space is full: --scratch SIZE gives more room, also for more files";

// Sends events; what does not fit a frame is sent in parts (output) or cut with a mark (all else).
class ChannelSink : public EventSink {
 public:
  explicit ChannelSink(InnerChannel& channel) : channel_(channel) {}

  void take(const Event& event) override {
    if (event.kind == Event::Kind::output && event.text.size() > output_chunk) {
      Event part = event;
      std::string_view rest = event.text;
      for (; !rest.empty(); rest.remove_prefix(part.text.size())) {
        part.text = rest.substr(0, output_chunk);
        send(part);
      }
      return;
    }
    Event copy = event;
    if (event.kind == Event::Kind::failure && event.failure.hint.empty() && scratch_is_full())
      copy.failure.hint = scratch_hint;
    if (event.kind == Event::Kind::script_ended && event.outcome == Outcome::error && scratch_is_full())
      copy.text += fmt::format("\n  {}", scratch_hint);
    if (event.kind != Event::Kind::output) shorten(copy.text);
    for (auto* text :
         {&copy.failure.command, &copy.failure.reason, &copy.failure.expected, &copy.failure.actual}) {
      if (text->size() > text_limit / 4) {
        text->resize(text_limit / 4);
        *text += "\n[cut here]\n";
      }
    }
    shorten(copy.failure.diff);
    send(copy);
  }
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  void send(const Event& event) {
    if (status_.ok()) status_ = channel_.send(Json{{"t", "event"}, {"e", to_wire(event)}});
  }
  InnerChannel& channel_;
  Status status_;
};

Json error_frame(const Error& error) {
  return Json{{"t", "error"},
              {"fault", exit_code(error.fault())},
              {"message", json::binary(error.message())},
              {"hint", json::binary(error.hint())}};
}

Status make_work(const Assignment& assignment) {
  CHECK_OK(sys::make_dirs(assignment.work + "/.tmp", 0755));
  return {};
}

interpret::Setting make_setting(const Assignment& assignment, sandbox::Inside& inside) {
  interpret::Setting setting;
  setting.name = assignment.place;
  setting.work = assignment.work;
  setting.tree = assignment.tree;
  setting.environment = assignment.environment;
  setting.environment.emplace("HOME", inside.home());
  setting.case_timeout_ns = assignment.case_timeout_ns;
  setting.max_output = assignment.max_output;
  setting.network = assignment.network;
  setting.at_line = [&inside](uint32_t line) { inside.set_label(line); };
  setting.take_denials = [&inside] {
    std::vector<Denial> denials;
    for (auto& refusal : inside.take_refusals()) {
      denials.push_back(
          {refusal.label, std::move(refusal.program), std::move(refusal.syscall), refusal.count});
    }
    return denials;
  };
  return setting;
}

Result<Continuation> carry_out(InnerChannel& channel, sandbox::Inside& inside, ChannelSink& sink) {
  Json start = TRY(channel.receive());
  if (TRY(json::get_string(start, "t")) != "start")
    return Error::internal("expected the start on the channel");
  if (TRY(json::get_int(start, "v")) != protocol_version)
    return Error::internal("the channel speaks another version");
  std::string bytes = TRY(channel.receive_data(static_cast<size_t>(TRY(json::get_int(start, "size")))));
  Assignment assignment = TRY(assignment_from_wire(TRY(json::from_cbor(bytes))));
  CHECK_OK(channel.send(
      Json{{"t", "hello"}, {"v", protocol_version}, {"digest", Digest::of(assignment.source).str()}}));
  for (const auto& note : inside.notes()) {
    Event event;
    event.kind = Event::Kind::log;
    event.text = note;
    sink.take(event);
  }
  CHECK_OK(make_work(assignment));
  if (assignment.document) {
    const DocumentAssignment& document = *assignment.document;
    std::vector<script::Document> parts;
    for (const plan::DocumentPart& part : document.parts)
      parts.push_back(TRY(script::read_document(document.dialect, part.name, part.source, document.reading)));
    return interpret::carry_out(parts, document.main, std::move(assignment.from),
                                make_setting(assignment, inside), document.setting, sink);
  }
  script::Script script = TRY(script::parse(assignment.name, assignment.source));
  return interpret::carry_out(script, std::move(assignment.from), make_setting(assignment, inside), sink);
}

}  // namespace

int carry_out_inside(sandbox::Inside& inside) {
  InnerChannel channel(inside.channel());
  ChannelSink sink(channel);
  auto result = carry_out(channel, inside, sink);
  if (!sink.status().ok()) return 1;
  if (!result.ok()) {
    Error error = std::move(result).error();
    if (error.number() == ENOSPC) error = std::move(error).hint(scratch_hint);
    (void)channel.send(error_frame(error));
    return 1;
  }
  Continuation continuation = std::move(result).value();
  if (continuation.done) continuation.state = {};  // nobody goes on from here
  std::string bytes = json::to_cbor(to_wire(continuation));
  return channel.send_with_data(Json{{"t", "done"}, {"size", bytes.size()}}, bytes).ok() ? 0 : 1;
}

}  // namespace testctr::run
