// Which system calls a run makes: all that the container's filter allows is reported to the supervisor, noted
// once and carried out by the kernel. What the filter refuses stays refused, and is not noted.
#pragma once

#include <linux/filter.h>

#include <array>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::sandbox {

/// Puts the filter on the calling thread. @param profile a compiled one; empty: the default one @param
/// unconfined none
/// @param fake as for `default_filter`. @return the listener. Errors (infrastructure): Linux before 5.5, or
/// whoever runs us listens already.
Result<Fd> install_learning(const std::vector<sock_filter>& profile, bool unconfined, bool fake);

/// The supervisor's side. It allocates nothing: the caller that waits for the answer may be our own other
/// thread, with the heap's lock.
class Learner {
 public:
  /// @param out where numbers are appended (O_APPEND): of each call once its architecture and number, 32 bits
  /// each
  explicit Learner(int out) : out_(out) {}
  /// Takes what is asked, and lets it happen.
  void answer(int listener);

 private:
  static constexpr size_t most_ = 1024;
  int out_;
  std::array<std::array<bool, most_>, 2> known_{};  ///< of the native architecture, and of the 32-bit one
};

/// The names of the calls in such a file, with those that any run may come to make, sorted. It comes from containers: numbers that are no calls are
/// passed over.
Result<std::set<std::string>> read_learned(int record);

/// An OCI profile that allows these calls and nothing else.
std::string profile_of(const std::set<std::string>& calls);

}  // namespace testctr::sandbox
