#include "plan/yaml_tree.h"

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

#include "base/text.h"
#include "script/yaml_events.h"

namespace testctr::plan {
namespace {

constexpr size_t largest = size_t{1} << 20;
constexpr size_t deepest = 64;
/// Aliases may repeat what was written, but not make it larger than this.
constexpr size_t most_nodes = 200'000;
constexpr size_t most_text = size_t{16} << 20;
constexpr size_t most_members = 1000;
constexpr size_t most_told = 100;

/// What a node and all below it hold.
struct Size {
  size_t nodes = 1, text = 0;
};

Size size_of(const Yaml& node) {
  Size all{1, node.text.size()};
  const auto add = [&](const Yaml& below) {
    const Size more = size_of(below);
    all.nodes += more.nodes;
    all.text += more.text;
  };
  for (const Yaml& item : node.items) add(item);
  for (const YamlPair& member : node.members) {
    add(member.key);
    add(member.value);
  }
  return all;
}

/// Where things are in the text that the library does not tell.
class Source {
 public:
  Source(const std::string& text, uint32_t file) : lines_(text::lines(text)), file_(file) {}

  [[nodiscard]] Place place(const YAML::Mark& mark) const {
    if (mark.is_null() || mark.line < 0 || mark.column < 0) return {file_, 1, 1};
    // Where YAML misses something, the mark may be behind the last line.
    if (static_cast<size_t>(mark.line) >= lines_.size()) return end();
    return {file_, static_cast<uint32_t>(mark.line) + 1, static_cast<uint32_t>(mark.column) + 1};
  }

  /// Behind the last byte.
  [[nodiscard]] Place end() const {
    if (lines_.empty()) return {file_, 1, 1};
    std::string_view last = lines_.back();
    if (last.ends_with('\n')) last.remove_suffix(1);
    return {file_, static_cast<uint32_t>(lines_.size()), static_cast<uint32_t>(last.size()) + 1};
  }

  /// The `-` of an item without a value: the library tells only what comes behind it.
  [[nodiscard]] Place dash_before(Place place) const {
    for (uint32_t line = place.line; line > 0; --line) {
      if (line > lines_.size()) continue;
      std::string_view text = lines_[line - 1];
      if (line == place.line) text = text.substr(0, place.column - 1);
      text = without_comment(text);
      const size_t dash = text.rfind('-');
      if (dash != std::string_view::npos && text::trim(text.substr(dash + 1)).empty())
        return {place.file, line, static_cast<uint32_t>(dash) + 1};
      if (!text::trim(text).empty()) break;
    }
    return place;
  }

  /// Whether the quotes of a scalar are closed: the library takes the end of the file for them.
  [[nodiscard]] bool is_closed(Place place) const {
    if (place.line == 0 || place.line > lines_.size()) return true;
    std::string_view rest = behind_properties(place);
    if (!rest.starts_with('"') && !rest.starts_with('\'')) return true;
    const char quote = rest[0];
    rest.remove_prefix(1);
    for (size_t line = place.line;; rest = lines_[line++]) {
      for (size_t i = 0; i < rest.size(); ++i) {
        if (quote == '"' && rest[i] == '\\') {
          ++i;
        } else if (rest[i] == quote) {
          if (quote == '"' || rest.substr(i + 1, 1) != "'") return true;
          ++i;
        }
      }
      if (line >= lines_.size()) return false;
    }
  }

  /// The line on which the text of a scalar begins; 0 where its lines are not those of the file.
  [[nodiscard]] uint32_t text_line(Place place, std::string_view value) const {
    if (place.line == 0 || place.line > lines_.size()) return place.line;
    const std::string_view rest = behind_properties(place);
    const bool block = rest.starts_with('|') || rest.starts_with('>');
    const size_t newline = value.find('\n');
    const bool several = newline != std::string_view::npos && newline + 1 != value.size();
    if (several && !rest.starts_with('|')) return 0;
    return block ? place.line + 1 : place.line;
  }

  /// The first tab that indents something, up to a line.
  [[nodiscard]] std::optional<Place> tab(uint32_t last) const {
    for (size_t i = 0; i < lines_.size() && i < last; ++i) {
      const size_t indent = lines_[i].find_first_not_of(" \t");
      if (indent == std::string_view::npos || lines_[i][indent] == '#' || lines_[i][indent] == '\n') continue;
      const size_t at = lines_[i].substr(0, indent).find('\t');
      if (at != std::string_view::npos)
        return Place{file_, static_cast<uint32_t>(i) + 1, static_cast<uint32_t>(at) + 1};
    }
    return std::nullopt;
  }

 private:
  /// What stands at a place behind anchors and tags.
  [[nodiscard]] std::string_view behind_properties(Place place) const {
    std::string_view rest = lines_[place.line - 1];
    rest.remove_prefix(std::min<size_t>(place.column - 1, rest.size()));
    while (rest.starts_with('&') || rest.starts_with('!')) {
      rest.remove_prefix(std::min(rest.find_first_of(" \t"), rest.size()));
      rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    }
    return rest;
  }

