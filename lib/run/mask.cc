#include "run/mask.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace testctr::run {
namespace {

constexpr size_t least_broken = 8;  // digits: less may stand at the ends of any two lines
constexpr size_t least_line = 16;   // of what is held back: nobody breaks lines earlier
constexpr size_t most_held = size_t{64} * 1024;
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The digits of base64 that depend on `value` alone when `before` other bytes stand in front of it in its
/// group of three, whatever follows.
std::string base64_core(std::string_view value, size_t before) {
  std::string digits;
  // Bits are counted from the beginning of the group.
  const size_t first = before * 8, last = first + value.size() * 8;
  for (size_t at = (first + 5) / 6 * 6; at + 6 <= last; at += 6) {
    unsigned digit = 0;
    for (size_t bit = at; bit < at + 6; ++bit) {
      const size_t own = bit - first;
      digit = digit * 2 + ((static_cast<unsigned char>(value[own / 8]) >> (7 - own % 8)) & 1U);
    }
    digits += alphabet[digit];
  }
  return digits;
}

std::string hex_form(std::string_view value, bool lower) {
  std::string digits;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    digits += lower ? fmt::format("{:02x}", byte) : fmt::format("{:02X}", byte);
  }
  return digits;
}

/// A text without its line breaks, and without the blanks that a line begins with.
class Joined {
 public:
  explicit Joined(std::string_view text) {
    size_t at = 0;
    for (;;) {
      const size_t end = std::min(text.find_first_of("\r\n", at), text.size());
      pieces_.push_back({text_.size(), at});
      text_ += text.substr(at, end - at);
      if (end == text.size()) return;
      at = std::min(text.find_first_not_of("\r\n \t", end), text.size());
    }
  }
  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] bool is_broken() const { return pieces_.size() > 1; }
  /// Where a byte of it stands in the text.
  [[nodiscard]] size_t origin(size_t at) const {
    const auto behind = std::upper_bound(pieces_.begin(), pieces_.end(), at,
                                         [](size_t place, const Piece& piece) { return place < piece.here; });
    const Piece& piece = *std::prev(behind);
    return piece.there + (at - piece.here);
  }

 private:
  struct Piece {
    size_t here, there;
  };
  std::string text_;
  std::vector<Piece> pieces_;
};

std::string url_form(std::string_view value, bool lower, bool form) {
  constexpr std::string_view plain = "-_.~";
  std::string out;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    const bool keeps = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= 'a' && byte <= 'z') || plain.find(c) != std::string_view::npos;
    if (keeps) {
      out += c;
    } else if (form && c == ' ') {
      out += '+';
    } else {
      out += lower ? fmt::format("%{:02x}", byte) : fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

}  // namespace

