#include "run/channel_sink.h"

#include <sys/statvfs.h>

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
}  // namespace

const char* const scratch_hint =
    "the scratch space is full: --scratch SIZE gives more room, also for more files";

void ChannelSink::take(const Event& event) {
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

void ChannelSink::send(const Event& event) {
  if (status_.ok()) status_ = channel_.send(Json{{"t", "event"}, {"e", to_wire(event)}});
}

}  // namespace testctr::run
