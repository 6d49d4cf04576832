// Files of credentials: whatever stands in them, an entry that is found belongs to the host, and no message
// shows a secret.
#include <cstdint>
#include <cstdlib>

#include "base/text.h"
#include "registry/auth_file.h"

using namespace testctr;
using namespace testctr::registry;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // The seeds have this password, plain and as it stands in an entry.
  const auto check = [](const std::string& message) {
    if (message.find("hunter2") != std::string::npos && message.find("hunter2") < message.find("entry"))
      abort();
  };
  for (bool legacy : {false, true}) {
    auto file = parse_auth_file(text, "auth.json", legacy);
    if (!file.ok()) {
      check(file.error().message());
      if (file.error().fault() != Fault::usage) abort();
      continue;
    }
    for (const char* host : {"r.example", "docker.io", "r.example:5000"}) {
      auto found = file.value().find(host, "a/b");
      if (!found.ok()) {
        check(found.error().message());
      } else if (found.value() && !found.value()->identity_token.empty() &&
                 !found.value()->password.empty()) {
        abort();
      }
      (void)file.value().helper_for(host);
    }
  }
  return 0;
}
