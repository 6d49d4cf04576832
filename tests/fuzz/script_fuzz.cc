// Any bytes as a script: it may be refused, with its place; what is accepted keeps its promises.
#include <cstdint>
#include <cstdlib>

#include "interpret/expand.h"
#include "interpret/extract.h"
#include "interpret/interpreter.h"
#include "script/script.h"

using namespace testctr;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string source(reinterpret_cast<const char*>(data), size);
  auto parsed = script::parse("f.txt", source);
  if (!parsed.ok()) {
    if (parsed.error().message().find("f.txt:") != 0 || parsed.error().fault() != Fault::usage) std::abort();
    return 0;
  }
  const script::Script& script = parsed.value();
  for (const script::Command& command : script.commands) {
    if (command.name.empty() || command.line == 0 || command.column == 0) std::abort();
    for (const script::Word& word : command.arguments) {
      (void)interpret::expand(
          word, [](std::string_view) { return std::optional<std::string>("v"); }, true);
    }
  }
  for (const script::Phase& phase : script.phases) {
    if (phase.first > script.commands.size()) std::abort();
  }
  for (const script::File& file : script.files) {
    if (file.name.empty() || file.offset > source.size()) std::abort();
    // The data stand in the source where they are said to be.
    std::string_view there = std::string_view(source).substr(file.offset, file.data.size());
    if (there != std::string_view(file.data).substr(0, there.size())) std::abort();
    auto name = interpret::normal_name(file.name, "/work");
    if (name.ok() &&
        (name.value().starts_with('/') || ("/" + name.value() + "/").find("/../") != std::string::npos))
      std::abort();
  }
  (void)interpret::check(script);
  return 0;
}
