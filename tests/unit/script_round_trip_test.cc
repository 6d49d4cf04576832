// Documents at hand - all that the tests and the repository hold, and hostile ones made of them - are read
// and written back to the byte; and whatever a case prints, writing it into its document changes nothing but
// the body of that case, holds, and is needed only once.
#include <cstdlib>
#include <filesystem>
#include <random>

#include <doctest/doctest.h>
#include "base/sys.h"
#include "script/edit.h"
#include "script_document_support.h"

namespace testctr::script {
namespace {

struct Text {
  std::string name, source;
};

/// Every Markdown and Cram file of the repository's tests and its root.
std::vector<Text> at_hand() {
  namespace fs = std::filesystem;
  std::vector<Text> found;
  const char* top = std::getenv("TESTCTR_SOURCE");
  const fs::path root = top != nullptr ? fs::path(top) : fs::current_path();
  auto take = [&](const fs::path& path) {
    if (path.extension() != ".md" && path.extension() != ".t") return;
    auto source = sys::read_file(path.string());
    if (source.ok()) found.push_back({fs::relative(path, root).string(), std::move(source).value()});
  };
  if (!fs::is_directory(root / "tests")) return found;
  for (const auto& entry : fs::directory_iterator(root)) take(entry.path());
  for (const auto& entry : fs::recursive_directory_iterator(root / "tests")) take(entry.path());
  std::sort(found.begin(), found.end(), [](const Text& a, const Text& b) { return a.name < b.name; });
  return found;
}

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string result;
  for (size_t at = 0;;) {
    size_t next = text.find(what, at);
    result += text.substr(at, next == std::string_view::npos ? next : next - at);
    if (next == std::string_view::npos) return result;
    result += by;
    at = next + what.size();
  }
}

std::vector<std::string> hostile() {
  using namespace std::string_literals;
  return {
      "",
      "\n",
      "```scrut\n$ true\n```",
      "```scrut\r\n$ true\r\na\r\n[1]\r\n```\r\n",
      "```scrut\n$ true\r\na\nb\r\n```\n",
      "\xef\xbb\xbf```scrut\n$ true\na\n```\n",
      "\xef\xbb\xbf---\ndefaults: {}\n---\n```scrut\n$ true\n```\n",
      "```scrut\n$ printf '\0'\n\0\xff\xfe (glob)\n```\n"s,
      "text\0\n\n```scrut\n$ true\n\xc3(\n```\n"s,
      "````scrut\n$ cat\n```\n```scrut\n$ not a test\n```\n````\n",
      "~~~~ scrut\n$ cat\n~~~\n```\n~~~~\n",
      "   ```scrut   \n   $ true\n     two more\n   [3]\n   ```  \n",
      "* item\n\n  ```scrut\n  $ true\n  a\n  ```\n",
      "````markdown\n```scrut\n$ shown only\n```\n````\n\n```scrut\n$ true\n```\n",
      "```\n$ plain\n```\n```scrut\n$ true\n\n\n```\n",
      "```scrut\n# comment\n% timeout: 5s\n# more\n$ a\n> b\n>\n> c\n> not a command\n[0]\n```\n",
      "---\ntotal_timeout: 5s\n---\n\n```scrut {timeout: 1s}\n$ a\n```\n",
      "```scrut\n$ a\n[1]\nb\nc\n```\n```scrut\n$ a\nb\n[2]\nc\n```\n",
      "  $ true",
      "  $ true\n  \n  a\n\n  b\n",
      "  $ true\r\n  a\r\n  [1]\r\n",
      "Title\n  $ a\n  > b\n  >\n  out (esc)\n# comment\n  more\n\ttab\n   three\n",
      "  $ a\n  \x00\xff\n  [1]\n  b\n"s,
      "  $ a\n  one\rtwo\n\r\n",
      "  orphan\n  $ a\n\x0c\n  b (re) (?)\n",
      std::string(70000, 'x') + "\n\n```scrut\n$ a\n" + std::string(70000, 'y') + "\n```\n",
  };
}

/// The same document in other shapes; not all of them are documents any more.
std::vector<std::string> variations(const std::string& source, std::mt19937& random) {
  std::string crlf = replaced(source, "\n", "\r\n");
  std::vector<std::string> all = {source,
                                  crlf,
                                  crlf.substr(0, crlf.find('\n') + 1) + source,
                                  "\xef\xbb\xbf" + source,
                                  replaced(source, "```", "~~~"),
                                  replaced(source, "\n```scrut", "\n  ```scrut"),
                                  "``````markdown\n" + source + "``````\n",
                                  replaced(source, "\n\n", "\n \n")};
  if (!source.empty()) {
    all.push_back(source.substr(0, source.size() - 1));
    all.push_back(source.substr(0, random() % source.size()));
    for (std::string_view bytes :
         {std::string_view("\0", 1), std::string_view("\xff"), std::string_view("\r")}) {
      all.push_back(source);
      for (int i = 0; i < 5; ++i) all.back().insert(random() % source.size(), bytes);
    }
  }
  return all;
}

/// Every piece that the reader tells of, replaced by itself.
std::string rewritten(const Document& document) {
  std::vector<Edit> edits;
  auto same = [&](Span span) { edits.push_back({span, document.source.substr(span.begin, span.size())}); };
  for (const Case& test : document.cases) {
    same(test.command);
    for (const Expectation& expectation : test.expectations) {
      edits.push_back({expectation.span, expectation.text});
    }
    if (test.code) same(test.code->span);
  }
  auto written = with_edits(document.source, std::move(edits));
  return written.ok() ? written.value() : written.error().message();
}

std::vector<Observed> observations(const Case& test, std::mt19937& random) {
  using namespace std::string_literals;
  std::vector<Observed> all = {{"", 0},
                               {"\n", 1},
                               {"plain\n", 0},
                               {"no end", 3},
                               {"> x\n$ y\n[1]\n```\n~~~~\n", 0},
                               {"\0\xff\r\n\t\n"s, 200}};
  std::string own;  // what is expected, in part: some of it holds
  for (const Expectation& expectation : test.expectations) {
    if (random() % 4 != 0) own += expectation.text + "\n";
    if (random() % 8 == 0) own += "between (glob)\n";
  }
  all.push_back({own.substr(0, 20000), test.code ? test.code->value : 0});
  return {all[random() % all.size()], all.back()};
}

/// Empty when an update of `test` does what it is to do.
std::string false_update(const Document& document, size_t index, const Observed& observed) {
  const Case& test = document.cases[index];
  CompareOptions options{document.dialect};
  auto edits = edits_for(document, test, observed, options);
  if (!edits.ok()) return edits.error().fault() == Fault::usage ? "" : edits.error().message();
  for (const Edit& edit : edits.value()) {
    // A document's last line without its end gets one.
    if (edit.span.begin < test.body.begin || edit.span.end > test.body.end) return "an edit outside the body";
  }
  auto written = with_edits(document.source, std::move(edits).value());
  if (!written.ok()) return written.error().message();
  auto again = read_document(document.dialect, "written", written.value());
  if (!again.ok()) return again.error().message();
  if (again.value().cases.size() != document.cases.size()) return "another number of cases";
  for (size_t i = 0; i < document.cases.size(); ++i) {
    if (again.value().cases[i].expression != document.cases[i].expression) return "another command";
    if (again.value().cases[i].config != document.cases[i].config) return "another configuration";
    if (i != index && again.value().cases[i].expectations.size() != document.cases[i].expectations.size())
      return "another case's expectations";
  }
  auto more = edits_for(again.value(), again.value().cases[index], observed, options);
  if (!more.ok()) return more.error().message();
  return more.value().empty() ? "" : "a second update";
}

struct Counts {
  size_t documents = 0, refused = 0, updates = 0;
};

void check_text(const std::string& name, const std::string& source, std::mt19937& random, Counts& counts) {
  for (Dialect dialect : {Dialect::markdown, Dialect::cram}) {
    auto read = read_document(dialect, name, source);
    if (!read.ok()) {
      ++counts.refused;
      CHECK_MESSAGE(read.error().message().starts_with(name + ":"), read.error().message());
      continue;
    }
    ++counts.documents;
    const Document& document = read.value();
    CHECK_MESSAGE(document.source == source, name);
    CHECK_MESSAGE(false_place(document).empty(), name << ": " << false_place(document));
    CHECK_MESSAGE(rewritten(document) == source, name);
    for (size_t i = 0; i < document.cases.size(); i += 1 + random() % 10) {
      if (document.cases[i].config.over(document.config.defaults).mode == Mode::jsonschema) continue;
      for (const Observed& observed : observations(document.cases[i], random)) {
        ++counts.updates;
        std::string wrong = false_update(document, i, observed);
        CHECK_MESSAGE(wrong.empty(), name << ": line " << document.cases[i].line << ": " << wrong);
      }
    }
  }
}

TEST_SUITE("script round trip") {
  TEST_CASE(
      "every document at hand, and hostile ones, are written back to the byte; updates change one body, "
      "once") {
    std::mt19937 random(7);
    Counts counts;
    std::vector<Text> texts = at_hand();
    const bool at_home = texts.size() >= 8;  // else it was started elsewhere, without tests/run
    if (!at_home) MESSAGE("the repository's documents are not there: TESTCTR_SOURCE names its folder");
    CHECK((at_home || std::getenv("TESTCTR_SOURCE") == nullptr));
    size_t number = 0;
    for (std::string& source : hostile())
      texts.push_back({"hostile" + std::to_string(number++), std::move(source)});
    for (const Text& text : texts) {
      size_t variation = 0;
      for (const std::string& source : variations(text.source, random))
        check_text(text.name + "#" + std::to_string(variation++), source, random, counts);
    }
    MESSAGE(counts.documents << " documents, " << counts.refused << " refused, " << counts.updates
                             << " updates");
    CHECK(counts.documents > 500);
    if (at_home) CHECK(counts.updates > 2000);
  }
}

}  // namespace
}  // namespace testctr::script
