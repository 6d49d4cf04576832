// Any bytes as a txtar archive: its parts are those that a reader line by line finds, in every dialect.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "script/script.h"
#include "script/txtar.h"

using namespace testctr;
using namespace testctr::script;

namespace {

struct Part {
  std::string name, data;
};

/// A marker's name by the words of the format: "-- " in front, " --" behind, a carriage return at most after.
bool is_marker(std::string line, std::string& name) {
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.size() < 6 || line.substr(0, 3) != "-- " || line.substr(line.size() - 3) != " --") return false;
  name = line.substr(3, line.size() - 6);
  constexpr const char* blanks = " \t\r\n";
  const size_t first = name.find_first_not_of(blanks);
  name = first == std::string::npos ? "" : name.substr(first, name.find_last_not_of(blanks) + 1 - first);
  return true;
}

/// The parts, the comment first. @return whether no marker was without a name
bool read(const std::string& source, bool nameless_is_text, std::vector<Part>& parts) {
  parts.push_back({});
  for (size_t at = 0; at < source.size();) {
    const size_t end = std::min(source.find('\n', at), source.size());
    const std::string line = source.substr(at, end - at);
    const std::string whole = source.substr(at, end - at + 1);
    at = end + 1;
    std::string name;
    if (line == "-- --" || line == "-- --\r") return false;
    if (!is_marker(line, name) || (name.empty() && nameless_is_text)) {
      parts.back().data += whole;
      continue;
    }
    if (name.empty()) return false;
    parts.push_back({name, ""});
  }
  return true;
}

void check(bool well) {
  if (!well) std::abort();
}

void check_language(const std::string& source, Language language) {
  auto script = parse("f.txt", source, language);
  if (!script.ok()) {
    check(script.error().fault() == Fault::usage && script.error().message().starts_with("f.txt:"));
    return;
  }
  for (const File& file : script.value().files) {
    check(!file.name.empty() && file.offset <= source.size());
    check(file.data.empty() || file.data.ends_with('\n'));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string source(reinterpret_cast<const char*>(data), size);
  for (const Nameless nameless : {Nameless::error, Nameless::text}) {
    std::vector<Part> parts;
    const bool well = read(source, nameless == Nameless::text, parts);
    const auto archive = split_archive("f.txt", source, nameless);
    check(archive.ok() == well);
    if (!well) continue;
    check(archive.value().comment == parts.front().data);
    check(archive.value().members.size() + 1 == parts.size());
    for (size_t i = 1; i < parts.size(); ++i) {
      const Member& member = archive.value().members[i - 1];
      check(member.name == parts[i].name && member.data == parts[i].data && member.line > 0);
      check(source.compare(member.offset, member.data.size(), member.data) == 0);
    }
  }
  for (const Language language : {Language::testctr, Language::rsc, Language::testscript, Language::cmdgo})
    check_language(source, language);
  return 0;
}
