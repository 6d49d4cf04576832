#include "image/blob.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::image {
namespace {

constexpr size_t piece_size = size_t{256} * 1024;
constexpr size_t most_pieces = 6;

// A bounded queue of buffers between the two threads; buffers go round and are not allocated anew.
class Pipe {
 public:
  // For the reader's side. @return nothing when the other side has given up.
  std::optional<std::string> empty_piece() {
    std::unique_lock<std::mutex> guard(mutex_);
    changed_.wait(guard, [&] { return cancelled_ || !free_.empty() || made_ < most_pieces; });
    if (cancelled_) return std::nullopt;
    if (free_.empty()) {
      ++made_;
      return std::string(piece_size, '\0');
    }
    std::string piece = std::move(free_.back());
    free_.pop_back();
    return piece;
  }
  void push(std::string piece, size_t size) {
    std::lock_guard<std::mutex> guard(mutex_);
    full_.emplace_back(std::move(piece), size);
    changed_.notify_all();
  }
  void end() {
    std::lock_guard<std::mutex> guard(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  // For the tar reader's side.
  std::optional<std::pair<std::string, size_t>> pop() {
    std::unique_lock<std::mutex> guard(mutex_);
    changed_.wait(guard, [&] { return ended_ || !full_.empty(); });
    if (full_.empty()) return std::nullopt;
    auto piece = std::move(full_.front());
    full_.pop_front();
    return piece;
  }
  void give_back(std::string piece) {
    std::lock_guard<std::mutex> guard(mutex_);
    free_.push_back(std::move(piece));
    changed_.notify_all();
  }
  void cancel() {
    std::lock_guard<std::mutex> guard(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<std::string, size_t>> full_;
  std::vector<std::string> free_;
  size_t made_ = 0;
  bool ended_ = false, cancelled_ = false;
};

Error wrong(const BlobClaim& claim, std::string what) {
  return Error::infrastructure(claim.name + ": " + std::move(what));
}

}  // namespace

struct BlobStream::Impl {
  BlobClaim claim;
  std::unique_ptr<ByteSource> source;
  int copy = -1;
  std::string input = std::string(piece_size, '\0');
  // The reading thread's; the other reads them after the end of the pipe was seen (which orders them) or
  // after joining.
  bool plain = false;  ///< set before the first piece is pushed
  Sha256 blob_hash;
  uint64_t blob_size = 0;
  bool source_ended = false;
  std::atomic<bool> stopped = false;  ///< nobody wants the rest
  Status failure;
  // The caller's.
  Sha256 diff_hash;
  uint64_t tar_size = 0;
  std::string current;
  bool ended = false;
  Pipe pipe;
  std::thread thread;

  // One read from the source, hashed and copied.
  Result<size_t> take() {
    size_t n = TRY(source->read(input.data(), input.size()));
    if (n == 0) {
      source_ended = true;
      return n;
    }
    blob_size += n;
    if (claim.check_size && blob_size > claim.size)
      return wrong(claim,
                   fmt::format("it is longer than the {} bytes that it is described with", claim.size));
    std::string_view bytes(input.data(), n);
    blob_hash.update(bytes);
    if (copy >= 0) CHECK_OK(sys::write_full(copy, bytes).in("copying the blob into the store"));
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
    *buffer = self->input.data();
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
      auto piece = pipe.empty_piece();
      if (!piece) return {};
      size_t used = 0;
      bool more = true;
      while (used < piece->size() && more) {
        la_ssize_t n = archive_read_data(a, piece->data() + used, piece->size() - used);
        if (n < 0) {
          if (!failure.ok()) return std::move(failure);
          return archive_error(a, claim.name + ": decompressing");
        }
        more = n > 0;
        used += static_cast<size_t>(n);
      }
      if (used > 0) pipe.push(std::move(*piece), used);
      if (!more) return {};
    }
  }

  // What follows the compressed stream is part of the blob's digest too.
  Status drain_source() {
    while (!source_ended && !stopped) (void)TRY(take());
    return {};
  }

  void run() {
    Status s = decompress();
    Status rest = drain_source();
    failure = s.ok() ? std::move(rest) : std::move(s);
    pipe.end();
  }
};

BlobStream::BlobStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BlobStream::~BlobStream() {
  impl_->stopped = true;
  impl_->pipe.cancel();
  if (impl_->thread.joinable()) impl_->thread.join();
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
    raw->thread = std::thread([raw] { raw->run(); });
  } catch (const std::system_error& e) {
    return Error::system("clone", "a thread that decompresses", e.code().value());
  }
  return stream;
}

Result<std::string_view> BlobStream::next() {
  Impl& s = *impl_;
  if (!s.current.empty()) s.pipe.give_back(std::move(s.current));
  s.current.clear();
  if (s.ended) return std::string_view();
  auto piece = s.pipe.pop();
  if (!piece) {
    s.ended = true;
    if (!s.failure.ok()) return s.failure.error();
    return std::string_view();
  }
  s.current = std::move(piece->first);
  std::string_view bytes(s.current.data(), piece->second);
  s.tar_size += bytes.size();
  if (s.tar_size > s.claim.most_bytes)
    return wrong(s.claim,
                 fmt::format("it unpacks to more than {}: refused", text::human_size(s.claim.most_bytes)));
  // What was not compressed has been hashed by the other thread already.
  if (!s.plain) s.diff_hash.update(bytes);
  return bytes;
}

Result<BlobFacts> BlobStream::finish() {
  Impl& s = *impl_;
  Status broken;
  while (!s.ended) {
    auto bytes = next();
    if (!bytes.ok()) {
      broken = std::move(bytes).error();
      s.pipe.cancel();
      break;
    }
  }
  if (s.thread.joinable()) s.thread.join();
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
