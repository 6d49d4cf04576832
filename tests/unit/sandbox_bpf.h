// Runs a system call filter in user space, so that every number can be asked for without making the call.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <cstring>
#include <span>

namespace testctr::sandbox::tests {

/// @return the filter's answer (SECCOMP_RET_*), or 0 (kill) for a program that the kernel would not have
/// taken.
inline uint32_t evaluate(std::span<const sock_filter> program, const seccomp_data& data) {
  uint32_t accumulator = 0, index = 0, memory[16] = {};
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& i = program[at];
    const uint32_t operand = BPF_SRC(i.code) == BPF_X ? index : i.k;
    switch (i.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (i.k + 4 > sizeof data) return 0;
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + i.k, 4);
        break;
      case BPF_LD | BPF_IMM:
        accumulator = i.k;
        break;
      case BPF_LD | BPF_MEM:
        accumulator = memory[i.k & 15];
        break;
      case BPF_ST:
        memory[i.k & 15] = accumulator;
        break;
      case BPF_LDX | BPF_IMM:
        index = i.k;
        break;
      case BPF_LDX | BPF_MEM:
        index = memory[i.k & 15];
        break;
      case BPF_STX:
        memory[i.k & 15] = index;
        break;
      case BPF_MISC | BPF_TAX:
        index = accumulator;
        break;
      case BPF_MISC | BPF_TXA:
        accumulator = index;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
      case BPF_ALU | BPF_AND | BPF_X:
        accumulator &= operand;
        break;
      case BPF_JMP | BPF_JA:
        at += i.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
      case BPF_JMP | BPF_JEQ | BPF_X:
        at += accumulator == operand ? i.jt : i.jf;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
      case BPF_JMP | BPF_JGT | BPF_X:
        at += accumulator > operand ? i.jt : i.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
      case BPF_JMP | BPF_JGE | BPF_X:
        at += accumulator >= operand ? i.jt : i.jf;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
      case BPF_JMP | BPF_JSET | BPF_X:
        at += (accumulator & operand) != 0 ? i.jt : i.jf;
        break;
      case BPF_RET | BPF_K:
        return i.k;
      case BPF_RET | BPF_A:
        return accumulator;
      default:
        return 0;
    }
  }
  return 0;
}

}  // namespace testctr::sandbox::tests
