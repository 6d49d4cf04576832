// A tool of the build: turns the readable table into BPF programs and writes them as C++ data, so that a
// start of a container costs one seccomp(2) of a small program. The kernel translates a program anew for
// every container, at some tenths of a microsecond an instruction; libseccomp, which needs several
// instructions for each system call and is asked only for their numbers here, makes programs eight times as
// long.
//   make_filters TABLE OUTPUT.inc
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
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
      return SECCOMP_RET_ALLOW;
    case Verdict::deny:
      return variant.notify ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | EPERM;
    case Verdict::nosys:
      return SECCOMP_RET_ERRNO | ENOSYS;
    case Verdict::fake:
      return variant.fake ? SECCOMP_RET_ERRNO | 0 : SECCOMP_RET_ALLOW;
  }
  fail("a verdict of no kind");
}

// What a system call is answered: `action`, or where there is a test, `action` when it holds and else
// `otherwise`.
struct Answer {
  uint32_t action = SECCOMP_RET_ERRNO | ENOSYS, otherwise = 0;
  std::optional<ArgumentTest> when;

  [[nodiscard]] auto key() const {
    const ArgumentTest test = when.value_or(ArgumentTest{});
    return std::tuple(action, otherwise, when.has_value(), test.argument, test.mask, test.values,
                      test.negated);
  }
};

Answer answer_of(const testctr::sandbox::TableRule& rule, const Variant& variant) {
  Answer answer{.action = action_of(rule.verdict, variant), .otherwise = 0, .when = std::nullopt};
  if (!rule.when || answer.action == action_of(rule.otherwise, variant)) return answer;
  answer.otherwise = action_of(rule.otherwise, variant);
  answer.when = rule.when;
  return answer;
}

// A program, made from its end: jumps lead forward only, so whatever an instruction leads to is there first.
// Places are counted from the end.
class Program {
 public:
  using Place = size_t;

  /// Looks the loaded number up in `answers`, each of which holds from its key on; the first key is 0.
  Place search(const std::map<uint32_t, Answer>& answers) {
    const std::vector<std::pair<uint32_t, Answer>> runs(answers.begin(), answers.end());
    return search(runs, 0, runs.size());
  }
  Place give(uint32_t action) {
    const auto known = actions_.find(action);
    if (known != actions_.end() && is_near(known->second)) return known->second;
    return actions_[action] = put(BPF_STMT(BPF_RET | BPF_K, action));
  }
  /// Loads a word of what the kernel tells and goes on at `next`.
  Place load(size_t offset, Place next) {
    return before(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)), next);
  }
  Place jump(uint16_t condition, uint32_t value, Place yes, Place no) {
    // What a conditional jump does not reach is led to by way of another; that may push the second target out
    // of reach.
    while (!is_near(yes)) yes = lead(yes);
    while (!is_near(no)) no = lead(no);
    while (!is_near(yes)) yes = lead(yes);
    return put(sock_filter{static_cast<uint16_t>(BPF_JMP | condition | BPF_K),
                           static_cast<uint8_t>(distance(yes)), static_cast<uint8_t>(distance(no)), value});
  }
  [[nodiscard]] std::vector<sock_filter> finished() const { return {reversed_.rbegin(), reversed_.rend()}; }

 private:
  Place put(const sock_filter& instruction) {
    reversed_.push_back(instruction);
    return reversed_.size() - 1;
  }
  Place before(const sock_filter& instruction, Place next) {
    if (next + 1 != reversed_.size()) lead(next);
    return put(instruction);
  }
  Place lead(Place target) {
    return put(BPF_STMT(BPF_JMP | BPF_JA, static_cast<uint32_t>(distance(target))));
  }
  // How many instructions the next one skips to get there.
  [[nodiscard]] size_t distance(Place target) const { return reversed_.size() - target - 1; }
  // One less than the most, since the other target may need a detour after this is asked.
  [[nodiscard]] bool is_near(Place target) const { return distance(target) < UINT8_MAX; }

  Place search(const std::vector<std::pair<uint32_t, Answer>>& runs, size_t first, size_t end) {
    if (end - first == 1) return answer(runs[first].second);
    const size_t middle = first + (end - first) / 2;
    const Place above = search(runs, middle, end), below = search(runs, first, middle);
    return jump(BPF_JGE, runs[middle].first, above, below);
  }

  // The kernel's arguments have 64 bits, of which it looks at 32 in the calls that the table tests.
  Place answer(const Answer& wanted) {
    if (!wanted.when) return give(wanted.action);
    const auto known = tests_.find(wanted.key());
    if (known != tests_.end() && is_near(known->second)) return known->second;
    const ArgumentTest& test = *wanted.when;
    const uint32_t inside = test.negated ? wanted.otherwise : wanted.action,
                   outside = test.negated ? wanted.action : wanted.otherwise;
    Place next = give(outside);
    for (uint32_t value : test.values) next = jump(BPF_JEQ, value, give(inside), next);
    if (test.mask != UINT32_MAX) next = before(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, test.mask), next);
    next = load(offsetof(seccomp_data, args) + 8 * size_t{test.argument}, next);
    return tests_[wanted.key()] = next;
  }

  std::vector<sock_filter> reversed_;
  std::map<uint32_t, Place> actions_;
  std::map<decltype(Answer{}.key()), Place> tests_;
};

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

