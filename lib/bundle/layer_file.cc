#include "bundle/layer_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/sys.h"
#include "image/gzip_blocks.h"

namespace testctr::bundle {
namespace {

class FileBytes final : public ByteSource {
 public:
  explicit FileBytes(int file) : file_(file) {}
  Result<size_t> read(char* buffer, size_t size) override {
    for (;;) {
      const ssize_t n = ::pread(file_, buffer, size, at_);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Error::system("pread", "the layer");
      at_ += n;
      return static_cast<size_t>(n);
    }
  }

 private:
  int file_;
  off_t at_ = 0;
};

class SingleLayer final : public image::Source {
 public:
  SingleLayer(Fd file, std::string config) : file_(std::move(file)), config_(std::move(config)) {}
  Result<std::string> config() override { return config_; }
  Result<std::unique_ptr<ByteSource>> layer(size_t) override { return bytes_of_file(file_.get()); }
  [[nodiscard]] bool made_here(size_t) const override { return true; }

 private:
  Fd file_;
  std::string config_;
};

}  // namespace

std::unique_ptr<ByteSource> bytes_of_file(int file) { return std::make_unique<FileBytes>(file); }

Result<image::CompressedLayer> compressed_layer(const std::string& folder,
                                                const std::function<Status(image::BlockSink)>& write,
                                                Fd& file) {
  Fd out = TRY_IN(sys::unnamed_file(folder), "a layer of the bundle");
  const auto blocks = TRY(image::GzipBlocks::start(out.get()));
  CHECK_OK(write([&blocks](std::string& block) { return blocks->add(block); }));
  auto compressed = TRY(blocks->finish());
  file = std::move(out);
  return compressed;
}

std::unique_ptr<image::Source> single_layer_image(Fd file, const image::Descriptor& layer, std::string config,
                                                  const std::string& shown) {
  image::Manifest manifest;
  manifest.config.media_type = image::media::oci_config;
  manifest.config.digest = Digest::of(config);
  manifest.config.size = config.size();
  manifest.layers.push_back(layer);
  auto source = std::make_unique<SingleLayer>(std::move(file), std::move(config));
  source->shown = shown;
  source->manifest = std::move(manifest);
  image::describe(*source);
  return source;
}

}  // namespace testctr::bundle
