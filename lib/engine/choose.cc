#include "engine/choose.h"

#include <array>
#include <utility>

#include "engine/api_engines.h"

namespace testctr::engine {
namespace {

constexpr std::array<std::pair<std::string_view, Kind>, 6> kinds{{{"auto", Kind::automatic},
                                                                  {"native", Kind::native},
                                                                  {"docker", Kind::docker},
                                                                  {"podman", Kind::podman},
                                                                  {"chroot", Kind::chroot},
                                                                  {"here", Kind::here}}};

}  // namespace

std::optional<Kind> kind_from_string(std::string_view text) {
  for (const auto& [name, kind] : kinds) {
    if (name == text) return kind;
  }
  return std::nullopt;
}

Result<Chosen> choose(Kind kind, const plan::Plan& plan) {
  (void)plan;
  if (kind == Kind::automatic || kind == Kind::native) return Chosen();
  if (kind == Kind::docker || kind == Kind::podman) {
    Chosen chosen;
    chosen.owned = TRY(kind == Kind::docker ? open_docker() : open_podman());
    return chosen;
  }
  return Error::usage("this engine is not there yet");
}

}  // namespace testctr::engine
