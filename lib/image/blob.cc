#include "image/blob.h"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::image {
namespace {

constexpr size_t piece_size = size_t{256} * 1024;
constexpr size_t most_pieces = 6;  // of either kind: compressed and not

// Bytes that go through several threads; the last that is done with a piece gives it back.
struct Piece {
  std::string bytes = std::string(piece_size, '\0');
  size_t size = 0;
  [[nodiscard]] std::string_view view() const { return {bytes.data(), size}; }
};
using Shared = std::shared_ptr<Piece>;

// A bounded number of pieces that go round and are not allocated anew.
class Pool {
 public:
  /// @return nothing when the stream has been given up.
  Shared take() {
    std::unique_lock<std::mutex> guard(mutex_);
    changed_.wait(guard, [&] { return cancelled_ || !free_.empty() || made_ < most_pieces; });
    if (cancelled_) return nullptr;
    std::unique_ptr<Piece> piece;
    if (free_.empty()) {
      ++made_;
      piece = std::make_unique<Piece>();
    } else {
      piece = std::move(free_.back());
      free_.pop_back();
    }
    return {piece.release(), [this](Piece* done) { give_back(std::unique_ptr<Piece>(done)); }};
  }
  void cancel() {
    std::lock_guard<std::mutex> guard(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }

 private:
  void give_back(std::unique_ptr<Piece> piece) {
    std::lock_guard<std::mutex> guard(mutex_);
    free_.push_back(std::move(piece));
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Piece>> free_;
  size_t made_ = 0;
  bool cancelled_ = false;
};

// Between two threads; its length is bounded by the pool that its pieces come from.
template <class T>
class Queue {
 public:
  void push(T item) {
    std::lock_guard<std::mutex> guard(mutex_);
    items_.push_back(std::move(item));
    changed_.notify_one();
  }
  void end() {
    std::lock_guard<std::mutex> guard(mutex_);
    ended_ = true;
    changed_.notify_one();
  }
  /// @return nothing after the end.
  std::optional<T> pop() {
    std::unique_lock<std::mutex> guard(mutex_);
    changed_.wait(guard, [&] { return ended_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    T item = std::move(items_.front());
    items_.pop_front();
    return item;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> items_;
  bool ended_ = false;
};

Error wrong(const BlobClaim& claim, std::string what) {
  return Error::infrastructure(claim.name + ": " + std::move(what));
}

}  // namespace

struct BlobStream::Impl {
  // What is to be hashed: a compressed piece, or one of the tar stream.
  struct ToHash {
    Shared piece;
    bool compressed = false;
  };

  BlobClaim claim;
  std::unique_ptr<ByteSource> source;
  int copy = -1;
  Pool input_pool, tar_pool;
  // The reading thread's; the others read them after joining, or (the caller) after the end of the queue.
  Shared input;
  bool plain = false;  ///< set before the first piece is pushed
  uint64_t blob_size = 0;
  bool source_ended = false;
  std::atomic<bool> stopped = false;  ///< nobody wants the rest
  Status failure;
  // The hashing thread's; the caller reads them after joining.
  Sha256 blob_hash, diff_hash;
  // The caller's.
  uint64_t tar_size = 0;
  Shared current;
  bool ended = false;
  Queue<Shared> tar;
  Queue<ToHash> to_hash;
  std::thread reading, hashing;

  // One read from the source, copied and on its way to be hashed.
  Result<size_t> take() {
    input = input_pool.take();
    if (!input) return Error::infrastructure("given up");
    size_t n = TRY(source->read(input->bytes.data(), input->bytes.size()));
    input->size = n;
    if (n == 0) {
      source_ended = true;
      return n;
    }
    blob_size += n;
    if (claim.check_size && blob_size > claim.size)
      return wrong(claim,
                   fmt::format("it is longer than the {} bytes that it is described with", claim.size));
    to_hash.push({input, true});
    if (copy >= 0) CHECK_OK(sys::write_full(copy, input->view()).in("copying the blob into the store"));
    return n;
  }

  static la_ssize_t read_callback(struct archive* a, void* data, const void** buffer) {
    auto* self = static_cast<Impl*>(data);
    auto n = self->take();
    if (!n.ok()) {
      self->failure = std::move(n).error();
      archive_set_error(a, EIO, "%s", "read failed");
      return -1;
    }
    *buffer = self->input->bytes.data();
    return static_cast<la_ssize_t>(n.value());
  }

  Status decompress() {
    ArchiveReader reader(archive_read_new());
    struct archive* a = reader.get();
    if (a == nullptr || archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
        archive_read_support_filter_xz(a) != ARCHIVE_OK ||
        archive_read_support_filter_bzip2(a) != ARCHIVE_OK ||
        archive_read_support_format_raw(a) != ARCHIVE_OK ||
        archive_read_support_format_empty(a) != ARCHIVE_OK)
      return Error::internal("libarchive lacks a filter");
    int r = archive_read_open(a, this, nullptr, read_callback, nullptr);
    struct archive_entry* entry = nullptr;
    if (r == ARCHIVE_OK) r = archive_read_next_header(a, &entry);
    if (!failure.ok()) return std::move(failure);
    if (r == ARCHIVE_EOF) return {};
    if (r != ARCHIVE_OK) return archive_error(a, claim.name + ": decompressing");
    plain = archive_filter_count(a) == 1;
    for (;;) {
      Shared piece = tar_pool.take();
      if (!piece) return {};
      size_t used = 0;
      bool more = true;
      while (used < piece_size && more) {
        la_ssize_t n = archive_read_data(a, piece->bytes.data() + used, piece_size - used);
        if (n < 0) {
          if (!failure.ok()) return std::move(failure);
          return archive_error(a, claim.name + ": decompressing");
        }
        more = n > 0;
        used += static_cast<size_t>(n);
      }
      piece->size = used;
      if (used > 0) {
        // What was not compressed is hashed as the blob.
        if (!plain) to_hash.push({piece, false});
        tar.push(std::move(piece));
      }
      if (!more) return {};
    }
  }

  // What follows the compressed stream is part of the blob's digest too.
  Status drain_source() {
    while (!source_ended && !stopped) (void)TRY(take());
    return {};
  }

  void read() {
    Status s = decompress();
    Status rest = drain_source();
    failure = s.ok() ? std::move(rest) : std::move(s);
    input.reset();
    tar.end();
    to_hash.end();
  }

  void hash() {
    while (auto item = to_hash.pop()) (item->compressed ? blob_hash : diff_hash).update(item->piece->view());
  }

  void give_up() {
    stopped = true;
    input_pool.cancel();
    tar_pool.cancel();
  }
  void join() {
    if (reading.joinable()) reading.join();
    if (hashing.joinable()) hashing.join();
  }
};

// What compresses better than this is made to fill a disk; below the first size nobody minds.
constexpr uint64_t unsuspected = uint64_t{1} << 30;
constexpr uint64_t most_times = 250;

BlobStream::BlobStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BlobStream::~BlobStream() {
  impl_->current.reset();
  impl_->give_up();
  impl_->join();
}

Result<std::unique_ptr<BlobStream>> BlobStream::start(std::unique_ptr<ByteSource> source, BlobClaim claim,
                                                      int copy) {
  auto impl = std::make_unique<Impl>();
  impl->claim = std::move(claim);
  impl->source = std::move(source);
  impl->copy = copy;
  Impl* raw = impl.get();
  std::unique_ptr<BlobStream> stream(new BlobStream(std::move(impl)));
  try {
    raw->hashing = std::thread([raw] { raw->hash(); });
    raw->reading = std::thread([raw] { raw->read(); });
  } catch (const std::system_error& e) {
    raw->to_hash.end();
    return Error::system("clone", "a thread that decompresses", e.code().value());
  }
  return stream;
}

Result<std::string_view> BlobStream::next() {
  Impl& s = *impl_;
  s.current.reset();
  if (s.ended) return std::string_view();
  auto piece = s.tar.pop();
  if (!piece) {
    s.ended = true;
    if (!s.failure.ok()) return s.failure.error();
    return std::string_view();
  }
  s.current = std::move(*piece);
  std::string_view bytes = s.current->view();
  s.tar_size += bytes.size();
  if (s.tar_size > s.claim.most_bytes)
    return wrong(s.claim,
                 fmt::format("it unpacks to more than {}: refused", text::human_size(s.claim.most_bytes)));
  if (s.claim.check_size && s.tar_size > unsuspected && s.tar_size / most_times > s.claim.size)
    return wrong(s.claim, fmt::format("it is {} long and unpacks to more than {} times that: refused",
                                      text::human_size(s.claim.size), most_times));
  return bytes;
}

Result<BlobFacts> BlobStream::finish() {
  Impl& s = *impl_;
  Status broken;
  while (!s.ended) {
    auto bytes = next();
    if (!bytes.ok()) {
      broken = std::move(bytes).error();
      s.current.reset();
      s.tar_pool.cancel();  // the rest of the blob is read nevertheless, for its digest
      break;
    }
  }
  s.join();
  if (broken.ok() && !s.failure.ok()) broken = s.failure.error();
  BlobFacts facts;
  facts.size = s.blob_size;
  facts.tar_size = s.tar_size;
  // A wrong size or digest says more than the decompressor's words about the same damage.
  bool whole = s.source_ended;
  if (whole && s.claim.check_size && s.blob_size != s.claim.size)
    return wrong(s.claim,
                 fmt::format("it is {} bytes long, but described with {}: the image is truncated or damaged",
                             s.blob_size, s.claim.size));
  if (whole) facts.digest = s.blob_hash.finish();
  if (whole && !s.claim.digest.empty() && facts.digest != s.claim.digest)
    return wrong(s.claim, fmt::format("its digest is {}, not {}: the image is damaged", facts.digest.str(),
                                      s.claim.digest.str()));
  if (!broken.ok()) return broken.error();
  facts.diff_id = s.plain ? facts.digest : s.diff_hash.finish();
  if (!s.claim.diff_id.empty() && facts.diff_id != s.claim.diff_id)
    return wrong(s.claim, fmt::format("its content has the digest {}, but the image's configuration says {}",
                                      facts.diff_id.str(), s.claim.diff_id.str()));
  return facts;
}

}  // namespace testctr::image
