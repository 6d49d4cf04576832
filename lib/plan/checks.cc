#include "plan/checks.h"

#include <climits>
#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"
#include "plan/gather.h"
#include "script/script.h"

namespace testctr::plan {
namespace {

/// Variables that the places set and whose other value would make a script lie about where it is.
bool is_reserved(std::string_view name) { return name == "WORK" || name == "TREE"; }

Status add_variable(std::map<std::string, std::string>& all, std::string_view option, const std::string& name,
                    std::string value) {
  if (name.empty()) return Error::usage(fmt::format("{}: a variable without a name", option));
  if (is_reserved(name)) {
    return Error::usage(fmt::format("{}: {} is set by testctr-script and cannot be given", option, name));
  }
  if (!all.emplace(name, std::move(value)).second) {
    return Error::usage(fmt::format("{}: {} is given more than once", option, text::printable(name)));
  }
  return {};
}

/// Adds a variable with the value that it has here.
Status pass_variable(std::map<std::string, std::string>& all, std::string_view option,
                     const std::string& name, const Surroundings& here) {
  if (name.find('=') != std::string::npos) {
    return Error::usage(fmt::format("{}: {} is not a variable's name", option, text::quoted(name)))
        .hint("to give a value: `--env NAME=VALUE`");
  }
  if (name == "PATH") {
    return Error::usage(fmt::format("{}: this machine's PATH means nothing in an image", option))
        .hint("`--env PATH=...` gives one that fits the image");
  }
  std::optional<std::string> value = here.environment(name);
  if (!value) {
    return Error::usage(fmt::format("{}: {} is not set here", option, text::printable(name)))
        .hint(fmt::format("`--env {}=` hands in an empty value", text::printable(name)));
  }
  return add_variable(all, option, name, std::move(*value));
}

}  // namespace

Result<std::string> real_path(const std::string& path) {
  char buffer[PATH_MAX];
  if (::realpath(path.c_str(), buffer) == nullptr)
    return Error::system("realpath", text::printable(path)).as(Fault::usage);
  return std::string(buffer);
}

Result<std::map<std::string, std::string>> variables(const RunRequest& request, const Surroundings& here) {
  std::map<std::string, std::string> all;
  for (const std::string& pair : request.env) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos) {
      return Error::usage(fmt::format("--env: {} is not NAME=VALUE", text::quoted(pair)))
          .hint(fmt::format("to hand in this machine's value: `--pass-env {}`", text::printable(pair)));
    }
    CHECK_OK(add_variable(all, "--env", pair.substr(0, equals), pair.substr(equals + 1)));
  }
  for (const std::string& name : request.pass_env) CHECK_OK(pass_variable(all, "--pass-env", name, here));
  for (const std::string& name : request.secrets) CHECK_OK(pass_variable(all, "--secret", name, here));
  return all;
}

bool is_too_much(const std::string& folder, const Surroundings& here) {
  if (folder == "/") return true;
  if (here.home.empty()) return false;
  const Result<std::string> home = real_path(here.home);
  return home.ok() && folder == home.value();
}

Result<std::string> tree_folder(std::string_view option, const std::string& word, const Surroundings& here) {
  std::string folder = TRY_IN(real_path(word), std::string(option));
  const auto found = TRY(sys::stat_at(AT_FDCWD, folder, 0));
  if (!found || !S_ISDIR(found->st_mode)) {
    return Error::usage(fmt::format("{}: {} is not a folder", option, text::printable(word)));
  }
  if (is_too_much(folder, here)) {
    return Error::usage(fmt::format("{}: {} is {}, which is never shown to a script", option,
                                    text::printable(word),
                                    folder == "/" ? "the root of this machine" : "your home folder"))
        .hint("put what the script needs into a folder of its own");
  }
  return folder;
}

Result<std::string> real_folder(const std::string& word) {
  std::string folder = TRY(real_path(word));
  const auto found = TRY(sys::stat_at(AT_FDCWD, folder, 0));
  if (!found || !S_ISDIR(found->st_mode))
    return Error::usage(fmt::format("{} is not a folder", text::printable(word)));
  return folder;
}

Result<std::string> regular_file(std::string_view option, const std::string& word) {
  std::string path = TRY_IN(real_path(word), std::string(option));
  const auto found = TRY(sys::stat_at(AT_FDCWD, path, 0));
  if (!found || !S_ISREG(found->st_mode)) {
    return Error::usage(fmt::format("{}: {} is not a regular file", option, text::printable(word)));
  }
  return path;
}

Result<std::string> seccomp_choice(std::string_view option, const std::string& word) {
  if (word == "default" || word == "unconfined") return word;
  if (word == "strict")
    return Error::usage(fmt::format("{}: the strict filter is not supported yet", option));
  return regular_file(option, word);
}

void read_script(Job& job, const std::string& folder) {
  Result<std::string> source = sys::read_file(job.file);
  if (!source.ok()) {
    job.error = std::move(source).error().as(Fault::usage);
    job.error->in(fmt::format("{}: cannot be read", text::printable(job.file)));
    return;
  }
  job.source = std::move(source).value();
  check_source(job, folder);
}

void check_source(Job& job, const std::string& folder) {
  if (job.format != Format::script) {
    Status gathered = gather_document(job, folder);
    if (!gathered.ok()) job.error = std::move(gathered).error();
    return;
  }
  const Result<script::Script> parsed = script::parse(job.file, job.source, job.language);
  if (!parsed.ok()) job.error = parsed.error();
}

}  // namespace testctr::plan
