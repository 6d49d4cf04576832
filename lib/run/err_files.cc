#include "run/err_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <set>

#include "base/output_file.h"
#include "base/sys.h"
#include "base/text.h"
#include "plan/gather.h"
#include "script/cram_output.h"

namespace testctr::run {
namespace {

/// Whether a job is one that has such a file.
bool has_file(const plan::Job& job) { return job.format == plan::Format::cram && !job.error; }

std::string path_of(const plan::Job& job) { return job.file + ".err"; }

/// The path without links, or nothing where there is no such file.
std::string real(const std::string& path) {
  char buffer[PATH_MAX];
  return ::realpath(path.c_str(), buffer) == nullptr ? "" : buffer;
}

/// What the commands did, from what was told about them. The first of which nothing whole is known counts as
/// the one in which the shell ended.
Result<std::vector<script::CramResult>> results_of(const script::Document& document,
                                                   const std::map<uint32_t, ObservedCase>& cases) {
  std::vector<script::CramResult> results;
  for (const script::Case& test : document.cases) {
    script::CramResult result;
    if (auto found = cases.find(test.line); found != cases.end()) {
      if (found->second.cut)
        return Error::usage(fmt::format("line {} printed more than is kept for it", test.line));
      result.output = found->second.output;
      if (!found->second.shell_ended) result.status = found->second.code;
    }
    results.push_back(std::move(result));
    if (!results.back().status) break;
  }
  return results;
}

}  // namespace

Status ErrFiles::check(const plan::Plan& plan) {
  std::set<std::string> sources;
  for (const plan::Job& job : plan.jobs) sources.insert(real(job.file));
  for (const plan::Job& job : plan.jobs) {
    if (!has_file(job)) continue;
    if (!job.layer.empty())
      return Error::usage("--err-files: the documents of a layer have no folder here")
          .hint("run them from their files, without --layer");
    const std::string path = path_of(job);
    auto file = sys::OutputFile::create(path);
    if (!file.ok()) return std::move(file).error().in("--err-files");
    if (const std::string there = real(path); !there.empty() && sources.contains(there))
      return Error::usage(
          fmt::format("--err-files: {} is what is to be run, and would be overwritten", text::quoted(path)));
  }
  return {};
}

ErrFiles::ErrFiles(const plan::Plan& plan, EventSink& next)
    : plan_(plan), observer_(next, [this](ObservedCase ended) { keep(std::move(ended)); }) {}

void ErrFiles::keep(ObservedCase ended) {
  // Cases of included documents stand in files of their own.
  if (ended.script >= plan_.jobs.size() || !has_file(plan_.jobs[ended.script]) || !ended.file.empty()) return;
  Running& running = running_[ended.script];
  if (running.bytes + ended.output.size() > most_output) {
    ended.output.clear();
    ended.cut = true;
  }
  running.bytes += ended.output.size();
  running.cases.insert_or_assign(ended.line, std::move(ended));
}

void ErrFiles::take(const Event& event) {
  observer_.take(event);
  if (event.kind == Event::Kind::script_ended) end(event.script, event.outcome);
}

void ErrFiles::end(uint32_t script, Outcome outcome) {
  auto running = running_.extract(script);
  if (script >= plan_.jobs.size() || !has_file(plan_.jobs[script])) return;
  const plan::Job& job = plan_.jobs[script];
  if (outcome == Outcome::pass) files_.emplace_back(path_of(job), std::nullopt);
  if (outcome != Outcome::fail || running.empty()) return;
  if (Status added = add(job, running.mapped()); !added.ok())
    problems_.push_back(std::move(added).error().in("--err-files: " + text::printable(path_of(job))));
}

Status ErrFiles::add(const plan::Job& job, const Running& running) {
  const script::Document document =
      TRY(script::read_document(plan::dialect_of(job.format), job.name, job.source, job.documents.reading));
  const std::vector<script::CramResult> results = TRY(results_of(document, running.cases));
  std::string text = script::cram_rewritten(document, results, job.documents.reading.indent);
  if (bytes_ + text.size() > most_output)
    return Error::usage("with those of the other documents it is more than is kept")
        .hint("run fewer documents at a time");
  bytes_ += text.size();
  files_.emplace_back(path_of(job), std::move(text));
  return {};
}

Status ErrFiles::remove(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0 || !(S_ISREG(found.st_mode) || S_ISLNK(found.st_mode))) return {};
  if (::unlink(path.c_str()) != 0) return Error::system("unlink", path);
  return {};
}

std::vector<Error> ErrFiles::finish() {
  const auto write = [](const std::string& path, const std::string& text) -> Status {
    sys::OutputFile file = TRY(sys::OutputFile::create(path));
    CHECK_OK(sys::write_full(TRY(file.begin()), text));
    return file.finish();
  };
  for (const auto& [path, text] : std::exchange(files_, {})) {
    Status done = text ? write(path, *text) : remove(path);
    if (!done.ok()) problems_.push_back(std::move(done).error().in("--err-files: " + text::printable(path)));
  }
  return std::exchange(problems_, {});
}

}  // namespace testctr::run
