#include "interpret/update.h"

#include <set>

#include "base/text.h"
#include "interpret/expand.h"
#include "interpret/extract.h"
#include "script/member_edit.h"

namespace testctr::interpret {
namespace {

constexpr size_t told_at_once = size_t{200} << 10;

bool has_variable(std::string_view text) { return text.find('$') != std::string_view::npos; }

Status can_be_told(std::string_view content, std::string_view before, const Compared& compared) {
  if (content.size() > most_member)
    return Error::usage(fmt::format("there is more than {}, which does not belong into a script",
                                    text::human_size(most_member)));
  CHECK_OK(script::can_be_member(content));
  if (!compared.expanded) return {};
  if (has_variable(before))
    return Error::usage("what is expected has a `$` in it: cmpenv puts variables there");
  if (has_variable(content))
    return Error::usage("what there is has a `$` in it, which cmpenv would take for a variable");
  return {};
}

}  // namespace

MemberUpdates::MemberUpdates(const script::Script& script, const std::string& work, const Lookup& lookup)
    : script_(&script), work_(work) {
  std::set<std::string> doubled;
  for (const script::File& file : script.files) {
    auto expanded = expand(file.name, lookup);
    if (!expanded.ok()) continue;
    auto name = normal_name(expanded.value(), work);
    if (!name.ok()) continue;
    if (!files_.emplace(name.value(), &file).second) doubled.insert(std::move(name).value());
  }
  for (const std::string& name : doubled) files_.erase(name);
}

Result<MemberUpdates::Side> MemberUpdates::side(Session& session, const std::string& name) const {
  Side side;
  if (name == "stdout" || name == "stderr") {
    side.bytes = TRY((name == "stdout" ? session.out : session.err).view());
    return side;
  }
  OutputBuffer content = TRY(session.load(name));
  side.bytes = TRY(content.view());
  const std::string path = clean_path(session.path(name));
  if (!path.starts_with(work_ + "/")) return side;
  const auto found = files_.find(path.substr(work_.size() + 1));
  if (found == files_.end()) return side;
  side.file = found->second;
  side.as_written = side.bytes == side.file->data;
  // Nothing is the same with and without its quotes.
  if (side.file->data.empty())
    side.quoted = side.as_written && script::is_unquoted(*script_, side.file->name);
  if (side.as_written || side.file->data.empty()) return side;
  const auto plain = script::unquoted_member(side.file->data);
  side.as_written = side.quoted = plain.ok() && plain.value() == side.bytes;
  return side;
}

Status MemberUpdates::take(Session& session, const Compared& compared) {
  const Side first = TRY(side(session, compared.first)), second = TRY(side(session, compared.second));
  // What is expected is as the script has it; the other side was made.
  const auto made = [](const Side& side) { return side.file == nullptr || !side.as_written; };
  const bool as_usual = second.as_written && (compared.ordered || made(first));
  const bool swapped = !compared.ordered && first.as_written && made(second);
  if (!as_usual && !swapped) {
    if (compared.equal) return {};
    if (first.as_written && second.as_written)
      return Error::usage("both are files of the script as they stand in it");
    if (first.file == nullptr && second.file == nullptr)
      return Error::usage("neither is a file of the script");
    return Error::usage(fmt::format("the script has changed {} before it compares",
                                    (second.file != nullptr ? second : first).file->name));
  }
  const Side& expected = as_usual ? second : first;
  const Side& actual = as_usual ? first : second;
  const std::string& content = compared.equal ? expected.bytes : actual.bytes;
  if (!compared.equal) CHECK_OK(can_be_told(content, expected.bytes, compared));
  const uint32_t line = session.command->line;
  const Digest digest = Digest::of(content);
  const auto [want, fresh] = wants_.emplace(expected.file, Want{digest, line});
  // Told in any case: the outside is to know that two lines disagree.
  tell(session, expected, compared.equal, content);
  if (fresh || want->second.content == digest) return {};
  return Error::usage(fmt::format("line {} wants another content of {}", want->second.line,
                                  text::printable(expected.file->name)));
}

void MemberUpdates::tell(Session& session, const Side& expected, bool equal, std::string_view content) const {
  Event event;
  event.kind = Event::Kind::compared;
  event.line = session.command->line;
  event.compared.member = expected.file->name;
  event.compared.quoted = expected.quoted;
  event.compared.equal = equal;
  if (equal) return session.events.take(event);
  do {
    event.text = content.substr(0, told_at_once);
    content.remove_prefix(event.text.size());
    event.compared.more = !content.empty();
    session.events.take(event);
  } while (!content.empty());
}

}  // namespace testctr::interpret
