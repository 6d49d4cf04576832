// Which of the words is the image, and which are paths.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace testctr::plan {

/// Words that are images whatever lies in the current folder: builtin, hostfs, oci:...
bool is_image_by_its_looks(const std::string& word);

struct Words {
  std::string image;
  std::vector<std::string> paths;
};

/// The first of two or more words is the image, unless it begins with `.` or `/` or has the extension of a
/// script; `builtin`, `hostfs` and a word with a transport (`oci:`) are images whatever they look like. A
/// usage error when no image is named, and when another word could be both an image and a path that exists.
/// @param layered whether `--layer` is given, for the message when no script is named.
/// @param image_elsewhere whether something else may say the image: then it may be missing here
Result<Words> sort_words(const std::vector<std::string>& words, bool layered = false,
                         bool image_elsewhere = false);

/// The error where nothing says it.
Error name_an_image(const std::vector<std::string>& words);

}  // namespace testctr::plan
