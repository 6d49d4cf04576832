// A layer of any bytes, unpacked over a layer that has links and folders: nothing outside the new folder may
// appear.
#include <fcntl.h>

#include <cstdint>
#include <cstdlib>

#include "base/sys.h"
#include "image/unpack.h"

namespace {
struct Scratch {
  std::string path = "/tmp/testctr-fuzz-XXXXXX";
  Scratch() {
    if (mkdtemp(path.data()) == nullptr) abort();
    for (const char* name : {"/lower", "/lower/d", "/canary"})
      if (mkdir((path + name).c_str(), 0700) != 0) abort();
    if (symlink("d", (path + "/lower/l").c_str()) != 0 ||
        symlink("../canary", (path + "/lower/out").c_str()) != 0)
      abort();
  }
  ~Scratch() { (void)testctr::sys::remove_tree(path); }
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace testctr;
  static const Scratch scratch;
  const std::string& base = scratch.path;
  if (!sys::remove_tree(base + "/layer").ok() || mkdir((base + "/layer").c_str(), 0700) != 0) abort();
  auto directory = sys::open(base + "/layer", O_RDONLY | O_DIRECTORY);
  auto lower = sys::open(base + "/lower", O_RDONLY | O_DIRECTORY);
  if (!directory.ok() || !lower.ok()) abort();
  image::UnpackOptions options;
  options.directory = directory.value().get();
  options.lowers = {lower.value().get()};
  options.most_bytes = 1 << 20;
  options.most_entries = 1000;
  image::BlobClaim claim;
  claim.name = "fuzz";
  claim.most_bytes = 4 << 20;
  (void)image::unpack_layer(memory_source({reinterpret_cast<const char*>(data), size}), claim,
                            options);
  // An empty folder is removed; one that something was written into is not.
  if (rmdir((base + "/canary").c_str()) != 0) abort();
  if (mkdir((base + "/canary").c_str(), 0700) != 0) abort();
  return 0;
}
