// A folder for what a command makes up to run it.
#pragma once

#include <stdlib.h>

#include <string>
#include <utility>

#include "base/result.h"
#include "base/sys.h"

namespace testctr::cmd {

/// A folder of ours, gone at the end.
class Scratch {
 public:
  static Result<Scratch> make() {
    const char* base = ::getenv("TMPDIR");
    std::string path =
        fmt::format("{}/testctr-script-XXXXXX", base == nullptr || *base == '\0' ? "/tmp" : base);
    if (::mkdtemp(path.data()) == nullptr) return Error::system("mkdtemp", path);
    return Scratch(path);
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    if (!path_.empty()) (void)sys::remove_tree(path_);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace testctr::cmd
