// Tar streams: our own headers beside libarchive's, blocks, and blocks compressed.
#include "image/tar_out.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "image/blob.h"
#include "image/gzip_blocks.h"

namespace testctr::image {
namespace {

std::string content_of(int file) {
  REQUIRE(::lseek(file, 0, SEEK_SET) == 0);
  return std::move(sys::read_all(file, size_t{64} << 20)).value();
}

/// A stream of these members, with `x` for content.
std::string stream_of(const std::vector<TarMember>& members, bool by_archive) {
  std::string bytes;
  auto tar = TarOut::open([&bytes](std::string& block) -> Status {
    bytes += block;
    return {};
  });
  REQUIRE(tar.ok());
  for (const TarMember& m : members) {
    if (by_archive) {
      const ArchiveEntry e = new_entry();
      archive_entry_copy_pathname(e.get(), (S_ISDIR(m.mode) ? m.path + "/" : m.path).c_str());
      archive_entry_set_filetype(e.get(), m.mode & S_IFMT);
      archive_entry_set_perm(e.get(), m.mode & 07777U);
      archive_entry_set_mtime(e.get(), m.seconds, 0);
      archive_entry_set_uid(e.get(), 0);
      archive_entry_set_gid(e.get(), 0);
      if (S_ISREG(m.mode) && m.hardlink.empty())
        archive_entry_set_size(e.get(), static_cast<la_int64_t>(m.size));
      if (!m.hardlink.empty()) archive_entry_copy_hardlink(e.get(), m.hardlink.c_str());
      if (!m.symlink.empty()) archive_entry_copy_symlink(e.get(), m.symlink.c_str());
      REQUIRE(tar.value()->header(e.get(), m.path).ok());
    } else {
      REQUIRE(tar.value()->member(m).ok());
    }
    if (m.size != 0) REQUIRE(tar.value()->bytes(std::string(m.size, 'x'), m.path).ok());
  }
  REQUIRE(tar.value()->close().ok());
  CHECK(tar.value()->size() == bytes.size());
  return bytes;
}

TEST_CASE("tar: plain headers are the bytes that libarchive writes") {
  const std::vector<TarMember> members = {
      {.path = "testctr", .mode = S_IFDIR | 0755},
      {.path = "testctr/run", .mode = S_IFDIR | 01777, .seconds = 1234567890},
      {.path = "testctr/a", .mode = S_IFREG | 0644, .seconds = 1, .size = 511},
      {.path = "testctr/empty", .mode = S_IFREG | 04755},
      {.path = "testctr/record", .mode = S_IFREG | 0600, .size = 512},
      {.path = "testctr/link", .mode = S_IFLNK | 0777, .symlink = "../somewhere"},
      {.path = "testctr/hard", .mode = S_IFREG | 0600, .hardlink = "testctr/a"},
      {.path = "testctr/zwei \xc3\xbc", .mode = S_IFREG | 0644, .size = 3},
      {.path = "testctr/\xff", .mode = S_IFLNK | 0777, .symlink = "\xfe"},
      {.path = "testctr/after", .mode = S_IFREG | 0644, .seconds = int64_t{8} << 30, .size = 5},
      {.path = std::string(98, 'n'), .mode = S_IFDIR | 0700},
      {.path = std::string(99, 'n'), .mode = S_IFREG | 0700, .size = 1},
      {.path = std::string(100, 'n'), .mode = S_IFREG | 0700, .size = 1},
      {.path = std::string(99, 'n'), .mode = S_IFDIR | 0700},
      {.path = std::string(101, 'n'), .mode = S_IFREG | 0700, .size = 1},
      {.path = "long", .mode = S_IFLNK | 0777, .symlink = std::string(100, 'l')},
      {.path = "longer", .mode = S_IFLNK | 0777, .symlink = std::string(101, 'l')},
      {.path = "late", .mode = S_IFREG | 0644, .seconds = int64_t{1} << 33, .size = 700},
      {.path = "last", .mode = S_IFREG | 0644, .size = 1},
  };
  CHECK(stream_of(members, false) == stream_of(members, true));
  for (const TarMember& m : members) {
    CAPTURE(m.path);
    CHECK(stream_of({m}, false) == stream_of({m}, true));
  }
}

TEST_CASE("tar: a file that is not as long as was said is an error, whoever writes its header") {
  const Fd file = sys::memory_file("file").value();
  REQUIRE(sys::write_full(file.get(), std::string(1000, 'f')).ok());
  for (const char* path : {"plain", "\xc3\xbc"}) {
    for (const uint64_t size : {999, 1000, 1001}) {
      REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0);
      auto tar = TarOut::open(-1).value();
      REQUIRE(tar->member({.path = path, .mode = S_IFREG | 0644, .size = size}).ok());
      const Status done = tar->file(file.get(), size, path);
      CAPTURE(size);
      CHECK(done.ok() == (size == 1000));
      if (!done.ok()) CHECK(done.error().message().find("changed") != std::string::npos);
      if (!done.ok()) continue;
      REQUIRE(tar->close().ok());
    }
    REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0);
    auto tar = TarOut::open(-1).value();
    REQUIRE(tar->member({.path = path, .mode = S_IFREG | 0644, .size = 10}).ok());
    CHECK(tar->file(file.get(), 10, path, /*longer=*/true).ok());
  }
  auto tar = TarOut::open(-1).value();
  REQUIRE(tar->member({.path = "short", .mode = S_IFREG | 0644, .size = 2}).ok());
  CHECK_FALSE(tar->bytes("xyz", "short").ok());
  CHECK_FALSE(tar->member({.path = "next", .mode = S_IFREG | 0644}).ok());
}

