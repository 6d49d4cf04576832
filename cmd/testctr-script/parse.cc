// From a command's table to CLI11 and back to Arguments. The only file that includes CLI11: it is slow to
// compile, and only the options of the command that was called are registered, so that start-up stays short.
#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "commands.h"

namespace testctr::cmd {
namespace {

std::string long_name(const Option& option) {
  const size_t at = option.names.find("--");
  return std::string(option.names.substr(at == std::string_view::npos ? 0 : at));
}

Error usage(const Command& command, std::string what) {
  return Error::usage(fmt::format("{}: {}", command.name, what))
      .hint(fmt::format("`testctr-script {} --help` lists what it takes", command.name));
}

Error unknown_option(const Command& command, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  std::vector<std::string> candidates{"--help"};
  for (const Option& option : command.options) candidates.push_back(long_name(option));
  Error error = usage(command, fmt::format("unknown option {}", text::quoted(name)));
  if (std::optional<std::string> near = text::nearest(name, candidates)) {
    return Error::usage(error.message()).hint(fmt::format("did you mean `{}`?", *near));
  }
  return error;
}

bool looks_like_option(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

/// CLI11 reads `--name=` as `--name` and would take the next word as the value.
Status refuse_empty_values(const Command& command, std::span<const std::string> words) {
  for (const std::string& word : words) {
    if (word.size() < 4 || word.back() != '=' || !word.starts_with("--")) continue;
    if (word.find('=') != word.size() - 1) continue;
    for (const Option& option : command.options) {
      if (word.substr(0, word.size() - 1) == long_name(option)) {
        return usage(command, fmt::format("{} has an empty value", long_name(option)));
      }
    }
  }
  return {};
}

Status check_positionals(const Command& command, const Arguments& arguments) {
  const size_t count = arguments.positionals_.size();
  if (count >= command.min_positionals && count <= command.max_positionals) return {};
  const std::string line = fmt::format("usage: testctr-script {} {}", command.name, command.synopsis);
  if (count < command.min_positionals) {
    return usage(command, count == 0 ? fmt::format("nothing given to work on; {}", line)
                                     : fmt::format("too few arguments ({}); {}", count, line));
  }
  return usage(command, fmt::format("unexpected argument {}; {}",
                                    text::quoted(arguments.positionals_[command.max_positionals]), line));
}

}  // namespace

Result<std::optional<Arguments>> parse(const Command& command, std::span<const std::string> words) {
  const auto end_of_options = std::find(words.begin(), words.end(), "--");
  std::vector<std::string> reversed(std::make_reverse_iterator(end_of_options), words.rend());
  CHECK_OK(refuse_empty_values(command, words.first(reversed.size())));

  Arguments arguments;
  try {
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    CLI::Option* help = app.add_flag("-h,--help");
    std::vector<CLI::Option*> registered;
    registered.reserve(command.options.size());
    for (const Option& option : command.options) {
      if (option.value.empty()) {
        registered.push_back(app.add_flag(std::string(option.names)));
        continue;
      }
      CLI::Option* added = app.add_option(std::string(option.names), [](const auto&) { return true; });
      registered.push_back(added->expected(1)->allow_extra_args(false)->take_all());
    }
    app.parse(std::move(reversed));
    if (help->count() > 0) return std::optional<Arguments>();

    for (std::string& word : app.remaining()) {
      if (looks_like_option(word)) return unknown_option(command, word);
      arguments.positionals_.push_back(std::move(word));
    }
    for (size_t i = 0; i < registered.size(); ++i) {
      const Option& option = command.options[i];
      std::vector<std::string> results = registered[i]->results();
      if (option.value.empty()) {
        if (std::any_of(results.begin(), results.end(), [](const std::string& r) { return r != "true"; })) {
          return usage(command, fmt::format("{} takes no value", long_name(option)));
        }
      } else if (std::any_of(results.begin(), results.end(),
                             [](const std::string& r) { return r.empty(); })) {
        return usage(command, fmt::format("{} has an empty value", long_name(option)));
      } else if (results.size() > 1 && !option.repeats) {
        return usage(command, fmt::format("{} was given {} times: {}", long_name(option), results.size(),
                                          text::printable(text::join(results, ", "))));
      }
      arguments.options_.emplace(long_name(option), std::move(results));
    }
  } catch (const CLI::ArgumentMismatch& error) {
    // "--jobs: 1 required INT missing"
    const std::string what = error.what();
    return usage(command, fmt::format("{} needs a value", what.substr(0, what.find(':'))));
  } catch (const std::exception& error) {
    return usage(command, error.what());
  }
  if (end_of_options != words.end()) {
    arguments.positionals_.insert(arguments.positionals_.end(), end_of_options + 1, words.end());
  }
  CHECK_OK(check_positionals(command, arguments));
  return std::optional<Arguments>(std::move(arguments));
}

const std::vector<std::string>& Arguments::given(std::string_view name) const {
  const auto it = options_.find(name);
  if (it == options_.end()) {
    fmt::print(stderr, "testctr-script: defect: option {} is asked for but not declared\n", name);
    std::abort();
  }
  return it->second;
}

Arguments Arguments::with(std::span<const Option> options) const {
  Arguments all = *this;
  for (const Option& option : options) all.options_.try_emplace(std::string(long_name(option)));
  return all;
}

std::optional<std::string> Arguments::value(std::string_view name) const {
  const std::vector<std::string>& all = given(name);
  if (all.empty()) return std::nullopt;
  return all.back();
}

Result<std::optional<uint64_t>> Arguments::size(std::string_view name) const {
  const std::optional<std::string> word = value(name);
  if (!word) return std::optional<uint64_t>();
  const std::optional<uint64_t> parsed = text::parse_size(*word);
  if (!parsed || *parsed == 0) {
    return Error::usage(fmt::format("{}: {} is not a size above zero", name, text::quoted(*word)))
        .hint("a size is a number with or without a unit: 1048576, 512MiB, 2GiB");
  }
  return std::optional<uint64_t>(*parsed);
}

Result<std::optional<int64_t>> Arguments::duration(std::string_view name) const {
  const std::optional<std::string> word = value(name);
  if (!word) return std::optional<int64_t>();
  const std::optional<int64_t> parsed = text::parse_duration(*word);
  if (!parsed || *parsed <= 0) {
    return Error::usage(fmt::format("{}: {} is not a time above zero", name, text::quoted(*word)))
        .hint("a time has units: 500ms, 30s, 1m30s, 2h");
  }
  return std::optional<int64_t>(*parsed);
}

Result<std::optional<uint64_t>> Arguments::number(std::string_view name, uint64_t least,
                                                  uint64_t most) const {
  const std::optional<std::string> word = value(name);
  if (!word) return std::optional<uint64_t>();
  uint64_t parsed = 0;
  const auto [end, problem] = std::from_chars(word->data(), word->data() + word->size(), parsed);
  if (problem != std::errc() || end != word->data() + word->size() || parsed < least || parsed > most) {
    return Error::usage(
        fmt::format("{}: {} is not a whole number from {} to {}", name, text::quoted(*word), least, most));
  }
  return std::optional<uint64_t>(parsed);
}

Result<std::optional<std::string>> Arguments::choice(std::string_view name,
                                                     std::span<const std::string> choices) const {
  const std::optional<std::string> word = value(name);
  if (!word || std::find(choices.begin(), choices.end(), *word) != choices.end()) return word;
  Error error =
      Error::usage(fmt::format("{}: {} is none of {}", name, text::quoted(*word), text::join(choices, ", ")));
  if (std::optional<std::string> near = text::nearest(*word, choices)) {
    return std::move(error).hint(fmt::format("did you mean `{}`?", *near));
  }
  return error;
}

}  // namespace testctr::cmd
