#include "report/writer.h"

#include "base/sys.h"

namespace testctr::report {

void FdWriter::write(std::string_view bytes) {
  if (!status_.ok() || bytes.empty()) return;
  Status written = sys::write_full(fd_, bytes);
  if (written.ok()) return;
  Error error = std::move(written).error();
  error.in(fmt::format("writing to {}", what_));
  status_ = std::move(error);
}

void write_all(Writer& out, const Spill& gathered) {
  constexpr size_t piece = size_t{1} << 20;
  for (uint64_t offset = 0; offset < gathered.size(); offset += piece)
    out.write(gathered.read(offset, piece));
}

}  // namespace testctr::report
