// The keys of configuration: what each takes, and what is said to everything else.
#include "script/config.h"

#include <doctest/doctest.h>

#include <csignal>

#include "base/text.h"
#include "script/duration.h"

using namespace testctr;
using namespace testctr::script;

namespace {

ConfigText config_text(std::string_view yaml) {
  ConfigText text;
  uint32_t number = 10;
  for (const std::string& line : text::split(yaml, '\n')) text.add(line, {number++, 2});
  return text;
}

CaseConfig read(std::string_view yaml) {
  Defects defects("d");
  CaseConfig config = read_case_config(config_text(yaml), defects);
  INFO(defects.error().message());
  CHECK_FALSE(defects.any());
  return config;
}

std::string error(std::string_view yaml) {
  Defects defects("d");
  (void)read_case_config(config_text(yaml), defects);
  return defects.any() ? defects.error().message() : "no error";
}

std::string document_error(std::string_view yaml) {
  Defects defects("d");
  (void)read_document_config(config_text(yaml), defects);
  return defects.any() ? defects.error().message() : "no error";
}

std::string duration_error(std::string_view text) {
  auto parsed = parse_human_duration(text);
  return parsed.ok() ? "no error" : parsed.error().message();
}

}  // namespace

TEST_CASE("durations: what people write") {
  auto ns = [](std::string_view text) {
    auto parsed = parse_human_duration(text);
    INFO(text);
    REQUIRE(parsed.ok());
    return parsed.value();
  };
  CHECK(ns("300ms") == 300'000'000);
  CHECK(ns("3m 3s") == 183'000'000'000);
  CHECK(ns("2h") == 7'200'000'000'000);
  CHECK(ns("1h30m") == 5'400'000'000'000);
  CHECK(ns(" 1 hour  2 mins ") == 3'720'000'000'000);
  CHECK(ns("1.5s") == 1'500'000'000);
  CHECK(ns("0.000000001s") == 1);
  CHECK(ns("1us 1ns") == 1001);
  CHECK(ns("2\xc2\xb5s") == 2000);
  CHECK(ns("0s") == 0);
  CHECK(ns("1day") == 86'400'000'000'000);
  CHECK(ns("2 weeks") == 14 * ns("24h"));
  CHECK(ns("1M") == ns("30.44d"));
  CHECK(ns("1y") == ns("365.25d"));
  CHECK(ns("9223372036854775807ns") == INT64_MAX);
}

TEST_CASE("durations: what is none") {
  CHECK(duration_error("5") == "\"5\" is no time: the unit is missing, write 5s for seconds");
  CHECK(duration_error("1m 2.5") == "\"1m 2.5\" is no time: the unit is missing, write 2.5s for seconds");
  CHECK(duration_error("") == "\"\" is no time: write a number and its unit, as in 300ms, 5s or 1h 30m");
  CHECK(duration_error("5 parsecs").find("\"parsecs\" is no unit") != std::string::npos);
  for (const char* text : {"s", "-1s", "1s,", "1.s", ".5s", "1..5s", "9223372036854775808ns", "300y", "1S",
                           "99999999999999999999s", "9999999999999999999y", "1.0000000001s", "1h h", "ms5"})
    CHECK(duration_error(text) != "no error");
}

TEST_CASE("config: every key of a case") {
  CaseConfig config = read(
      "detached: true\n"
      "detached_kill_signal: SIGINT\n"
      "environment:\n  A: b c\n  N: 1\n  E: ''\n  T: true\n"
      "fail_fast: false\n"
      "interpolated: True\n"
      "keep_crlf: TRUE\n"
      "mode: jsonschema\n"
      "output_stream: combined\n"
      "skip_document_code: 77\n"
      "strip_ansi_escaping: true\n"
      "timeout: 1m 1s\n"
      "wait: {timeout: 5s, path: a/b}\n"
      "where: db\n"
      "stdin: |\n  one\n  two\n");
  CHECK(config.detached == true);
  CHECK(config.detached_kill_signal == SIGINT);
  CHECK(config.environment ==
        std::map<std::string, std::string>{{"A", "b c"}, {"N", "1"}, {"E", ""}, {"T", "true"}});
  CHECK(config.fail_fast == false);
  CHECK(config.interpolated == true);
  CHECK(config.keep_crlf == true);
  CHECK(config.mode == Mode::jsonschema);
  CHECK(config.stream == Stream::combined);
  CHECK(config.skip_document_code == 77);
  CHECK(config.strip_ansi_escaping == true);
  CHECK(config.timeout_ns == 61'000'000'000);
  CHECK(config.wait == Wait{5'000'000'000, "a/b"});
  CHECK(config.where == "db");
  CHECK(config.input == Input{"one\ntwo\n", false});
  CHECK(read("") == CaseConfig{});
  CHECK(read("{}") == CaseConfig{});
  CHECK(read("# nothing") == CaseConfig{});
}

TEST_CASE("config: places") {
  CHECK(read("where: host").where == "host");
  CHECK(error("where: a b") ==
        "d:10:10: where is host, container or a name from the front matter's containers, not \"a b\"");
  CHECK(error("where: [host]") != "no error");
  Defects defects("d");
  const DocumentConfig config =
      read_document_config(config_text("image: debian\ncontainers: {db: postgres, web: nginx}\n"), defects);
  CHECK_FALSE(defects.any());
  CHECK(config.image == "debian");
  CHECK(config.containers == std::map<std::string, std::string>{{"db", "postgres"}, {"web", "nginx"}});
  CHECK(document_error("containers: [db]").find("write {NAME: IMAGE}") != std::string::npos);
  CHECK(document_error("containers: {host: x}").find("cannot name a container") != std::string::npos);
  CHECK(document_error("containers: {db: }").find("the image of db") != std::string::npos);
  CHECK(document_error("where: host").find("write it below defaults") != std::string::npos);
  CHECK(place_of(Case{}, CaseConfig{}, "container") == "container");
}

TEST_CASE("config: further forms") {
  CHECK(read("wait: 300ms").wait == Wait{300'000'000, ""});
  CHECK(read("wait: {timeout: 2s}").wait == Wait{2'000'000'000, ""});
  CHECK(read("stdin: {file: in.txt}").input == Input{"in.txt", true});
  CHECK(read("stdin: ''").input == Input{"", false});
  CHECK(read("stdin: 5").input == Input{"5", false});
  CHECK(read("detached_kill_signal: term").detached_kill_signal == SIGTERM);
  CHECK(read("detached_kill_signal: 9").detached_kill_signal == 9);
  CHECK(read("detached_kill_signal: disabled").detached_kill_signal == 0);
  CHECK(read("mode: output").mode == Mode::output);
  CHECK(read("output_stream: stdout").stream == Stream::out);
  CHECK(read("output_stream: stderr").stream == Stream::err);
  CHECK(read("environment: {A: &x long, B: *x}").environment.at("B") == "long");
  CHECK(read("timeout: \"3m 3s\"").timeout_ns == 183'000'000'000);
}

TEST_CASE("config: unknown and repeated keys") {
  CHECK(error("fail_fast: true\nfail-fast: true") ==
        "d:11:3: unknown key \"fail-fast\"; did you mean fail_fast?");
  CHECK(error("{timeout: 1s, outputstream: stdout}") ==
        "d:10:17: unknown key \"outputstream\"; did you mean output_stream?");
  CHECK(error("shell: sh") == "d:10:3: unknown key \"shell\": it belongs to the document's front matter");
  CHECK(error("zzzzzz: 1").find("d:10:3: unknown key \"zzzzzz\", there are detached, ") == 0);
  CHECK(error("timeout: 1s\ntimeout: 2s") == "d:11:3: the key \"timeout\" is given twice");
  CHECK(error("environment:\n  A: 1\n  A: 2") == "d:12:5: the key \"A\" is given twice");
  CHECK(error("wait: {timeout: 1s, file: x}").find("d:10:23: unknown key \"file\"") == 0);
  CHECK(error("stdin: {path: x}").find("d:10:11: unknown key \"path\"") == 0);
  CHECK(error("? [a]\n: b").find("a key is a word") != std::string::npos);
  CHECK(error("<<: {timeout: 1s}").find("unknown key \"<<\"") != std::string::npos);
  CHECK(document_error("timeout: 1s") ==
        "d:10:3: unknown key \"timeout\": it is for cases, write it below defaults");
  CHECK(document_error("defaults: {shell: sh}").find("d:10:14: unknown key \"shell\": it belongs to") == 0);
  CHECK(document_error("defaults: {tiemout: 1s}") ==
        "d:10:14: unknown key \"tiemout\"; did you mean timeout?");
  CHECK(document_error("totaltimeout: 1s").find("did you mean total_timeout?") != std::string::npos);
}

TEST_CASE("config: values of the wrong kind") {
  CHECK(error("detached: yes") == "d:10:13: detached is true or false, not \"yes\"");
  CHECK(error("detached: \"true\"") == "d:10:13: detached is true or false, not the text \"true\"");
  CHECK(error("detached: [true]") == "d:10:13: detached is true or false");
  CHECK(error("detached:").find("detached is true or false") != std::string::npos);
  CHECK(error("timeout: 5") ==
        "d:10:12: timeout: \"5\" is no time: the unit is missing, write 5s for seconds");
  CHECK(error("timeout: 0s") == "d:10:12: timeout is longer than 0; leave it out for none");
  CHECK(error("timeout: [5s]") == "d:10:12: timeout is a time as in 300ms, 5s or 1h 30m");
  CHECK(error("mode: json") == "d:10:9: mode is output, jsonschema, not \"json\"");
  CHECK(error("output_stream: both").find("output_stream is stdout, stderr, combined") != std::string::npos);
  CHECK(error("detached_kill_signal: SIGTREM").find("did you mean SIGTERM?") != std::string::npos);
  CHECK(error("detached_kill_signal: disable").find("did you mean disabled?") != std::string::npos);
  for (const char* value : {"0", "65", "-1", "[]", "''"})
    CHECK(error(std::string("detached_kill_signal: ") + value) != "no error");
  for (const char* value : {"256", "-1", "x", "\"80\"", "8e1", "~", "0x50"})
    CHECK(error(std::string("skip_document_code: ") + value).find("an exit code, 0 to 255") !=
          std::string::npos);
  CHECK(error("environment: [A]") == "d:10:16: environment is a mapping, write {NAME: value}");
  CHECK(error("environment:\n  A:").find("a variable has no value, write \"\"") != std::string::npos);
  CHECK(error("environment: {A: [1]}") == "d:10:20: a variable is a text");
  CHECK(error("environment: {'A=B': 1}").find("cannot be a variable's name") != std::string::npos);
  CHECK(error("environment: {'': 1}").find("cannot be a variable's name") != std::string::npos);
  CHECK(error("environment: {A: \"a\\0b\"}").find("NUL") != std::string::npos);
  CHECK(error("wait: {path: x}").find("wait needs a timeout") != std::string::npos);
  CHECK(error("wait: {timeout: 1s, path: /x}").find("below $TMPDIR") != std::string::npos);
  CHECK(error("wait: {timeout: 1s, path: a/../../x}").find("below $TMPDIR") != std::string::npos);
  CHECK(error("wait: {timeout: 1s, path: ''}").find("is empty") != std::string::npos);
  CHECK(error("wait: [1s]") != "no error");
  CHECK(error("stdin: {}").find("stdin is a text or {file: PATH}") != std::string::npos);
  CHECK(error("stdin: [a]").find("stdin is a text") != std::string::npos);
  CHECK(error("- timeout") == "d:10:3: the configuration is a mapping, write \"key: value\"");
  CHECK(error("text").find("is a mapping") != std::string::npos);
  CHECK(document_error("append: a.md").find("append is a list, write [FILE]") != std::string::npos);
  CHECK(document_error("append: [a, [b]]") == "d:10:15: an entry of append is a text");
  CHECK(document_error("shell: ''").find("shell is empty") != std::string::npos);
  CHECK(document_error("total_timeout: 5").find("write 5s") != std::string::npos);
  CHECK(document_error("total_timeout: 0") == "no error");
}

TEST_CASE("config: what is no YAML") {
  CHECK(error("timeout: 1s\n  a: b: c").find("d:11:") == 0);
  CHECK(error("{timeout: 1s").find("not YAML: ") != std::string::npos);
  CHECK(error("a: *x").find("not YAML: ") != std::string::npos);
  CHECK(error("timeout: 1s\n---\ntimeout: 2s").find("behind its end") != std::string::npos);
  CHECK(error("timeout: 1s\n...\ndetached: true").find("behind its end") != std::string::npos);
  CHECK(error("{timeout: 1s} {detached: true}") != "no error");
  CHECK(error("{timeout: 1s}, x}") ==
        "d:10:16: the configuration is one YAML document, and this is behind its end");
  CHECK(error("[a], x").find("behind its end") != std::string::npos);
  // The library takes this byte for the end of the text.
  CHECK(error("timeout: 1s\n\x04\ndetached: yes") == "d:11: a control byte in the configuration (\\x04)");
  CHECK(error(std::string("a\0b", 3)).find("a control byte") != std::string::npos);
  CHECK(error("stdin: \xff") == "d:10: the configuration is not UTF-8");
}

TEST_CASE("config: bombs") {
  CHECK(error(std::string(30'000, '[')).find("nested too deeply") != std::string::npos);
  std::string deep;
  for (int i = 0; i < 30'000; ++i) deep += "- ";
  CHECK(error(deep) != "no error");
  deep.clear();
  for (int i = 0; i < 30'000; ++i) deep += "? ";
  CHECK(error(deep) != "no error");
  deep.clear();
  for (int i = 0; i < 300; ++i) deep += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  CHECK(error(deep) != "no error");
  CHECK(error("stdin: " + std::string(70'000, 'x')).find("larger than 64 KiB") != std::string::npos);
  std::string aliases = "environment:\n  A: &a " + std::string(5'000, 'x') + "\n";
  for (int i = 0; i < 1000; ++i) aliases += "  B" + std::to_string(i) + ": *a\n";
  std::string told = error(aliases);
  CHECK(told.find("aliases repeat more text") != std::string::npos);
  CHECK(std::count(told.begin(), told.end(), '\n') == 0);
  CHECK(error("a: &a [*a]").find("unknown key") != std::string::npos);
  CHECK(document_error("defaults: &d {defaults: *d}").find("unknown key") != std::string::npos);
  CHECK(document_error("append: [" + std::string(4'000, ',') + "]") != "no error");
}

TEST_CASE("config: the nearer one wins, variables by name") {
  CaseConfig near = read("timeout: 1s\nenvironment: {A: near}");
  CaseConfig far = read("timeout: 2s\ndetached: true\nwait: 1s\nstdin: x\nenvironment: {A: far, B: far}");
  CaseConfig both = near.over(far);
  CHECK(both.timeout_ns == 1'000'000'000);
  CHECK(both.detached == true);
  CHECK(both.wait.has_value());
  CHECK(both.input.has_value());
  CHECK(both.environment == std::map<std::string, std::string>{{"A", "near"}, {"B", "far"}});
  CHECK(CaseConfig{}.over(far) == far);
  CHECK(far.over({}) == far);
}