TEST_CASE("tar: blocks are of one size, wherever members begin, and files are read into them whole") {
  std::string content;
  for (size_t i = 0; content.size() < 3 * tar_block; ++i) content += std::to_string(i);
  const Fd file = sys::memory_file("file").value();
  REQUIRE(sys::write_full(file.get(), content).ok());
  std::vector<size_t> sizes;
  std::string bytes;
  auto tar = TarOut::open([&](std::string& block) -> Status {
               sizes.push_back(block.size());
               bytes += block;
               block.clear();
               return {};
             }).value();
  for (const char* path : {"one", "two"}) {
    REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0);
    REQUIRE(tar->member({.path = path, .mode = S_IFREG | 0644, .size = content.size()}).ok());
    REQUIRE(tar->file(file.get(), content.size(), path).ok());
  }
  REQUIRE(tar->close().ok());
  REQUIRE(sizes.size() > 6);
  for (size_t i = 0; i + 1 < sizes.size(); ++i) CHECK(sizes[i] == tar_block);
  CHECK(bytes.substr(512, content.size()) == content);
  const size_t second = 512 + (content.size() + 511) / 512 * 512 + 512;
  CHECK(bytes.substr(second, content.size()) == content);
}

TEST_CASE("gzip blocks: the same bytes however they are scheduled, and one stream for whoever reads them") {
  std::string whole, first;
  for (int round = 0; round < 3; ++round) {
    const Fd out = sys::memory_file("blob").value();
    auto blocks = GzipBlocks::start(out.get()).value();
    whole.clear();
    uint32_t state = 1;
    for (size_t number = 0; number < 40; ++number) {
      std::string block(number == 39 ? 777 : 10000, '\0');
      for (char& c : block)
        c = static_cast<char>((state = state * 1664525 + 1013904223) >> (number % 2 ? 24 : 30));
      whole += block;
      REQUIRE(blocks->add(block).ok());
    }
    auto made = blocks->finish();
    REQUIRE(made.ok());
    const std::string bytes = content_of(out.get());
    CHECK(made.value().diff_id == Digest::of(whole));
    CHECK(made.value().blob.digest == Digest::of(bytes));
    CHECK(made.value().blob.size == bytes.size());
    if (round == 0) first = bytes;
    CHECK(bytes == first);
  }
  BlobClaim claim;
  claim.name = "the blob";
  auto stream = BlobStream::start(memory_source(first), claim).value();
  std::string read;
  for (;;) {
    auto piece = stream->next();
    REQUIRE(piece.ok());
    if (piece.value().empty()) break;
    read += piece.value();
  }
  CHECK(stream->finish().ok());
  CHECK(read == whole);
}

TEST_CASE("gzip blocks: what cannot be written is told, and nobody waits for it") {
  const Fd full = sys::open("/dev/full", O_WRONLY).value();
  auto blocks = GzipBlocks::start(full.get()).value();
  Status added;
  for (int i = 0; i < 1000 && added.ok(); ++i) {
    std::string block(1000, 'x');
    added = blocks->add(block);
  }
  REQUIRE_FALSE(added.ok());
  CHECK(added.error().number() == ENOSPC);
  CHECK_FALSE(blocks->finish().ok());
  // One that is given up ends, too.
  const Fd out = sys::memory_file("blob").value();
  auto given_up = GzipBlocks::start(out.get()).value();
  std::string block(1000, 'x');
  CHECK(given_up->add(block).ok());
}

}  // namespace
}  // namespace testctr::image
