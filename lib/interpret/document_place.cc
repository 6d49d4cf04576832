#include "interpret/document_place.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/lookup.h"

namespace testctr::interpret {
namespace {

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

Result<DocumentPlace> make_place(const script::Document& document, const Session& session,
                                 const DocumentSetting& how) {
  const std::string& work = session.setting.work;
  DocumentPlace place;
  place.control = session.setting.control;
  if (place.control.empty()) {
    place.control = work + "/.shell";
  } else {
    // What the place's last document left in it would be read as this one's.
    CHECK_OK(sys::remove_tree(place.control));
  }
  CHECK_OK(sys::make_dirs(place.control, 0700));
  place.directory = how.directory;
  if (place.directory.empty()) {
    std::string name = base_name(document.name);
    if (name.empty() || name == "." || name == ".." || name == ".shell" || name == ".tmp" || name == "tmp")
      name += "-1";
    place.directory = work + "/" + name;
    CHECK_OK(sys::make_dirs(place.directory, 0755));
  }
  if (!how.directory.empty()) {
    place.temporary = place.directory + "/.temp.XXXXXX";
    if (::mkdtemp(place.temporary.data()) == nullptr) return Error::system("mkdtemp", place.temporary);
    place.lies_outside = true;
    return place;
  }
  place.temporary = session.lookup("TMPDIR").value_or(work + "/tmp");
  CHECK_OK(sys::make_dirs(place.temporary, 0755));
  return place;
}

Result<std::string> shell_program(const script::Document& document, const Session& session,
                                  const DocumentSetting& how, const DocumentPlace& place) {
  const bool cram = document.dialect == script::Dialect::cram;
  std::string name = how.shell;
  if (name.empty()) name = document.config.shell.value_or("");
  const bool chosen = !name.empty();
  if (!chosen) name = cram ? "/bin/sh" : "bash";
  const std::string path = session.lookup("PATH").value_or("");
  auto found = find_program(name, path, place.directory);
  const bool usable = found.ok() && (chosen || ::access(found.value().c_str(), X_OK) == 0);
  // Root may all that has a bit: only a filter says that.
  if (found.ok() && !usable && errno == EPERM)
    return Error::system("access", found.value())
        .hint(
            "the --seccomp profile refuses what documents are run with: learn it from a document "
            "(`testctr-script seccomp learn`)");
  if (usable) return found.value().starts_with('/') ? found.value() : place.directory + "/" + found.value();
  if (!chosen && cram) {
    auto bash = find_program("bash", path, place.directory);
    if (bash.ok()) return bash;
  }
  if (!chosen && !how.spare_shell.empty()) return how.spare_shell;
  return Error::usage(fmt::format("{}: its shell {} is not in the image", text::printable(document.name),
                                  text::quoted(name)))
      .hint("`shell:` in the document or --shell names another");
}

std::map<std::string, std::string> document_environment(const script::Document& document,
                                                        const Session& session, const DocumentSetting& how,
                                                        const DocumentPlace& place,
                                                        const std::string& shell) {
  const std::string& tree = session.setting.tree;
  std::map<std::string, std::string> all = session.setting.environment;
  all["TESTDIR"] = tree.empty() ? place.directory : tree;
  all["TESTFILE"] = base_name(document.name);
  all["TESTSHELL"] = shell;
  all["SHELL"] = shell;
  all["CRAMTMP"] = session.setting.work;
  for (const char* name : {"TMPDIR", "TEMPDIR", "TMP", "TEMP"}) all[name] = place.temporary;
  for (const auto& [name, value] : how.overrides.environment) all[name] = value;
  return all;
}

}  // namespace testctr::interpret
