#include "report/findings.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/text.h"

namespace testctr::report {
namespace {

constexpr size_t longest_output = size_t{64} << 10;
constexpr size_t longest_name = 200;

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// Without the quotes that programs put around names, and what may stand around those.
std::string bare(std::string_view word) {
  constexpr std::array<std::string_view, 5> marks{"'", "`", "\"", "\u2018", "\u2019"};
  bool again = true;
  while (again) {
    word = text::trim(word);
    again = false;
    for (const std::string_view mark : marks) {
      if (word.starts_with(mark)) word.remove_prefix(mark.size()), again = true;
      if (word.ends_with(mark)) word.remove_suffix(mark.size()), again = true;
    }
  }
  return std::string(word);
}

/// What stands between the last ": " and the end of `line`.
std::string_view last_part(std::string_view line) {
  const size_t at = line.rfind(": ");
  return at == std::string_view::npos ? line : line.substr(at + 2);
}

/// One word, and not a sentence.
bool is_name(std::string_view word) {
  return !word.empty() && word.size() <= longest_name && word.find_first_of(" \t") == std::string_view::npos;
}

/// What begins behind `mark` and ends before one of `ends`.
std::optional<std::string> behind(std::string_view line, std::string_view mark, std::string_view ends) {
  const size_t at = line.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = line.substr(at + mark.size());
  rest = rest.substr(0, rest.find_first_of(ends));
  if (!is_name(rest)) return std::nullopt;
  return std::string(rest);
}

bool is_shell(std::string_view line) {
  std::string_view first = line.substr(0, line.find(": "));
  first = first.substr(first.rfind('/') == std::string_view::npos ? 0 : first.rfind('/') + 1);
  constexpr std::array<std::string_view, 6> shells{"sh", "bash", "dash", "ash", "zsh", "ksh"};
  return std::find(shells.begin(), shells.end(), first) != shells.end();
}

constexpr const char* give_program =
    "`--bin PATH` hands in a program of this machine; or an image that has it, or other words in $PATH";
constexpr const char* give_library =
    "an image that has it (`image build`), or a program that is linked statically";

/// A limit's value for people.
std::string shown_limit(std::string_view name, const std::string& value) {
  const bool size = name == "memory" || name == "scratch" || name == "max_output";
  const auto bytes = size ? text::parse_size(value) : std::nullopt;
  return bytes ? text::human_size(*bytes) : text::printable(value);
}

class Finder {
 public:
  explicit Finder(const Circumstances& under) : under_(under) {}

  std::vector<Finding> find(const std::vector<Event>& events) {
    for (const Event& event : events) take(event);
    return std::move(found_);
  }

 private:
  void take(const Event& event) {
    switch (event.kind) {
      case Event::Kind::command:
        output_.clear();
        code_.reset();
        break;
      case Event::Kind::output:
        if (output_.size() < longest_output) output_ += event.text.substr(0, longest_output - output_.size());
        break;
      case Event::Kind::note:
        note(event.text);
        break;
      case Event::Kind::denied:
        denied(event);
        break;
      case Event::Kind::failure:
        failure(event);
        break;
      case Event::Kind::log:
        at_ = {};
        limits(event.text);
        break;
      case Event::Kind::case_ended:
        if (event.code && event.outcome != Outcome::pass && event.outcome != Outcome::skip)
          exit_code(*event.code, event);
        break;
      case Event::Kind::script_ended:
        at_ = {};
        at_.line = event.line;
        limits(event.text);
        words(event.text, std::nullopt);
        memory(event);
        break;
      case Event::Kind::script_started:
      case Event::Kind::phase:
      case Event::Kind::compared:
        break;
    }
  }

  // "[exit status 127]"
  void note(std::string_view said) {
    constexpr std::string_view mark = "exit status ";
    const size_t at = said.find(mark);
    if (at == std::string_view::npos) return;
    int code = 0;
    for (const char digit : said.substr(at + mark.size())) {
      if (digit < '0' || digit > '9' || code > 255) break;
      code = code * 10 + (digit - '0');
    }
    code_ = code;
  }

