#include "image_access.h"

#include <unistd.h>

#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"
#include "report/terminal.h"

namespace testctr::cmd {
namespace {

constexpr uint64_t redraw_ns = 100'000'000;

Result<bool> said_in_environment(const char* name) {
  const char* value = std::getenv(name);
  const std::string_view said(value == nullptr ? "" : value);
  if (said.empty() || said == "0" || said == "false") return false;
  if (said == "1" || said == "true") return true;
  return Error::usage(fmt::format("{} is {}, which is neither 1 nor 0", name, text::quoted(said)));
}

}  // namespace

Result<image::Platform> platform_of(const Arguments& arguments) {
  const auto word = arguments.value("--platform");
  if (!word) return image::Platform::own();
  return image::Platform::parse(*word).in("--platform");
}

Result<std::unique_ptr<ImageAccess>> ImageAccess::from(const Arguments& arguments, AccessOptions has,
                                                       const StopSignals* signals) {
  std::unique_ptr<ImageAccess> made(new ImageAccess());
  image::Access& access = made->access_;
  access.offline = arguments.flag("--offline") || TRY(said_in_environment("TESTCTR_OFFLINE"));
  access.authfile = arguments.value("--authfile").value_or("");
  if (has.pull) {
    static const std::vector<std::string> words{"missing", "always", "never"};
    const std::string word = TRY(arguments.choice("--pull", words)).value_or("missing");
    access.pull = word == "always"  ? image::Pull::always
                  : word == "never" ? image::Pull::never
                                    : image::Pull::missing;
    if (access.offline && access.pull == image::Pull::always)
      return Error::usage("--pull always asks a registry, and --offline (or TESTCTR_OFFLINE) forbids it");
  }
  if (has.platform) access.platform = TRY(platform_of(arguments));
  if (signals != nullptr) access.cancel = &signals->arrived();
  made->quiet_ = has.quiet;
  made->live_ = !has.quiet && report::is_live_terminal(STDERR_FILENO);
  access.note = [raw = made.get()](const std::string& text) { raw->note(text); };
  access.progress = [raw = made.get()](const image::Progress& progress) { raw->show(progress); };
  return made;
}

ImageAccess::~ImageAccess() { wipe(); }

void ImageAccess::wipe() {
  if (!line_shown_) return;
  line_shown_ = false;
  (void)sys::write_full(STDERR_FILENO, "\r\x1b[K");
}

void ImageAccess::note(const std::string& text) {
  const std::lock_guard lock(mutex_);
  wipe();
  complain("note: " + text);
}

void ImageAccess::show(const image::Progress& progress) {
  const std::lock_guard lock(mutex_);
  if (progress.layer.empty()) {
    wipe();
    layers_.clear();
    if (!progress.finished && !quiet_) complain(fmt::format("pulling {}", progress.image));
    return;
  }
  layers_[progress.layer] = progress;
  const uint64_t now = sys::monotonic_ns();
  if (!live_ || (now < next_ns_ && !progress.finished)) return;
  next_ns_ = now + redraw_ns;
  uint64_t done = 0, size = 0;
  size_t finished = 0;
  for (const auto& [name, layer] : layers_) {
    done += layer.done;
    size += layer.size;
    finished += layer.finished ? 1 : 0;
  }
  std::string line = fmt::format("{}: {} of {}, {} of {} layers", progress.image, text::human_size(done),
                                 text::human_size(size), finished, layers_.size());
  line.resize(std::min(line.size(), report::columns_of(STDERR_FILENO) - 1));
  line_shown_ = true;
  (void)sys::write_full(STDERR_FILENO, "\r" + line + "\x1b[K");
}

}  // namespace testctr::cmd
