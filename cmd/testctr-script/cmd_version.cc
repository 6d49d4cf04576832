// `version [--verbose]`: which program this is and what is linked into it. Each library answers for itself
// where it can; the others are made to do a little work, so that a line here proves that the library is in
// this program.
#include <archive.h>
#include <ares.h>
#include <bzlib.h>
#include <gnu/libc-version.h>
#include <libdeflate.h>
#include <lz4.h>
#include <lzma.h>
#include <openssl/opensslv.h>
#include <re2/re2.h>
#include <seccomp.h>
#include <yaml-cpp/yaml.h>
#include <zlib.h>
#include <zstd.h>

#include <CLI/Version.hpp>
#include <boost/version.hpp>

#include "commands.h"

namespace testctr::cmd {
namespace {

std::string yaml_version() {
  try {
    return YAML::Load("{works: true}")["works"].as<bool>() ? TESTCTR_YAML_VERSION : "does not work";
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::string seccomp_version_text() {
  const scmp_version* version = ::seccomp_version();
  return version == nullptr ? "unknown"
                            : fmt::format("{}.{}.{}", version->major, version->minor, version->micro);
}

std::string json_version() {
  const nlohmann::json meta = nlohmann::json::meta();
  return meta["version"]["string"].get<std::string>();
}

/// "libarchive 3.6.2" without its name.
std::string archive_version() {
  const std::string_view text = ::archive_version_string();
  return std::string(text.substr(text.find(' ') + 1));
}

Result<int> run_version(const Arguments& arguments) {
  std::string out = "testctr-script " TESTCTR_VERSION "\n";
  if (arguments.flag("--verbose")) {
    const std::pair<const char*, std::string> libraries[] = {
        {"libarchive", archive_version()},
        {"yaml-cpp", yaml_version()},
        {"CLI11", CLI11_VERSION},
        {"libseccomp", seccomp_version_text()},
        {"nlohmann-json", json_version()},
        {"RE2", RE2::FullMatch("works", "w[a-z]+s") ? TESTCTR_RE2_VERSION : "does not work"},
        {"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
        // The header of the same package: asking the library would pull in all of it for a string.
        {"OpenSSL", OPENSSL_VERSION_STR},
        {"Boost",
         fmt::format("{}.{}.{}", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100)},
        {"c-ares", ::ares_version(nullptr)},
        {"zlib", ::zlibVersion()},
        {"libdeflate", LIBDEFLATE_VERSION_STRING},
        {"zstd", ::ZSTD_versionString()},
        {"liblzma", ::lzma_version_string()},
        {"bzip2", ::BZ2_bzlibVersion()},
        {"lz4", ::LZ4_versionString()},
        {"glibc", ::gnu_get_libc_version()},
    };
#if defined(__clang__)
    out += fmt::format("built by clang {}, {}\n", __clang_version__, __VERSION__);
#else
    out += fmt::format("built by gcc {}\n", __VERSION__);
#endif
    out += "libraries:\n";
    for (const auto& [name, version] : libraries) out += fmt::format("  {:<14} {}\n", name, version);
  }
  CHECK_OK(print(out));
  return exit_passed;
}

constexpr Option options[] = {
    {.names = "-v,--verbose",
     .help = "also the compiler and the libraries that are linked in, with their versions"},
};

const Registration version({.name = "version",
                            .rank = 910,
                            .summary = "the version of this program and of what is in it",
                            .examples = "testctr-script version --verbose\n",
                            .options = options,
                            .max_positionals = 0,
                            .run = run_version});

}  // namespace
}  // namespace testctr::cmd
