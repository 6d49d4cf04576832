#include "image/elf.h"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace testctr::image {
namespace {

constexpr size_t most_segments = 1024;
constexpr size_t most_dynamic = 16384;
constexpr size_t most_names = 16384;  // libraries and versions in all
constexpr size_t longest_name = 4096;

Error wrong(std::string_view what) {
  return Error::infrastructure(fmt::format("a damaged ELF file: {}", what));
}

// A piece of a file, whose numbers are read in the file's own order.
class Piece {
 public:
  Piece(std::string bytes, bool big_endian) : bytes_(std::move(bytes)), big_endian_(big_endian) {}
  [[nodiscard]] size_t size() const { return bytes_.size(); }
  // 0 beyond the end: pieces are read whole before they are looked at.
  [[nodiscard]] uint64_t number(size_t at, size_t size) const {
    uint64_t value = 0;
    for (size_t i = 0; i < size && at + i < bytes_.size(); ++i) {
      const size_t shift = big_endian_ ? size - 1 - i : i;
      value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes_[at + i])) << (8 * shift);
    }
    return value;
  }

 private:
  std::string bytes_;
  bool big_endian_;
};

struct Segment {
  uint32_t type = 0;
  uint64_t offset = 0, address = 0, file_size = 0;
};

class Reader {
 public:
  explicit Reader(const ReadAt& read) : read_(read) {}

  Result<Elf> run() {
    CHECK_OK(read_header());
    for (const Segment& segment : segments_) {
      if (segment.type == PT_INTERP) elf_.interpreter = TRY(text_at(segment.offset, segment.file_size));
      if (segment.type == PT_DYNAMIC && !elf_.dynamic) {
        elf_.dynamic = true;
        CHECK_OK(read_dynamic(segment));
      }
    }
    return std::move(elf_);
  }

 private:
  Result<Piece> piece(uint64_t offset, size_t size, std::string_view what) {
    std::string bytes = TRY(read_(offset, size));
    if (bytes.size() != size) return wrong(fmt::format("its {} is cut off", what));
    return Piece(std::move(bytes), elf_.big_endian);
  }

