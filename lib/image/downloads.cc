#include "image/downloads.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "base/sys.h"

namespace testctr::image {
namespace {

// More connections to one registry bring little and are refused by some.
constexpr size_t most_at_once = 3;
constexpr size_t piece = size_t{256} * 1024;
constexpr auto look_up_interval = std::chrono::milliseconds(200);

bool cancelled(const Access& access) { return access.cancel != nullptr && access.cancel->load(); }

Error cancelled_error() { return Error::infrastructure("interrupted").kind(ECANCELED); }

}  // namespace

class Downloads::Reader final : public ByteSource {
 public:
  Reader(Downloads& all, Item& item) : all_(all), item_(item) {}
  Result<size_t> read(char* buffer, size_t size) override {
    const size_t n = TRY(all_.read(item_, at_, buffer, size));
    at_ += n;
    return n;
  }

 private:
  Downloads& all_;
  Item& item_;
  uint64_t at_ = 0;
};

Downloads::Downloads(Fd folder, std::vector<Blob> blobs, Open open, const Access& access, std::string shown)
    : folder_(std::move(folder)), open_(std::move(open)), access_(access), shown_(std::move(shown)) {
  for (const Blob& blob : blobs) {
    const bool known = std::any_of(items_.begin(), items_.end(),
                                   [&](const Item& item) { return item.blob.digest == blob.digest; });
    if (!known) waiting_.push_back(&item_of(blob));
  }
  const size_t count = std::clamp<size_t>(waiting_.size(), 1, most_at_once);
  try {
    for (size_t i = 0; i < count; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error& e) {
    // Fewer do as well; without any, whoever reads is told.
    if (threads_.empty()) no_threads_ = Error::system("clone", "a thread that downloads", e.code().value());
  }
}

Downloads::~Downloads() {
  {
    // Under the lock: a thread that has just seen nothing to do must not go to sleep after the call.
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  for (const Item& item : items_)
    if (!item.name.empty()) unlinkat(folder_.get(), item.name.c_str(), 0);
}

Downloads::Item& Downloads::item_of(const Blob& blob) {
  const auto known = std::find_if(items_.begin(), items_.end(),
                                  [&](const Item& item) { return item.blob.digest == blob.digest; });
  if (known != items_.end()) return *known;
  Item& item = items_.emplace_back();
  item.blob = blob;
  return item;
}

Downloads::Item* Downloads::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
  if (stopping_) return nullptr;
  Item* item = waiting_.front();
  waiting_.pop_front();
  item->begun = true;
  return item;
}

void Downloads::work() {
  while (Item* item = next()) fetch(*item);
}

void Downloads::fetch(Item& item) {
  Status done = copy(item);
  {
    const std::lock_guard lock(mutex_);
    if (!done.ok()) item.error = std::move(done).error();
    item.finished = true;
  }
  changed_.notify_all();
  tell(item);
}

Status Downloads::copy(Item& item) {
  static std::atomic<unsigned> counter = 0;
  const std::string name = fmt::format("download-{}-{}", getpid(), counter++);
  Fd file = TRY(sys::open_at(folder_.get(), name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  const int fd = file.get();
  {
    const std::lock_guard lock(mutex_);
    item.name = name;
    item.file = std::move(file);
  }
  const std::unique_ptr<ByteSource> stream = TRY(open_(item.blob));
  std::string buffer(piece, '\0');
  uint64_t told = 0;
  for (;;) {
    if (stopping_ || cancelled(access_)) return cancelled_error();
    const size_t n = TRY(stream->read(buffer.data(), buffer.size()));
    if (n == 0) return {};
    CHECK_OK(sys::write_full(fd, {buffer.data(), n}));
    uint64_t written = 0;
    {
      const std::lock_guard lock(mutex_);
      written = item.written += n;
    }
    changed_.notify_all();
    if (written - told < (uint64_t{1} << 20)) continue;
    told = written;
    tell(item);
  }
}

void Downloads::tell(const Item& item) {
  if (!access_.progress) return;
  Progress progress{shown_, item.blob.digest.hex().substr(0, 12), 0, item.blob.size, false};
  {
    const std::lock_guard lock(mutex_);
    progress.done = item.written;
    progress.finished = item.finished;
  }
  const std::lock_guard lock(telling_);
  access_.progress(progress);
}

Result<size_t> Downloads::read(Item& item, uint64_t at, char* buffer, size_t size) {
  uint64_t there = 0;
  int fd = -1;
  {
    std::unique_lock lock(mutex_);
    while (item.written <= at && !item.finished) {
      if (stopping_ || cancelled(access_)) return cancelled_error();
      changed_.wait_for(lock, look_up_interval);
    }
    if (item.written <= at && item.error) return *item.error;
    there = item.written;
    fd = item.file.get();
  }
  if (there <= at) return size_t{0};
  const size_t wanted = std::min<uint64_t>(size, there - at);
  for (;;) {
    const ssize_t n = pread(fd, buffer, wanted, static_cast<off_t>(at));
    if (n > 0) return static_cast<size_t>(n);
    if (n == 0) return Error::infrastructure("a download was cut short by somebody else");
    if (errno != EINTR) return Error::system("pread", "a download");
  }
}

Result<std::unique_ptr<ByteSource>> Downloads::reader(const Blob& blob) {
  if (no_threads_) return *no_threads_;
  Item* item = nullptr;
  {
    const std::lock_guard lock(mutex_);
    item = &item_of(blob);
    if (!item->begun) {
      std::erase(waiting_, item);
      waiting_.push_front(item);
    }
  }
  changed_.notify_all();
  return std::unique_ptr<ByteSource>(std::make_unique<Reader>(*this, *item));
}

std::string Downloads::take(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  for (Item& item : items_)
    if (item.blob.digest == digest && item.finished) return std::exchange(item.name, std::string());
  return {};
}

}  // namespace testctr::image
