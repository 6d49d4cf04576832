// `--artifacts`: files that are brought out of a container when what ran in it has ended. The inside walks
// and sends, the outside checks and writes; no link is followed on either side, and what the outside is told
// is hostile.
//
// Frames, after the events and before the result:
//   "artifact" {i: index of the pattern, n: name below its base, m: mode, s: size}, then "data" {d} until `s`
//   bytes have come, or "artifact_end" when no more will come; at last "artifacts_done"
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"
#include "interpret/event.h"
#include "plan/plan.h"
#include "script/path_glob.h"

namespace testctr::run {

/// The pattern that stands for all of $WORK, what is hidden there as well (`--keep`): no user can write it.
inline constexpr const char* whole_work = "/";

/// All that a job brings out. @param attempt of several; each keeps $WORK in a folder of its own
std::vector<plan::Artifacts> artifacts_of(const plan::Job& job, uint32_t attempt);
/// Where $WORK is kept.
std::string kept_in(const plan::Keep& keep, uint32_t attempt);

/// What one script may bring out.
struct ArtifactLimits {
  uint64_t files = 10'000;
  uint64_t bytes = uint64_t{1} << 30;
};

/// The inside: sends what matches. Folders that match are sent with all that is in them; links, devices,
/// FIFOs, sockets, what cannot be read and what goes beyond the limits is left out and told, and so is a
/// pattern that nothing matches.
/// @param patterns those of `plan::Artifacts`, in their order; empty ones are left out. @param work what
/// relative ones are below.
/// @param send sends a frame; its error ends all. @param tell is told lines for people
Status send_artifacts(const std::vector<std::string>& patterns, const std::string& work,
                      const std::function<Status(const Json&)>& send,
                      const std::function<void(std::string)>& tell, const ArtifactLimits& limits = {});

/// The outside: takes the frames and writes the files.
class ArtifactTaker {
 public:
  explicit ArtifactTaker(std::vector<plan::Artifacts> wanted = {}, const ArtifactLimits& limits = {});
  ArtifactTaker(ArtifactTaker&&) noexcept;
  ArtifactTaker& operator=(ArtifactTaker&&) noexcept;
  /// Takes an unfinished file away.
  ~ArtifactTaker();

  /// Whether a frame of this type is for it now.
  [[nodiscard]] bool takes(std::string_view type) const;
  /// Takes one. @param events is told what is left out. @return an error when no honest inside would have
  /// sent it; what this machine refuses is no such error, but a problem.
  Status take(std::string_view type, const Json& frame, EventSink& events);
  /// Why something was not brought out that should have been: the first file that could not be written, or
  /// that the inside did not come to its end.
  [[nodiscard]] std::optional<Error> lost() const;

 private:
  struct File;
  Status begin(const Json& frame, EventSink& events);
  Status add(const Json& frame);
  Status write_begun(const std::string& folder, const std::string& name);
  void finish();
  void keep(Error problem);

  std::vector<plan::Artifacts> wanted_;
  std::vector<script::PathGlob> globs_;
  ArtifactLimits limits_;
  uint64_t files_ = 0, bytes_ = 0;
  std::set<std::string> written_;
  std::unique_ptr<File> file_;
  bool done_ = false;
  std::string folder_;  ///< the one that `directory_` is
  Fd directory_;
  std::optional<Error> problem_;
};

}  // namespace testctr::run