  void denied(const Event& event) {
    at_ = {};
    at_.file = event.file;
    at_.line = event.denial.line;
    const std::string times = event.denial.count > 1 ? fmt::format(" ({} times)", event.denial.count) : "";
    add("denied",
        fmt::format("the filter refused {} the system call {}{}", text::quoted(event.denial.program),
                    event.denial.syscall, times),
        "`--seccomp unconfined` is no filter at all; where the test passes with it, `testctr-script seccomp "
        "learn --seccomp unconfined` writes a profile with what it needs, for `--seccomp PROFILE`");
  }

  void failure(const Event& event) {
    at_ = {};
    at_.file = event.file;
    at_.line = event.line;
    const Failure& failed = event.failure;
    note(failed.reason);
    limits(failed.reason);
    limits(failed.hint);
    const std::optional<int> code = code_;
    for (const std::string* text : {&failed.reason, &failed.actual, &failed.hint}) words(*text, code);
    words(output_, code);
    if (code) exit_code(*code, event);
  }

  // Where no line has said more.
  void exit_code(int code, const Event& event) {
    if (code != 126 && code != 127) return;
    at_ = {};
    at_.file = event.file;
    at_.line = event.line;
    for (const Finding& one : found_) {
      if (one.line == at_.line && (one.kind == "program" || one.kind == "library")) return;
    }
    if (code == 127) {
      add("program", "exit status 127: by custom, a program was not found", give_program);
    } else {
      add("program", "exit status 126: by custom, a program was found and could not be started",
          "its mode (`chmod 755`), its format, or the interpreter in its first line");
    }
  }

  void limits(std::string_view said) {
    struct Limit {
      std::string_view mark, name, option;
    };
    constexpr std::array<Limit, 6> all{
        Limit{"--memory SIZE", "memory", "--memory SIZE allows more"},
        Limit{"--pids N", "pids", "--pids N allows more processes and threads"},
        Limit{"--scratch SIZE", "scratch", "--scratch SIZE gives more room"},
        Limit{"--max-output SIZE", "max_output", "--max-output SIZE allows more; or let it write to a file"},
        Limit{"--timeout DURATION", "timeout", "--timeout TIME allows more"},
        Limit{"--case-timeout", "case_timeout", "--case-timeout TIME allows more"}};
    for (const Limit& limit : all) {
      if (has(said, limit.mark)) limit_struck(limit.name, limit.option);
    }
    if (has(said, "time limit of ")) {
      const bool whole = has(said, "script's time limit") || has(said, "document's time limit");
      limit_struck(whole ? "timeout" : "case_timeout",
                   whole ? "--timeout TIME allows more" : "--case-timeout TIME allows more");
    }
  }

  void limit_struck(std::string_view name, std::string_view option) {
    if (!limits_.insert(std::string(name)).second) return;
    constexpr std::array<std::pair<std::string_view, std::string_view>, 6> words{
        {{"memory", "memory"},
         {"pids", "processes"},
         {"scratch", "what may be written"},
         {"max_output", "what one command may print"},
         {"timeout", "the time of the whole test"},
         {"case_timeout", "the time of one command"}}};
    const auto* const word =
        std::find_if(words.begin(), words.end(), [&](const auto& one) { return one.first == name; });
    const auto value = under_.find("limit." + std::string(name));
    add("limit",
        fmt::format("a limit struck: {}{}", word->second,
                    value == under_.end() ? "" : fmt::format(" ({})", shown_limit(name, value->second))),
        std::string(option));
  }

  // A program that the kernel kills for want of memory says nothing.
  void memory(const Event& event) {
    const auto value = under_.find("limit.memory");
    const auto limit = value == under_.end() ? std::optional<uint64_t>() : text::parse_size(value->second);
    if (limit && *limit > 0 && event.peak_memory >= *limit - *limit / 20)
      limit_struck("memory", "--memory SIZE allows more");
  }

