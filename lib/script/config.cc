// One table of keys for each kind of configuration. YAML is a large language and its library trusting:
// everything is bounded here before and while it is read.
#include "script/config.h"

#include <string.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <set>
#include <sstream>

#include "base/text.h"
#include "script/duration.h"
#include "script/script.h"
#include "script/yaml_events.h"

namespace testctr::script {
namespace {

constexpr size_t largest_yaml = size_t{64} << 10;
constexpr size_t deepest_brackets = 64;
/// Aliases may repeat a text, but not make it this many times larger.
constexpr size_t most_growth = 16;
constexpr size_t most_inclusions = 1000;
constexpr size_t most_containers = 32;
constexpr size_t longest_path = 4096;

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  return out;
}

std::optional<int> parse_int(std::string_view text) {
  int value = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "term", "SIGTERM": nothing when there is no such signal.
std::optional<int> signal_of(std::string_view name) {
  std::string wanted = upper(name);
  std::string_view bare = wanted;
  if (bare.starts_with("SIG")) bare.remove_prefix(3);
  for (int number = 1; number < NSIG; ++number) {
    const char* known = sigabbrev_np(number);
    if (known != nullptr && bare == known) return number;
  }
  return std::nullopt;
}

/// Remembers where a document began.
struct Documents : DeafToYaml {
  YAML::Mark last;
  void OnDocumentStart(const YAML::Mark& mark) override { last = mark; }
};

/// Reads one text; every function that reads a value tells `wrong` what it does not like.
class Reader {
 public:
  Reader(const ConfigText& text, Defects& defects)
      : text_(text), defects_(defects), budget_(most_growth * text.yaml.size()) {}

  template <class Config, class Table>
  void read(Config& config, const Table& table) {
    if (!acceptable()) return;
    try {
      check_one_document();
      mapping(YAML::Load(text_.yaml), "the configuration", config, table);
    } catch (const YAML::Exception& error) {
      wrong(error.mark, fmt::format("not YAML: {}", text::printable(error.msg)));
    } catch (const std::exception& error) {
      defects_.add(text_.origins.front().line, fmt::format("not YAML: {}", text::printable(error.what())));
    }
  }

  template <class Config, class Table>
  void mapping(const YAML::Node& node, std::string_view what, Config& config, const Table& table) {
    if (node.IsNull()) return;
    if (!node.IsMap()) return wrong(node.Mark(), fmt::format("{} is a mapping, write \"key: value\"", what));
    std::set<std::string> seen;
    for (const auto& pair : node) {
      const std::string* key = name_of(pair.first, seen);
      if (key == nullptr) continue;
      auto entry = std::find_if(table.begin(), table.end(), [&](const auto& e) { return e.name == *key; });
      if (entry == table.end()) {
        wrong(pair.first.Mark(), unknown(*key, table));
      } else {
        entry->read(*this, pair.second, config);
      }
    }
  }

  /// The key of a pair, checked and not seen before; else null.
  const std::string* name_of(const YAML::Node& key, std::set<std::string>& seen) {
    if (!key.IsScalar()) {
      wrong(key.Mark(), "a key is a word");
      return nullptr;
    }
    if (!seen.insert(key.Scalar()).second) {
      wrong(key.Mark(), fmt::format("the key {} is given twice", shown(key.Scalar())));
      return nullptr;
    }
    return &key.Scalar();
  }

  void wrong(const YAML::Mark& mark, std::string_view what) {
    ConfigText::Origin place = place_of(mark);
    defects_.add(place.line, place.column + 1, what);
  }

  /// Where a mark stands in the document.
  [[nodiscard]] ConfigText::Origin place_of(const YAML::Mark& mark) const {
    if (mark.is_null() || mark.line < 0 || mark.column < 0) return text_.origins.front();
    // Where YAML misses something, the mark may be behind the last line.
    if (static_cast<size_t>(mark.line) >= text_.origins.size()) return text_.origins.back();
    ConfigText::Origin place = text_.origins[static_cast<size_t>(mark.line)];
    place.column += static_cast<size_t>(mark.column);
    return place;
  }

  static std::string shown(std::string_view text) {
    constexpr size_t most = 80;
    return text.size() <= most ? text::quoted(text) : text::quoted(text.substr(0, most)) + "...";
  }

  /// A text; numbers and the like are taken as they are written. Nothing, and told, when it is none.
  std::optional<std::string> string(const YAML::Node& node, std::string_view what) {
    if (node.IsNull()) {
      wrong(node.Mark(), fmt::format("{} has no value, write \"\" for an empty one", what));
      return std::nullopt;
    }
    if (!node.IsScalar()) {
      wrong(node.Mark(), fmt::format("{} is a text", what));
      return std::nullopt;
    }
    if (node.Scalar().size() > budget_) {
      if (budget_ != 0) wrong(node.Mark(), "aliases repeat more text than a configuration may hold");
      budget_ = 0;
      return std::nullopt;
    }
    budget_ -= node.Scalar().size();
    return node.Scalar();
  }

  /// As `string`, but not empty and without NUL bytes: for what is handed to the system.
  std::optional<std::string> name(const YAML::Node& node, std::string_view what) {
    auto value = string(node, what);
    if (!value) return value;
    if (value->empty() || value->size() > longest_path || value->find('\0') != std::string::npos) {
      wrong(node.Mark(), fmt::format("{} is empty, too long or has a NUL byte", what));
      return std::nullopt;
    }
    return value;
  }

  std::optional<bool> boolean(const YAML::Node& node, std::string_view what) {
    if (plain(node)) {
      const std::string& value = node.Scalar();
      if (value == "true" || value == "True" || value == "TRUE") return true;
      if (value == "false" || value == "False" || value == "FALSE") return false;
    }
    wrong(node.Mark(), fmt::format("{} is true or false{}", what, given(node)));
    return std::nullopt;
  }

  std::optional<int64_t> duration(const YAML::Node& node, std::string_view what, bool zero_is_unlimited) {
    if (!node.IsScalar()) {
      wrong(node.Mark(), fmt::format("{} is a time as in 300ms, 5s or 1h 30m", what));
      return std::nullopt;
    }
    if (zero_is_unlimited && node.Scalar() == "0") return 0;
    auto parsed = parse_human_duration(node.Scalar());
    if (!parsed.ok()) {
      wrong(node.Mark(), fmt::format("{}: {}", what, parsed.error().message()));
      return std::nullopt;
    }
    return parsed.value();
  }

  /// One of `words`, as its index.
  template <size_t n>
  std::optional<size_t> choice(const YAML::Node& node, std::string_view what,
                               const std::array<std::string_view, n>& words) {
    std::string value = node.IsScalar() ? node.Scalar() : "";
    auto found = std::find(words.begin(), words.end(), value);
    if (found != words.end()) return static_cast<size_t>(found - words.begin());
    wrong(node.Mark(), fmt::format("{} is {}{}", what, fmt::join(words, ", "), given(node)));
    return std::nullopt;
  }

  static bool plain(const YAML::Node& node) {
    return node.IsScalar() && (node.Tag().empty() || node.Tag() == "?");
  }
  /// ", not ..." for messages.
  static std::string given(const YAML::Node& node) {
    if (!node.IsScalar()) return "";
    return fmt::format(", not {}{}", node.Tag() == "!" ? "the text " : "", shown(node.Scalar()));
  }

 private:
  /// The library reads the first document and leaves the rest. (It can read all, but does not come to an end
  /// where a flow collection has something behind it.)
  void check_one_document() {
    std::istringstream stream(text_.yaml);
    YAML::Parser parser(stream);
    Documents documents;
    parser.HandleNextDocument(documents);
    if (parser.HandleNextDocument(documents))
      wrong(documents.last, "the configuration is one YAML document, and this is behind its end");
  }

  /// Whether the text may be given to the library at all.
  bool acceptable() {
    auto line = [&](size_t at) {
      return text_
          .origins[static_cast<size_t>(
              std::count(text_.yaml.begin(), text_.yaml.begin() + static_cast<std::ptrdiff_t>(at), '\n'))]
          .line;
    };
    if (text_.origins.empty()) return false;
    if (text_.yaml.size() > largest_yaml) {
      defects_.add(text_.origins.front().line, "the configuration is larger than 64 KiB");
      return false;
    }
    size_t depth = 0;
    for (size_t i = 0; i < text_.yaml.size(); ++i) {
      char c = text_.yaml[i];
      // The library ends silently at some control bytes.
      if ((static_cast<uint8_t>(c) < 0x20 && c != '\t' && c != '\n') || c == 0x7f) {
        defects_.add(line(i), fmt::format("a control byte in the configuration ({})",
                                          text::printable(std::string_view(&c, 1))));
        return false;
      }
      if (c == '[' || c == '{') ++depth;
      if ((c == ']' || c == '}') && depth != 0) --depth;
      if (depth > deepest_brackets) {
        defects_.add(line(i), "the configuration is nested too deeply");
        return false;
      }
    }
    if (!text::is_utf8(text_.yaml)) {
      defects_.add(text_.origins.front().line, "the configuration is not UTF-8");
      return false;
    }
    return true;
  }

  template <class Table>
  static std::string unknown(const std::string& key, const Table& table);

  const ConfigText& text_;
  Defects& defects_;
  size_t budget_;
};

using Node = YAML::Node;

template <class Config>
struct Key {
  std::string_view name;
  void (*read)(Reader&, const Node&, Config&);
};

void read_environment(Reader& reader, const Node& node, CaseConfig& config) {
  if (node.IsNull()) return;
  if (!node.IsMap()) return reader.wrong(node.Mark(), "environment is a mapping, write {NAME: value}");
  std::set<std::string> seen;
  for (const auto& pair : node) {
    const std::string* name = reader.name_of(pair.first, seen);
    if (name == nullptr) continue;
    if (name->empty() || name->find_first_of(std::string_view("=\0", 2)) != std::string::npos) {
      reader.wrong(pair.first.Mark(), fmt::format("{} cannot be a variable's name", Reader::shown(*name)));
      continue;
    }
    auto value = reader.string(pair.second, "a variable");
    if (!value) continue;
    if (value->find('\0') != std::string::npos) {
      reader.wrong(pair.second.Mark(), "a variable cannot hold a NUL byte");
      continue;
    }
    config.environment[*name] = *std::move(value);
  }
}

void read_kill_signal(Reader& reader, const Node& node, CaseConfig& config) {
  std::string word = node.IsScalar() ? node.Scalar() : "";
  if (word == "disabled") {
    config.detached_kill_signal = 0;
    return;
  }
  auto number = parse_int(word);
  if (number && *number > 0 && *number < NSIG) {
    config.detached_kill_signal = number;
    return;
  }
  if (auto signal = signal_of(word)) {
    config.detached_kill_signal = signal;
    return;
  }
  std::vector<std::string> names = {"disabled"};
  for (int i = 1; i < NSIG; ++i) {
    if (const char* name = sigabbrev_np(i)) {
      names.emplace_back(name);
      names.push_back(std::string("SIG") + name);
    }
  }
  auto near = text::nearest(word == "disable" ? word : upper(word), names);
  reader.wrong(node.Mark(), fmt::format("detached_kill_signal is a signal as \"term\" or 15, or disabled{}{}",
                                        Reader::given(node),
                                        near ? fmt::format("; did you mean {}?", *near) : std::string()));
}

/// A path below $TMPDIR.
bool stays_below(std::string_view path) {
  if (path.starts_with('/')) return false;
  for (const std::string& part : text::split(path, '/')) {
    if (part == "..") return false;
  }
  return true;
}

constexpr std::array<Key<Wait>, 2> wait_keys = {{
    {"path",
     [](Reader& reader, const Node& node, Wait& wait) {
       auto path = reader.name(node, "path");
       if (!path) return;
       if (!stays_below(*path)) return reader.wrong(node.Mark(), "path lies below $TMPDIR, write it so");
       wait.path = *std::move(path);
     }},
    {"timeout",
     [](Reader& reader, const Node& node, Wait& wait) {
       if (auto time = reader.duration(node, "timeout", false)) wait.timeout_ns = *time;
     }},
}};

void read_wait(Reader& reader, const Node& node, CaseConfig& config) {
  Wait wait;
  if (node.IsMap()) {
    bool timed = false;
    for (const auto& pair : node) timed |= pair.first.IsScalar() && pair.first.Scalar() == "timeout";
    if (!timed) return reader.wrong(node.Mark(), "wait needs a timeout, write {timeout: 5s, path: FILE}");
    reader.mapping(node, "wait", wait, wait_keys);
  } else {
    auto time = reader.duration(node, "wait", false);
    if (!time) return;
    wait.timeout_ns = *time;
  }
  config.wait = wait;
}

constexpr std::array<Key<Input>, 1> input_keys = {{
    {"file",
     [](Reader& reader, const Node& node, Input& input) {
       if (auto path = reader.name(node, "file")) input = {*std::move(path), /* is_file= */ true};
     }},
}};

void read_input(Reader& reader, const Node& node, CaseConfig& config) {
  Input input;
  if (node.IsMap()) {
    reader.mapping(node, "stdin", input, input_keys);
    if (node.size() == 0) reader.wrong(node.Mark(), "stdin is a text or {file: PATH}");
  } else if (auto value = reader.string(node, "stdin")) {
    input.text = *std::move(value);
  } else {
    return;
  }
  config.input = std::move(input);
}

void read_skip_code(Reader& reader, const Node& node, CaseConfig& config) {
  constexpr int largest_code = 255;
  auto code = Reader::plain(node) ? parse_int(node.Scalar()) : std::nullopt;
  if (!code || *code < 0 || *code > largest_code) {
    return reader.wrong(node.Mark(),
                        fmt::format("skip_document_code is an exit code, 0 to 255{}", Reader::given(node)));
  }
  config.skip_document_code = code;
}

void read_timeout(Reader& reader, const Node& node, CaseConfig& config) {
  auto time = reader.duration(node, "timeout", false);
  if (time == 0) return reader.wrong(node.Mark(), "timeout is longer than 0; leave it out for none");
  if (time) config.timeout_ns = time;
}

void read_mode(Reader& reader, const Node& node, CaseConfig& config) {
  auto index = reader.choice<2>(node, "mode", {"output", "jsonschema"});
  if (index) config.mode = std::array{Mode::output, Mode::jsonschema}.at(*index);
}

void read_stream(Reader& reader, const Node& node, CaseConfig& config) {
  auto index = reader.choice<3>(node, "output_stream", {"stdout", "stderr", "combined"});
  if (index) config.stream = std::array{Stream::out, Stream::err, Stream::combined}.at(*index);
}

#define TESTCTR_BOOLEAN(key)                                                  \
  {                                                                           \
#key, [](Reader& reader, const Node& node, CaseConfig& config) {            \
      if (auto value = reader.boolean(node, #key)) config.key = value;          \
    } \
  }
void read_where(Reader& reader, const Node& node, CaseConfig& config) {
  auto name = reader.name(node, "where");
  if (!name) return;
  if (*name != "host" && *name != "container" && !is_container_name(*name)) {
    return reader.wrong(node.Mark(), fmt::format("where is host, container or a name from the front matter's "
                                                 "containers{}",
                                                 Reader::given(node)));
  }
  config.where = *std::move(name);
}

constexpr std::array<Key<CaseConfig>, 14> case_keys = {{
    TESTCTR_BOOLEAN(detached),
    {"detached_kill_signal", read_kill_signal},
    {"environment", read_environment},
    TESTCTR_BOOLEAN(fail_fast),
    TESTCTR_BOOLEAN(interpolated),
    TESTCTR_BOOLEAN(keep_crlf),
    {"mode", read_mode},
    {"output_stream", read_stream},
    {"skip_document_code", read_skip_code},
    {"stdin", read_input},
    TESTCTR_BOOLEAN(strip_ansi_escaping),
    {"timeout", read_timeout},
    {"wait", read_wait},
    {"where", read_where},
}};
#undef TESTCTR_BOOLEAN

void read_inclusions(Reader& reader, const Node& node, std::string_view what,
                     std::vector<Inclusion>& inclusions) {
  if (node.IsNull()) return;
  if (!node.IsSequence()) return reader.wrong(node.Mark(), fmt::format("{0} is a list, write [FILE]", what));
  if (node.size() > most_inclusions)
    return reader.wrong(node.Mark(), fmt::format("{} has more than {} entries", what, most_inclusions));
  for (const Node& item : node) {
    auto path = reader.name(item, fmt::format("an entry of {}", what));
    if (path) inclusions.push_back({*std::move(path), reader.place_of(item.Mark()).line});
  }
}

void read_containers(Reader& reader, const Node& node, DocumentConfig& config) {
  if (node.IsNull()) return;
  if (!node.IsMap()) return reader.wrong(node.Mark(), "containers is a mapping, write {NAME: IMAGE}");
  if (node.size() > most_containers)
    return reader.wrong(node.Mark(), fmt::format("containers has more than {} entries", most_containers));
  std::set<std::string> seen;
  for (const auto& pair : node) {
    const std::string* name = reader.name_of(pair.first, seen);
    if (name == nullptr) continue;
    if (!is_container_name(*name)) {
      reader.wrong(pair.first.Mark(),
                   fmt::format("{} cannot name a container: letters, digits, -, _ and ., a letter or a digit "
                               "first, at most 63; not host, container or localhost",
                               Reader::shown(*name)));
      continue;
    }
    if (auto image = reader.name(pair.second, fmt::format("the image of {}", *name)))
      config.containers[*name] = *std::move(image);
  }
}

constexpr std::array<Key<DocumentConfig>, 7> document_keys = {{
    {"append", [](Reader& reader, const Node& node,
                  DocumentConfig& config) { read_inclusions(reader, node, "append", config.append); }},
    {"containers", read_containers},
    {"defaults",
     [](Reader& reader, const Node& node, DocumentConfig& config) {
       reader.mapping(node, "defaults", config.defaults, case_keys);
     }},
    {"image", [](Reader& reader, const Node& node,
                 DocumentConfig& config) { config.image = reader.name(node, "image"); }},
    {"prepend", [](Reader& reader, const Node& node,
                   DocumentConfig& config) { read_inclusions(reader, node, "prepend", config.prepend); }},
    {"shell", [](Reader& reader, const Node& node,
                 DocumentConfig& config) { config.shell = reader.name(node, "shell"); }},
    {"total_timeout",
     [](Reader& reader, const Node& node, DocumentConfig& config) {
       config.total_timeout_ns = reader.duration(node, "total_timeout", true);
     }},
}};

template <class Table>
bool has(const Table& table, std::string_view key) {
  return std::any_of(table.begin(), table.end(), [&](const auto& entry) { return entry.name == key; });
}

template <class Table>
std::string Reader::unknown(const std::string& key, const Table& table) {
  std::string told = fmt::format("unknown key {}", shown(key));
  constexpr bool in_case = std::is_same_v<typename Table::value_type, Key<CaseConfig>>;
  constexpr bool in_document = std::is_same_v<typename Table::value_type, Key<DocumentConfig>>;
  if (in_case && has(document_keys, key)) return told + ": it belongs to the document's front matter";
  if (in_document && has(case_keys, key)) return told + ": it is for cases, write it below defaults";
  std::vector<std::string> names;
  for (const auto& entry : table) names.emplace_back(entry.name);
  if (auto near = text::nearest(key, names)) return told + fmt::format("; did you mean {}?", *near);
  return told + fmt::format(", there are {}", text::join(names, ", "));
}

template <class T>
void prefer(std::optional<T>& mine, const std::optional<T>& other) {
  if (!mine) mine = other;
}

}  // namespace

void ConfigText::add(std::string_view line, Origin origin) {
  yaml += line;
  yaml += '\n';
  origins.push_back(origin);
}

CaseConfig read_case_config(const ConfigText& text, Defects& defects) {
  CaseConfig config;
  Reader(text, defects).read(config, case_keys);
  return config;
}

DocumentConfig read_document_config(const ConfigText& text, Defects& defects) {
  DocumentConfig config;
  Reader(text, defects).read(config, document_keys);
  return config;
}

CaseConfig CaseConfig::over(const CaseConfig& other) const {
  CaseConfig result = *this;
  prefer(result.detached, other.detached);
  prefer(result.fail_fast, other.fail_fast);
  prefer(result.interpolated, other.interpolated);
  prefer(result.keep_crlf, other.keep_crlf);
  prefer(result.strip_ansi_escaping, other.strip_ansi_escaping);
  prefer(result.detached_kill_signal, other.detached_kill_signal);
  prefer(result.input, other.input);
  prefer(result.mode, other.mode);
  prefer(result.skip_document_code, other.skip_document_code);
  prefer(result.stream, other.stream);
  prefer(result.timeout_ns, other.timeout_ns);
  prefer(result.wait, other.wait);
  prefer(result.where, other.where);
  result.environment.insert(other.environment.begin(), other.environment.end());
  return result;
}

std::string place_of(const Case& test, const CaseConfig& defaults, const std::string& where) {
  return test.config.where ? *test.config.where : defaults.where.value_or(where);
}

}  // namespace testctr::script
