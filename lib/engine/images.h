// Our images in an engine's store: what was obtained, with this program as one more layer, under a name that
// says the content. It is loaded when it is not there, and never pulled: what runs is what our own store has
// verified.
#pragma once

#include <map>
#include <string>

#include "base/digest.h"
#include "engine/api.h"
#include "image/access.h"
#include "image/image.h"

namespace testctr::engine {

inline constexpr const char* image_label = "org.testctr.image";      ///< of every image of ours
inline constexpr const char* program_label = "org.testctr.program";  ///< the layer's digest with this program

class Images {
 public:
  /// All are borrowed. @param program our own binary's path
  Images(Api& api, image::Store& store, const image::Access& access, std::string program)
      : api_(api), store_(store), access_(access), program_(std::move(program)) {}

  /// Sees to it that the engine has the image. @param reference by which it was obtained
  /// @param root what was; null: that is not looked at
  /// @return its name there. Usage errors: it is of a kind that no engine can be given.
  Result<std::string> ensure(const std::string& reference, const image::RootFilesystem* root);

 private:
  Result<bool> is_there(const std::string& name);
  Status load(const std::string& reference, const std::string& name, const Digest& program);
  void remove_outdated(const Digest& program);

  Api& api_;
  image::Store& store_;
  const image::Access& access_;
  std::string program_;
  struct Known {
    std::string name;
    Digest manifest;
  };
  std::map<std::string, Known> known_;  ///< by reference
};

}  // namespace testctr::engine
