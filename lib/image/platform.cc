#include "image/platform.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "image/manifest.h"

namespace testctr::image {
namespace {

struct Spelling {
  std::string_view written, architecture, variant;
};
// As containerd's platforms package normalizes them.
constexpr Spelling spellings[] = {
    {"amd64", "amd64", ""},
    {"x86_64", "amd64", ""},
    {"x86-64", "amd64", ""},
    {"arm64", "arm64", ""},
    {"aarch64", "arm64", ""},
    {"arm", "arm", "v7"},
    {"armhf", "arm", "v7"},
    {"armel", "arm", "v6"},
    {"386", "386", ""},
    {"i386", "386", ""},
    {"i686", "386", ""},
    {"ppc64le", "ppc64le", ""},
    {"s390x", "s390x", ""},
    {"riscv64", "riscv64", ""},
    {"mips64le", "mips64le", ""},
    {"loong64", "loong64", ""},
    {"loongarch64", "loong64", ""},
};

// What is meant where nothing is said.
std::string_view usual_variant(std::string_view architecture) {
  if (architecture == "arm64") return "v8";
  if (architecture == "arm") return "v7";
  if (architecture == "amd64") return "v1";
  return "";
}

// "v7" as 7; -1: no such thing.
int rank(std::string_view variant) {
  if (variant.size() != 2 || variant[0] != 'v' || variant[1] < '0' || variant[1] > '9') return -1;
  return variant[1] - '0';
}

}  // namespace

std::string_view own_architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
#error "say what OCI calls this architecture"
#endif
}

Platform Platform::own() { return {"linux", std::string(own_architecture()), ""}; }

Result<Platform> Platform::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error(Error::usage(fmt::format("{} is no platform: {}", text::quoted(text), why)))
        .hint("write OS/ARCHITECTURE[/VARIANT]: linux/amd64, linux/arm64, linux/arm/v7");
  };
  std::vector<std::string> parts = text::split(text, '/');
  if (parts.size() == 1) parts.insert(parts.begin(), "linux");
  if (parts.size() > 3) return bad("it has more than three parts");
  for (const std::string& part : parts)
    if (part.empty() ||
        part.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-.") != std::string::npos)
      return bad("its parts are lower-case letters and digits");
  if (parts[0] != "linux") return bad("images for other systems than linux do not run in containers here");
  const auto* known = std::find_if(std::begin(spellings), std::end(spellings),
                                   [&](const Spelling& s) { return s.written == parts[1]; });
  if (known == std::end(spellings)) return bad(fmt::format("{} is no architecture that is known", parts[1]));
  Platform platform{parts[0], std::string(known->architecture), std::string(known->variant)};
  if (parts.size() == 3) platform.variant = parts[2];
  if (platform.variant == usual_variant(platform.architecture) && platform.architecture != "arm")
    platform.variant.clear();
  return platform;
}

std::string Platform::str() const { return os + "/" + architecture + (variant.empty() ? "" : "/" + variant); }

int Platform::serves(const Platform& other) const {
  if (os != other.os || architecture != other.architecture) return 0;
  const std::string_view usual = usual_variant(architecture);
  const std::string_view mine = variant.empty() ? usual : std::string_view(variant);
  if (other.variant.empty()) return 50;
  if (mine == other.variant) return 100;
  // A later processor runs what was made for an earlier one; the nearest below is the best.
  const int here = rank(mine), there = rank(other.variant);
  return here > there && there >= 0 ? 1 + there : 0;
}

}  // namespace testctr::image
