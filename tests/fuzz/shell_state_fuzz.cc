// What a place says of its shell, in any bytes: as records, as a POSIX shell's lines, as a state that
// crosses. Refused, or a value that survives the way back.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "interpret/shell_state.h"

using namespace testctr;
using namespace testctr::interpret;

namespace {

void check(ShellState state) {
  auto bytes = shell_state_to_bytes(state);
  if (!bytes.ok()) return;
  auto again = shell_state_from_bytes(bytes.value());
  if (!again.ok()) return;  // values with NULs of their own
  state.directory.clear();
  if (!(again.value() == state)) std::abort();
  std::vector<std::string> notes;
  for (bool bash : {true, false}) (void)load_text({}, again.value(), bash, notes);
  for (const auto& [name, variable] : again.value().variables) {
    if (!is_shell_name(name) || is_place_variable(name)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (auto state = shell_state_from_bytes(input); state.ok()) check(state.value());
  if (auto state = shell_state_from_bash(input); state.ok()) check(state.value());
  check(shell_state_from_posix(input, input, input, input));
  return 0;
}
