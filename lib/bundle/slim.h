// `pack --slim`: an image of those files alone that a run touched.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "image/image.h"
#include "image/source.h"

namespace testctr::bundle {

/// What the containers of a run touch, for each image by the name by which it was obtained.
class Touched {
 public:
  /// @param folder where unnamed files can be made
  explicit Touched(std::string folder) : folder_(std::move(folder)) {}
  /// For `run::Options::follow`.
  int file_for(const std::string& image);
  /// What was touched; nothing: no container of that image ran. An infrastructure error: the record is not
  /// complete. @param notes is told of calls that could not be seen
  Result<std::optional<std::vector<std::string>>> of(const std::string& image,
                                                     std::vector<std::string>& notes) const;

 private:
  std::string folder_;
  std::map<std::string, Fd> files_;
};

/// An image with one layer in place of those of `full`, which has only these files. @param folder where an
/// unnamed file can be made @param notes is told what was left out
Result<std::unique_ptr<image::Source>> slim_image(image::Source& full, const image::RootFilesystem& root,
                                                  const std::vector<std::string>& touched,
                                                  const std::string& folder, std::vector<std::string>& notes);

}  // namespace testctr::bundle
