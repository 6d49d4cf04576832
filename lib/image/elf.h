// What an ELF file needs to be started: its loader, its libraries and the versions that it wants of them.
// Reads hostile files: every offset, number and step is bounded, and little more is read than what is asked
// for.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace testctr::image {

struct Elf {
  /// A library and the versions that are wanted of it (DT_VERNEED).
  struct Wanted {
    std::string library;
    std::vector<std::string> versions;  ///< without those that it may do without
  };
  uint16_t machine = 0;  ///< e_machine
  bool is_64 = false, big_endian = false;
  std::string interpreter;  ///< PT_INTERP; empty: it is static, or a library
  bool dynamic = false;     ///< has PT_DYNAMIC
  std::string soname;
  std::vector<std::string> needed;          ///< DT_NEEDED
  std::vector<std::string> rpath, runpath;  ///< as written, cut at the colons
  std::vector<Wanted> wanted;
  std::vector<std::string> defined;  ///< DT_VERDEF: versions that it has

  /// What ld.so compares before it takes a library for a program.
  [[nodiscard]] bool same_kind(const Elf& other) const {
    return machine == other.machine && is_64 == other.is_64 && big_endian == other.big_endian;
  }
};

/// Bytes of a file from an offset on: up to `size`, fewer only at its end.
using ReadAt = std::function<Result<std::string>(uint64_t offset, size_t size)>;
/// Reads a descriptor with pread(2).
ReadAt reader_of(int fd);

/// Reads an ELF file. An error (infrastructure) says what is wrong with it: no ELF file, cut off, senseless.
Result<Elf> read_elf(const ReadAt& read);

/// Whether a file begins as ELF files do.
bool is_elf(std::string_view beginning);

/// A machine's name for people: "x86-64", "aarch64"; "machine 1234" when unknown.
std::string machine_name(const Elf& elf);
/// Whether this machine runs such programs itself, in the mode that containers are in.
bool runs_here(const Elf& elf);

}  // namespace testctr::image
