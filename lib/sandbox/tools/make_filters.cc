// A tool of the build: turns the readable table into BPF programs with libseccomp and writes them as C++
// data, so that a start of a container costs one seccomp(2) and not the milliseconds that the library needs
// to build a filter.
//   make_filters TABLE OUTPUT.inc
#include <linux/filter.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
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

scmp_filter_ctx filter_for(uint32_t architecture, const Table& table, const Variant& variant) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
  if (filter == nullptr) fail("seccomp_init");
  if (architecture != seccomp_arch_native() && (seccomp_arch_add(filter, architecture) < 0 ||
                                                seccomp_arch_remove(filter, seccomp_arch_native()) < 0)) {
    fail("choosing the architecture");
  }
  // A binary tree: the kernel walks the program for every number when it is loaded.
  if (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) < 0 ||
      seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) < 0) {
    fail("setting attributes");
  }
  for (const auto& [name, rule] : table.rules) {
    auto own = table.numbers.find(name);
    int number = seccomp_syscall_resolve_name_arch(architecture, name.c_str());
    if (own != table.numbers.end() && number < 0)
      number = architecture == SCMP_ARCH_X86_64 ? own->second : -1;
    if (number < 0) {
      if (number == __NR_SCMP_ERROR && own == table.numbers.end())
        fail("line " + std::to_string(rule.line) + ": no system call " + name);
      continue;  // not of this architecture
    }
    // The library takes numbers of the native architecture and translates by name.
    int native = architecture == seccomp_arch_native() ? number : seccomp_syscall_resolve_name(name.c_str());
    add_rule(filter, native, rule, variant);
  }
  return filter;
}

std::vector<sock_filter> program_of(scmp_filter_ctx filter) {
  int memory = memfd_create("filter", MFD_CLOEXEC);
  if (memory < 0 || seccomp_export_bpf(filter, memory) < 0) fail("exporting the filter");
  std::vector<sock_filter> program(static_cast<size_t>(lseek(memory, 0, SEEK_END)) / sizeof(sock_filter));
  if (pread(memory, program.data(), program.size() * sizeof(sock_filter), 0) < 0) fail("reading the filter");
  close(memory);
  if (program.empty() || program.size() > BPF_MAXINSNS)
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
    scmp_filter_ctx filter = filter_for(SCMP_ARCH_X86_64, *table, variant);
    if (seccomp_merge(filter, filter_for(SCMP_ARCH_X86, *table, variant)) < 0)
      fail("merging the architectures");
    output << "constexpr sock_filter " << variant.name << "_program[] = {\n";
    for (const sock_filter& i : program_of(filter)) {
      output << "{" << i.code << "," << unsigned{i.jt} << "," << unsigned{i.jf} << "," << i.k << "u},\n";
    }
    output << "};\n";
    seccomp_release(filter);
  }
  output << "constexpr char table_text[] = {\n";
  for (size_t i = 0; i < text.size(); ++i)
    output << int{static_cast<signed char>(text[i])} << (i % 32 == 31 ? ",\n" : ",");
  output << "0};\n";
  output.close();
  if (!output) fail(std::string("writing ") + argv[2]);
  return 0;
}