  static std::string_view without_comment(std::string_view text) {
    const size_t begin = text.find('#');
    const bool is_comment = begin != std::string_view::npos && (begin == 0 || text[begin - 1] == ' ');
    return is_comment ? text.substr(0, begin) : text;
  }

  std::vector<std::string_view> lines_;
  uint32_t file_;
};

/// Builds the tree of the first document from what the library tells.
class Builder : public script::DeafToYaml {
 public:
  Builder(const Source& source, Mistakes& mistakes) : source_(source), mistakes_(mistakes) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 2)
      mistakes_.add(source_.place(mark), "a manifest is one YAML document, and this is a second one");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Yaml node;
    node.place = source_.place(mark);
    if (!open_.empty() && open_.back().key) node.place = open_.back().key->place;
    if (!open_.empty() && open_.back().node.kind == Yaml::Kind::list)
      node.place = source_.dash_before(node.place);
    add(std::move(node), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Yaml node;
    node.kind = Yaml::Kind::scalar;
    node.place = source_.place(mark);
    node.text_line = source_.text_line(node.place, value);
    node.text = value;
    node.plain = tag.empty() || tag == "?";
    known(tag, node.place);
    if (!node.plain && !source_.is_closed(node.place)) {
      mistakes_.add(node.place, "not YAML: the quotes that begin here are not closed");
      broken_ = true;
    }
    add(std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    Yaml nothing;
    nothing.place = source_.place(mark);
    if (found == anchors_.end()) {
      if (!too_large_) mistakes_.add(nothing.place, "an alias stands inside of what it stands for");
      return add(std::move(nothing), 0);
    }
    if (!take(size_of(found->second), nothing.place)) return add(std::move(nothing), 0);
    add(found->second, 0);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    begin(Yaml::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    begin(Yaml::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { end(); }

  [[nodiscard]] size_t documents() const { return documents_; }
  /// Nothing, where it is known to be another tree than was meant.
  Yaml take_root() { return broken_ ? Yaml() : std::move(root_); }

 private:
  struct Open {
    Yaml node;
    YAML::anchor_t anchor = 0;
    std::optional<Yaml> key = std::nullopt;  ///< of a map: read, its value not yet
    std::vector<Yaml> merged = {};           ///< the values of `<<`
  };

  void known(const std::string& tag, Place place) {
    constexpr std::string_view core = "tag:yaml.org,2002:";
    if (tag.empty() || tag == "?" || tag == "!" || tag.starts_with(core)) return;
    mistakes_.add(place, fmt::format("the tag {} is not known", text::printable(tag)));
  }

  bool take(Size size, Place place) {
    nodes_ += size.nodes;
    text_ += size.text;
    const bool fits = nodes_ <= most_nodes && text_ <= most_text;
    if (!fits && !too_large_) mistakes_.add(place, "aliases repeat more than a manifest may hold");
    too_large_ = too_large_ || !fits;
    return fits;
  }

  void begin(Yaml::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    Open open;
    open.node.kind = kind;
    open.node.place = source_.place(mark);
    open.anchor = anchor;
    known(tag, open.node.place);
    open_.push_back(std::move(open));
  }

  void end() {
    Open done = std::move(open_.back());
    open_.pop_back();
    for (const Yaml& other : done.merged) merge(done.node, other);
    add(std::move(done.node), done.anchor);
  }

  /// What a map says itself stands above what it takes from another.
  void merge(Yaml& into, const Yaml& other) {
    if (other.kind == Yaml::Kind::list) {
      for (const Yaml& item : other.items) merge(into, item);
      return;
    }
    if (too_large_) return;
    if (other.kind != Yaml::Kind::map) {
      mistakes_.add(other.place, "`<<` takes a mapping or a list of mappings");
      return;
    }
    for (const YamlPair& member : other.members) {
      if (into.find(member.key.text) == nullptr) into.members.push_back(member);
    }
  }

  void add(Yaml node, YAML::anchor_t anchor) {
    if (anchor != 0 && take(size_of(node), node.place)) anchors_[anchor] = node;
    if (open_.empty()) {
      if (documents_ <= 1) root_ = std::move(node);
      return;
    }
    Open& open = open_.back();
    if (open.node.kind == Yaml::Kind::list) {
      open.node.items.push_back(std::move(node));
    } else if (!open.key) {
      open.key = std::move(node);
    } else {
      add_member(open, std::move(*std::exchange(open.key, std::nullopt)), std::move(node));
    }
  }

  void add_member(Open& open, Yaml key, Yaml value) {
    if (key.kind != Yaml::Kind::scalar) {
      mistakes_.add(key.place, "a key is a word");
      return;
    }
    if (key.plain && key.text == "<<") {
      open.merged.push_back(std::move(value));
      return;
    }
    if (open.node.members.size() >= most_members) {
      if (!std::exchange(too_large_, true))
        mistakes_.add(key.place, fmt::format("a mapping has at most {} keys", most_members));
      return;
    }
    for (const YamlPair& member : open.node.members) {
      if (member.key.text != key.text) continue;
      mistakes_.add(key.place,
                    fmt::format("the key `{}` is given twice, first in {}:{}", text::printable(key.text),
                                member.key.place.line, member.key.place.column));
      return;
    }
    open.node.members.push_back({std::move(key), std::move(value)});
  }

  const Source& source_;
  Mistakes& mistakes_;
  Yaml root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Yaml> anchors_;
  size_t documents_ = 0, nodes_ = 0, text_ = 0;
  bool too_large_ = false, broken_ = false;
};

/// Whether the text may be given to the library at all; says why not.
bool acceptable(const std::string& source, uint32_t file, Mistakes& mistakes) {
  if (source.size() > largest) {
    mistakes.add({file, 0, 0}, "a manifest is at most 1 MiB large");
    return false;
  }
  size_t depth = 0;
  Place place{file, 1, 1};
  for (size_t i = 0; i < source.size(); ++i, ++place.column) {
    const char c = source[i];
    // The library ends silently at some control bytes.
    const bool control = static_cast<uint8_t>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
    if (control || c == 0x7f) {
      mistakes.add(place, fmt::format("a control byte ({})", text::printable(std::string_view(&c, 1))));
      return false;
    }
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth != 0) --depth;
    if (depth > deepest) {
      mistakes.add(place, fmt::format("brackets are nested more than {} deep", deepest));
      return false;
    }
    if (c == '\n') place = {file, place.line + 1, 0};
  }
  if (text::is_utf8(source)) return true;
  mistakes.add({file, 0, 0}, "a manifest is UTF-8, and this is not");
  return false;
}

/// The library's words, and what they mostly mean.
std::string explained(const std::string& said) {
  static const std::map<std::string_view, std::string_view> mends = {
      {"bad file", "lists and mappings are nested too deeply"},
      {"illegal map value", "a text with `: ` in it stands in quotes, and a key stands alone on its line"},
      {"end of map not found", "lines that belong together begin in the same column"},
      {"end of sequence not found", "lines that belong together begin in the same column"},
      {"end of map flow not found", "a } is missing"},
      {"end of sequence flow not found", "a ] is missing"},
      {"the referenced anchor is not defined",
       "an alias *NAME needs &NAME before it; a text that begins with * stands in quotes"},
      {"unknown token", "a text that begins with @, ` or % stands in quotes"},
      {"illegal EOF in scalar", "a quote is missing"},
  };
  const auto found = mends.find(said);
  if (found == mends.end()) return fmt::format("not YAML: {}", text::printable(said));
  return fmt::format("not YAML: {}; {}", said, found->second);
}

}  // namespace

std::string Mistakes::told(Place place) const {
  const std::string name = place.file < names_.size() ? text::printable(names_[place.file]) : "";
  return place.line == 0 ? name : fmt::format("{}:{}:{}", name, place.line, place.column);
}

Error Mistakes::error() const {
  std::vector<Mistake> sorted = all_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.place < b.place; });
  // A mistake of a test with a matrix is met for each of its values.
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::string lines;
  for (size_t i = 0; i < sorted.size() && i < most_told; ++i)
    lines += fmt::format("{}{}: {}", i == 0 ? "" : "\n", told(sorted[i].place), sorted[i].what);
  if (sorted.size() > most_told) lines += fmt::format("\n{} more mistakes", sorted.size() - most_told);
  return Error::usage(lines);
}

const Yaml* Yaml::find(std::string_view name) const {
  for (const YamlPair& member : members) {
    if (member.key.text == name) return &member.value;
  }
  return nullptr;
}

Yaml read_yaml(const std::string& source, uint32_t file, Mistakes& mistakes) {
  Yaml root;
  root.place = {file, 1, 1};
  if (!acceptable(source, file, mistakes)) return root;
  const Source places(source, file);
  try {
    std::istringstream stream(source);
    YAML::Parser parser(stream);
    Builder builder(places, mistakes);
    // Asked for two documents at most: the library finds endlessly many where one is followed by a stray
    // bracket.
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
    if (builder.documents() > 0) root = builder.take_root();
    if (root.place.line == 0) root.place = {file, 1, 1};
  } catch (const YAML::Exception& error) {
    const Place place = places.place(error.mark);
    if (const auto tab = places.tab(place.line)) {
      mistakes.add(*tab, "a tab in the indentation; YAML wants blanks");
    } else {
      mistakes.add(place, explained(error.msg));
    }
  } catch (const std::exception& error) {
    mistakes.add({file, 1, 1}, fmt::format("not YAML: {}", text::printable(error.what())));
  }
  return root;
}

}  // namespace testctr::plan
