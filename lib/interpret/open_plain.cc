#include "interpret/open_plain.h"

#include <fcntl.h>

#include "base/sys.h"

namespace testctr::interpret {

Result<Fd> open_plain(const std::string& path, int flags, mode_t mode) {
  // Resolved as in a root that is the root: the same file as open(2) finds, by rules that know no magic
  // links.
  Fd root = TRY(sys::open("/", O_PATH | O_DIRECTORY));
  return sys::open_in_root(root.get(), path, flags, mode);
}

}  // namespace testctr::interpret