// The answers to all numbers, each standing where it begins to hold. What is above the last call, as x32's
// numbers are, is unknown.
std::map<uint32_t, Answer> answers_for(bool i386, const Table& table, const Variant& variant) {
  std::map<uint32_t, Answer> each;
  for (const auto& [name, rule] : table.rules) {
    auto own = table.numbers.find(name);
    int number = i386 ? i386_number(name) : seccomp_syscall_resolve_name(name.c_str());
    if (own != table.numbers.end() && number < 0) number = i386 ? -1 : own->second;
    if (number == __NR_SCMP_ERROR && own == table.numbers.end())
      fail("line " + std::to_string(rule.line) + ": no system call " + name);
    if (number >= 0)  // else it is not of this architecture
      each[static_cast<uint32_t>(number)] = answer_of(rule, variant);
  }
  std::map<uint32_t, Answer> runs;
  uint32_t next = 0;
  const auto begin_run = [&](uint32_t at, const Answer& answer) {
    if (runs.empty() || runs.rbegin()->second.key() != answer.key()) runs[at] = answer;
  };
  for (const auto& [number, answer] : each) {
    if (number != next) begin_run(next, Answer{});
    begin_run(number, answer);
    next = number + 1;
  }
  begin_run(next, Answer{});
  return runs;
}

std::vector<sock_filter> program_for(const Table& table, const Variant& variant) {
  Program program;
  const auto part = [&](bool i386, Program::Place other) {
    const Program::Place begin =
        program.load(offsetof(seccomp_data, nr), program.search(answers_for(i386, table, variant)));
    return program.jump(BPF_JEQ, i386 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64, begin, other);
  };
  const Program::Place i386 = part(true, program.give(SECCOMP_RET_ERRNO | ENOSYS));
  program.load(offsetof(seccomp_data, arch), part(false, i386));
  std::vector<sock_filter> finished = program.finished();
  if (finished.size() > BPF_MAXINSNS)
    fail("the filter has " + std::to_string(finished.size()) + " instructions");
  return finished;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) fail("usage: make_filters TABLE OUTPUT");
  std::ifstream input(argv[1]);
  std::string text((std::istreambuf_iterator<char>(input)), std::istreambuf_iterator<char>());
  std::string error;
  auto table = testctr::sandbox::parse_table(text, error);
  if (!table || table->rules.empty()) fail(std::string(argv[1]) + ": " + (error.empty() ? "empty" : error));

  std::ofstream output(argv[2]);
  output << "// Made from third_party/seccomp/default.table by make_filters.\n";
  for (const Variant& variant : {Variant{"errno", false, false}, Variant{"errno_fake", false, true},
                                 Variant{"notify", true, false}, Variant{"notify_fake", true, true}}) {
    const auto program = program_for(*table, variant);
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
