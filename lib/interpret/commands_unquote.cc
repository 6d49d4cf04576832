// unquote: what a txtar archive could not hold as it is, as it is.
#include "base/sys.h"
#include "base/text.h"
#include "interpret/commands.h"
#include "script/member_edit.h"

namespace testctr::interpret {

Answer run_unquote(Session& session, const Arguments& arguments) {
  for (const std::string& name : arguments) {
    auto content = session.load(name);
    if (!content.ok()) return Answer::misuse(content.error());
    auto bytes = content.value().view();
    if (!bytes.ok()) return Answer::misuse(bytes.error());
    auto plain = script::unquoted_member(bytes.value());
    if (!plain.ok())
      return Answer::misuse(fmt::format("{}: {}", text::printable(name), plain.error().message()),
                            plain.error().hint());
    // A file that is there keeps its mode.
    Status written = write_script_file(session, name, 0666, plain.value());
    if (!written.ok()) return Answer::misuse(written.error());
  }
  return Answer::done();
}

}  // namespace testctr::interpret
