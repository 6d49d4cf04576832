#include "plan/manifest_globs.h"

#include <fnmatch.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"
#include "plan/make_plan.h"
#include "script/document.h"

namespace testctr::plan {
namespace {

constexpr size_t deepest = 64, most_visited = 100'000;

bool is_glob(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

/// Walks the folders that the components of a pattern lead to.
class Walk {
 public:
  explicit Walk(std::vector<std::string> parts) : parts_(std::move(parts)) {}

  /// @param folder empty or with a "/" at the end
  Status go(const std::string& folder, size_t part, size_t depth) {
    if (depth > deepest)
      return Error::usage(
          fmt::format("{}: it lies more than {} folders deep", text::printable(folder), deepest));
    const std::string& pattern = parts_[part];
    const bool last = part + 1 == parts_.size();
    if (!is_glob(pattern)) {
      const std::string path = folder + pattern;
      const auto found = TRY(sys::stat_at(AT_FDCWD, path, 0));
      if (!found) return {};
      if (last) return found_file(path, *found);
      return S_ISDIR(found->st_mode) ? go(path + "/", part + 1, depth + 1) : Status{};
    }
    if (pattern == "**" && !last) CHECK_OK(go(folder, part + 1, depth));
    return names(folder, part, depth);
  }

  std::vector<std::string> files;

 private:
  Status names(const std::string& folder, size_t part, size_t depth) {
    const bool any_depth = parts_[part] == "**", last = part + 1 == parts_.size();
    const Result<Fd> opened = sys::open(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
    if (!opened.ok() && (opened.error().number() == ENOENT || opened.error().number() == ENOTDIR)) return {};
    if (!opened.ok())
      return Error(opened.error()).as(Fault::usage);  // tests would be missing, and nobody knew
    for (const std::string& name : TRY(sys::list_dir(opened.value().get()))) {
      if (++visited_ > most_visited)
        return Error::usage(fmt::format("more than {} files are looked through", most_visited));
      if (::fnmatch(any_depth ? "*" : parts_[part].c_str(), name.c_str(), FNM_PERIOD) != 0) continue;
      // `**` does not follow links: they could lead round in a circle.
      const auto found = TRY(sys::stat_at(opened.value().get(), name, any_depth ? AT_SYMLINK_NOFOLLOW : 0));
      if (!found) continue;
      const bool is_folder = S_ISDIR(found->st_mode);
      if (last && !is_folder) CHECK_OK(found_file(folder + name, *found));
      if (any_depth && is_folder) CHECK_OK(go(folder + name + "/", part, depth + 1));
      if (!any_depth && !last && is_folder) CHECK_OK(go(folder + name + "/", part + 1, depth + 1));
    }
    return {};
  }

  Status found_file(const std::string& path, const struct stat& found) {
    if (S_ISREG(found.st_mode)) files.push_back(path);
    return {};
  }

  std::vector<std::string> parts_;
  size_t visited_ = 0;
};

/// By its extension; Markdown without a test in it is just text.
bool is_test(const std::string& file) {
  const std::optional<Format> format = format_of(file);
  if (format != Format::markdown) return format.has_value();
  const Result<std::string> text = sys::read_file(file);
  return !text.ok() || script::has_test_fence(text.value());
}

}  // namespace

Result<Selection> select_for_manifest(const std::string& prefix, const std::string& pattern,
                                      const std::string& format) {
  const std::optional<std::string> forced = format.empty() ? std::nullopt : std::optional(format);
  const bool absolute = pattern.starts_with('/');
  const std::string start = absolute ? "/" : prefix;
  const bool literal = !is_glob(pattern) || TRY(sys::stat_at(AT_FDCWD, prefix + pattern, 0)).has_value();
  if (literal) {
    Selection selection = TRY(select({absolute ? pattern : prefix + pattern}, forced));
    if (selection.scripts.empty())
      return Error::usage(fmt::format("{} holds no scripts", text::printable(pattern)));
    return selection;
  }
  std::vector<std::string> parts;
  for (std::string& part : text::split(pattern, '/')) {
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
  }
  Walk walk(std::move(parts));
  CHECK_OK(walk.go(start, 0, 0));
  std::sort(walk.files.begin(), walk.files.end());
  walk.files.erase(std::unique(walk.files.begin(), walk.files.end()), walk.files.end());
  std::vector<std::string> scripts;
  for (const std::string& file : walk.files) {
    if (forced || is_test(file)) scripts.push_back(file);
  }
  const uint64_t others = walk.files.size() - scripts.size();
  if (scripts.empty()) {
    return Error::usage(fmt::format("{} matches no script{}", text::printable(pattern),
                                    others == 0 ? "" : fmt::format(", only {} other files", others)));
  }
  Selection selection = TRY(select(scripts, forced));
  selection.not_tests += others;
  return selection;
}

}  // namespace testctr::plan
