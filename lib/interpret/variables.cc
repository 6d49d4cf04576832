// Variables and their difference from the place's base.
#include "interpret/variables.h"

#include "base/text.h"

namespace testctr::interpret {

std::optional<std::string> Variables::get(std::string_view name) const {
  auto it = current_.find(std::string(name));
  if (it == current_.end()) return std::nullopt;
  return it->second;
}

Status Variables::set(const std::string& name, std::string value) {
  if (name.empty()) return Error::usage("a variable without a name");
  if (name.find_first_of(std::string_view("=\0", 2)) != std::string::npos) {
    return Error::usage(fmt::format("{} cannot be a variable's name", text::quoted(name)));
  }
  if (value.find('\0') != std::string::npos) {
    return Error::usage(fmt::format("the value of {} contains a NUL byte", text::printable(name)));
  }
  current_.insert_or_assign(name, std::move(value));
  return {};
}

void Variables::set_local(const std::string& name, std::string value) {
  base_.insert_or_assign(name, value);
  current_.insert_or_assign(name, std::move(value));
}

std::vector<std::string> Variables::list() const {
  std::vector<std::string> list;
  list.reserve(current_.size());
  for (const auto& [name, value] : current_) list.push_back(name + "=" + value);
  return list;
}

Variables::Difference Variables::difference() const {
  Difference difference;
  for (const auto& [name, value] : current_) {
    auto it = base_.find(name);
    if (it == base_.end() || it->second != value) difference.emplace(name, value);
  }
  for (const auto& [name, value] : base_) {
    if (!current_.contains(name)) difference.emplace(name, std::nullopt);
  }
  return difference;
}

void Variables::apply(const Difference& difference) {
  for (const auto& [name, value] : difference) {
    if (value) {
      current_.insert_or_assign(name, *value);
    } else {
      current_.erase(name);
    }
  }
}

std::string replace_path(std::string_view text, std::string_view work, std::string_view token) {
  auto in_name = [](char c) {
    return c == '_' || c == '-' || c == '.' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
  };
  std::string out;
  size_t done = 0;
  for (size_t at = text.find(work); !work.empty() && at != std::string_view::npos;
       at = text.find(work, at + 1)) {
    size_t end = at + work.size();
    bool whole = (at == 0 || !(in_name(text[at - 1]) || text[at - 1] == '/')) &&
                 (end == text.size() || !in_name(text[end]));
    if (!whole) continue;
    out += text.substr(done, at - done);
    out += token;
    done = end;
  }
  out += text.substr(done);
  return out;
}

std::string replace_token(const std::string& text, const std::string& token, const std::string& value) {
  std::string out;
  size_t done = 0;
  for (size_t at = text.find(token); at != std::string::npos; at = text.find(token, done)) {
    out += text.substr(done, at - done) + value;
    done = at + token.size();
  }
  return out + text.substr(done);
}

}  // namespace testctr::interpret