  void words(std::string_view said, std::optional<int> code) {
    size_t begin = 0;
    while (begin < said.size() && found_.size() < most_findings) {
      const size_t end = std::min(said.find('\n', begin), said.size());
      std::string_view line = text::trim(said.substr(begin, end - begin));
      if (line.starts_with("+ ") || line.starts_with("- ")) line.remove_prefix(2);
      if (line.size() < 4096) library(line) || network(line) || missing(line, code);
      begin = end + 1;
    }
  }

  bool library(std::string_view line) {
    auto name = behind(line, "error while loading shared libraries: ", ": ");
    if (!name) name = behind(line, "Error loading shared library ", ": ");
    if (name) {
      add("library", fmt::format("the shared library {} is missing", text::quoted(*name)), give_library);
      return true;
    }
    for (const std::string_view libc : {"GLIBC_", "GLIBCXX_", "CXXABI_"}) {
      const auto version = behind(line, libc, "'`\"\u2019 ");
      if (version && has(line, "not found")) {
        add("library",
            fmt::format("a library of the image is too old: {}{} is asked for", libc,
                        text::printable(*version)),
            "an image as new as the machine that the program was built on, or a program that is linked "
            "statically");
        return true;
      }
    }
    // As we say it ourselves of `--bin`.
    if (has(line, "there is no loader ") || has(line, "there are no libraries ") ||
        has(line, "there is no library ")) {
      add("library", std::string(line), give_library);
      return true;
    }
    return false;
  }

  bool network(std::string_view line) {
    constexpr std::array<std::string_view, 10> marks{"Temporary failure in name resolution",
                                                     "Could not resolve host",
                                                     "Name or service not known",
                                                     "Network is unreachable",
                                                     "network is unreachable",
                                                     "bad address '",
                                                     "No route to host",
                                                     "unable to resolve host address",
                                                     "EAI_AGAIN",
                                                     "dial tcp: lookup "};
    const auto is = [&](std::string_view mark) { return has(line, mark); };
    if (std::none_of(marks.begin(), marks.end(), is)) return false;
    // One attempt to connect is told by several lines.
    for (const Finding& one : found_)
      if (one.kind == "network" && one.line == at_.line && one.file == at_.file) return true;
    const auto kind = under_.find("network");
    if (kind != under_.end() && kind->second != "none") return false;
    add("network", fmt::format("the test has no network but its own loopback: {}", line),
        "`--network host`, or a service beside the test (`testctr-script help sections`)");
    return true;
  }

  bool missing(std::string_view line, std::optional<int> code) {
    for (const std::string_view mark : {": not found in $PATH", ": command not found", ": not found"}) {
      const size_t at = line.rfind(mark);
      if (at == std::string_view::npos) continue;
      const std::string name = bare(last_part(line.substr(0, at)));
      // "not found" alone is said of many things.
      const bool sure = mark != ": not found" ? true : is_shell(line) || code == 127;
      if (!is_name(name) || !sure) return false;
      return program(name);
    }
    if (!line.ends_with("No such file or directory")) return false;
    std::string_view before =
        line.substr(0, line.size() - std::string_view("No such file or directory").size());
    before = text::trim(before);
    if (before.ends_with(":")) before.remove_suffix(1);
    std::string name = bare(last_part(before));
    // "can't execute 'x'", "cannot access 'x'"
    if (const size_t blank = name.rfind(' '); blank != std::string::npos) name = bare(name.substr(blank + 1));
    if (!is_name(name)) return false;
    const int status = code.value_or(0);
    if (status == 126 || status == 127 || has(line, "execute")) return program(name);
    return add("file", fmt::format("there is no {}", text::quoted(name)),
               "files of the script (`-- NAME --`) are below $WORK, those beside it below $TREE; `--mount "
               "SRC:DST` brings others");
  }

