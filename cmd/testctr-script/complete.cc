#include "complete.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "commands.h"
#include "image/images.h"
#include "last_run.h"
#include "plan/plan_request.h"
#include "report_files.h"

namespace testctr::cmd {
namespace {

/// Gathers candidates for one word.
class Candidates {
 public:
  explicit Candidates(const std::string& word) : word_(word) {}

  /// What stands before the part that is completed: "--color=".
  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }
  [[nodiscard]] std::string rest() const { return word_.substr(prefix_.size()); }

  void add(std::string_view candidate, std::string_view description = "") {
    const std::string whole = prefix_ + std::string(candidate);
    // A name with control bytes cannot be typed, and would break the answer.
    if (!whole.starts_with(word_) || text::printable(whole) != whole || !seen_.insert(whole).second) return;
    out_ += fmt::format("{}\t{}\n", whole, description.substr(0, description.find('\n')));
  }
  void files(std::string_view prefix = "") { also_ = fmt::format(":files {}{}", prefix_, prefix); }
  void folders(std::string_view prefix = "") { also_ = fmt::format(":dirs {}{}", prefix_, prefix); }
  [[nodiscard]] std::string answer() const { return out_ + also_ + "\n"; }

 private:
  const std::string& word_;
  std::string prefix_, out_, also_ = ":none";
  std::set<std::string> seen_;
};

std::string_view long_name(const Option& option) {
  const size_t at = option.names.find("--");
  return option.names.substr(at == std::string_view::npos ? 0 : at);
}

/// The option of this name, "-j" or "--jobs".
const Option* option_named(const Command& command, std::string_view name) {
  for (const Option& option : command.options) {
    for (const std::string& one : text::split(option.names, ','))
      if (one == name) return &option;
  }
  return nullptr;
}

/// What has been typed before the word: values of options, positionals.
struct Typed {
  std::set<std::string> given;  ///< long names of options
  std::optional<std::string> manifest;
  size_t positionals = 0;
  const Option* open = nullptr;  ///< the option whose value the word is
  bool only_positionals = false;
};

Typed typed(const Command& command, std::span<const std::string> before) {
  Typed out;
  for (const std::string& word : before) {
    if (out.open != nullptr) {
      if (long_name(*out.open) == "--manifest") out.manifest = word;
      out.open = nullptr;
    } else if (out.only_positionals || word.size() < 2 || word[0] != '-') {
      ++out.positionals;
    } else if (word == "--") {
      out.only_positionals = true;
    } else {
      const size_t equals = word.find('=');
      const Option* option = option_named(command, word.substr(0, equals));
      if (option == nullptr) continue;
      out.given.emplace(long_name(*option));
      if (equals == std::string::npos && !option->value.empty()) out.open = option;
      if (equals != std::string::npos && long_name(*option) == "--manifest")
        out.manifest = word.substr(equals + 1);
    }
  }
  return out;
}

void add_tests(const Typed& before, bool tags, Candidates& out) {
  plan::RunRequest request;
  request.looks_only = true;
  request.manifest = before.manifest;
  const Result<plan::Plan> plan = plan::plan_request(request);
  if (!plan.ok()) return;
  for (const plan::Job& job : plan.value().jobs) {
    if (!tags) out.add(job.name, job.image);
    for (const std::string& tag : job.tags)
      if (tags) out.add(tag);
  }
}

void add_images(Candidates& out) {
  struct Source {
    std::string_view prefix, what;
    bool folder;
  };
  static constexpr Source sources[] = {{"oci:", "an OCI image layout", true},
                                       {"oci-archive:", "an archive of one", false},
                                       {"docker-archive:", "what `docker save` writes", false},
                                       {"dir:", "a root file system", true}};
  for (const Source& source : sources) {
    if (!out.rest().starts_with(source.prefix)) continue;
    return source.folder ? out.folders(source.prefix) : out.files(source.prefix);
  }
  out.add("builtin", "inside this program: busybox and bash");
  out.add("hostfs", "this machine's own root, read-only");
  for (const Source& source : sources) out.add(source.prefix, source.what);
  Result<image::Store> store = image::Store::open({});
  if (!store.ok()) return;
  const Result<std::vector<image::ListedImage>> images = image::list(store.value());
  if (!images.ok()) return;
  for (const image::ListedImage& image : images.value()) {
    if (image.name.empty()) continue;
    out.add(image.name, "in the store");
    // By the name that is typed for Docker's.
    constexpr std::string_view library = "docker.io/library/";
    if (image.name.starts_with(library)) out.add(image.name.substr(library.size()), "in the store");
  }
}

void add_topics(size_t position, const std::string& group, Candidates& out) {
  if (position == 0) {
    for (const Topic& topic : topics()) out.add(topic.name, topic.summary);
  }
  for (const Command* command : commands()) {
    const size_t blank = command->name.find(' ');
    if (position == 0) out.add(command->name.substr(0, blank), command->summary);
    if (position == 1 && blank != std::string_view::npos && command->name.substr(0, blank) == group)
      out.add(command->name.substr(blank + 1), command->summary);
  }
}

/// One of the words of `choices`, or what one of them stands for.
void add_choice(const std::string& word, const Typed& before, Candidates& out) {
  if (word == "@tests" || word == "@tags") return add_tests(before, word == "@tags", out);
  if (word == "@images") return add_images(out);
  if (word == "@files") return out.files();
  out.add(word);
}

/// "a|b" without anything else.
bool is_alternative(std::string_view value) {
  return value.find('|') != std::string_view::npos &&
         value.find_first_not_of("abcdefghijklmnopqrstuvwxyz|-") == std::string_view::npos;
}

/// "junit=FILE".
void add_report(Candidates& out) {
  for (const std::string& format : report_formats()) {
    const std::string before = fmt::format("{}=", format);
    if (out.rest().starts_with(before)) return out.files(before);
    out.add(before);
  }
}

/// The tests that failed the last time.
void add_failed(Candidates& out) {
  const Result<run::History> history = history_of_last(std::nullopt);
  if (!history.ok()) return;
  for (const plan::TestKey& test : history.value().failed()) out.add(test.first, test.second);
}

void add_values(const Option& option, const Typed& before, Candidates& out) {
  std::string_view choices = option.choices;
  if (choices.empty() && is_alternative(option.value)) choices = option.value;
  if (!choices.empty()) {
    for (const std::string& word : text::split(choices, '|')) add_choice(word, before, out);
    return;
  }
  const std::string_view value = option.value;
  if (value == "FORMAT=FILE") return add_report(out);
  if (value.starts_with("FILE") || value.starts_with("[FILE") || value.starts_with("PATH") ||
      value.starts_with("SRC") || value == "PROGRAM" || value == "DESTINATION")
    return out.files();
  if (value.starts_with("DIR")) out.folders();
}

/// The words of a synopsis that stand for positionals: no options, no values of options.
std::vector<std::string> positional_kinds(const Command& command) {
  std::vector<std::string> kinds;
  bool value_of_option = false;
  for (const std::string& word : text::split(command.synopsis, ' ')) {
    const std::string_view bare = text::trim(word);
    if (bare.starts_with('-') || bare.starts_with("[-")) {
      value_of_option = !bare.ends_with(']');
    } else if (value_of_option) {
      value_of_option = false;
    } else if (!bare.empty()) {
      kinds.emplace_back(bare);
    }
  }
  return kinds;
}

void add_positional(const Command& command, const Typed& before, std::span<const std::string> words,
                    Candidates& out) {
  if (before.positionals >= command.max_positionals) return;
  if (command.name == "help")
    return add_topics(before.positionals, words.size() > 1 ? words[words.size() - 2] : "", out);
  if (command.name == "explain") return add_failed(out);
  const std::vector<std::string> kinds = positional_kinds(command);
  if (kinds.empty()) return;
  const std::string kind = kinds[std::min(before.positionals, kinds.size() - 1)];
  const auto says = [&](std::string_view what) { return kind.find(what) != std::string::npos; };
  const std::string_view bare = std::string_view(kind).substr(kind.starts_with('[') ? 1 : 0);
  if (is_alternative(bare)) {
    for (const std::string& word : text::split(bare, '|')) out.add(word);
    return;
  }
  const bool image =
      says("IMAGE") || says("SOURCE") || says("oci:") || (command.name.starts_with("image ") && says("NAME"));
  if (says("FILE") || says("IMAGE") || says("RECIPE")) out.files();
  if (says("DIR") && !says("oci:")) out.folders();
  if (image) add_images(out);
}

void add_options(const Command& command, const Typed& before, Candidates& out) {
  for (const Option& option : command.options) {
    if (option.repeats || before.given.count(std::string(long_name(option))) == 0)
      out.add(long_name(option), option.help);
  }
  out.add("--help", "this command's help");
}

void complete_command_line(const Command& command, std::span<const std::string> words, Candidates& out) {
  const Typed before = typed(command, words.first(words.size() - 1));
  const std::string& word = words.back();
  if (before.open != nullptr) return add_values(*before.open, before, out);
  if (!before.only_positionals && word.starts_with("--")) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) return add_options(command, before, out);
    const Option* option = option_named(command, word.substr(0, equals));
    if (option == nullptr || option->value.empty()) return;
    out.set_prefix(word.substr(0, equals + 1));
    return add_values(*option, before, out);
  }
  if (!before.only_positionals && word.starts_with("-")) return add_options(command, before, out);
  add_positional(command, before, words, out);
}

}  // namespace

std::string completions_of(std::span<const std::string> words) {
  const std::string empty;
  Candidates out(words.empty() ? empty : words.back());
  if (words.size() <= 1) {
    add_topics(2, "", out);
    for (const Command* command : commands()) {
      const size_t blank = command->name.find(' ');
      out.add(command->name.substr(0, blank),
              blank == std::string_view::npos ? command->summary : "a group of commands");
    }
    out.add("--help", "the list of commands");
    out.add("--version", "which one this is");
    return out.answer();
  }
  for (const Command* command : commands()) {
    const size_t blank = command->name.find(' ');
    const bool group = blank != std::string_view::npos;
    if (command->name.substr(0, blank) != words[0]) continue;
    if (!group) {
      complete_command_line(*command, words.subspan(1), out);
      break;
    }
    if (words.size() == 2) out.add(command->name.substr(blank + 1), command->summary);
    if (words.size() > 2 && command->name.substr(blank + 1) == words[1])
      complete_command_line(*command, words.subspan(2), out);
  }
  return out.answer();
}

}  // namespace testctr::cmd
