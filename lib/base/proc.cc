#include "base/proc.h"

#include <fcntl.h>

namespace testctr::proc {
namespace {
int used = -1;
}  // namespace

void use(int directory) { used = directory; }

Place place(const std::string& below) {
  if (used < 0) return {AT_FDCWD, below.empty() ? "/proc" : "/proc/" + below};
  return {used, below.empty() ? "." : below};
}

}  // namespace testctr::proc
