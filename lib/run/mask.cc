#include "run/mask.h"

#include <algorithm>

#include "base/text.h"

namespace testctr::run {
namespace {

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
  std::vector<std::string> forms{std::string(value)};
  for (size_t before = 0; before < 3; ++before) {
    std::string digits = base64_core(value, before);
    std::string url = digits;
    std::replace(url.begin(), url.end(), '+', '-');
    std::replace(url.begin(), url.end(), '/', '_');
    forms.push_back(std::move(digits));
    forms.push_back(std::move(url));
  }
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

std::string Secrets::masked(std::string_view text) const {
  std::string out(text);
  for (const std::string& form : forms_) {
    for (size_t at = out.find(form); at != std::string::npos; at = out.find(form, at + 3))
      out.replace(at, form.size(), "***");
  }
  return out;
}

bool Secrets::in(std::string_view text) const {
  return std::any_of(forms_.begin(), forms_.end(),
                     [&](const std::string& form) { return text.find(form) != std::string_view::npos; });
}

size_t Secrets::begun_at_end(std::string_view text) const {
  size_t most = 0;
  for (const std::string& form : forms_) {
    for (size_t size = std::min(form.size() - 1, text.size()); size > most; --size) {
      if (text.ends_with(std::string_view(form).substr(0, size))) {
        most = size;
        break;
      }
    }
  }
  return most;
}

void Masker::tell(Event event) {
  for (std::string* text :
       {&event.text, &event.detail, &event.values, &event.failure.command, &event.failure.reason,
        &event.failure.expected, &event.failure.actual, &event.failure.diff, &event.failure.hint}) {
    if (!text->empty()) *text = secrets_.masked(*text);
  }
  sink_.take(event);
}

// What was held back is told before anything else of the script, or with what it belongs to.
void Masker::release(const Event& next) {
  const auto held = held_.find(next.script);
  if (held == held_.end()) return;
  Event event = std::move(held->second.event);
  event.text = std::move(held->second.bytes);
  held_.erase(held);
  tell(std::move(event));
}

void Masker::take(const Event& event) {
  const auto held = held_.find(event.script);
  const bool goes_on = held != held_.end() && event.kind == Event::Kind::output &&
                       event.stream == held->second.event.stream && event.place == held->second.event.place;
  if (!goes_on) release(event);
  if (event.kind != Event::Kind::output) return tell(event);
  Event whole = event;
  if (goes_on) {
    whole.text.insert(0, held->second.bytes);
    held_.erase(held);
  }
  // A secret that is whole there is no beginning of one.
  whole.text = secrets_.masked(whole.text);
  const size_t begun = secrets_.begun_at_end(whole.text);
  if (begun != 0) {
    Held& rest = held_[event.script];
    rest.event = event;
    rest.event.text.clear();
    rest.bytes = whole.text.substr(whole.text.size() - begun);
    whole.text.resize(whole.text.size() - begun);
    if (whole.text.empty()) return;
  }
  tell(std::move(whole));
}

}  // namespace testctr::run
