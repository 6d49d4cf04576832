// Which of the words is the image, and which are paths.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace testctr::plan {

struct Words {
  std::string image;
  std::vector<std::string> paths;
};

/// The first of two or more words is the image, unless it begins with `.` or `/` or has the extension of a
/// script. A usage error when no image is named, and when a word could be both an image and a path that
/// exists.
Result<Words> sort_words(const std::vector<std::string>& words);

}  // namespace testctr::plan
