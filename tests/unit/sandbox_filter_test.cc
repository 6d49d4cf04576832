// The embedded filters answer every system call number of both architectures as the readable table says.
#include <doctest/doctest.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <sys/syscall.h>

#include <cstdlib>

#include "sandbox/filter.h"
#include "sandbox/table.h"
#include "sandbox_bpf.h"
#include "sandbox_support.h"

using namespace testctr;
using namespace testctr::sandbox;
using namespace testctr::sandbox::tests;

namespace {

constexpr uint32_t architectures[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386};

Table table() {
  std::string error;
  auto parsed = parse_table(default_table_text(), error);
  REQUIRE_MESSAGE(parsed, error);
  return *parsed;
}

// The table's word for a number; nothing for a number that it does not name.
const TableRule* rule_for(const Table& table, uint32_t arch, int number) {
  if (arch == AUDIT_ARCH_X86_64) {
    for (const auto& [name, own] : table.numbers) {
      if (own == number) return &table.rules.at(name);
    }
  }
  char* name = seccomp_syscall_resolve_num_arch(arch, number);
  auto found = table.rules.find(name != nullptr ? name : "");
  std::free(name);
  return found == table.rules.end() ? nullptr : &found->second;
}

uint32_t answer_for(Verdict verdict, bool notify, bool fake) {
  switch (verdict) {
    case Verdict::allow:
      return SECCOMP_RET_ALLOW;
    case Verdict::deny:
      return notify ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | EPERM;
    case Verdict::nosys:
      return SECCOMP_RET_ERRNO | ENOSYS;
    case Verdict::fake:
      return fake ? SECCOMP_RET_ERRNO : SECCOMP_RET_ALLOW;
  }
  return 0;
}

// Arguments worth trying for a rule: its values, their neighbours, each bit of its mask; all again with bits
// above 32 set, which the kernel does not look at.
std::vector<uint64_t> arguments_for(const TableRule* rule) {
  std::vector<uint64_t> values = {0, ~uint64_t{0}};
  if (rule == nullptr || !rule->when) return values;
  for (uint32_t value : rule->when->values) {
    for (uint64_t near : {uint64_t{value} - 1, uint64_t{value}, uint64_t{value} + 1, uint64_t{value} | 0x1000,
                          value ^ uint64_t{0x80000000}})
      values.push_back(near);
  }
  for (int bit = 0; bit < 32; ++bit) values.push_back(uint64_t{1} << bit);
  for (size_t i = values.size(); i-- > 0;) values.push_back(values[i] | uint64_t{1} << 32);
  return values;
}

}  // namespace

TEST_CASE("sandbox filter: every number of both architectures gets the table's answer") {
  const Table t = table();
  size_t asked = 0, wrong = 0;
  for (bool notify : {false, true}) {
    for (bool fake : {false, true}) {
      auto program = default_filter(notify, fake);
      for (uint32_t arch : architectures) {
        for (int number = 0; number < 1100; ++number) {
          const TableRule* rule = rule_for(t, arch, number);
          for (uint64_t value : arguments_for(rule)) {
            seccomp_data data{.nr = number, .arch = arch, .instruction_pointer = 0, .args = {}};
            data.args[rule != nullptr && rule->when ? rule->when->argument : 0] = value;
            uint32_t expected = answer_for(
                rule != nullptr ? rule->judge(reinterpret_cast<const uint64_t*>(data.args)) : Verdict::nosys,
                notify, fake);
            uint32_t answer = evaluate(program, data);
            ++asked;
            if (answer != expected && ++wrong < 5) {
              FAIL_CHECK(fmt::format("arch {:x} number {} ({}) argument {:x}: {:x}, expected {:x}", arch,
                                     number, rule != nullptr ? rule->name : "?", value, answer, expected));
            }
          }
        }
      }
    }
  }
  CHECK(wrong == 0);
  CHECK(asked > 15000);
}

TEST_CASE("sandbox filter: x32 and other architectures are refused") {
  for (bool notify : {false, true}) {
    auto program = default_filter(notify, false);
    CHECK(evaluate(program, {.nr = -1, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = 0, .args = {}}) ==
          (SECCOMP_RET_ERRNO | ENOSYS));
    for (int number : {0, 1, 59, 500}) {
      CHECK(evaluate(program, {.nr = number | 0x40000000,
                               .arch = AUDIT_ARCH_X86_64,
                               .instruction_pointer = 0,
                               .args = {}}) == (SECCOMP_RET_ERRNO | ENOSYS));
      CHECK(evaluate(program,
                     {.nr = number, .arch = AUDIT_ARCH_AARCH64, .instruction_pointer = 0, .args = {}}) ==
            (SECCOMP_RET_ERRNO | ENOSYS));
    }
  }
}

// The kernel translates the program for each container that starts.
TEST_CASE("sandbox filter: the programs are short") {
  for (bool notify : {false, true}) {
    for (bool fake : {false, true}) CHECK(default_filter(notify, fake).size() < 350);
  }
}

TEST_CASE("sandbox filter: the table names every system call that the library knows") {
  const Table t = table();
  for (uint32_t arch : architectures) {
    for (int number = 0; number < 1100; ++number) {
      char* name = seccomp_syscall_resolve_num_arch(arch, number);
      if (name == nullptr) continue;
      CHECK_MESSAGE(t.rules.contains(name), std::string(name));
      std::free(name);
    }
  }
}

TEST_CASE("sandbox filter: the table's errors name the line") {
  for (auto [text, expected] : std::vector<std::pair<const char*, const char*>>{
           {"allow read\npermit write\n", "line 2: unknown statement permit"},
           {"allow read\ndeny read\n", "line 2: read stands twice"},
           {"deny ioctl when arg1 is 0x5412\n", "line 1: expected else"},
           {"deny ioctl when arg9 is 1 else allow\n", "line 1: expected arg0 to arg5"},
           {"deny mknod when arg1 & 0xF0 is 1 else allow\n", "line 1: a value that the mask hides: 1"},
           {"allow read\n  write\ndeny x when arg0 is 1 else allow more\n",
            "line 3: more words than expected"}}) {
    std::string error;
    CHECK_FALSE(parse_table(text, error));
    CHECK(error == expected);
  }
}

TEST_CASE("sandbox filter: the supervisor may do its work and nothing else") {
  auto program = supervisor_filter();
  auto ask = [&](int number) {
    return evaluate(program, {.nr = number, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = 0, .args = {}});
  };
  for (int number : {SYS_read, SYS_ioctl, SYS_futex, SYS_tgkill, SYS_exit_group})
    CHECK(ask(number) == SECCOMP_RET_ALLOW);
  for (int number : {SYS_execve, SYS_mount, SYS_socket, SYS_ptrace, SYS_setns, SYS_unlink})
    CHECK(ask(number) == (SECCOMP_RET_ERRNO | EPERM));
  // Where the sanitizer cannot ask for it, containers end without a word.
  CHECK(ask(SYS_sigaltstack) == (sanitized ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | EPERM));
}
