#include "script/path_glob.h"

#include <algorithm>

#include "base/text.h"

namespace testctr::script {
namespace {

constexpr size_t most_parts = 64;

// The text of a component without wildcards, or nothing.
std::optional<std::string> plain_text(std::string_view part) {
  std::string out;
  for (size_t i = 0; i < part.size(); ++i) {
    if (part[i] == '*' || part[i] == '?') return std::nullopt;
    if (part[i] == '\\' && i + 1 < part.size() && std::string_view("*?\\").find(part[i + 1]) < 3) ++i;
    out += part[i];
  }
  return out;
}

void add(PathGlob::State& state, size_t at) {
  if (std::find(state.begin(), state.end(), at) == state.end()) state.push_back(at);
}

}  // namespace

bool PathGlob::Part::fits(std::string_view name) const {
  if (plain) return name == text;
  if (name.starts_with('.') && !text.starts_with('.')) return false;
  return glob->matches(name);
}

Result<PathGlob> PathGlob::make(std::string_view pattern) {
  PathGlob result;
  auto bad = [&](std::string_view why) {
    return Error::usage(fmt::format("the pattern {} {}", text::quoted(pattern), why));
  };
  if (pattern.find('\0') != std::string_view::npos) return bad("holds a null byte");
  result.absolute_ = pattern.starts_with('/');
  std::vector<std::string> parts;
  for (std::string& part : text::split(pattern, '/')) {
    if (part.empty()) continue;
    if (part == "." || part == "..")
      return Error(bad(fmt::format("has the component {}", part)))
          .hint("write it from $WORK on (out/a.log), or absolute");
    parts.push_back(std::move(part));
  }
  if (parts.empty()) return bad("names no file");
  if (parts.size() > most_parts) return bad(fmt::format("has more than {} components", most_parts));
  bool in_base = true;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto plain = plain_text(parts[i]);
    in_base = in_base && plain && i + 1 < parts.size();
    if (in_base) {
      result.base_.push_back(*plain);
      continue;
    }
    Part part;
    part.any_depth = parts[i] == "**";
    part.plain = plain.has_value();
    part.text = plain.value_or(parts[i]);
    Glob glob = TRY(Glob::make(parts[i], /*escapes=*/true));
    if (!part.plain && !part.any_depth) part.glob = std::move(glob);
    if (part.any_depth && !result.parts_.empty() && result.parts_.back().any_depth) continue;
    result.parts_.push_back(std::move(part));
  }
  return result;
}

PathGlob::State PathGlob::begin() const {
  if (parts_.empty()) return {};
  State state{0};
  if (parts_[0].any_depth) add(state, 1);
  return state;
}

PathGlob::State PathGlob::step(const State& state, std::string_view component, bool& matched) const {
  State next;
  auto reach = [&](size_t at) {
    add(next, at);
    if (at < parts_.size() && parts_[at].any_depth) add(next, at + 1);
  };
  for (size_t at : state) {
    if (at == parts_.size()) continue;
    if (parts_[at].any_depth) {
      if (!component.starts_with('.')) reach(at);
    } else if (parts_[at].fits(component)) {
      reach(at + 1);
    }
  }
  matched = std::find(next.begin(), next.end(), parts_.size()) != next.end();
  std::sort(next.begin(), next.end());
  return next;
}

bool PathGlob::covers(const std::vector<std::string>& name) const {
  State state = begin();
  for (const std::string& component : name) {
    bool matched = false;
    state = step(state, component, matched);
    if (matched) return true;
  }
  return false;
}

}  // namespace testctr::script
