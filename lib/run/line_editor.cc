#include "run/line_editor.h"

#include <algorithm>

#include "base/text.h"

namespace testctr::run {
namespace {

constexpr size_t most_lines = 500, longest = size_t{256} << 10;
constexpr size_t most_number = 1000;
constexpr char escape = '\x1b';

constexpr char control(char letter) { return static_cast<char>(letter & 0x1f); }

bool is_within_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U; }

size_t width(std::string_view text) { return text::columns_at_most(text::printable(text)); }

}  // namespace

void LineEditor::begin(std::string prompt) {
  prompt_ = std::move(prompt);
  line_.clear();
  typed_.clear();
  forget_drawn(/*blank=*/true);
  cursor_ = 0;
  entry_ = history_.size();
}

LineEditor::Key LineEditor::take(char byte) {
  const bool is_control = static_cast<unsigned char>(byte) < 0x20;
  // A key that does something is no part of a sequence, whatever has begun.
  if (is_control && byte != escape && (state_ != State::text || byte != '\a')) state_ = State::plain;
  switch (state_) {
    case State::plain:
      break;
    case State::escape:
      state_ = byte == '['                                                      ? State::csi
               : byte == 'O'                                                    ? State::ss3
               : std::string_view("]PX^_").find(byte) != std::string_view::npos ? State::text
               : byte == escape                                                 ? State::escape
                                                                                : State::plain;
      number_ = 0;
      return Key::none;
    case State::csi:
      // Of several numbers the first counts: the others say which keys are held down.
      if (byte >= '0' && byte <= '9' && number_ < most_number)
        number_ = number_ * 10 + static_cast<size_t>(byte - '0');
      if (byte == ';') number_ = number_ % most_number + most_number;
      if (byte < '@' && byte != escape) return Key::none;
      [[fallthrough]];
    case State::ss3:
      state_ = byte == escape ? State::escape : State::plain;
      take_final(byte);
      return Key::none;
    case State::text:
      if (byte == escape) state_ = State::escape;
      if (byte == '\a') state_ = State::plain;
      return Key::none;
  }
  switch (byte) {
    case '\r':
    case '\n':
      return Key::line;
    case control('C'):
      return line_.empty() ? Key::interrupt : Key::drop;
    case control('D'):
      if (line_.empty()) return Key::end;
      erase(cursor_, behind(cursor_));
      return Key::none;
    case control('Z'):
      return Key::suspend;
    default:
      take_control(static_cast<unsigned char>(byte));
      return Key::none;
  }
}

void LineEditor::take_control(unsigned char byte) {
  switch (byte) {
    case escape:
      state_ = State::escape;
      break;
    case control('A'):
      cursor_ = 0;
      break;
    case control('E'):
      cursor_ = line_.size();
      break;
    case control('B'):
      cursor_ = before(cursor_);
      break;
    case control('F'):
      cursor_ = behind(cursor_);
      break;
    case control('P'):
      if (entry_ > 0) recall(entry_ - 1);
      break;
    case control('N'):
      if (entry_ < history_.size()) recall(entry_ + 1);
      break;
    case control('H'):
    case 0x7f:
      erase(before(cursor_), cursor_);
      break;
    case control('K'):
      line_.erase(cursor_);
      break;
    case control('U'):
      erase(0, cursor_);
      break;
    case control('W'):
      erase(word_before(cursor_), cursor_);
      break;
    case control('L'):
      clear_ = true;
      break;
    default:
      if (byte >= 0x20 || byte == '\t') insert(static_cast<char>(byte));
  }
}

void LineEditor::take_final(char final) {
  constexpr std::string_view letters = "ABCDHF";
  constexpr std::string_view meanings = "PNFBAE";
  if (const size_t at = letters.find(final); at != std::string_view::npos)
    return take_control(static_cast<unsigned char>(control(meanings[at])));
  if (final != '~') return;
  const size_t number = number_ % most_number;
  if (number == 1 || number == 7) cursor_ = 0;
  if (number == 4 || number == 8) cursor_ = line_.size();
  if (number == 3) erase(cursor_, behind(cursor_));
}

void LineEditor::insert(char byte) {
  if (line_.size() >= longest) return;
  line_.insert(cursor_++, 1, byte);
}

void LineEditor::erase(size_t from, size_t to) {
  line_.erase(from, to - from);
  cursor_ = from;
}

size_t LineEditor::before(size_t at) const {
  if (at > 0) --at;
  while (at > 0 && is_within_character(line_[at])) --at;
  return at;
}

size_t LineEditor::behind(size_t at) const {
  if (at < line_.size()) ++at;
  while (at < line_.size() && is_within_character(line_[at])) ++at;
  return at;
}

size_t LineEditor::word_before(size_t at) const {
  while (at > 0 && line_[at - 1] == ' ') --at;
  while (at > 0 && line_[at - 1] != ' ') --at;
  return at;
}

void LineEditor::recall(size_t entry) {
  if (entry_ == history_.size()) typed_ = line_;
  entry_ = entry;
  line_ = entry_ == history_.size() ? typed_ : history_[entry_];
  cursor_ = line_.size();
}

std::string LineEditor::draw(size_t columns) {
  // The last column stays free: some terminals go on to the next line when it is written.
  const size_t all = columns > 1 ? columns - 1 : 1;
  const size_t room = std::max<size_t>(all - std::min(all, width(prompt_)), 8);
  size_t from = 0, to = line_.size();
  if (width(line_) > room) {
    // A part of what follows the cursor is seen, and as much as fits of what stands before it.
    size_t left = room - std::min(room / 4, width(std::string_view(line_).substr(cursor_)));
    from = to = cursor_;
    const auto fits = [&left](size_t wide) { return wide <= left && (left -= wide, true); };
    while (from > 0 && fits(width(std::string_view(line_).substr(before(from), from - before(from)))))
      from = before(from);
    left = room - width(std::string_view(line_).substr(from, cursor_ - from));
    while (to < line_.size() && fits(width(std::string_view(line_).substr(to, behind(to) - to))))
      to = behind(to);
  }
  std::string out = clear_ ? "\x1b[H\x1b[2J" : "";
  if (std::exchange(clear_, false)) forget_drawn(/*blank=*/true);
  const std::string head = prompt_ + text::printable(std::string_view(line_).substr(from, cursor_ - from));
  // What is only longer than it was is gone on with: nothing flickers, and little is sent.
  if (!drawn_.empty() && cursor_ == line_.size() && head.starts_with(drawn_)) {
    out += head.substr(drawn_.size());
    drawn_ = head;
    return out;
  }
  if (!blank_) out += '\r';
  out += head + text::printable(std::string_view(line_).substr(cursor_, to - cursor_));
  if (!std::exchange(blank_, false)) out += "\x1b[K";
  if (cursor_ < to) out += "\r" + head;
  drawn_ = cursor_ == line_.size() ? head : "";
  return out;
}

std::string LineEditor::draw_whole() {
  const std::string whole = prompt_ + text::printable(line_);
  const bool there = whole == drawn_;
  drawn_.clear();
  return there ? "\n" : "\r" + whole + "\x1b[K\n";
}

std::string LineEditor::finish() {
  const bool same = !history_.empty() && history_.back() == line_;
  if (!same && !text::trim(line_).empty()) history_.push_back(line_);
  if (history_.size() > most_lines) history_.erase(history_.begin());
  return std::exchange(line_, "");
}

}  // namespace testctr::run
