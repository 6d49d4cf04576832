// Whether this is a build with a sanitizer in it, and what such a build needs to be told apart for: `make
// asan`, `make tsan`, `make fuzz`. Nothing of it is in the program that is given out.
#pragma once

#include <fcntl.h>

#include "base/fd.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TESTCTR_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TESTCTR_SANITIZED 1
#endif
#endif

#ifdef TESTCTR_SANITIZED
#include <sanitizer/common_interface_defs.h>
#endif

namespace testctr {

#ifdef TESTCTR_SANITIZED
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

/// Lets a sanitizer's reports go to where standard error leads now, also after that has been led elsewhere.
/// @return the descriptor for that, to be kept open; none without a sanitizer or without a standard error.
inline Fd keep_sanitizer_reports() {
#ifdef TESTCTR_SANITIZED
  Fd kept(::fcntl(2, F_DUPFD_CLOEXEC, 3));
  if (kept.valid()) __sanitizer_set_report_fd(reinterpret_cast<void*>(static_cast<intptr_t>(kept.get())));
  return kept;
#else
  return Fd();
#endif
}

}  // namespace testctr
