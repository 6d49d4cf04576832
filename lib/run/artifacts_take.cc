// The outside of artifacts: writes files whose names and contents come from inside, where nobody is trusted.
#include "base/sys.h"
#include "base/text.h"
#include "run/artifacts.h"

namespace testctr::run {
namespace {

constexpr size_t longest_component = 255, longest_name = 4096, most_components = 100 + 64;

Error not_honest(std::string_view what) { return Error::infrastructure(fmt::format("artifacts: {}", what)); }

Result<std::vector<std::string>> components(const std::string& name) {
  if (name.empty() || name.size() > longest_name || name.find('\0') != std::string::npos)
    return not_honest("a file's name is empty, too long or holds a null byte");
  std::vector<std::string> parts = text::split(name, '/');
  for (const std::string& part : parts) {
    if (part.empty() || part == "." || part == ".." || part.size() > longest_component)
      return not_honest(fmt::format("the name {} leads elsewhere", text::quoted(name.substr(0, 200))));
  }
  if (parts.size() > most_components) return not_honest("a file's name is too deep");
  return parts;
}

// The folder at an absolute path, made where missing. No part of it may be a link: those that the user named
// were resolved before anything ran.
Result<Fd> open_folder(const std::string& path) {
  Fd at = TRY(sys::open("/", O_PATH | O_DIRECTORY));
  for (const std::string& part : text::split(path, '/')) {
    if (part.empty()) continue;
    auto next = sys::open_at(at.get(), part, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!next.ok() && next.error().number() == ENOENT) {
      CHECK_OK(sys::make_dir_at(at.get(), part, 0777));
      next = sys::open_at(at.get(), part, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    }
    if (!next.ok() && (next.error().number() == ELOOP || next.error().number() == ENOTDIR)) {
      return Error::infrastructure(fmt::format("{} in {} is no folder (links are never followed)",
                                               text::quoted(part), text::quoted(path)));
    }
    at = TRY(std::move(next));
  }
  return at;
}

void log(EventSink& events, std::string text) {
  Event event;
  event.kind = Event::Kind::log;
  event.text = std::move(text);
  events.take(event);
}

}  // namespace

// The file that is being taken.
struct ArtifactTaker::File {
  std::string shown;
  uint64_t left = 0;
  mode_t mode = 0;
  // Nothing of these where it is not kept.
  Fd folder, out;
  std::string temporary, name;

  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (!temporary.empty()) ::unlinkat(folder.get(), temporary.c_str(), 0);
  }
};

std::string kept_in(const plan::Keep& keep, uint32_t attempt) {
  return attempt == 0 ? keep.directory : fmt::format("{}-{}", keep.directory, attempt + 1);
}

std::vector<plan::Artifacts> artifacts_of(const plan::Job& job, uint32_t attempt) {
  std::vector<plan::Artifacts> all = job.artifacts;
  if (job.keep) all.push_back({whole_work, kept_in(*job.keep, attempt), ""});
  return all;
}

ArtifactTaker::ArtifactTaker(std::vector<plan::Artifacts> wanted, const ArtifactLimits& limits)
    : wanted_(std::move(wanted)), limits_(limits) {
  for (const plan::Artifacts& artifacts : wanted_) {
    auto glob = script::PathGlob::make(artifacts.pattern);
    // One that is none covers nothing.
    globs_.push_back(glob.ok() ? std::move(glob).value() : script::PathGlob());
  }
}
ArtifactTaker::ArtifactTaker(ArtifactTaker&&) noexcept = default;
ArtifactTaker& ArtifactTaker::operator=(ArtifactTaker&&) noexcept = default;
ArtifactTaker::~ArtifactTaker() = default;

bool ArtifactTaker::takes(std::string_view type) const {
  if (file_) return type == "data" || type == "artifact_end";
  return !done_ && (type == "artifact" || type == "artifacts_done");
}

Status ArtifactTaker::take(std::string_view type, const Json& frame, EventSink& events) {
  if (type == "artifact") return begin(frame, events);
  if (type == "data") return add(frame);
  done_ = type == "artifacts_done";
  file_.reset();
  return {};
}

std::optional<Error> ArtifactTaker::lost() const {
  if (problem_ || done_ || wanted_.empty()) return problem_;
  return Error::infrastructure("artifacts: the container was ended before it had sent them all");
}

void ArtifactTaker::keep(Error problem) {
  if (!problem_) problem_ = std::move(problem).in("artifacts");
}

Status ArtifactTaker::begin(const Json& frame, EventSink& events) {
  const int64_t index = TRY(json::get_int(frame, "i")), mode = TRY(json::get_int(frame, "m")),
                size = TRY(json::get_int(frame, "s"));
  const std::string name = TRY(json::get_string(frame, "n"));
  if (index < 0 || static_cast<size_t>(index) >= wanted_.size())
    return not_honest("a pattern that was not asked for");
  const std::vector<std::string> parts = TRY(components(name));
  const bool everything = wanted_[static_cast<size_t>(index)].pattern == whole_work;
  if (!everything && !globs_[static_cast<size_t>(index)].covers(parts))
    return not_honest(fmt::format("{} was not asked for", text::quoted(name.substr(0, 200))));
  if (size < 0 || static_cast<uint64_t>(size) > limits_.bytes - bytes_ || files_ >= limits_.files)
    return not_honest("more is sent than may be");
  ++files_;
  bytes_ += static_cast<uint64_t>(size);
  file_ = std::make_unique<File>();
  file_->left = static_cast<uint64_t>(size);
  file_->mode = static_cast<mode_t>(mode) & 0777;
  const plan::Artifacts& wanted = wanted_[static_cast<size_t>(index)];
  std::string folder = wanted.directory;
  if (!wanted.below.empty()) folder += "/" + wanted.below;
  const size_t slash = name.rfind('/');
  if (slash != std::string::npos) folder += "/" + name.substr(0, slash);
  file_->shown = folder + "/" + parts.back();
  if (!written_.insert(file_->shown).second) {
    log(events,
        fmt::format("artifacts: {} comes twice, and the first one stays", text::printable(file_->shown)));
  } else if (!problem_) {  // a full disk does not get emptier
    Status begun = write_begun(folder, parts.back());
    if (!begun.ok()) keep(std::move(begun).error());
  }
  if (file_->left == 0) finish();
  return {};
}

Status ArtifactTaker::write_begun(const std::string& folder, const std::string& name) {
  if (folder_ != folder || !directory_.valid()) {
    directory_ = TRY(open_folder(folder));
    folder_ = folder;
  }
  const auto there = TRY(sys::stat_at(directory_.get(), name));
  if (there && !S_ISREG(there->st_mode))
    return Error::infrastructure(
        fmt::format("{} is there already and is no regular file", text::quoted(file_->shown)));
  file_->folder = TRY(sys::duplicate(directory_.get()));
  const std::string temporary = fmt::format(".testctr-{}-{}", ::getpid(), files_);
  file_->out =
      TRY_IN(sys::open_at(directory_.get(), temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600),
             fmt::format("writing {}", text::quoted(file_->shown)));
  file_->temporary = temporary;
  file_->name = name;
  return {};
}

Status ArtifactTaker::add(const Json& frame) {
  const std::string bytes = TRY(json::get_string(frame, "d"));
  if (bytes.empty() || bytes.size() > file_->left)
    return not_honest("a file is longer than it was said to be");
  if (file_->out.valid()) {
    Status written = sys::write_full(file_->out.get(), bytes);
    if (!written.ok()) {
      keep(std::move(written).error().in(fmt::format("writing {}", text::quoted(file_->shown))));
      file_->out.reset();
    }
  }
  file_->left -= bytes.size();
  if (file_->left == 0) finish();
  return {};
}

void ArtifactTaker::finish() {
  File& file = *file_;
  if (file.out.valid()) {
    const bool done =
        ::fchmod(file.out.get(), file.mode) == 0 && ::close(file.out.release()) == 0 &&
        ::renameat(file.folder.get(), file.temporary.c_str(), file.folder.get(), file.name.c_str()) == 0;
    if (done) {
      file.temporary.clear();
    } else {
      keep(Error::system("rename", file.shown));
    }
  }
  file_.reset();
}

}  // namespace testctr::run
