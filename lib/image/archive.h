// libarchive held by RAII, with its errors as ours; and where tar streams go to.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/byte_source.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/result.h"

namespace testctr::image {

struct ArchiveReadFree {
  void operator()(struct archive* a) const { archive_read_free(a); }
};
struct ArchiveWriteFree {
  void operator()(struct archive* a) const { archive_write_free(a); }
};
struct ArchiveEntryFree {
  void operator()(struct archive_entry* e) const { archive_entry_free(e); }
};
using ArchiveReader = std::unique_ptr<struct archive, ArchiveReadFree>;
using ArchiveWriter = std::unique_ptr<struct archive, ArchiveWriteFree>;
using ArchiveEntry = std::unique_ptr<struct archive_entry, ArchiveEntryFree>;

/// What libarchive says went wrong with `a`, as an infrastructure error. @param doing "reading the tar
/// stream".
Error archive_error(struct archive* a, std::string_view doing);

/// What bytes go through: a descriptor, with a digest and a count made on the way.
struct HashedOutput {
  explicit HashedOutput(int out) : fd(out) {}
  int fd;  ///< not owned; -1 only counts and hashes
  Sha256 hash;
  uint64_t size = 0;
  Status error;  ///< the first failed write
  Status write(std::string_view bytes);
};

/// A deterministic pax tar writer (restricted pax: extended headers only where they are needed; names are
/// bytes: the header in front of one that is not ASCII says so). What it writes comes to the callback at
/// once, not in blocks. @param data handed to the callback
Result<ArchiveWriter> tar_writer(void* data, archive_write_callback* write);

/// For each new archive_write_header: clears everything that would make bytes differ between two machines.
ArchiveEntry new_entry();

}  // namespace testctr::image
