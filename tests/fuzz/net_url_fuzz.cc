// URLs, where they lead, and the lists of NO_PROXY: what is taken is well-formed and stays the same when it
// is read again.
#include <cstdint>
#include <cstdlib>

#include "net/proxy.h"
#include "net/url.h"

namespace {
using namespace testctr::net;

void check(const Url& url) {
  for (unsigned char c : url.str())
    if (c <= 0x20 || c >= 0x7f) abort();
  if (url.host.empty() || url.port == 0 || !url.target.starts_with("/")) abort();
  auto again = Url::parse(url.str());
  if (!again.ok() || again.value().str() != url.str() || !again.value().same_origin(url)) abort();
  (void)url.shown();
}
}  // namespace

// The first line is a URL, the second a Location, the third a list.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t first = std::min(input.find('\n'), size);
  const std::string_view rest = first < size ? input.substr(first + 1) : "";
  const size_t second = std::min(rest.find('\n'), rest.size());
  const std::string_view list = second < rest.size() ? rest.substr(second + 1) : "";
  auto url = Url::parse(input.substr(0, first));
  if (url.ok()) check(url.value());
  const Url base = url.ok() ? url.value() : Url::parse("https://base.example/a/b?c").value();
  auto there = base.resolve(rest.substr(0, second));
  if (there.ok()) check(there.value());
  (void)no_proxy_covers(list, base.host, base.port);
  auto proxy = proxy_for(base, [&](const std::string& name) -> std::optional<std::string> {
    if (name == "NO_PROXY") return std::string(list);
    return name == "ALL_PROXY" ? std::optional<std::string>(input.substr(0, first)) : std::nullopt;
  });
  if (proxy.ok() && proxy.value()) (void)proxy.value()->str();
  return 0;
}
