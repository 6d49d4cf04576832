// ELF files: whatever they say, reading them ends soon and within the file.
#include <cstdint>
#include <cstdlib>

#include "image/elf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace testctr;
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  size_t reads = 0, bytes = 0;
  auto elf = image::read_elf([&](uint64_t offset, size_t wanted) -> Result<std::string> {
    if (offset >= file.size()) return std::string();
    std::string piece(file.substr(offset, wanted));
    bytes += piece.size();
    if (++reads > 100'000 || bytes > (size_t{256} << 20)) abort();
    return piece;
  });
  if (!elf.ok()) return 0;
  (void)image::machine_name(elf.value());
  (void)image::runs_here(elf.value());
  return 0;
}
