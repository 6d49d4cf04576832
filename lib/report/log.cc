#include "report/log.h"

#include <cstring>

#include "report/times.h"

namespace testctr::report {
namespace {

constexpr size_t header_size = 5;  // kind and length
constexpr size_t gather_most = size_t{256} << 10;

}  // namespace

void Log::add(Kind kind, std::string_view text) {
  const auto size = static_cast<uint32_t>(std::min<size_t>(text.size(), size_t{64} << 20));
  std::string entry(header_size, '\0');
  entry[0] = static_cast<char>(kind);
  std::memcpy(entry.data() + 1, &size, sizeof size);
  entry += text.substr(0, size);
  entries_.append(entry);
}

void Log::close_phase(int64_t time_ns) {
  if (in_phase_) phase_times_.push_back(time_ns - phase_started_ns_);
  in_phase_ = false;
}

void Log::phase(std::string_view title, int64_t time_ns) {
  flush();
  if (!everything_) entries_.truncate(body_);
  close_phase(time_ns);
  add(Kind::phase, title);
  body_ = entries_.size();
  in_phase_ = true;
  phase_started_ns_ = time_ns;
}

void Log::command(std::string_view text) {
  flush();
  streams_.clear();
  command_ = entries_.size();
  add(Kind::command, text);
}

Log::Range Log::close_case(bool keep, bool own) {
  flush();
  Range range{own ? std::max(body_, command_) : body_, entries_.size()};
  if (!everything_ && !keep) {
    entries_.truncate(body_);
    range = {};
  }
  body_ = entries_.size();
  streams_.clear();
  return range;
}

void Log::note(std::string_view text) {
  flush();
  add(Kind::note, text);
}

void Log::message(std::string_view text) {
  flush();
  add(Kind::message, text);
}

Log::Stream& Log::stream(std::string_view name) {
  for (Stream& known : streams_) {
    if (known.name == name) return known;
  }
  return streams_.emplace_back(Stream{std::string(name), 0, 0, {}});
}

void Log::output(std::string_view name, std::string_view bytes) {
  if (bytes.empty()) return;
  if (name != current_) {
    flush();
    current_ = name;
  }
  if (everything_) {
    gathered_ += bytes;
    if (gathered_.size() > gather_most) flush();
    return;
  }
  Stream& s = stream(name);
  const size_t head = std::min(bytes.size(), shown_head - std::min(s.shown, shown_head));
  gathered_ += bytes.substr(0, head);
  s.shown += head;
  s.tail += bytes.substr(head);
  if (s.tail.size() > 2 * shown_tail) {
    s.dropped += s.tail.size() - shown_tail;
    s.tail.erase(0, s.tail.size() - shown_tail);
  }
}

void Log::flush() {
  if (current_.empty()) return;
  Stream& s = stream(current_);
  std::string text = fmt::format("[{}]\n{}", current_, gathered_);
  if (s.tail.size() > shown_tail) {
    s.dropped += s.tail.size() - shown_tail;
    s.tail.erase(0, s.tail.size() - shown_tail);
  }
  if (s.dropped > 0)
    text += fmt::format("\n[... {} bytes are not shown here; --verbose shows more ...]\n", s.dropped);
  text += s.tail;
  s.dropped = 0;
  s.tail.clear();
  add(Kind::output, text);
  current_.clear();
  gathered_.clear();
}

void Log::end(int64_t time_ns) {
  flush();
  close_phase(time_ns);
}

void Log::for_each(const std::function<void(Kind, std::string_view)>& take) const {
  each({0, entries_.size()}, 0, take);
}

void Log::for_each(Range range, const std::function<void(Kind, std::string_view)>& take) const {
  each(range, phase_times_.size(), take);
}

void Log::each(Range range, size_t phase, const std::function<void(Kind, std::string_view)>& take) const {
  uint64_t offset = range.begin;
  while (offset + header_size <= std::min(range.end, entries_.size())) {
    const std::string header = entries_.read(offset, header_size);
    if (header.size() < header_size) return;
    uint32_t size = 0;
    std::memcpy(&size, header.data() + 1, sizeof size);
    std::string text = entries_.read(offset + header_size, size);
    offset += header_size + size;
    const auto kind = static_cast<Kind>(header[0]);
    if (kind == Kind::phase && phase < phase_times_.size())
      text += fmt::format(" ({})", seconds(phase_times_[phase++]));
    take(kind, text);
  }
}

}  // namespace testctr::report
