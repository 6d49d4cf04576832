// What the processor can do, asked only when it pays.
#pragma once

namespace testctr {

/// Lets libcrypto ask the processor what it can do, once. Who has more to do with libcrypto than to hash, as
/// TLS has, calls it first; without it the library uses only what any processor has.
void ask_processor();

}  // namespace testctr
