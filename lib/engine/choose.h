// Which engine makes the containers of a run: what `--engine` says, or the best that works here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/plan.h"
#include "run/engine.h"

namespace testctr::engine {

enum class Kind : uint8_t {
  automatic,  ///< native, else an engine of this machine, else chroot; never here
  native,     ///< containers of our own
  docker,     ///< Docker's, by its API
  podman,     ///< Podman's, by its API
  chroot,     ///< a private copy of the image's root, without namespaces
  here,       ///< this machine's own root as it is: for what is in a container of the test's already
};
/// "auto", "native", "docker", ...; nothing when it is none of them.
std::optional<Kind> kind_from_string(std::string_view text);

/// An engine that was chosen.
struct Chosen {
  std::unique_ptr<run::Engine> owned;  ///< null: the native one
  std::string
      note;  ///< for people, where nobody named it and native ones cannot be: which, and why; else empty
  [[nodiscard]] run::Engine* engine() const { return owned.get(); }
  /// What its containers lack, for the beginning of a report.
  [[nodiscard]] std::vector<std::string> lacks() const {
    return owned != nullptr ? owned->lacks() : std::vector<std::string>();
  }
  /// As reports name it.
  [[nodiscard]] std::string shown() const {
    return owned != nullptr ? owned->shown() : run::native_engine().shown();
  }
};

/// `automatic` is native unless something speaks against it: a system call filter or an AppArmor profile is
/// on us (engines' containers), or this machine restricts user namespaces. Only then one is made to see,
/// which takes a tenth of a millisecond. Where none is to be had: Docker, Podman, chroot for root; where none
/// of them is, native, whose own error says what to do.
/// @param plan what it is for. Usage errors: an engine cannot be what was asked for (`here` with an image);
/// infrastructure errors: it does not work on this machine.
Result<Chosen> choose(Kind kind, const plan::Plan& plan);

/// What `doctor` says of an engine.
struct Candidate {
  std::string name;  ///< as `--engine` has it
  bool usable = false;
  std::string detail;  ///< what it is, or why it cannot be used
  std::string mend;    ///< where there is something to be done
};

/// Docker, Podman and chroot, each asked or tried as far as that changes nothing.
std::vector<Candidate> other_engines();

}  // namespace testctr::engine
