// Whether something listens on this machine.
#pragma once

#include <cstdint>

namespace testctr::interpret {

/// Whether a connection to that TCP port of the loopback interface comes about, over IPv4 or IPv6. Takes a
/// fraction of a second at most.
bool port_is_open(uint16_t port);

}  // namespace testctr::interpret
