// What a registry's server says in headers and small answers: challenges, dates, ranges, tokens, refusals.
// Nothing of it may be more than was said, or anything but printable where it is shown.
#include <cstdint>
#include <cstdlib>

#include "base/text.h"
#include "registry/answer.h"
#include "registry/blob_stream.h"
#include "registry/challenge.h"
#include "registry/retry.h"
#include "registry/token.h"

using namespace testctr;
using namespace testctr::registry;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  size_t said = 0;
  for (const Challenge& challenge : parse_challenges(text)) {
    if (challenge.scheme.empty()) abort();
    said += challenge.scheme.size();
    for (const auto& [name, value] : challenge.parameters) said += name.size() + value.size();
  }
  if (said > size) abort();
  if (auto after = parse_retry_after(text, 784111777); after && *after < 0) abort();
  if (auto range = parse_content_range(text);
      range && (range->last < range->first || (range->size && range->last >= *range->size)))
    abort();
  auto token = parse_token(text, 0);
  if (token.ok() &&
      (token.value().value.empty() || token.value().value.find_first_of("\r\n ") != std::string::npos))
    abort();
  const std::string told = told_in(text);
  if (told.size() > 8192 || text::printable(told) != told) abort();
  return 0;
}
