// registries.conf: whatever it says, a name leads to hosts and repositories that are such, or to an error.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "base/sys.h"
#include "registry/names.h"
#include "registry/registries_file.h"

using namespace testctr;
using namespace testctr::registry;

namespace {

// The file, always the same one.
const std::string& path_of(std::string_view text) {
  static const Fd file = sys::memory_file("registries.conf").value();
  static const std::string path = fmt::format("/proc/self/fd/{}", file.get());
  if (ftruncate(file.get(), 0) != 0 || lseek(file.get(), 0, SEEK_SET) != 0) abort();
  if (!sys::write_full(file.get(), text).ok()) abort();
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto file = parse_registries(text, "r.conf");
  if (!file.ok()) {
    if (file.error().fault() != Fault::usage || !file.error().message().starts_with("r.conf:")) abort();
    return 0;
  }
  ConfigPaths paths;
  paths.files = {path_of(text)};
  auto registries = Registries::read(paths);
  if (!registries.ok()) abort();
  for (const std::string& name :
       {std::string("docker.io/library/golang"), std::string("a.example.com:5000/x/y")}) {
    auto locations = registries.value().locate(name, size % 2 == 0);
    if (!locations.ok()) continue;
    if (locations.value().empty() || locations.value().back().mirror) abort();
    for (const Location& l : locations.value()) {
      if (l.host.empty() || l.repository.empty() || l.host.find('/') != std::string::npos) abort();
      if (l.repository.find_first_of(":@? \n") != std::string::npos) abort();
    }
  }
  return 0;
}
