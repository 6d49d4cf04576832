// Whether this is a build with a sanitizer in it, and what such a build needs to be told apart for: `make
// asan`, `make tsan`, `make fuzz`. Nothing of it is in the program that is given out.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TESTCTR_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TESTCTR_SANITIZED 1
#endif
#endif

namespace testctr {

#ifdef TESTCTR_SANITIZED
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace testctr
