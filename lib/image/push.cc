#include "image/push.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace testctr::image {
namespace {

constexpr size_t most_at_once = 3;

// Counts what goes out, for the progress.
class Counted final : public ByteSource {
 public:
  Counted(std::unique_ptr<ByteSource> source, std::function<void(uint64_t)> tell)
      : source_(std::move(source)), tell_(std::move(tell)) {}
  Result<size_t> read(char* buffer, size_t size) override {
    const size_t n = TRY(source_->read(buffer, size));
    done_ += n;
    tell_(done_);
    return n;
  }

 private:
  std::unique_ptr<ByteSource> source_;
  std::function<void(uint64_t)> tell_;
  uint64_t done_ = 0;
};

class Push {
 public:
  Push(Source& source, registry::Session& to, const std::string& from_repository, const Access& access)
      : source_(source), to_(to), from_(from_repository), access_(access) {
    std::set<std::string> seen;
    for (size_t i = 0; i < source.manifest.layers.size(); ++i)
      if (seen.insert(source.manifest.layers[i].digest.hex()).second) layers_.push_back(i);
  }

  Status layers() {
    std::vector<std::thread> threads;
    const size_t count = std::min(layers_.size(), most_at_once);
    for (size_t i = 0; i < count; ++i) threads.emplace_back([this] { work(); });
    for (std::thread& thread : threads) thread.join();
    if (failed_) return std::move(*failed_);
    return {};
  }

  Status config() {
    const std::string bytes = TRY(source_.config());
    const Descriptor& d = source_.manifest.config;
    if (TRY(to_.has_blob(d.digest))) return {};
    return to_.push_blob({d.digest, d.size},
                         [&]() -> Result<std::unique_ptr<ByteSource>> { return memory_source(bytes); });
  }

 private:
  void work() {
    for (size_t at = next_++; at < layers_.size(); at = next_++) {
      Status done = one(layers_[at]);
      if (done.ok()) continue;
      next_ = layers_.size();
      const std::lock_guard lock(mutex_);
      if (!failed_) failed_ = std::move(done).error();
    }
  }

  Status one(size_t i) {
    const Descriptor& d = source_.manifest.layers[i];
    const auto tell = [this, &d](uint64_t done, bool finished) {
      if (!access_.progress) return;
      const std::lock_guard lock(mutex_);
      access_.progress({source_.shown, d.digest.hex().substr(0, 12), done, d.size, finished});
    };
    bool there = TRY(to_.has_blob(d.digest));
    if (!there && !from_.empty()) there = TRY(to_.mount_blob(d.digest, from_));
    if (!there)
      CHECK_OK(to_.push_blob({d.digest, d.size}, [&]() -> Result<std::unique_ptr<ByteSource>> {
        return std::unique_ptr<ByteSource>(std::make_unique<Counted>(
            TRY(source_.layer(i)), [&](uint64_t done) { tell(done, /*finished=*/false); }));
      }));
    tell(d.size, /*finished=*/true);
    return {};
  }

  Source& source_;
  registry::Session& to_;
  const std::string& from_;
  const Access& access_;
  std::vector<size_t> layers_;
  std::atomic<size_t> next_ = 0;
  std::mutex mutex_;
  std::optional<Error> failed_;
};

std::string media_type_of(const Source& source) {
  // What the document says of itself; an OCI manifest need not say it.
  auto json = json::parse(source.manifest_bytes);
  if (json.ok())
    if (auto said = json::get_string(json.value(), "mediaType", ""); said.ok() && !said.value().empty())
      return said.value();
  return std::string(media::oci_manifest);
}

}  // namespace

Status push_source(Source& source, registry::Session& to, const std::string& tag,
                   const std::string& from_repository, const Access& access) {
  if (source.manifest_bytes.empty())
    return Error::internal(fmt::format("{} has no manifest to be pushed", source.shown));
  Push push(source, to, from_repository, access);
  CHECK_OK(push.layers());
  CHECK_OK(push.config());
  return to.push_manifest(tag.empty() ? source.manifest_digest.str() : tag, source.manifest_bytes,
                          media_type_of(source));
}

}  // namespace testctr::image