  bool program(const std::string& name) {
    return add("program", fmt::format("the program {} was not found", text::quoted(name)), give_program);
  }

  bool add(std::string_view kind, std::string text, std::string mend) {
    Finding found{std::string(kind), at_.file, at_.line, std::move(text), std::move(mend)};
    const auto same = [&](const Finding& one) {
      return one.kind == found.kind && one.text == found.text && (one.line == found.line || found.line == 0);
    };
    if (found_.size() < most_findings && std::none_of(found_.begin(), found_.end(), same))
      found_.push_back(std::move(found));
    return true;
  }

  const Circumstances& under_;
  std::vector<Finding> found_;
  struct {
    std::string file;
    uint32_t line = 0;
  } at_;
  std::string output_;
  std::optional<int> code_;
  std::set<std::string> limits_;
};

struct Named {
  std::string_view key, text;
  bool shown;  ///< with both values
};

constexpr std::array all_named{
    Named{"script", "the test's own text has changed", false},
    Named{"image", "the image is another one", true},
    Named{"tree", "the test tree has changed: a name, size, mode or time in it", false},
    Named{"filter", "the text of the --seccomp profile has changed", false},
    Named{"seccomp", "--seccomp was another one", true},
    Named{"network", "--network was another one", true},
    Named{"ids", "--ids was another one", true},
    Named{"engine", "another engine made the containers", true},
    Named{"kernel", "the kernel was another one", true},
    Named{"user", "another user ran it", true},
    Named{"program", "testctr-script was another one", true}};

std::string difference(const std::string& key, const std::string* before, const std::string* now) {
  const auto of = [](const std::string* value) {
    return value == nullptr || value->empty() ? std::string("none") : text::printable(*value);
  };
  if (key.starts_with("env.")) {
    return fmt::format("the variable {} {}", text::printable(key.substr(4)),
                       before == nullptr ? "was not set"
                       : now == nullptr  ? "was set"
                                         : "had another value");
  }
  if (key.starts_with("bin."))
    return fmt::format("the program {} of --bin {}", text::printable(key.substr(4)),
                       before == nullptr ? "was not given"
                       : now == nullptr  ? "was given"
                                         : "was another file, or has been written anew");
  if (key.starts_with("limit.")) {
    const std::string name = key.substr(6);
    const auto shown = [&](const std::string* value) {
      return value == nullptr ? std::string("the usual one") : shown_limit(name, *value);
    };
    return fmt::format("the limit {} was {}, now {}", text::printable(name), shown(before), shown(now));
  }
  if (key.starts_with("image."))
    return fmt::format("the image {} is another one: {}, now {}", text::printable(key.substr(6)), of(before),
                       of(now));
  for (const Named& one : all_named) {
    if (one.key != key) continue;
    return one.shown ? fmt::format("{}: {}, now {}", one.text, of(before), of(now)) : std::string(one.text);
  }
  return "";
}

}  // namespace

std::vector<Finding> findings_of(const std::vector<Event>& events, const Circumstances& under) {
  return Finder(under).find(events);
}

std::vector<std::string> differences(const Circumstances& passed, const Circumstances& failed) {
  std::set<std::string> keys;
  for (const Circumstances* side : {&passed, &failed})
    for (const auto& [key, value] : *side) keys.insert(key);
  std::vector<std::string> all;
  for (const std::string& key : keys) {
    const auto before = passed.find(key), now = failed.find(key);
    const std::string* const old = before == passed.end() ? nullptr : &before->second;
    const std::string* const here = now == failed.end() ? nullptr : &now->second;
    if (old != nullptr && here != nullptr && *old == *here) continue;
    // What one of them never got to know says nothing.
    const bool learnt = key.starts_with("image") || key == "tree" || key == "filter";
    if (learnt && (old == nullptr || here == nullptr)) continue;
    if (std::string said = difference(key, old, here); !said.empty()) all.push_back(std::move(said));
  }
  return all;
}

}  // namespace testctr::report
