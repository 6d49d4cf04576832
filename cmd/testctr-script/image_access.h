// What the command line and the environment say about registries, and how a download is shown.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "commands.h"
#include "image/access.h"
#include "stop_signals.h"

namespace testctr::cmd {

inline constexpr Option pull_option{
    .names = "--pull",
    .value = "WHEN",
    .help =
        "ask the registry for the image: missing (when the store has none of that name), always, never\n"
        "(default: missing)",
    .choices = "missing|always|never"};
inline constexpr Option offline_option{.names = "--offline",
                                       .help = "use no network at all for images (also: TESTCTR_OFFLINE=1)"};
inline constexpr Option authfile_option{
    .names = "--authfile",
    .value = "FILE",
    .help = "the registries' passwords (default: where Podman and Docker keep them)"};
inline constexpr Option platform_option{
    .names = "--platform",
    .value = "OS/ARCH",
    .help = "which image of several is meant, such as linux/arm64 (default: this machine's)"};

/// What --platform says, for commands that have it.
Result<image::Platform> platform_of(const Arguments& arguments);

/// Which of the options above a command has.
struct AccessOptions {
  bool pull = false, platform = false, quiet = false;
};

/// The Access of a command that has --offline and --authfile, and those that `has` names. Downloads are shown
/// on standard error: on a terminal as one line that moves.
class ImageAccess {
 public:
  /// @param signals whose arrival ends what waits; may be null, else it must outlive this
  static Result<std::unique_ptr<ImageAccess>> from(const Arguments& arguments, AccessOptions has,
                                                   const StopSignals* signals);
  ~ImageAccess();
  ImageAccess(const ImageAccess&) = delete;
  ImageAccess& operator=(const ImageAccess&) = delete;
  [[nodiscard]] const image::Access& access() const { return access_; }

 private:
  ImageAccess() = default;
  void show(const image::Progress& progress);
  void note(const std::string& text);
  void wipe();

  image::Access access_;
  std::mutex mutex_;  ///< progress and notes come from several threads
  bool live_ = false, quiet_ = false, line_shown_ = false;
  uint64_t next_ns_ = 0;
  std::map<std::string, image::Progress> layers_;
};

}  // namespace testctr::cmd
