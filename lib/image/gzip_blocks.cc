#include "image/gzip_blocks.h"

#include <libdeflate.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/sys.h"

namespace testctr::image {
namespace {

constexpr int level = 1;  // larger ones make bundles 1 % smaller and take a third longer
constexpr unsigned most_threads = 4;
constexpr size_t blocks_ahead = 8;  // at most, of those that no thread has taken

struct FreeCompressor {
  void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
};
using Compressor = std::unique_ptr<libdeflate_compressor, FreeCompressor>;

}  // namespace

struct GzipBlocks::Impl {
  int out = -1;
  std::vector<std::thread> threads;

  std::mutex mutex;
  std::condition_variable work, room, turn;
  std::vector<std::string> waiting;  // a ring: block n stands at n modulo its size
  uint64_t added = 0, taken = 0, written = 0;
  bool ended = false;
  Status failed;

  // Of whose turn it is; nobody else looks at them meanwhile.
  Sha256 blob, diff;
  uint64_t size = 0;

  void compress() {
    const Compressor compressor(libdeflate_alloc_compressor(level));
    std::string block, packed;
    for (;;) {
      uint64_t number = 0;
      {
        std::unique_lock lock(mutex);
        work.wait(lock, [&] { return ended || taken < added || !failed.ok(); });
        if (taken == added || !failed.ok()) return;
        number = taken++;
        block.swap(waiting[number % blocks_ahead]);
        room.notify_one();
      }
      Status done = compress(compressor.get(), block, packed);
      std::unique_lock lock(mutex);
      turn.wait(lock, [&] { return written == number || !failed.ok(); });
      if (!failed.ok()) return;
      lock.unlock();
      if (done.ok()) done = put(block, packed);
      lock.lock();
      ++written;
      if (!done.ok()) fail(std::move(done));
      turn.notify_all();
    }
  }

  static Status compress(libdeflate_compressor* compressor, const std::string& block, std::string& packed) {
    if (compressor == nullptr) return Error::infrastructure("out of memory");
    packed.resize(libdeflate_gzip_compress_bound(compressor, block.size()));
    const size_t n =
        libdeflate_gzip_compress(compressor, block.data(), block.size(), packed.data(), packed.size());
    if (n == 0) return Error::internal("a block does not fit into what it is compressed into");
    packed.resize(n);
    return {};
  }

  Status put(const std::string& block, const std::string& packed) {
    diff.update(block);
    blob.update(packed);
    size += packed.size();
    return sys::write_full(out, packed);
  }

  // The mutex is held.
  void fail(Status why) {
    failed = std::move(why);
    work.notify_all();
    room.notify_all();
    turn.notify_all();
  }

  void join() {
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }
};

GzipBlocks::GzipBlocks(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

GzipBlocks::~GzipBlocks() {
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->failed.ok()) impl_->fail(Error::infrastructure("given up"));
  }
  impl_->join();
}

Result<std::unique_ptr<GzipBlocks>> GzipBlocks::start(int out) {
  std::unique_ptr<GzipBlocks> made(new GzipBlocks(std::make_unique<Impl>()));  // NOLINT: private
  Impl& impl = *made->impl_;
  impl.out = out;
  impl.waiting.resize(blocks_ahead);
  const unsigned count = std::clamp(std::thread::hardware_concurrency(), 1U, most_threads);
  try {
    for (unsigned i = 0; i < count; ++i) impl.threads.emplace_back([&impl] { impl.compress(); });
  } catch (const std::system_error& e) {
    if (impl.threads.empty()) return Error::system("clone", "a thread that compresses", e.code().value());
  }
  return made;
}

Status GzipBlocks::add(std::string& block) {
  Impl& impl = *impl_;
  std::unique_lock lock(impl.mutex);
  impl.room.wait(lock, [&] { return impl.added - impl.taken < blocks_ahead || !impl.failed.ok(); });
  if (!impl.failed.ok()) return impl.failed.error();
  block.swap(impl.waiting[impl.added++ % blocks_ahead]);
  impl.work.notify_one();
  return {};
}

Result<CompressedLayer> GzipBlocks::finish() {
  Impl& impl = *impl_;
  {
    const std::lock_guard lock(impl.mutex);
    impl.ended = true;
    impl.work.notify_all();
  }
  impl.join();
  if (!impl.failed.ok()) return impl.failed.error();
  CompressedLayer layer;
  layer.diff_id = impl.diff.finish();
  layer.blob.media_type = media::oci_layer_gzip;
  layer.blob.digest = impl.blob.finish();
  layer.blob.size = impl.size;
  return layer;
}

}  // namespace testctr::image
