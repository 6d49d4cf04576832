// Any bytes as a bundle's file: a seal that lies in it or an error, and what it leads to an archive or an
// error.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "base/sys.h"
#include "bundle/seal.h"
#include "image/source.h"

using namespace testctr;

namespace {

void open_archive(const uint8_t* data, size_t size, uint64_t begin, uint64_t length) {
  Fd file = sys::memory_file("bundle").value();
  if (!sys::write_full(file.get(), {reinterpret_cast<const char*>(data), size}).ok()) std::abort();
  auto archive = image::OciArchive::open(std::move(file), begin, length, "the archive");
  if (!archive.ok()) return;
  for (const image::Descriptor& entry : archive.value().index().manifests) {
    auto image = archive.value().image(entry);
    if (!image.ok()) continue;
    (void)image.value()->config().ok();
    for (size_t i = 0; i < image.value()->manifest.layers.size(); ++i) {
      auto layer = image.value()->layer(i);
      if (layer.ok()) (void)read_source(*layer.value(), size_t{1} << 16).ok();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Fd file = sys::memory_file("bundle").value();
  if (!sys::write_full(file.get(), {reinterpret_cast<const char*>(data), size}).ok()) std::abort();
  if (auto seal = bundle::find_seal(file.get()); seal.ok() && seal.value()) {
    if (seal.value()->begin > size || seal.value()->size > size - seal.value()->begin) std::abort();
    (void)bundle::check_seal(file.get(), *seal.value()).ok();
    open_archive(data, size, seal.value()->begin, seal.value()->size);
  }
  open_archive(data, size, 0, size);
  // A seal that is put behind it says the truth.
  Fd sealed = sys::memory_file("sealed").value();
  bundle::SealedOutput out(sealed.get());
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (!out.write(bytes.substr(0, size / 2)).ok()) std::abort();
  out.begin_archive();
  if (!out.write(bytes.substr(size / 2)).ok() || !out.finish().ok()) std::abort();
  auto own = bundle::find_seal(sealed.get());
  if (!own.ok() || !own.value() || !bundle::check_seal(sealed.get(), *own.value()).ok()) std::abort();
  return 0;
}
