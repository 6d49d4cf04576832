// Blobs on their way from a registry into files, several at once, each read while it grows.
//
// A layer is unpacked while it comes in, and those above it come in meanwhile. What is read is the file: its
// bytes are hashed by whoever reads, and what fails the test is never renamed to a name that counts.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/byte_source.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/result.h"
#include "image/access.h"

namespace testctr::image {

class Downloads {
 public:
  struct Blob {
    Digest digest;
    uint64_t size = 0;
  };
  /// Opens a blob's stream; called by several threads.
  using Open = std::function<Result<std::unique_ptr<ByteSource>>(const Blob&)>;

  /// Begins with the first blobs at once. @param folder where the files are made, under names of their own
  /// @param shown the image, for the progress. `access` must outlive this.
  Downloads(Fd folder, std::vector<Blob> blobs, Open open, const Access& access, std::string shown);
  /// Ends what still runs, and removes the files that nobody took.
  ~Downloads();
  Downloads(const Downloads&) = delete;
  Downloads& operator=(const Downloads&) = delete;

  /// A stream of the blob, which waits for what is not there yet; next in line if nobody fetches it. One that
  /// was not told before is fetched, too. Must not outlive this.
  Result<std::unique_ptr<ByteSource>> reader(const Blob& blob);
  /// The file of a blob that has come in whole: the caller's from then on.
  std::string take(const Digest& digest);

 private:
  struct Item {
    Blob blob;
    std::string name;
    Fd file;
    uint64_t written = 0;
    bool begun = false, finished = false;
    std::optional<Error> error;
  };
  class Reader;

  void work();
  Item* next();
  void fetch(Item& item);
  Status copy(Item& item);
  void tell(const Item& item);
  Item& item_of(const Blob& blob);
  Result<size_t> read(Item& item, uint64_t at, char* buffer, size_t size);

  Fd folder_;
  Open open_;
  const Access& access_;
  std::string shown_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;  ///< stay where they are
  std::deque<Item*> waiting_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> threads_;
  std::optional<Error> no_threads_;
  std::mutex telling_;
};

}  // namespace testctr::image
