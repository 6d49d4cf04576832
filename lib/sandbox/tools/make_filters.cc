// A tool of the build: turns the readable table into BPF programs with libseccomp and writes them as C++
// data, so that a start of a container costs one seccomp(2) and not the milliseconds that the library needs
// to build a filter.
//   make_filters TABLE OUTPUT.inc
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "sandbox/table.h"

namespace {

using testctr::sandbox::ArgumentTest;
using testctr::sandbox::Table;
using testctr::sandbox::Verdict;

struct Variant {
  const char* name;
  bool notify, fake;
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "make_filters: %s\n", what.c_str());
  std::exit(1);
}

uint32_t action_of(Verdict verdict, const Variant& variant) {
  switch (verdict) {
    case Verdict::allow:
      return SCMP_ACT_ALLOW;
    case Verdict::deny:
      return variant.notify ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(EPERM);
    case Verdict::nosys:
      return SCMP_ACT_ERRNO(ENOSYS);
    case Verdict::fake:
      return variant.fake ? SCMP_ACT_ERRNO(0) : SCMP_ACT_ALLOW;
  }
  fail("a verdict of no kind");
}

// Divides all values of the masked argument into blocks of equal prefix, each wholly inside or wholly outside
// of `values`. The library compares 64 bits unless it is given a mask, and the kernel looks at 32: without
// this a value with a high bit set would pass as another.
void each_block(const ArgumentTest& test, uint32_t prefix_mask, uint32_t prefix,
                const std::vector<uint32_t>& values,
                const std::function<void(uint32_t mask, uint32_t value, bool inside)>& emit) {
  const uint32_t left = test.mask & ~prefix_mask;
  if (values.empty() || left == 0) {
    emit(prefix_mask, prefix, !values.empty());
    return;
  }
  const uint32_t bit = uint32_t{1} << (31 - __builtin_clz(left));
  std::vector<uint32_t> halves[2];
  for (uint32_t value : values) halves[(value & bit) != 0].push_back(value);
  each_block(test, prefix_mask | bit, prefix, halves[0], emit);
  each_block(test, prefix_mask | bit, prefix | bit, halves[1], emit);
}

void add_rule(scmp_filter_ctx filter, int number, const testctr::sandbox::TableRule& rule,
              const Variant& variant) {
  auto add = [&](uint32_t action, unsigned count, const scmp_arg_cmp* comparisons) {
    if (action == SCMP_ACT_ERRNO(ENOSYS)) return;  // the filter's default
    int rc = seccomp_rule_add_array(filter, action, number, count, comparisons);
    if (rc < 0) fail("adding " + rule.name + ": error " + std::to_string(-rc));
  };
  if (!rule.when || action_of(rule.verdict, variant) == action_of(rule.otherwise, variant)) {
    add(action_of(rule.verdict, variant), 0, nullptr);
    return;
  }
  each_block(*rule.when, 0, 0, rule.when->values, [&](uint32_t mask, uint32_t value, bool inside) {
    Verdict verdict = inside != rule.when->negated ? rule.verdict : rule.otherwise;
    scmp_arg_cmp comparison = SCMP_CMP64(rule.when->argument, SCMP_CMP_MASKED_EQ, mask, value);
    add(action_of(verdict, variant), 1, &comparison);
  });
}

// i386 has these calls twice: behind socketcall and ipc, which is how the library sees them, and with numbers
// of their own since Linux 4.3 and 5.1.
int i386_number(const std::string& name) {
  static const std::map<std::string, int> direct = {
      {"socket", 359},   {"socketpair", 360}, {"bind", 361},       {"connect", 362},     {"listen", 363},
      {"accept4", 364},  {"getsockopt", 365}, {"setsockopt", 366}, {"getsockname", 367}, {"getpeername", 368},
      {"sendto", 369},   {"sendmsg", 370},    {"recvfrom", 371},   {"recvmsg", 372},     {"shutdown", 373},
      {"recvmmsg", 337}, {"sendmmsg", 345},   {"semget", 393},     {"semctl", 394},      {"shmget", 395},
      {"shmctl", 396},   {"shmat", 397},      {"shmdt", 398},      {"msgget", 399},      {"msgsnd", 400},
      {"msgrcv", 401},   {"msgctl", 402}};
  auto found = direct.find(name);
  return found != direct.end() ? found->second
                               : seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86, name.c_str());
}

