#include "keep.h"

#include <stdlib.h>
#include <unistd.h>

#include <memory>
#include <set>

namespace testctr::cmd {
namespace {

/// A test's name as that of one folder.
std::string folder_name(const std::string& name) {
  constexpr size_t longest = 100;
  std::string folder;
  for (const char c : name.substr(name.size() > longest ? name.size() - longest : 0)) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    folder += plain || (c == '.' && !folder.empty()) ? c : '_';
  }
  return folder.empty() ? "test" : folder;
}

}  // namespace

KeptWork::~KeptWork() {
  // Only where it is empty.
  if (!folder_.empty()) (void)::rmdir(folder_.c_str());
}

Status KeptWork::prepare(const Arguments& arguments, plan::Plan& plan) {
  const bool all = arguments.flag("--keep-all");
  if (!all && !arguments.flag("--keep")) return {};
  const char* base = ::getenv("TMPDIR");
  const std::string below = base == nullptr || *base == '\0' ? "/tmp" : base;
  // Links are not followed when files are written, and these are the user's own.
  const std::unique_ptr<char, void (*)(void*)> resolved(::realpath(below.c_str(), nullptr), ::free);
  if (resolved == nullptr) return Error::system("realpath", below);
  folder_ = fmt::format("{}/testctr-kept-XXXXXX", resolved.get());
  if (::mkdtemp(folder_.data()) == nullptr) {
    const Error error = Error::system("mkdtemp", folder_);
    folder_.clear();
    return error;
  }
  std::set<std::string> taken;
  for (plan::Job& job : plan.jobs) {
    const std::string name = folder_name(job.name);
    std::string unique = name;
    for (int i = 2; !taken.insert(unique).second; ++i) unique = fmt::format("{}_{}", name, i);
    job.keep = plan::Keep{fmt::format("{}/{}", folder_, unique), all};
  }
  return {};
}

}  // namespace testctr::cmd
