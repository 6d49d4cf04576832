// What tests of configuration have in common: a folder of their own, and an environment that is nobody
// else's.
#pragma once

#include <cstdlib>
#include <map>
#include <optional>
#include <string>

#include "base/sys.h"

namespace registry_tests {

struct Folder {
  Folder() {
    std::string name = "/tmp/testctr-unit-XXXXXX";
    path = mkdtemp(name.data());
  }
  ~Folder() { (void)testctr::sys::remove_tree(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  // Writes a file below, with the folders on its way. @return its path
  [[nodiscard]] std::string write(const std::string& name, const std::string& content,
                                  mode_t mode = 0644) const {
    const std::string file = path + "/" + name;
    (void)testctr::sys::make_dirs(file.substr(0, file.rfind('/')), 0755);
    (void)testctr::sys::write_file_at(AT_FDCWD, file, content, mode);
    return file;
  }

  std::string path;
};

// Sets variables and puts them back; HOME and the XDG directories lie in the folder, so that nothing of the
// machine's user is seen.
class Surroundings {
 public:
  explicit Surroundings(const Folder& folder) {
    for (const char* name : {"REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "CONTAINERS_REGISTRIES_CONF",
                             "XDG_CONFIG_HOME", "XDG_CACHE_HOME"})
      set(name, nullptr);
    set("HOME", folder.path.c_str());
    set("XDG_RUNTIME_DIR", (folder.path + "/run").c_str());
  }
  ~Surroundings() {
    for (const auto& [name, value] : before_) apply(name.c_str(), value ? value->c_str() : nullptr);
  }
  Surroundings(const Surroundings&) = delete;
  Surroundings& operator=(const Surroundings&) = delete;

  void set(const char* name, const char* value) {
    const char* old = std::getenv(name);
    before_.try_emplace(name, old != nullptr ? std::optional<std::string>(old) : std::nullopt);
    apply(name, value);
  }

 private:
  static void apply(const char* name, const char* value) {
    if (value != nullptr) {
      setenv(name, value, 1);
    } else {
      unsetenv(name);
    }
  }
  std::map<std::string, std::optional<std::string>> before_;
};

}  // namespace registry_tests
