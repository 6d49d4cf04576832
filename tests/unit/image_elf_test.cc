// What programs need, and what a root has of it: the ELF reader, merged layers, and the loader's search.
#include <doctest/doctest.h>
#include <elf.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/sys.h"
#include "image/elf.h"
#include "image/loadable.h"
#include "image/merged_root.h"
#include "sandbox_support.h"

using namespace testctr;
using namespace testctr::image;
using testctr::sandbox::tests::TemporaryDirectory;

namespace {

ReadAt reader_of_bytes(const std::string& bytes) {
  return [&bytes](uint64_t offset, size_t size) -> Result<std::string> {
    return offset >= bytes.size() ? std::string() : bytes.substr(offset, size);
  };
}

void put(std::string& bytes, size_t at, uint64_t value, size_t size, bool big = false) {
  for (size_t i = 0; i < size; ++i)
    bytes[at + i] = static_cast<char>(value >> (8 * (big ? size - 1 - i : i)) & 255);
}

/// A small ELF file of either width and order: an interpreter, two libraries, RUNPATH, wanted and own
/// versions.
std::string small_elf(bool wide, bool big) {
  std::string b(0x800, '\0');
  const size_t w = wide ? 8 : 4;
  b.replace(0, 4, ELFMAG);
  b[4] = static_cast<char>(wide ? ELFCLASS64 : ELFCLASS32);
  b[5] = static_cast<char>(big ? ELFDATA2MSB : ELFDATA2LSB);
  b[6] = 1;
  auto n = [&](size_t at, uint64_t value, size_t size) { put(b, at, value, size, big); };
  n(18, wide ? EM_X86_64 : EM_ARM, 2);
  n(wide ? 32 : 28, 0x100, w);
  n(wide ? 54 : 42, wide ? 56 : 32, 2);
  n(wide ? 56 : 44, 3, 2);
  auto segment = [&](size_t i, uint32_t type, uint64_t offset, uint64_t address, uint64_t size) {
    const size_t at = 0x100 + i * (wide ? 56 : 32);
    n(at, type, 4);
    n(at + (wide ? 8 : 4), offset, w);
    n(at + (wide ? 16 : 8), address, w);
    n(at + (wide ? 32 : 16), size, w);
  };
  segment(0, PT_LOAD, 0, 0x10000, 0x800);
  segment(1, PT_INTERP, 0x200, 0x10200, 10);
  segment(2, PT_DYNAMIC, 0x300, 0x10300, 32 * 2 * w);
  b.replace(0x200, 10, std::string("/lib/ld.so", 10).substr(0, 9) + std::string(1, '\0'));
  const std::string names = std::string("\0liba.so\0libc.so.6\0/x:$ORIGIN\0V_1\0V_2\0OWN\0me.so\0", 48);
  b.replace(0x700, names.size(), names);
  const std::pair<uint64_t, uint64_t> entries[] = {
      {DT_NEEDED, 1},       {DT_NEEDED, 9},    {DT_STRTAB, 0x10700},  {DT_STRSZ, names.size()},
      {DT_RUNPATH, 19},     {DT_SONAME, 42},   {DT_VERNEED, 0x10500}, {DT_VERNEEDNUM, 1},
      {DT_VERDEF, 0x10600}, {DT_VERDEFNUM, 2}, {DT_NULL, 0}};
  for (size_t i = 0; i < std::size(entries); ++i) {
    n(0x300 + 2 * i * w, entries[i].first, w);
    n(0x300 + (2 * i + 1) * w, entries[i].second, w);
  }
  n(0x500 + 2, 2, 2), n(0x504, 9, 4), n(0x508, 16, 4);
  n(0x510 + 8, 30, 4), n(0x510 + 12, 16, 4);
  n(0x520 + 4, VER_FLG_WEAK, 2), n(0x520 + 8, 34, 4);
  n(0x602, VER_FLG_BASE, 2), n(0x606, 1, 2), n(0x60c, 20, 4), n(0x610, 28, 4), n(0x614, 42, 4);
  n(0x61c + 6, 1, 2), n(0x61c + 12, 20, 4), n(0x61c + 20, 38, 4);
  return b;
}

}  // namespace

