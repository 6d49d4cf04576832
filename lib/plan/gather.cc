#include "plan/gather.h"

#include "base/sys.h"
#include "base/text.h"

namespace testctr::plan {
namespace {

constexpr int64_t beyond_document_ns = 30'000'000'000;  // for what the container itself needs

struct Part {
  DocumentPart part;
  size_t cases = 0;
};

/// @param said_at "file:line: " of who includes it, or an option's name
Result<Part> included(const Job& job, const std::string& path, const std::string& said_at) {
  const auto found = TRY_IN(sys::stat_at(AT_FDCWD, path, 0), said_at);
  if (!found || !S_ISREG(found->st_mode)) {
    return Error::usage(fmt::format("{}{}: {}", said_at, text::printable(path),
                                    found ? "not a regular file" : "no such document"))
        .hint("paths in a document are relative to its own folder");
  }
  Part result;
  result.part.name = path;
  auto source = sys::read_file(path);
  if (!source.ok()) return std::move(source).error().in(said_at + "cannot be read").as(Fault::usage);
  result.part.source = std::move(source).value();
  const script::Document read =
      TRY(script::read_document(dialect_of(job.format), path, result.part.source, job.documents.reading));
  result.cases = read.cases.size();
  if (result.cases == 0)
    return Error::usage(fmt::format("{}{}: no test was found in it", said_at, text::printable(path)));
  return result;
}

/// The path of an included document: shown as the including one's is.
std::string beside(const Job& job, const std::string& folder, const std::string& path) {
  if (path.starts_with('/')) return path;
  const size_t slash = job.file.rfind('/');
  if (slash == std::string::npos) return path;
  return slash == 0 ? folder + "/" + path : job.file.substr(0, slash + 1) + path;
}

}  // namespace

script::Dialect dialect_of(Format format) {
  return format == Format::cram ? script::Dialect::cram : script::Dialect::markdown;
}

Status gather_document(Job& job, const std::string& folder) {
  const script::Document document =
      TRY(script::read_document(dialect_of(job.format), job.file, job.source, job.documents.reading));
  job.cases = document.cases.size();
  std::vector<DocumentPart> before, after;
  const auto take = [&](std::vector<DocumentPart>& list, const std::string& path,
                        const std::string& said_at) -> Status {
    Part part = TRY(included(job, path, said_at));
    job.cases += part.cases;
    list.push_back(std::move(part.part));
    return {};
  };
  const auto place = [&](const script::Inclusion& inclusion) {
    return fmt::format("{}:{}: ", text::printable(job.file), inclusion.line);
  };
  for (const std::string& path : job.documents.prepend) CHECK_OK(take(before, path, "--prepend: "));
  for (const script::Inclusion& inclusion : document.config.prepend)
    CHECK_OK(take(before, beside(job, folder, inclusion.path), place(inclusion)));
  for (const script::Inclusion& inclusion : document.config.append)
    CHECK_OK(take(after, beside(job, folder, inclusion.path), place(inclusion)));
  for (const std::string& path : job.documents.append) CHECK_OK(take(after, path, "--append: "));
  if (document.cases.empty()) {
    return Error::usage(fmt::format("{}: no test was found in it", text::printable(job.file)))
        .hint(job.format == Format::cram ? "a test is a line that begins with two blanks and `$ `"
                                         : "a test is a fence ```scrut with a line that begins with `$ `");
  }
  if (document.config.total_timeout_ns && !job.limits.script_timeout_asked) {
    const int64_t total = *document.config.total_timeout_ns;
    job.limits.script_timeout_ns = total == 0 ? INT64_MAX / 4 : total + beyond_document_ns;
  }
  job.parts = std::move(before);
  job.main_part = job.parts.size();
  job.parts.push_back({job.file, job.source});
  for (DocumentPart& part : after) job.parts.push_back(std::move(part));
  return {};
}

Result<std::vector<script::Document>> read_parts(const Job& job) {
  std::vector<script::Document> documents;
  for (const DocumentPart& part : job.parts)
    documents.push_back(
        TRY(script::read_document(dialect_of(job.format), part.name, part.source, job.documents.reading)));
  return documents;
}

}  // namespace testctr::plan
