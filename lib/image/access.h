// Where images may be got from, and how: for whoever obtains, pulls, pushes or pins one.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "image/platform.h"

namespace testctr::image {

/// Whether a registry is asked for a name.
enum class Pull : uint8_t {
  missing,  ///< when the store has no image of that name
  always,   ///< each time; what is there already is not fetched again
  never,
};

/// How far a download is.
struct Progress {
  std::string image;  ///< its full name
  std::string layer;  ///< 12 digits of its digest; empty: the image as a whole
  uint64_t done = 0, size = 0;
  bool finished = false;
};

struct Access {
  Pull pull = Pull::missing;
  bool offline = false;  ///< --offline, TESTCTR_OFFLINE=1: no socket is opened, whatever `pull` says
  Platform platform = Platform::own();
  std::string authfile;                           ///< --authfile
  std::function<void(const Progress&)> progress;  ///< called by one thread at a time; may be empty
  std::function<void(const std::string&)> note;   ///< retries, mirrors that failed; may be empty
  const std::atomic<bool>* cancel = nullptr;
};

/// What a name stands for at its registry at this moment.
struct Resolved {
  Digest digest;  ///< what the tag names: an index or a manifest
  std::vector<std::pair<Platform, Digest>>
      manifests;  ///< the image for each platform; one for a lone manifest
};
/// Asks the registry (mirrors included), fetches no layer. @param name `name[:tag][@digest]`
/// @return as pull
Result<Resolved> resolve(const std::string& name, const Access& access);

}  // namespace testctr::image