TEST_CASE("elf: what a program needs, in both widths and orders") {
  for (bool wide : {false, true}) {
    for (bool big : {false, true}) {
      CAPTURE(wide);
      CAPTURE(big);
      const std::string bytes = small_elf(wide, big);
      auto elf = read_elf(reader_of_bytes(bytes));
      REQUIRE_MESSAGE(elf.ok(), elf.error().message());
      const Elf& e = elf.value();
      CHECK(e.interpreter == "/lib/ld.s");
      CHECK(e.needed == std::vector<std::string>{"liba.so", "libc.so.6"});
      CHECK(e.runpath == std::vector<std::string>{"/x", "$ORIGIN"});
      CHECK(e.soname == "me.so");
      REQUIRE(e.wanted.size() == 1);
      CHECK(e.wanted[0].library == "libc.so.6");
      CHECK(e.wanted[0].versions == std::vector<std::string>{"V_1"});  // V_2 is weak
      CHECK(e.defined == std::vector<std::string>{"OWN"});
      CHECK(machine_name(e) == std::string(wide ? "x86-64" : "arm") + (big && !wide ? ", big-endian" : ""));
    }
  }
}

TEST_CASE("elf: cut off anywhere it is an error or a file that says less, never more") {
  const std::string whole = small_elf(true, false);
  CHECK_FALSE(read_elf(reader_of_bytes("")).ok());
  for (size_t size = 0; size < whole.size(); size += 3) {
    const std::string part = whole.substr(0, size);
    (void)read_elf(reader_of_bytes(part));
  }
  for (size_t at = 0; at < 0x740; ++at) {
    std::string changed = whole;
    changed[at] = '\xff';
    (void)read_elf(reader_of_bytes(changed));
  }
  std::string endless = whole;  // a list that goes on with itself
  put(endless, 0x50c, 0, 4);
  put(endless, 0x502, 0xffff, 2);
  put(endless, 0x510 + 12, 0xfffffff0, 4);
  CHECK_FALSE(read_elf(reader_of_bytes(endless)).ok());
}

TEST_CASE("merged root: layers as overlayfs merges them, links inside, mounts on top") {
  TemporaryDirectory dir;
  const std::string low = dir / "low", top = dir / "top", out = dir / "out";
  sandbox::tests::host(
      "mkdir -p " + low + "/a/b " + low + "/gone " + low + "/hidden " + low + "/etc " + top + "/a " + top +
      "/hidden " + top + "/lib " + out + " && cd " + dir.path() +
      " && echo low > low/a/b/file; echo low > low/a/both; echo top > top/a/both;"
      " echo x > low/gone/x; echo x > low/hidden/x; echo y > top/hidden/y; echo out > out/secret;"
      " ln -s /a/b top/lib/link; ln -s ../../../../../out/secret top/lib/escape; ln -s loop top/loop;"
      " ln -s " +
      out + "/secret top/absolute; echo file > top/a/b2");
  // Where nobody may make whiteouts there is nothing to see.
  const bool whiteouts = mknod((top + "/gone").c_str(), S_IFCHR | 0600, makedev(0, 0)) == 0;
  const bool opaque = lsetxattr((top + "/hidden").c_str(), "user.overlay.opaque", "y", 1, 0) == 0;
  auto root = MergedRoot::open({low, top}).value();
  auto text = [&](const std::string& path) -> std::string {
    auto found = root.find(path);
    if (!found.ok()) return "error";
    if (!found.value()) return "nothing";
    if (S_ISDIR(found.value()->st.st_mode)) return "directory " + found.value()->path;
    return sys::read_all(found.value()->open().value().get(), 100).value();
  };
  CHECK(text("/a/b/file") == "low\n");
  CHECK(text("/a/both") == "top\n");
  CHECK(text("/lib/link/file") == "low\n");
  CHECK(text("/lib/link/../both") == "top\n");
  CHECK(text("/lib/escape") == "nothing");
  CHECK(text("/absolute") == "nothing");
  CHECK(text("/loop") == "error");
  CHECK(text("/a/both/x") == "nothing");
  CHECK(text("/..") == "directory /");
  CHECK(root.list("/a").value() == std::vector<std::string>{"b", "b2", "both"});
  if (whiteouts) CHECK(text("/gone/x") == "nothing");
  if (opaque) {
    CHECK(text("/hidden/x") == "nothing");
    CHECK(text("/hidden/y") == "y\n");
  }
  REQUIRE(root.mount("/lib/link/new/deep", out).ok());
  REQUIRE(root.mount("/a/both", out + "/secret").ok());
  CHECK(text("/a/both") == "out\n");
  REQUIRE(root.mount("/new/deep", out).ok());
  CHECK(text("/new/deep/secret") == "out\n");
  CHECK(text("/new") == "directory /new");
  CHECK(text("/new/other") == "nothing");
}
