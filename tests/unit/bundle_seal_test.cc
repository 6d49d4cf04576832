#include "bundle/seal.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "image/source.h"

namespace testctr::bundle {
namespace {

Fd file_of(std::string_view bytes) {
  Fd file = sys::memory_file("bundle").value();
  REQUIRE(sys::write_full(file.get(), bytes).ok());
  return file;
}

/// A program of `begin` bytes and an archive behind it, sealed.
Fd sealed(std::string_view bytes, size_t begin) {
  Fd file = sys::memory_file("bundle").value();
  SealedOutput out(file.get());
  if (begin != 0) REQUIRE(out.write(bytes.substr(0, begin)).ok());
  out.begin_archive();
  REQUIRE(out.write(bytes.substr(begin)).ok());
  REQUIRE(out.finish().ok());
  return file;
}

std::string all_of(int file) {
  const off_t size = ::lseek(file, 0, SEEK_END);
  std::string bytes(static_cast<size_t>(size), '\0');
  REQUIRE(::pread(file, bytes.data(), bytes.size(), 0) == size);
  return bytes;
}

TEST_CASE("a seal says where the archive lies, and whether the file is what it was") {
  for (const uint64_t begin : {0, 7, 10}) {
    Fd file = sealed("programARC", begin);
    auto seal = find_seal(file.get());
    REQUIRE(seal.ok());
    REQUIRE(seal.value());
    CHECK(seal.value()->begin == begin);
    CHECK(seal.value()->size == 10 - begin);
    CHECK(seal.value()->digest == Digest::of("programARC"));
    CHECK(check_seal(file.get(), *seal.value()).ok());
    CHECK(all_of(file.get()).size() == 10 + seal_size);
  }
}

TEST_CASE("a file without one has none") {
  for (const std::string& bytes : {std::string(), std::string(511, 'x'), std::string(5000, '\0')}) {
    Fd file = file_of(bytes);
    auto seal = find_seal(file.get());
    REQUIRE(seal.ok());
    CHECK_FALSE(seal.value());
  }
}

TEST_CASE("a flipped bit anywhere, or a cut, is seen") {
  Fd whole = sealed("programARC", 7);
  const std::string bytes = all_of(whole.get());
  const auto good = [](std::string_view altered) {
    Fd file = file_of(altered);
    auto seal = find_seal(file.get());
    return seal.ok() && seal.value() && check_seal(file.get(), *seal.value()).ok();
  };
  CHECK(good(bytes));
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string altered = bytes;
    altered[at] = static_cast<char>(altered[at] ^ 1);
    CHECK_FALSE(good(altered));
  }
  for (size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(good(bytes.substr(0, size)));
  CHECK_FALSE(good("x" + bytes));
  CHECK_FALSE(good(bytes + "x"));
}

TEST_CASE("a seal that tells of more than there is is damaged") {
  for (const char* where : {"archive 600 18446744073709551528", "archive 18446744073709551615 513",
                            "archive 0 511", "archive 0 18446744073709551616", "archive -1 513"}) {
    std::string seal = std::string("testctr-bundle 1\n") + where + "\nsha256:" + std::string(64, '0') + "\n";
    seal.resize(seal_size);
    Fd file = file_of(std::string(512, 'x') + seal);
    CAPTURE(where);
    CHECK_FALSE(find_seal(file.get()).ok());
  }
}

TEST_CASE("an archive's header that tells of more than there is is an error") {
  // A tar header with a size in base 256.
  for (const unsigned char highest : {0x00, 0x7f}) {
    std::string header(512, '\0');
    header.replace(0, 10, "index.json");
    header.replace(100, 7, "0000644");
    header[124] = static_cast<char>(0x80);
    header[128] = static_cast<char>(highest);
    for (int i = 129; i < 136; ++i) header[static_cast<size_t>(i)] = static_cast<char>(0xf0);
    header[156] = '0';
    header.replace(257, 8,
                   std::string("ustar\0"
                               "00",
                               8));
    header.replace(148, 8, "        ");
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    header.replace(148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    for (const std::string& rest : {std::string(), std::string(1024, '\0')})
      CHECK_FALSE(image::OciArchive::open(file_of(header + rest), 0, 512 + rest.size(), "a").ok());
  }
}

}  // namespace
}  // namespace testctr::bundle
