#include "report/file_report.h"

#include "base/sys.h"
#include "base/text.h"

namespace testctr::report {

Status FileWriter::keep(Status done) {
  if (done.ok()) return done;
  done.error().in(fmt::format("writing {}", text::printable(path_)));
  status_ = std::move(done);
  return status_;
}

Status FileWriter::begin() {
  if (fd_ >= 0) return {};
  fd_ = TRY(file_.begin());
  if (appears_ == Appears::at_once) CHECK_OK(file_.appear());
  return {};
}

void FileWriter::write(std::string_view bytes) {
  if (!status_.ok() || bytes.empty()) return;
  if (!keep(begin()).ok()) return;
  static_cast<void>(keep(sys::write_full(fd_, bytes)));
}

void FileWriter::finish() {
  if (status_.ok() && keep(begin()).ok()) static_cast<void>(keep(file_.finish()));
}

Result<std::unique_ptr<FileReport>> FileReport::create(const std::string& what, const std::string& path,
                                                       FileWriter::Appears appears) {
  sys::OutputFile file = TRY_IN(sys::OutputFile::create(path), what);
  return std::make_unique<FileReport>(std::move(file), path, appears);
}

bool FileReport::shares_file_with(const FileReport& other) const {
  return writer_.file().target() == other.writer_.file().target() || overwrites(other.path_);
}

void FileReport::run_ended(const RunEnding& ending, const Tally& tally) {
  reporter_->run_ended(ending, tally);
  // What the reporter could not gather is not given a name either.
  if (reporter_->status().ok()) writer_.finish();
}

Status FileReport::status() const {
  Status status = reporter_->status();
  if (!status.ok() && writer_.status().ok())
    status.error().in(fmt::format("writing {}", text::printable(path_)));
  return status.ok() ? writer_.status() : status;
}

}  // namespace testctr::report
