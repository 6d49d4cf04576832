#include "registry/answer.h"

#include "base/json.h"
#include "base/text.h"

namespace testctr::registry {
namespace {

constexpr size_t largest_body = size_t{64} << 10, longest_message = 300, most_messages = 3;

// Cut between characters, not in them.
std::string cut(std::string_view bytes) {
  if (bytes.size() > longest_message) {
    size_t end = longest_message;
    while (end > 0 && (static_cast<uint8_t>(bytes[end]) & 0xc0U) == 0x80) --end;
    return text::printable(bytes.substr(0, end)) + "...";
  }
  return text::printable(bytes);
}

std::string text_of(const Json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string one_error(const Json& error) {
  if (error.is_string()) return cut(error.get<std::string>());
  if (!error.is_object()) return "";
  const std::string code = text_of(error, "code"), message = text_of(error, "message");
  if (code.empty() || message.empty()) return cut(code + message);
  return cut(code) + ": " + cut(message);
}

// The body as far as it can be had: an answer that breaks off is still an answer.
std::string body_of(net::Response& response) {
  std::string body;
  char buffer[4096];
  while (body.size() < largest_body) {
    auto n = response.read(buffer, std::min(sizeof buffer, largest_body - body.size()));
    if (!n.ok() || n.value() == 0) break;
    body.append(buffer, n.value());
  }
  return body;
}

}  // namespace

std::string told_in(std::string_view body) {
  auto parsed = json::parse(body);
  if (!parsed.ok()) {
    std::string_view line = text::trim(body);
    line = text::trim(line.substr(0, line.find('\n')));
    // A page for browsers says nothing here.
    return line.starts_with('<') ? "" : cut(line);
  }
  const Json& root = parsed.value();
  if (!root.is_object()) return "";
  std::string all;
  if (const Json* errors = json::find(root, "errors", Json::value_t::array)) {
    for (size_t i = 0; i < errors->size() && i < most_messages; ++i) {
      const std::string one = one_error((*errors)[i]);
      if (!one.empty()) all += (all.empty() ? "" : "; ") + one;
    }
  }
  for (const char* key : {"details", "message", "error_description", "error"})
    if (all.empty()) all = cut(text_of(root, key));
  return all;
}

std::string told_by(net::Response& response) {
  const std::string told = told_in(body_of(response));
  return fmt::format("{}{}{}", response.status, told.empty() ? "" : ", ", told);
}

Error refusal(net::Response& response, const std::string& what) {
  int number = 0;
  if (response.status == 404) number = ENOENT;
  if (response.status == 401 || response.status == 403) number = EACCES;
  return Error::infrastructure(fmt::format("{}: the answer is {}", what, told_by(response))).kind(number);
}

}  // namespace testctr::registry
