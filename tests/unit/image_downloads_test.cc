// Blobs that come in several at once, and are read while they do.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "base/sys.h"
#include "image/downloads.h"

using namespace testctr;
using image::Downloads;

namespace {

// Gives its bytes a few at a time, and none before `go`.
class Slow final : public ByteSource {
 public:
  Slow(std::string bytes, std::atomic<bool>& go, std::optional<size_t> fails_at)
      : bytes_(std::move(bytes)), go_(go), fails_at_(fails_at) {}
  Result<size_t> read(char* buffer, size_t size) override {
    while (!go_) usleep(1000);
    if (fails_at_ && at_ >= *fails_at_) return Error::infrastructure("cut on purpose");
    const size_t n = std::min({size, bytes_.size() - at_, size_t{7}});
    std::copy_n(bytes_.data() + at_, n, buffer);
    at_ += n;
    return n;
  }

 private:
  std::string bytes_;
  std::atomic<bool>& go_;
  std::optional<size_t> fails_at_;
  size_t at_ = 0;
};

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/tc-downloads-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { (void)sys::remove_tree(path); }
  [[nodiscard]] Fd open() const { return sys::open(path, O_RDONLY | O_DIRECTORY).value(); }
  [[nodiscard]] size_t files() const { return sys::list_dir(open().get()).value().size(); }
};

std::string bytes_of(char letter) { return std::string(100, letter) + "end"; }
Downloads::Blob blob_of(char letter) { return {Digest::of(bytes_of(letter)), bytes_of(letter).size()}; }

Downloads::Open opener(std::atomic<bool>& go, std::optional<size_t> fails_at = {}) {
  return [&go, fails_at](const Downloads::Blob& blob) -> Result<std::unique_ptr<ByteSource>> {
    for (char letter = 'a'; letter < 'h'; ++letter)
      if (blob_of(letter).digest == blob.digest)
        return std::unique_ptr<ByteSource>(std::make_unique<Slow>(bytes_of(letter), go, fails_at));
    return Error::infrastructure("no such blob");
  };
}

}  // namespace

TEST_CASE("image downloads: what comes in is read meanwhile, and what is taken stays") {
  Folder folder;
  std::atomic<bool> go = true;
  const image::Access access;
  {
    Downloads all(folder.open(), {blob_of('a'), blob_of('b'), blob_of('c'), blob_of('d')}, opener(go), access,
                  "x");
    for (char letter : {'b', 'd', 'a', 'c', 'e'}) {  // the last one was not told before
      auto reader = all.reader(blob_of(letter)).value();
      CHECK(read_source(*reader, 1000).value() == bytes_of(letter));
      auto again = all.reader(blob_of(letter)).value();
      CHECK(read_source(*again, 1000).value() == bytes_of(letter));
    }
    const std::string taken = all.take(blob_of('b').digest);
    REQUIRE(!taken.empty());
    CHECK(sys::read_file(folder.path + "/" + taken).value() == bytes_of('b'));
    CHECK(all.take(blob_of('b').digest).empty());
  }
  CHECK(folder.files() == 1);
}

TEST_CASE("image downloads: a failure is told to who reads, after what came before it") {
  Folder folder;
  std::atomic<bool> go = true;
  const image::Access access;
  {
    Downloads all(folder.open(), {blob_of('a')}, opener(go, 21), access, "x");
    auto reader = all.reader(blob_of('a')).value();
    const auto all_of_it = read_source(*reader, 1000);
    REQUIRE(!all_of_it.ok());
    CHECK(all_of_it.error().message() == "cut on purpose");
    auto unknown = all.reader({Digest::of("other"), 5}).value();
    CHECK_FALSE(read_source(*unknown, 1000).ok());
    CHECK(all.take(Digest::of("never")).empty());
  }
  CHECK(folder.files() == 0);
}

TEST_CASE("image downloads: an interruption ends who waits") {
  Folder folder;
  std::atomic<bool> go = false, cancel = false;
  image::Access access;
  access.cancel = &cancel;
  {
    Downloads all(folder.open(), {blob_of('a')}, opener(go), access, "x");
    auto reader = all.reader(blob_of('a')).value();
    cancel = true;
    char byte = 0;
    const auto got = reader->read(&byte, 1);
    REQUIRE(!got.ok());
    CHECK(got.error().number() == ECANCELED);
    go = true;  // the transfer itself is ended by its client; this one sees it at its next piece
  }
  CHECK(folder.files() == 0);
}