void Secrets::add(std::string_view value) {
  if (value.size() < least_secret) return;
  std::vector<std::string> forms;
  for (const bool lower : {false, true}) forms.push_back(hex_form(value, lower));
  for (size_t before = 0; before < 3; ++before) {
    std::string digits = base64_core(value, before);
    std::string url = digits;
    std::replace(url.begin(), url.end(), '+', '-');
    std::replace(url.begin(), url.end(), '/', '_');
    forms.push_back(std::move(digits));
    forms.push_back(std::move(url));
  }
  std::copy_if(forms.begin(), forms.end(), std::back_inserter(broken_),
               [](const std::string& form) { return form.size() >= least_broken; });
  forms.emplace_back(value);
  for (const bool lower : {false, true})
    for (const bool form : {false, true}) forms.push_back(url_form(value, lower, form));
  for (std::string& form : forms) {
    if (form.size() >= least_secret) forms_.push_back(std::move(form));
  }
  std::sort(forms_.begin(), forms_.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  forms_.erase(std::unique(forms_.begin(), forms_.end()), forms_.end());
}

void Secrets::add_broken(std::string_view text, std::vector<Span>& all) const {
  if (broken_.empty()) return;
  const Joined joined(text);
  if (!joined.is_broken()) return;
  const std::string_view line = joined.text();
  for (const std::string& form : broken_) {
    for (size_t at = line.find(form); at != std::string_view::npos; at = line.find(form, at + form.size()))
      all.push_back({joined.origin(at), joined.origin(at + form.size() - 1) + 1});
  }
}

size_t Secrets::open_broken(std::string_view text) const {
  if (broken_.empty()) return 0;
  const size_t tail = std::min(text.size(), longest());
  const Joined joined(text.substr(text.size() - tail));
  if (!joined.is_broken()) return 0;
  size_t most = 0;
  for (const std::string& form : broken_) {
    for (size_t size = std::min(form.size() - 1, joined.text().size()); size >= least_line && size > most;
         --size)
      if (joined.text().ends_with(std::string_view(form).substr(0, size))) most = size;
  }
  return most == 0 ? 0 : tail - joined.origin(joined.text().size() - most);
}

// Where any of them stands; what overlaps is one, and they are in order.
std::vector<Secrets::Span> Secrets::spans(std::string_view text) const {
  std::vector<Span> all;
  for (const std::string& form : forms_) {
    const size_t before = all.size();
    for (size_t at = text.find(form); at != std::string_view::npos; at = text.find(form, at + 1)) {
      if (all.size() > before && at < all.back().end) {
        all.back().end = at + form.size();
      } else {
        all.push_back({at, at + form.size()});
      }
    }
  }
  add_broken(text, all);
  std::sort(all.begin(), all.end(), [](const Span& a, const Span& b) { return a.begin < b.begin; });
  std::vector<Span> apart;
  for (const Span& span : all) {
    if (!apart.empty() && span.begin < apart.back().end) {
      apart.back().end = std::max(apart.back().end, span.end);
    } else {
      apart.push_back(span);
    }
  }
  return apart;
}

std::string Secrets::masked(std::string_view text) const {
  std::string out;
  size_t told = 0;
  for (const Span& span : spans(text)) {
    out += text.substr(told, span.begin - told);
    out += "***";
    told = span.end;
  }
  out += text.substr(told);
  return out;
}

bool Secrets::in(std::string_view text) const {
  const auto stands_in = [](std::string_view where) {
    return [where](const std::string& form) { return where.find(form) != std::string_view::npos; };
  };
  if (std::any_of(forms_.begin(), forms_.end(), stands_in(text))) return true;
  if (broken_.empty()) return false;
  const Joined joined(text);
  return joined.is_broken() && std::any_of(broken_.begin(), broken_.end(), stands_in(joined.text()));
}

size_t Secrets::open_at_end(std::string_view text) const {
  size_t most = 0;
  for (const std::string& form : forms_) {
    for (size_t size = std::min(form.size() - 1, text.size()); size > most; --size) {
      if (text.ends_with(std::string_view(form).substr(0, size))) {
        most = size;
        break;
      }
    }
  }
  most = std::max(most, open_broken(text));
  if (most == 0) return 0;
  // None that is whole is cut in two. Output that is nothing but secrets is not held for ever, though.
  size_t cut = text.size() - most;
  for (const Span& span : spans(text))
    if (span.begin < cut && cut < span.end) cut = span.begin;
  return text.size() - cut > most_held + longest() ? 0 : text.size() - cut;
}

void Masker::tell(Event event) {
  // That is never told: who writes it looks for secrets in the whole.
  std::string untouched;
  if (event.kind == Event::Kind::compared) untouched.swap(event.text);
  for (std::string* text :
       {&event.text, &event.detail, &event.file, &event.values, &event.denial.program, &event.failure.command,
        &event.failure.reason, &event.failure.expected, &event.failure.actual, &event.failure.diff,
        &event.failure.hint, &event.left.paths}) {
    if (!text->empty()) *text = secrets_.masked(*text);
  }
  if (event.kind == Event::Kind::compared) event.text.swap(untouched);
  // What is held back is told behind what came after it.
  uint64_t& sequence = sequence_[event.script];
  if (event.kind == Event::Kind::script_started) sequence = event.sequence;
  event.sequence = sequence++;
  sink_.take(event);
}

// What was held back is told before anything else of the script that is not output.
void Masker::release(uint32_t script) {
  const auto held = held_.find(script);
  if (held == held_.end()) return;
  const std::vector<Held> all = std::move(held->second);
  held_.erase(held);
  for (const Held& one : all) {
    Event event = one.event;
    event.text = one.bytes;
    tell(std::move(event));
  }
}

// What was held back of the same stream.
std::string Masker::take_held(const Event& output) {
  const auto held = held_.find(output.script);
  if (held == held_.end()) return {};
  for (auto one = held->second.begin(); one != held->second.end(); ++one) {
    if (one->event.stream != output.stream || one->event.place != output.place) continue;
    std::string bytes = std::move(one->bytes);
    held->second.erase(one);
    return bytes;
  }
  return {};
}

void Masker::take(const Event& event) {
  if (event.kind != Event::Kind::output) {
    release(event.script);
    return tell(event);
  }
  Event whole = event;
  whole.text.insert(0, take_held(event));
  const size_t open = secrets_.open_at_end(whole.text);
  if (open != 0) {
    Held rest{event, whole.text.substr(whole.text.size() - open)};
    rest.event.text.clear();
    held_[event.script].push_back(std::move(rest));
    whole.text.resize(whole.text.size() - open);
    if (whole.text.empty()) return;
  }
  tell(std::move(whole));
}

}  // namespace testctr::run