// The library takes numbers of the native architecture only, and on i386 mixes a rule for a socket call with
// rules of its own for socketcall. So each architecture's filter is made as if it were the native one, and
// `program_of` puts the right name on it.
scmp_filter_ctx filter_for(bool i386, const Table& table, const Variant& variant) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
  if (filter == nullptr) fail("seccomp_init");
  // A binary tree: the kernel walks the program for every number when it is loaded.
  if (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) < 0 ||
      seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) < 0) {
    fail("setting attributes");
  }
  for (const auto& [name, rule] : table.rules) {
    auto own = table.numbers.find(name);
    int number = i386 ? i386_number(name) : seccomp_syscall_resolve_name(name.c_str());
    if (own != table.numbers.end() && number < 0) number = i386 ? -1 : own->second;
    if (number == __NR_SCMP_ERROR && own == table.numbers.end()) fail("line " + std::to_string(rule.line) + ": no system call " + name);
    if (number >= 0) add_rule(filter, number, rule, variant);  // else it is not of this architecture
  }
  return filter;
}

std::vector<sock_filter> program_of(scmp_filter_ctx filter) {
  int memory = memfd_create("filter", MFD_CLOEXEC);
  if (memory < 0 || seccomp_export_bpf(filter, memory) < 0) fail("exporting the filter");
  std::vector<sock_filter> program(static_cast<size_t>(lseek(memory, 0, SEEK_END)) / sizeof(sock_filter));
  if (pread(memory, program.data(), program.size() * sizeof(sock_filter), 0) < 0) fail("reading the filter");
  close(memory);
  seccomp_release(filter);
  if (program.size() < 2 || program[1].code != (BPF_JMP | BPF_JEQ | BPF_K) ||
      program[1].k != AUDIT_ARCH_X86_64)
    fail("the filter does not begin as expected");
  return program;
}

// "if the architecture is i386, the second program, else the first".
std::vector<sock_filter> join(const std::vector<sock_filter>& first, std::vector<sock_filter> second) {
  second[1].k = AUDIT_ARCH_I386;
  std::vector<sock_filter> program = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
                                      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0, 1),
                                      BPF_STMT(BPF_JMP | BPF_JA, static_cast<uint32_t>(first.size()))};
  program.insert(program.end(), first.begin(), first.end());
  program.insert(program.end(), second.begin(), second.end());
  if (program.size() > BPF_MAXINSNS)
    fail("the filter has " + std::to_string(program.size()) + " instructions");
  return program;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) fail("usage: make_filters TABLE OUTPUT");
  std::ifstream input(argv[1]);
  std::string text((std::istreambuf_iterator<char>(input)), std::istreambuf_iterator<char>());
  std::string error;
  auto table = testctr::sandbox::parse_table(text, error);
  if (!table || table->rules.empty()) fail(std::string(argv[1]) + ": " + (error.empty() ? "empty" : error));
  if (seccomp_api_set(6) < 0) fail("the library has no notifications");

  std::ofstream output(argv[2]);
  output << "// Made from third_party/seccomp/default.table by make_filters.\n";
  for (const Variant& variant : {Variant{"errno", false, false}, Variant{"errno_fake", false, true},
                                 Variant{"notify", true, false}, Variant{"notify_fake", true, true}}) {
    auto program =
        join(program_of(filter_for(false, *table, variant)), program_of(filter_for(true, *table, variant)));
    output << "constexpr sock_filter " << variant.name << "_program[] = {\n";
    for (const sock_filter& i : program) {
      output << "{" << i.code << "," << unsigned{i.jt} << "," << unsigned{i.jf} << "," << i.k << "u},\n";
    }
    output << "};\n";
  }
  output << "constexpr char table_text[] = {\n";
  for (size_t i = 0; i < text.size(); ++i)
    output << int{static_cast<signed char>(text[i])} << (i % 32 == 31 ? ",\n" : ",");
  output << "0};\n";
  output.close();
  if (!output) fail(std::string("writing ") + argv[2]);
  return 0;
}
