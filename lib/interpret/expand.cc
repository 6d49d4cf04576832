// Finds the names of variables in text and puts their values in.
#include "interpret/expand.h"

#include "base/text.h"
#include "interpret/pattern.h"

namespace testctr::interpret {
namespace {

bool is_special(char c) { return std::string_view("*#$@!?-0123456789").find(c) != std::string_view::npos; }
bool is_name_byte(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// What follows a `$`: the name, empty when there is none, and how many bytes it takes up.
struct Reference {
  std::string_view name;
  size_t size = 0;
};

Reference read_reference(std::string_view rest) {
  if (rest.front() == '{') {
    if (rest.size() > 2 && is_special(rest[1]) && rest[2] == '}') return {rest.substr(1, 1), 3};
    size_t closing = rest.find('}');
    if (closing == std::string_view::npos) return {{}, 1};  // an unclosed "${" is eaten
    return {rest.substr(1, closing - 1), closing + 1};
  }
  if (is_special(rest.front())) return {rest.substr(0, 1), 1};
  size_t size = 0;
  while (size < rest.size() && is_name_byte(rest[size])) ++size;
  return {rest.substr(0, size), size};
}

Result<std::string> value_of(std::string_view name, const Lookup& lookup, bool in_pattern, Expansion known) {
  bool demanded = false;
  if (known.quoted && name.size() > 2 && name.ends_with("@R")) {
    in_pattern = true;
    name.remove_suffix(2);
  } else if (known.demanded && name.size() > 1 && name.ends_with('?')) {
    demanded = true;
    name.remove_suffix(1);
  }
  std::optional<std::string> value = lookup(name);
  if (!value && demanded) {
    return Error::usage(fmt::format("the variable {} is not set", text::printable(name)))
        .hint("`${NAME?}` demands that it is; `$NAME` is empty when it is not");
  }
  if (!value && known.strict) {
    return Error::usage(fmt::format("the variable {} is not set", text::printable(name)))
        .hint("--strict-env: a variable that may be unset is given a value first: env NAME=");
  }
  if (!value) return std::string();
  return in_pattern ? quote_meta(*value) : *std::move(value);
}

template <class Take>
Status expand_to(std::string_view text, const Lookup& lookup, bool in_pattern, Expansion known,
                 const Take& take) {
  size_t done = 0;
  for (size_t i = text.find('$'); i != std::string_view::npos && i + 1 < text.size();
       i = text.find('$', done)) {
    CHECK_OK(take(text.substr(done, i - done)));
    Reference reference = read_reference(text.substr(i + 1));
    if (reference.size == 0) CHECK_OK(take("$"));
    if (!reference.name.empty()) CHECK_OK(take(TRY(value_of(reference.name, lookup, in_pattern, known))));
    done = i + 1 + reference.size;
  }
  return take(text.substr(done));
}

}  // namespace

Result<std::string> expand(std::string_view text, const Lookup& lookup, bool in_pattern, Expansion known) {
  std::string expanded;
  auto take = [&expanded](std::string_view part) {
    expanded += part;
    return Status();
  };
  CHECK_OK(expand_to(text, lookup, in_pattern, known, take));
  return expanded;
}

Status expand(std::string_view text, const Lookup& lookup,
              const std::function<Status(std::string_view part)>& take, Expansion known) {
  return expand_to(text, lookup, /* in_pattern= */ false, known, take);
}

Result<std::string> expand(const script::Word& word, const Lookup& lookup, bool in_pattern, Expansion known) {
  std::string expanded;
  for (const script::Fragment& fragment : word) {
    if (fragment.quoted) {
      expanded += fragment.text;
    } else {
      expanded += TRY(expand(fragment.text, lookup, in_pattern, known));
    }
  }
  return expanded;
}

}  // namespace testctr::interpret
