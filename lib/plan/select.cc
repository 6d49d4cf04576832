#include "plan/select.h"

#include <climits>
#include <cstdlib>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "plan/make_plan.h"
#include "script/document.h"

namespace testctr::plan {
namespace {

constexpr int max_depth = 64;
constexpr uint64_t max_visited = 100'000;

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string joined(const std::string& folder, const std::string& name) {
  return folder.ends_with("/") ? folder + name : folder + "/" + name;
}

Result<std::string> real_path(const std::string& path) {
  char buffer[PATH_MAX];
  if (::realpath(path.c_str(), buffer) == nullptr) return Error::system("realpath", path);
  return std::string(buffer);
}

/// The folder that holds `path`, as it was written.
std::string parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<Format> named_format(const std::string& word) {
  if (word == "script") return Format::script;
  if (word == "scrut" || word == "markdown") return Format::markdown;
  if (word == "cram") return Format::cram;
  static const std::vector<std::string> known{"script", "scrut", "cram"};
  Error error = Error::usage(fmt::format("--format: {} is none of script, scrut, cram", text::quoted(word)));
  if (std::optional<std::string> near = text::nearest(word, known)) {
    return std::move(error).hint(fmt::format("did you mean `{}`?", *near));
  }
  return error;
}

class Selector {
 public:
  explicit Selector(std::optional<Format> forced) : forced_(forced) {}

  Status path(const std::string& path) {
    const auto found = TRY_IN(sys::stat_at(AT_FDCWD, path, 0), "looking at what was named");
    if (!found && TRY(sys::stat_at(AT_FDCWD, path)))
      return Error::usage(fmt::format("{}: a link that leads nowhere", text::printable(path)));
    if (!found) {
      Error error = Error::usage(fmt::format("{}: no such file or folder", text::printable(path)));
      if (std::optional<std::string> near = neighbour(path)) {
        return std::move(error).hint(fmt::format("did you mean `{}`?", text::printable(*near)));
      }
      return error;
    }
    if (S_ISDIR(found->st_mode)) return folder(path);
    if (!S_ISREG(found->st_mode)) {
      return Error::usage(fmt::format("{}: neither a regular file nor a folder", text::printable(path)));
    }
    const std::optional<Format> format = forced_ ? forced_ : format_of(path);
    if (!format) {
      return Error::usage(fmt::format("{}: its extension is that of no known format", text::printable(path)))
          .hint("known are .txt .txtar .md .scrut .t .cram; `--format script` says what it is");
    }
    return add(path, *format);
  }

  Selection take() { return std::move(result_); }

 private:
  Status add(const std::string& path, Format format) {
    Selected script{path, TRY(real_path(parent(path))), format};
    if (!seen_.insert(joined(script.folder, std::string(base_name(path)))).second) {
      result_.notes.push_back(fmt::format("{}: named more than once, runs once", text::printable(path)));
      return {};
    }
    result_.scripts.push_back(std::move(script));
    return {};
  }

  Status folder(const std::string& path) {
    Result<Fd> opened = sys::open(path, O_RDONLY | O_DIRECTORY);
    if (!opened.ok()) return std::move(opened).error().as(Fault::usage);
    const Fd dir = std::move(opened).value();
    const size_t before = result_.scripts.size();
    const uint64_t others_before = result_.not_tests;
    CHECK_OK(walk(dir.get(), path, 0));
    if (result_.scripts.size() == before) {
      result_.notes.push_back(
          fmt::format("{}: no scripts lie directly in it and no documents below it ({} other files)",
                      text::printable(path), result_.not_tests - others_before));
    }
    return {};
  }

  /// Scripts are taken from the named folder alone: below it, text files are mostly something else.
  Status walk(int dir, const std::string& path, int depth) {
    for (const std::string& name : TRY(sys::list_dir(dir))) {
      if (name.starts_with(".")) continue;
      if (++visited_ > max_visited) {
        return Error::usage(fmt::format("{}: more than {} files lie below the named folders",
                                        text::printable(path), max_visited))
            .hint("name folders further down");
      }
      const std::string shown = joined(path, name);
      // Links to folders could lead round in a circle; a script may be a link.
      auto found = sys::stat_at(dir, name, 0);
      if (!found.ok() || !found.value()) {
        // A dangling link to a script: whoever reads it says so.
        CHECK_OK(consider(dir, name, shown, /*regular=*/true, depth));
        continue;
      }
      if (S_ISDIR(found.value()->st_mode)) {
        if (depth >= max_depth)
          return Error::usage(
                     fmt::format("{}: it lies more than {} folders deep", text::printable(shown), max_depth))
              .hint("name a folder further down");
        Result<Fd> below = sys::open_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (below.ok()) {
          CHECK_OK(walk(below.value().get(), shown, depth + 1));
        } else if (const int number = below.error().number();
                   number != ENOENT && number != ENOTDIR && number != ELOOP) {
          // The tests in it would be missing, and nobody knew.
          return Error::system("open", shown, number)
              .as(Fault::usage)
              .hint("name what is to be run, or let it be read");
        }
        continue;
      }
      CHECK_OK(consider(dir, name, shown, S_ISREG(found.value()->st_mode), depth));
    }
    return {};
  }

  Status consider(int dir, const std::string& name, const std::string& shown, bool regular, int depth) {
    const std::optional<Format> format = format_of(name);
    const bool wanted = format && (*format != Format::script || depth == 0);
    // Opening a FIFO would wait for a writer that never comes, opening a device may do anything.
    if (wanted && !regular)
      result_.notes.push_back(fmt::format("{}: not a regular file, passed over", text::printable(shown)));
    if (!wanted || !regular || (*format == Format::markdown && !has_tests(dir, name))) {
      ++result_.not_tests;
      return {};
    }
    return add(shown, *format);
  }

  /// Markdown without a test fence is just text. One that cannot be read is told of when it is to run.
  static bool has_tests(int dir, const std::string& name) {
    const Result<std::string> text = sys::read_file_at(dir, name);
    return !text.ok() || script::has_test_fence(text.value());
  }

  /// A name in the same folder that `path` may have meant.
  static std::optional<std::string> neighbour(const std::string& path) {
    const std::string folder = parent(path);
    const Result<Fd> dir = sys::open(folder, O_RDONLY | O_DIRECTORY);
    if (!dir.ok()) return std::nullopt;
    const Result<std::vector<std::string>> names = sys::list_dir(dir.value().get());
    if (!names.ok()) return std::nullopt;
    const std::optional<std::string> near = text::nearest(base_name(path), names.value());
    if (!near) return std::nullopt;
    return path.find('/') == std::string::npos ? *near : joined(folder, *near);
  }

  std::optional<Format> forced_;
  Selection result_;
  std::set<std::string> seen_;
  uint64_t visited_ = 0;
};

/// One error that tells of all.
Error joined_errors(const std::vector<Error>& errors) {
  if (errors.size() == 1) return errors.front();
  std::string lines;
  for (const Error& error : errors) lines += "\n  " + error.message();
  return Error::usage(fmt::format("{} of the named paths cannot be run:{}", errors.size(), lines));
}

}  // namespace

Result<Selection> select(const std::vector<std::string>& paths, const std::optional<std::string>& forced) {
  std::optional<Format> format;
  if (forced) format = TRY(named_format(*forced));
  Selector selector(format);
  std::vector<Error> errors;
  for (const std::string& path : paths) {
    Status status = selector.path(path);
    if (!status.ok()) errors.push_back(std::move(status).error());
  }
  if (!errors.empty()) return joined_errors(errors);
  return selector.take();
}

}  // namespace testctr::plan
