// Picks the command, parses its options, runs it, and turns an error into words and an exit code.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <tuple>

#include "base/sys.h"
#include "base/text.h"
#include "bundles.h"
#include "commands.h"
#include "complete.h"
#include "engine/inner.h"
#include "fit_text.h"
#include "run/client_socket.h"

namespace testctr::cmd {
namespace {

/// A deque: addresses stay while it grows.
std::deque<Command>& registry() {
  static std::deque<Command> all;
  return all;
}

/// The command that the first words name, and how many words that took.
std::pair<const Command*, size_t> find_command(std::span<const std::string> words) {
  for (size_t count : {size_t{2}, size_t{1}}) {
    if (words.size() < count) continue;
    const std::string name = text::join(words.first(count), " ");
    for (const Command* command : commands()) {
      if (command->name == name) return {command, count};
    }
  }
  return {nullptr, 0};
}

bool is_group(std::string_view word) {
  return std::any_of(commands().begin(), commands().end(), [&](const Command* command) {
    return command->name.starts_with(word) && command->name.substr(word.size()).starts_with(" ");
  });
}

bool is_help(const std::string& word) { return word == "-h" || word == "--help"; }

Error unknown_command(std::span<const std::string> words) {
  std::string what = words[0];
  std::vector<std::string> candidates;
  const bool in_group = is_group(words[0]);
  if (in_group) what = words[0] + " " + words[1];
  for (const Command* command : commands()) {
    const std::string_view name = command->name;
    candidates.emplace_back(in_group ? name : name.substr(0, name.find(' ')));
  }
  Error error = Error::usage(fmt::format("unknown command {}", text::quoted(what)));
  if (std::optional<std::string> near = text::nearest(what, candidates)) {
    return std::move(error).hint(fmt::format("did you mean `testctr-script {}`?", *near));
  }
  if (words[0].starts_with("-"))
    error = Error::usage(fmt::format("unknown option {}", text::quoted(words[0])));
  return std::move(error).hint("`testctr-script --help` lists the commands");
}

Result<int> show(std::string_view text) {
  CHECK_OK(print(text));
  return exit_passed;
}

Result<int> show_help(std::string_view text) {
  CHECK_OK(print_help(text));
  return exit_passed;
}

constexpr const char* parse_command = "__parse";

Result<int> dispatch(std::span<const std::string> words) {
  if (words.empty()) {
    const std::string help = help_of_program();
    static_cast<void>(sys::write_full(STDERR_FILENO, help));
    return exit_usage;
  }
  if (is_help(words[0])) return show_help(help_of_program());
  if (words[0] == complete_command) return show(completions_of(words.subspan(1)));
  if (words[0] == "--version") return show("testctr-script " TESTCTR_VERSION "\n");

  // Only looks whether a command line can be understood: for the tests that hold the help to the truth.
  const bool only_parse = words[0] == parse_command;
  if (only_parse) words = words.subspan(1);
  if (words.empty() || (only_parse && (is_help(words[0]) || words[0] == "--version"))) return exit_passed;
  const auto [command, used] = find_command(words);
  if (command == nullptr) {
    if (is_group(words[0]) && words.size() > 1 && is_help(words[1]))
      return show_help(help_of_group(words[0]));
    if (is_group(words[0]) && words.size() == 1) {
      return Error::usage(fmt::format("{}: which of its commands?", words[0]))
          .hint(fmt::format("`testctr-script {} --help` lists them", words[0]));
    }
    return unknown_command(words);
  }
  const std::optional<Arguments> arguments = TRY(parse(*command, words.subspan(used)));
  if (only_parse) return exit_passed;
  if (!arguments) return show_help(help_of(*command));
  return command->run(*arguments);
}

}  // namespace

Registration::Registration(const Command& command) { registry().push_back(command); }

std::span<const Command* const> commands() {
  static const std::vector<const Command*> sorted = [] {
    std::vector<const Command*> all;
    for (const Command& command : registry()) all.push_back(&command);
    std::sort(all.begin(), all.end(), [](const Command* a, const Command* b) {
      return std::tie(a->rank, a->name) < std::tie(b->rank, b->name);
    });
    return all;
  }();
  return sorted;
}

Status print(std::string_view text) {
  Status written = sys::write_full(STDOUT_FILENO, text);
  if (!written.ok()) written.error().in("writing to standard output");
  return written;
}

void complain(std::string_view message) {
  const std::string line =
      fmt::format("testctr-script: {}\n", text::printable(message, /* keep_layout= */ true));
  static_cast<void>(sys::write_full(STDERR_FILENO, line));
}

int complain(const Error& error) {
  complain(error.full());
  return exit_code(error.fault());
}

}  // namespace testctr::cmd

namespace {

// A descriptor that the caller left closed would go to the first file opened, and messages into that.
bool standard_streams_are_open() {
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    // The lowest free number is this one. Not O_CLOEXEC: it stands for a stream that is inherited.
    if (fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) return false;
  }
  return true;
}

// Each container takes some descriptors, each layer of an image one.
void raise_descriptor_limit() {
  struct rlimit now {};
  if (getrlimit(RLIMIT_NOFILE, &now) != 0) return;
  now.rlim_cur = now.rlim_max;
  setrlimit(RLIMIT_NOFILE, &now);  // without it, what does not fit is told when it is met
}

}  // namespace

int main(int argc, char** argv) {
  using namespace testctr;
  if (!standard_streams_are_open()) return cmd::exit_infrastructure;
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  // By this name it is what a test's own commands call: it asks the program that runs the test.
  const std::string_view name = argc > 0 ? argv[0] : "";
  if (name.substr(name.rfind('/') + 1) == "testctr") return run::be_client(words);
  if (words.size() == 1 && words[0] == engine::inner_command) return engine::be_first_process();
  raise_descriptor_limit();
  const Result<int> result = cmd::dispatch(cmd::words_of_bundle(words));
  return result.ok() ? result.value() : cmd::complain(result.error());
}
