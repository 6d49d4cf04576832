// testctr.lock: which images the names in a manifest stand for, as digests; written by `lock`, kept beside
// the manifest, and read by whatever reads that. Its form:
//
//   version: 1
//   images:
//     "golang:1.22":
//       digest: sha256:...               # what the tag names: an index, or the image itself
//       platforms:
//         linux/amd64: sha256:...        # the image for each platform
//
// Names are as the manifest writes them. Names and platforms are sorted, so that a change is a change of few
// lines.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "plan/plan.h"

namespace testctr::plan {

struct LockedImage {
  Digest digest;
  std::map<std::string, Digest> platforms;
  bool operator==(const LockedImage&) const = default;
};

struct LockFile {
  std::map<std::string, LockedImage> images;
  bool operator==(const LockFile&) const = default;
};

/// The lock file of a manifest: "a/testctr.yaml" has "a/testctr.lock".
std::string lock_path(const std::string& manifest);

/// Reads a lock file. @param name for messages. Usage errors, all at once, each with name:line:column: what
/// is no lock file of a version that is known, a digest or platform that is none.
Result<LockFile> parse_lock(const std::string& source, const std::string& name);
/// The lock file of a manifest; nothing when there is none.
Result<std::optional<LockFile>> read_lock(const std::string& manifest);
/// The text that `parse_lock` reads.
std::string lock_text(const LockFile& lock);

/// Whether an image is one by a name that may stand for another tomorrow: not builtin, no file, no digest.
bool can_be_locked(const std::string& image);
/// This machine's, as a lock file calls it.
std::string own_platform();
/// What the names in a lock file are replaced by: NAME@DIGEST; "" where the file has none for the platform.
std::map<std::string, std::string> pins_of(const LockFile& lock, const std::string& platform);

/// Says of each job's images what its lock file has: a job whose lock file lacks one for this machine cannot
/// be run. Usage error: `locked` is asked for and a lock file does not have them all.
Status settle_pins(Plan& plan, bool locked);

/// Asks what a name stands for at this moment.
using ResolveImage = std::function<Result<LockedImage>(const std::string& name)>;

struct LockChange {
  std::string name;
  Digest before, after;  ///< empty: there was none, there is none any more
};
/// Makes `lock` the lock file of these names: those that it lacks, and those of `renew`, are asked for; those
/// that are not needed go. @return what changed, by name. Errors: of `resolve`; then nothing has changed.
Result<std::vector<LockChange>> update_lock(LockFile& lock, const std::vector<std::string>& names,
                                            const std::vector<std::string>& renew,
                                            const ResolveImage& resolve);

/// What is wrong with a lock file for these names, a sentence each. @param resolve when given, each name is
/// asked for and must still be what the file says. Errors: of that.
Result<std::vector<std::string>> check_lock(const LockFile& lock, const std::vector<std::string>& names,
                                            const ResolveImage& resolve);

}  // namespace testctr::plan
