// A folder with files, and the manifest in it.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "base/sys.h"
#include "plan/from_manifest.h"

namespace testctr::plan {

/// An empty folder that is the current one while this lives.
class ManifestFolder {
 public:
  ManifestFolder() {
    char name[] = "/tmp/manifest-test-XXXXXX";
    path_ = ::mkdtemp(name);
    char buffer[4096];
    before_ = ::getcwd(buffer, sizeof buffer);
    REQUIRE(::chdir(path_.c_str()) == 0);
  }
  ~ManifestFolder() {
    static_cast<void>(::chdir(before_.c_str()));
    static_cast<void>(sys::remove_tree(path_));
  }
  ManifestFolder(const ManifestFolder&) = delete;
  ManifestFolder& operator=(const ManifestFolder&) = delete;

  void file(const std::string& name, const std::string& text = "echo hi\n") const {
    const size_t slash = name.rfind('/');
    if (slash != std::string::npos) REQUIRE(sys::make_dirs(name.substr(0, slash), 0755).ok());
    REQUIRE(sys::write_file_at(AT_FDCWD, name, text).ok());
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_, before_;
};

inline Surroundings test_surroundings() {
  return {"", [](const std::string& name) -> std::optional<std::string> {
            if (name == "GIVEN") return "value";
            return std::nullopt;
          }};
}

/// The plan of testctr.yaml in the current folder.
inline Result<Plan> plan_here(const RunRequest& request = {}) {
  const Manifest manifest = TRY(read_manifest(manifest_name));
  return plan_of_manifest(manifest, request, test_surroundings());
}

inline Plan good_plan(const RunRequest& request = {}) {
  Result<Plan> plan = plan_here(request);
  if (!plan.ok()) FAIL(plan.error().full());
  return std::move(plan).value();
}

inline std::string mistakes_here(const RunRequest& request = {}) {
  const Result<Plan> plan = plan_here(request);
  REQUIRE_FALSE(plan.ok());
  CHECK(plan.error().fault() == Fault::usage);
  return plan.error().full();
}

}  // namespace testctr::plan
