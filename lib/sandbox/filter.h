// System call filters as programs for the kernel: the ready-made default in its four variants, and profiles
// of others compiled by libseccomp.
#pragma once

#include <linux/filter.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace testctr::sandbox {

/// The embedded default filter (third_party/seccomp/default.table).
/// @param notify a denied call is reported to a listener (SECCOMP_RET_USER_NOTIF) instead of answered with
/// EPERM by the kernel.
/// @param fake chown, setuid and their kin succeed without effect.
std::span<const sock_filter> default_filter(bool notify, bool fake);

/// The text of the table from which the default filter was made.
std::string_view default_table_text();

/// The same program, but what it would refuse with EPERM is reported to a listener.
std::vector<sock_filter> with_notifications(std::span<const sock_filter> program);

/// The filter of the init's own thread that waits and answers; it lets pass what that thread needs and gives
/// EPERM to the rest. @param following it looks at names of files, too
std::span<const sock_filter> supervisor_filter(bool following = false);

}  // namespace testctr::sandbox
