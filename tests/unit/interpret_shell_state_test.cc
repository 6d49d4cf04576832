// What a shell has set: read from it, written down, read from who may lie, told to another shell.
#include "interpret/shell_state.h"

#include <doctest/doctest.h>

#include "interpret/state.h"

using namespace testctr;
using namespace testctr::interpret;

namespace {

std::string records(std::initializer_list<std::string_view> fields) {
  std::string text;
  for (std::string_view field : fields) text += std::string(field) + '\0';
  return text;
}

ShellState read(std::initializer_list<std::string_view> fields) {
  auto state = shell_state_from_bash(records(fields));
  REQUIRE(state.ok());
  return state.value();
}

ShellState through(const ShellState& state) {
  auto bytes = shell_state_to_bytes(state);
  REQUIRE(bytes.ok());
  auto back = shell_state_from_bytes(bytes.value());
  REQUIRE(back.ok());
  return back.value();
}

bool refused(const Json& wire) { return !shell_state_from_bytes(json::to_cbor(wire)).ok(); }

std::string told(const ShellState& wanted, bool bash = true) {
  std::vector<std::string> notes;
  return load_text({}, wanted, bash, notes);
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("shell state: bash's records") {
  const ShellState state = read({"D",        "/work/d",
                                 "U",        "0022",
                                 "O",        "set -o noglob",
                                 "O",        "rm -rf /",
                                 "V",        "-x",
                                 "a",        "it's\n$x",
                                 "V",        "--",
                                 "PATH",     "/x",
                                 "V",        "--",
                                 "bad;name", "1",
                                 "A",        "-A",
                                 "m",        "1",
                                 "k]",       "v",
                                 "A",        "-ar",
                                 "l",        "2",
                                 "0",        "x",
                                 "7",        "",
                                 "F",        "-fx",
                                 "f",        "f () \n{ \n    :\n}",
                                 "L",        "ll",
                                 "ls -l",    "P",
                                 "1",        "arg",
                                 "E"});
  CHECK(state.directory == "/work/d");
  CHECK(state.umask == "0022");
  CHECK(state.options == std::vector<std::string>{"set -o noglob"});
  CHECK(state.variables.size() == 3);
  CHECK(state.variables.at("a").values.front().second == "it's\n$x");
  CHECK(state.variables.at("a").attributes == "x");
  CHECK(state.variables.at("m").kind == ShellVariable::Kind::associative);
  CHECK(state.variables.at("l").attributes == "r");
  CHECK(state.functions.at("f").attributes == "x");
  CHECK(state.aliases.at("ll") == "ls -l");
  CHECK(state.arguments == std::vector<std::string>{"arg"});
  ShellState crossed = through(state);
  crossed.directory = state.directory;  // goes another way
  CHECK(crossed == state);
  for (const auto& broken :
       {records({"V", "--", "a"}), records({"Z", "E"}), records({"A", "-a", "l", "x", "E"}),
        records({"A", "-a", "l", "99999999", "E"}), std::string("V"), std::string()})
    CHECK_FALSE(shell_state_from_bash(broken).ok());
}

TEST_CASE("shell state: what a POSIX shell prints") {
  const ShellState state = shell_state_from_posix(
      "PWD='/work'\na='it'\"'\"'s'\nb='two\nlines=x'\nc=plain\nd='q'\\''r'\nPATH='/x'\n",
      "export PATH='/x'\nexport c='plain'\n", "ll='ls -l'\n", "set +o errexit\nset -o noglob\nfrob\n");
  CHECK_FALSE(state.bash);
  CHECK(state.directory == "/work");
  CHECK(state.variables.size() == 4);
  CHECK(state.variables.at("a").values.front().second == "it's");
  CHECK(state.variables.at("b").values.front().second == "two\nlines=x");
  CHECK(state.variables.at("c").attributes == "x");
  CHECK(state.variables.at("d").values.front().second == "q'r");
  CHECK(state.aliases.at("ll") == "ls -l");
  CHECK(state.options == std::vector<std::string>{"set +o errexit", "set -o noglob"});
}

TEST_CASE("shell state: what nobody honest would have written is refused") {
  const auto variable = [](const char* name, int kind, const char* attributes, Json values) {
    return Json{{"bash", true},
                {"variables", Json::array({Json::array({name, kind, attributes, std::move(values)})})}};
  };
  CHECK_FALSE(refused(variable("a", 0, "x", Json::array({"", "v"}))));
  CHECK(refused(variable("a;b", 0, "", Json::array({"", "v"}))));
  CHECK(refused(variable("PATH", 0, "", Json::array({"", "v"}))));
  CHECK(refused(variable("a", 0, ";", Json::array({"", "v"}))));
  CHECK(refused(variable("a", 0, "", Json::array({"k", "v"}))));
  CHECK(refused(variable("a", 0, "", Json::array())));
  CHECK(refused(variable("a", 1, "", Json::array({"$(x)", "v"}))));
  CHECK(refused(variable("a", 3, "", Json::array({"", "v"}))));
  CHECK(refused(variable("a", 0, "", Json::array({"", json::binary(std::string("x\0y", 3))}))));
  CHECK(refused(Json{{"functions", Json::array({Json::array({"f;x", "f", ""})})}}));
  CHECK(refused(Json{{"aliases", Json::array({Json::array({"a b", "f"})})}}));
  CHECK(refused(Json{{"options", Json::array({"set -o x;y"})}}));
  CHECK(refused(Json{{"umask", "9"}}));
  CHECK(refused(Json::array()));
  CHECK_FALSE(shell_state_from_bytes("\xff").ok());
  CHECK_FALSE(shell_state_from_bytes(std::string(most_shell_state + 1, 'x')).ok());
}

TEST_CASE("shell state: as commands") {
  ShellState state;
  state.variables["a"] = {ShellVariable::Kind::scalar, "x", {{"", "$(touch x)'"}}};
  state.variables["l"] = {ShellVariable::Kind::indexed, "", {{"3", "v w"}}};
  state.functions["f"] = {"f () \n{ \n    :\n}", ""};
  state.gone_variables = {"g"};
  state.options = {"set -o errexit", "shopt -u extglob"};
  const std::string text = told(state);
  CHECK(contains(text, "declare -x a='$(touch x)'"));
  CHECK(contains(text, "declare -a l\nl=([3]='v w' )\n"));
  CHECK(contains(text, "\\unset -v g\n"));
  CHECK(text.rfind("errexit") > text.rfind("extglob"));
  std::vector<std::string> notes;
  const std::string posix = load_text({}, state, /*bash=*/false, notes);
  CHECK(contains(posix, "\\export a\n"));
  CHECK_FALSE(contains(posix, "declare"));
  CHECK(notes.size() == 1);
  // What is there already is not said again, and what cannot be changed is left.
  CHECK_FALSE(contains(load_text(state, state, true, notes), "declare"));
  ShellState fixed = state;
  fixed.variables["a"].attributes = "r";
  CHECK_FALSE(contains(load_text(fixed, state, true, notes), " a="));
}

TEST_CASE("shell state: names") {
  CHECK(is_shell_name("_a1"));
  for (const char* name : {"", "1a", "a-b", "a b", "a="}) CHECK_FALSE(is_shell_name(name));
  for (const char* name :
       {"LD_PRELOAD", "PS4", "BASH_ENV", "ENV", "PATH", "IFS", "PROMPT_COMMAND", "SHELLOPTS", "GLOBIGNORE"})
    CHECK(is_interpreted_variable(name));
  CHECK_FALSE(is_interpreted_variable("VERSION"));
  CHECK(stands_in("ab", "x=$ab;"));
  CHECK_FALSE(stands_in("ab", "xab abc"));
}

TEST_CASE("shell state: paths below $WORK") {
  ShellState state;
  state.variables["a"] = {ShellVariable::Kind::scalar, "", {{"", "/work/x:/workshop"}}};
  take_out_path(state, "/work");
  CHECK(state.variables.at("a").values.front().second == work_token + "/x:/workshop");
  state = through(state);
  put_in_path(state, "/tmp/t/work");
  CHECK(state.variables.at("a").values.front().second == "/tmp/t/work/x:/workshop");
}