  Status read_header() {
    const std::string ident = TRY(read_(0, EI_NIDENT));
    if (!is_elf(ident)) return Error::infrastructure("not an ELF file");
    if (ident.size() < EI_NIDENT) return wrong("its header is cut off");
    if (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64)
      return wrong("neither 32 nor 64 bits");
    if (ident[EI_DATA] != ELFDATA2LSB && ident[EI_DATA] != ELFDATA2MSB)
      return wrong("an unknown order of bytes");
    elf_.is_64 = ident[EI_CLASS] == ELFCLASS64;
    elf_.big_endian = ident[EI_DATA] == ELFDATA2MSB;
    const bool wide = elf_.is_64;
    const Piece header = TRY(piece(0, wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr), "header"));
    elf_.machine = static_cast<uint16_t>(header.number(18, 2));
    const uint64_t table = header.number(wide ? 32 : 28, wide ? 8 : 4);
    const size_t entry = header.number(wide ? 54 : 42, 2), count = header.number(wide ? 56 : 44, 2);
    const size_t least = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    if (count == 0) return {};
    if (count > most_segments || entry < least || entry > 256) return wrong("an absurd table of segments");
    const Piece headers = TRY(piece(table, count * entry, "table of segments"));
    for (size_t i = 0; i < count; ++i) {
      const size_t at = i * entry;
      Segment segment;
      segment.type = static_cast<uint32_t>(headers.number(at, 4));
      segment.offset = headers.number(at + (wide ? 8 : 4), wide ? 8 : 4);
      segment.address = headers.number(at + (wide ? 16 : 8), wide ? 8 : 4);
      segment.file_size = headers.number(at + (wide ? 32 : 16), wide ? 8 : 4);
      segments_.push_back(segment);
    }
    return {};
  }

  // Where something that is loaded to an address stands in the file.
  [[nodiscard]] std::optional<uint64_t> offset_of(uint64_t address) const {
    for (const Segment& segment : segments_) {
      if (segment.type == PT_LOAD && address >= segment.address &&
          address - segment.address < segment.file_size)
        return segment.offset + (address - segment.address);
    }
    return std::nullopt;
  }

  // The text at an offset, to its null byte.
  Result<std::string> text_at(uint64_t offset, uint64_t size) {
    std::string text = TRY(read_(offset, std::min<uint64_t>(size, longest_name + 1)));
    const size_t end = text.find('\0');
    if (end == std::string::npos) return wrong("a name without an end");
    text.resize(end);
    return text;
  }

  Result<std::string> string(uint64_t index) {
    if (++names_ > most_names) return wrong("absurdly many names");
    if (index >= strings_size_) return wrong("a name outside of its table");
    return text_at(strings_ + index, strings_size_ - index);
  }

  Status read_dynamic(const Segment& segment) {
    const size_t width = elf_.is_64 ? 8 : 4;
    const size_t count = std::min<uint64_t>(segment.file_size / (2 * width), most_dynamic);
    const Piece entries = TRY(piece(segment.offset, count * 2 * width, "dynamic section"));
    uint64_t table = 0, verneed = 0, verneed_count = 0, verdef = 0, verdef_count = 0;
    std::vector<std::pair<uint64_t, uint64_t>> named;
    for (size_t i = 0; i < count; ++i) {
      const uint64_t tag = entries.number(2 * i * width, width),
                     value = entries.number((2 * i + 1) * width, width);
      if (tag == DT_NULL) break;
      if (tag == DT_STRTAB) table = value;
      if (tag == DT_STRSZ) strings_size_ = value;
      if (tag == DT_VERNEED) verneed = value;
      if (tag == DT_VERNEEDNUM) verneed_count = value;
      if (tag == DT_VERDEF) verdef = value;
      if (tag == DT_VERDEFNUM) verdef_count = value;
      if (tag == DT_NEEDED || tag == DT_SONAME || tag == DT_RPATH || tag == DT_RUNPATH)
        named.emplace_back(tag, value);
    }
    if (named.empty() && verneed_count == 0 && verdef_count == 0) return {};
    const auto strings = offset_of(table);
    if (!strings) return wrong("its table of names is not in the file");
    strings_ = *strings;
    for (const auto& [tag, value] : named) CHECK_OK(take_name(tag, TRY(string(value))));
    if (verneed_count != 0) CHECK_OK(read_wanted(verneed, verneed_count));
    if (verdef_count != 0) CHECK_OK(read_defined(verdef, verdef_count));
    return {};
  }

  Status take_name(uint64_t tag, std::string text) {
    if (tag == DT_NEEDED)
      elf_.needed.push_back(std::move(text));
    else if (tag == DT_SONAME)
      elf_.soname = std::move(text);
    else {
      std::vector<std::string>& paths = tag == DT_RPATH ? elf_.rpath : elf_.runpath;
      for (size_t from = 0; from <= text.size();) {
        const size_t colon = std::min(text.find(':', from), text.size());
        if (colon != from) paths.push_back(text.substr(from, colon - from));
        from = colon + 1;
      }
    }
    return {};
  }

  // Lists of records, each saying how far the next is, with lists of records of their own. The records are
  // the same for 32 and 64 bits.
  Status read_wanted(uint64_t address, uint64_t count) {
    const auto start = offset_of(address);
    if (!start) return wrong("its list of wanted versions is not in the file");
    uint64_t at = *start;
    for (uint64_t i = 0; i < std::min<uint64_t>(count, most_names); ++i) {
      const Piece need = TRY(piece(at, sizeof(Elf64_Verneed), "list of wanted versions"));
      Elf::Wanted wanted;
      wanted.library = TRY(string(need.number(4, 4)));
      uint64_t inner = at + need.number(8, 4);
      for (uint64_t j = 0, versions = need.number(2, 2); j < versions; ++j) {
        const Piece version = TRY(piece(inner, sizeof(Elf64_Vernaux), "list of wanted versions"));
        std::string name = TRY(string(version.number(8, 4)));
        if ((version.number(4, 2) & VER_FLG_WEAK) == 0) wanted.versions.push_back(std::move(name));
        if (version.number(12, 4) == 0) break;
        inner += version.number(12, 4);
      }
      elf_.wanted.push_back(std::move(wanted));
      if (need.number(12, 4) == 0) break;
      at += need.number(12, 4);
    }
    return {};
  }

  Status read_defined(uint64_t address, uint64_t count) {
    const auto start = offset_of(address);
    if (!start) return wrong("its list of versions is not in the file");
    uint64_t at = *start;
    for (uint64_t i = 0; i < std::min<uint64_t>(count, most_names); ++i) {
      const Piece definition = TRY(piece(at, sizeof(Elf64_Verdef), "list of versions"));
      // The first name is the version's, the others are those that it goes on from.
      if (definition.number(6, 2) != 0) {
        const Piece name =
            TRY(piece(at + definition.number(12, 4), sizeof(Elf64_Verdaux), "list of versions"));
        std::string text = TRY(string(name.number(0, 4)));
        if ((definition.number(2, 2) & VER_FLG_BASE) == 0) elf_.defined.push_back(std::move(text));
      }
      if (definition.number(16, 4) == 0) break;
      at += definition.number(16, 4);
    }
    return {};
  }

  const ReadAt& read_;
  Elf elf_;
  std::vector<Segment> segments_;
  uint64_t strings_ = 0, strings_size_ = 0;
  size_t names_ = 0;
};

}  // namespace

ReadAt reader_of(int fd) {
  return [fd](uint64_t offset, size_t size) -> Result<std::string> {
    std::string bytes(size, '\0');
    size_t have = 0;
    while (have < size) {
      if (offset + have > static_cast<uint64_t>(INT64_MAX)) break;
      const ssize_t n = ::pread(fd, bytes.data() + have, size - have, static_cast<off_t>(offset + have));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Error::system("pread", "an ELF file");
      if (n == 0) break;
      have += static_cast<size_t>(n);
    }
    bytes.resize(have);
    return bytes;
  };
}

bool is_elf(std::string_view beginning) { return beginning.starts_with(std::string_view(ELFMAG, SELFMAG)); }

Result<Elf> read_elf(const ReadAt& read) { return Reader(read).run(); }

std::string machine_name(const Elf& elf) {
  const std::string order = elf.big_endian ? ", big-endian" : "";
  switch (elf.machine) {
    case EM_X86_64:
      return elf.is_64 ? "x86-64" : "x32";
    case EM_386:
      return "i386";
    case EM_AARCH64:
      return "aarch64" + order;
    case EM_ARM:
      return "arm" + order;
    case EM_RISCV:
      return elf.is_64 ? "riscv64" : "riscv32";
    case EM_PPC64:
      return elf.big_endian ? "ppc64" : "ppc64le";
    case EM_S390:
      return "s390x";
    case EM_MIPS:
      return "mips" + order;
    case EM_LOONGARCH:
      return "loongarch64";
    default:
      return fmt::format("machine {}{}", elf.machine, order);
  }
}

bool runs_here(const Elf& elf) {
#if defined(__x86_64__)
  return elf.machine == EM_X86_64 && elf.is_64 && !elf.big_endian;
#elif defined(__aarch64__)
  return elf.machine == EM_AARCH64 && elf.is_64 && !elf.big_endian;
#else
#error "which programs this machine runs is not known"
#endif
}

}  // namespace testctr::image
