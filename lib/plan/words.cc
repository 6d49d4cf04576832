#include "plan/words.h"

#include "base/sys.h"
#include "base/text.h"
#include "plan/make_plan.h"

namespace testctr::plan {
namespace {

bool is_path_by_its_looks(const std::string& word) {
  return word.starts_with(".") || word.starts_with("/") || format_of(word).has_value();
}

/// Whether the grammar of references allows it, roughly: lib/image has the last word.
bool could_be_image(const std::string& word) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@";
  return !word.empty() && word.find_first_not_of(allowed) == std::string::npos && !word.ends_with("/");
}

bool exists(const std::string& path) {
  const Result<std::optional<struct stat>> found = sys::stat_at(AT_FDCWD, path, 0);
  return found.ok() && found.value().has_value();
}

Error only_an_image(const std::string& word, bool layered) {
  const std::string image = text::printable(text::shell_quoted(word));
  if (layered) {
    return Error::usage(fmt::format("no script is named: {} is an image, and --layer needs FILE as well",
                                    text::quoted(word)))
        .hint(fmt::format(
            "add the script that the layer was made of: `testctr-script run --layer L.tar {} FILE`", image));
  }
  return Error::usage(fmt::format("no script is named: {} is an image", text::quoted(word)))
      .hint(fmt::format("add one: `testctr-script run {} FILE...`", image));
}

}  // namespace

bool is_image_by_its_looks(const std::string& word) {
  static constexpr std::string_view transports[] = {
      "oci:", "oci-archive:", "docker-archive:", "dir:", "docker-daemon:"};
  if (word == "builtin" || word == "hostfs") return true;
  return std::any_of(std::begin(transports), std::end(transports),
                     [&](std::string_view transport) { return word.starts_with(transport); });
}

Error name_an_image(const std::vector<std::string>& words) {
  std::string files;
  for (const std::string& word : words) files += " " + text::shell_quoted(word);
  return Error::usage("name an image: nothing says where this is to run")
      .hint(fmt::format(
          "for example `testctr-script run builtin{}`; `testctr-script help images` lists what can be named",
          text::printable(files)));
}

Result<Words> sort_words(const std::vector<std::string>& words, bool layered, bool image_elsewhere) {
  const auto without_image = [&]() -> Result<Words> {
    if (image_elsewhere) return Words{"", words};
    return name_an_image(words);
  };
  if (words.empty()) return name_an_image(words);
  const std::string& first = words.front();
  if (first.empty()) return Error::usage("an empty word is neither an image nor a file");
  if (!is_image_by_its_looks(first) && is_path_by_its_looks(first)) return without_image();
  if (words.size() == 1) {
    if (is_image_by_its_looks(first) || (could_be_image(first) && !exists(first)))
      return only_an_image(first, layered);
    return without_image();
  }
  if (!is_image_by_its_looks(first) && exists(first)) {
    if (!could_be_image(first)) return without_image();
    const bool tagged = first.find(':') != std::string::npos || first.find('@') != std::string::npos;
    const bool bare = first.find('/') == std::string::npos;
    const std::string as_image = !tagged ? first + ":latest"
                                 : bare  ? "docker.io/library/" + first
                                         : "docker.io/" + first;
    return Error::usage(fmt::format("{} could be an image and is also a path here", text::quoted(first)))
        .hint(fmt::format("write `./{}` for the path or `{}` for the image", first, as_image));
  }
  return Words{first, std::vector<std::string>(words.begin() + 1, words.end())};
}

}  // namespace testctr::plan
