// What `testctr` asks for: its words, and its form on the wire.
#include "interpret/request.h"

#include <doctest/doctest.h>

#include "base/text.h"
#include "interpret/state.h"

using namespace testctr;

namespace {

Result<Request> words(const std::string& line) {
  std::vector<std::string> list;
  for (std::string& word : text::split(line, ' ')) list.push_back(std::move(word));
  return parse_request(line.empty() ? std::vector<std::string>{} : list);
}

std::string wrong(const std::string& line) {
  auto request = words(line);
  if (request.ok()) return "no error";
  CHECK(request.error().fault() == Fault::usage);
  return request.error().message();
}

Request full() {
  Request r;
  r.kind = Request::Kind::start;
  r.name = "db";
  r.image = "postgres:16";
  r.words = {"a", "", "b\xff"};
  r.environment = {{"A", "1=2"}, {"B", ""}};
  r.ports = {1, 65535};
  r.enter = r.async = true;
  r.ready = "exec";
  r.ready_words = {"true"};
  r.timeout_ns = 7;
  r.place = "golang:latest";
  r.line = 9;
  r.directory = work_token + "/d";
  r.data = std::string("\0\xfe", 2);
  return r;
}

std::string refused(const char* key, Json value) {
  Json wire = to_wire(full());
  wire[key] = std::move(value);
  auto read = request_from_wire(wire);
  return read.ok() ? "accepted" : read.error().message();
}

}  // namespace

TEST_CASE("request: the words of a script") {
  Request r =
      words("start postgres:16 db -p 5432 -p 80 -e A=1=2 --ready port 5432 --timeout 5s --async --cmd x -p y")
          .value();
  CHECK(r.kind == Request::Kind::start);
  CHECK(r.image == "postgres:16");
  CHECK(r.name == "db");
  CHECK(r.ports == std::vector<uint16_t>{5432, 80});
  CHECK(r.environment == std::map<std::string, std::string>{{"A", "1=2"}});
  CHECK(r.ready == "port");
  CHECK(r.ready_words == std::vector<std::string>{"5432"});
  CHECK(r.timeout_ns == 5'000'000'000);
  CHECK(r.async);
  CHECK_FALSE(r.enter);
  CHECK(r.words == std::vector<std::string>{"x", "-p", "y"});
  CHECK(words("start a b --enter").value().enter);
  r = parse_request({"start", "a", "b", "--ready", "exec", "pg_isready  -q"}).value();
  CHECK(r.ready_words == std::vector<std::string>{"pg_isready", "-q"});
  CHECK(parse_request({"start", "a", "b", "--ready", "log", "ready for"}).value().ready_words ==
        std::vector<std::string>{"ready for"});
  CHECK(words("stop db").value().kind == Request::Kind::stop);
  CHECK(words("rm db").value().kind == Request::Kind::rm);
  CHECK(words("logs db").value().kind == Request::Kind::logs);
  CHECK(words("exec db sh -c x").value().words == std::vector<std::string>{"sh", "-c", "x"});
  CHECK(words("exec golang:latest true").value().name == "golang:latest");
  CHECK(words("port db 5432").value().ports == std::vector<uint16_t>{5432});
  CHECK(words("endpoint db 1").value().kind == Request::Kind::endpoint);
  CHECK(words("wait db").value().timeout_ns == 0);
  CHECK(words("wait db 300ms").value().timeout_ns == 300'000'000);
  CHECK(words("cp db:/a b").value().words == std::vector<std::string>{"db:/a", "b"});
}

TEST_CASE("request: every mistake in the words") {
  struct Row {
    const char* line;
    const char* want;
  };
  const Row rows[] = {
      {"", "testctr: no subcommand"},
      {"strat a b", "testctr has no subcommand \"strat\""},
      {"is_running db", "testctr has no subcommand \"is_running\""},
      {"start", "testctr start: the image is missing"},
      {"start a", "testctr start: the container's name is missing"},
      {"start a host", "\"host\" cannot name a container"},
      {"start a b/c", "\"b/c\" cannot name a container"},
      {"start a b -p", "testctr start: the port behind -p is missing"},
      {"start a b -p 0", "\"0\" is not a port: a number from 1 to 65535"},
      {"start a b -p 65536", "\"65536\" is not a port: a number from 1 to 65535"},
      {"start a b -p 1x", "\"1x\" is not a port: a number from 1 to 65535"},
      {"start a b -e", "testctr start: NAME=VALUE behind -e is missing"},
      {"start a b -e A", "testctr start: \"A\" is not NAME=VALUE"},
      {"start a b -e =x", "testctr start: \"=x\" is not NAME=VALUE"},
      {"start a b --ready", "testctr start: what is waited for behind --ready is missing"},
      {"start a b --ready sun x", "testctr start --ready: \"sun\" is none of exec, port, file, log"},
      {"start a b --ready log", "testctr start: the value behind --ready is missing"},
      {"start a b --ready port x", "testctr start --ready port: \"x\" is not a port"},
      {"start a b --timeout", "testctr start: a duration is missing"},
      {"start a b --timeout soon", "\"soon\" is not a duration"},
      {"start a b --timeout 0s", "\"0s\" is not a duration"},
      {"start a b --cmd", "testctr start --cmd: no command"},
      {"start a b -x", "testctr start has no option \"-x\""},
      {"exec db", "testctr exec: no command"},
      {"exec", "testctr exec: the container's name is missing"},
      {"stop", "testctr stop: the container's name is missing"},
      {"stop a b", "testctr stop: \"b\" is one word too many"},
      {"port db", "testctr port: the port is missing"},
      {"port db x", "\"x\" is not a port: a number from 1 to 65535"},
      {"wait db soon", "\"soon\" is not a duration"},
      {"wait db 1s x", "testctr wait: \"x\" is one word too many"},
      {"cp a", "testctr cp takes FROM and TO, one of them NAME:PATH"},
      {"cp a b c", "testctr cp takes FROM and TO, one of them NAME:PATH"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    CHECK(wrong(row.line) == row.want);
  }
  CHECK(parse_request({"start", "a", "b", "--ready", "exec", " "}).error().message() ==
        "testctr start --ready exec: no command");
  CHECK(words("strat a b").error().hint() == "did you mean `start`?");
}

TEST_CASE("request: which way a copy goes") {
  const auto copy = [](const std::string& from, const std::string& to) {
    return parse_copy(parse_request({"cp", from, to}).value());
  };
  Copy get = copy("db:/var/log/x", "./here:there").value();
  CHECK(get.get);
  CHECK(get.request.name == "db");
  CHECK(get.request.words == std::vector<std::string>{"get", "/var/log/x"});
  CHECK(get.local == "./here:there");
  Copy put = copy("a/b", "db:/c:d").value();
  CHECK_FALSE(put.get);
  CHECK(put.request.words == std::vector<std::string>{"put", "/c:d"});
  CHECK(put.local == "a/b");
  CHECK(copy("a", "b").error().message() ==
        "testctr cp: one of FROM and TO is NAME:PATH, the other a file here");
  CHECK(copy("db:/a", "other:/b").error().message() ==
        "testctr cp: one of FROM and TO is NAME:PATH, the other a file here");
  CHECK(copy("db:/a", "here:there").error().message() ==
        "testctr cp: one of FROM and TO is NAME:PATH, the other a file here");
  CHECK(copy("db:a", "b").error().message() == "testctr cp: \"a\" is not an absolute path");
}

TEST_CASE("request: there and back on the wire") {
  const auto back = [](const Request& r) {
    return request_from_wire(json::from_cbor(json::to_cbor(to_wire(r))).value());
  };
  REQUIRE(back(full()).ok());
  CHECK(back(full()).value() == full());
  for (const char* line :
       {"stop a", "exec a b", "port a 1", "endpoint a 1", "logs a", "wait a 1s", "cp a:/b c", "rm a"}) {
    CAPTURE(line);
    Request r = words(line).value();
    REQUIRE(back(r).ok());
    CHECK(back(r).value() == r);
  }
  Reply reply;
  reply.status = 137;
  reply.out = std::string("\0\xff", 2);
  reply.err = "e";
  reply.holds = reply.misuse = true;
  reply.error = "why";
  reply.hint = "what";
  auto read = reply_from_wire(json::from_cbor(json::to_cbor(to_wire(reply))).value());
  REQUIRE(read.ok());
  CHECK(read.value() == reply);
}

TEST_CASE("request: hostile ones are refused") {
  const std::string nul("a\0b", 3);
  CHECK(refused("v", 9).find("version") != std::string::npos);
  CHECK(refused("kind", "fork") == "a request of an unknown kind");
  CHECK(refused("kind", 1).find("\"kind\"") != std::string::npos);
  CHECK(refused("name", json::binary(nul)).find("\"name\" has a NUL") != std::string::npos);
  CHECK(refused("image", json::binary(nul)).find("\"image\" has a NUL") != std::string::npos);
  CHECK(refused("image", "") == "a request that lacks what it is about");
  CHECK(refused("name", std::string(5000, 'x')).find("\"name\"") != std::string::npos);
  CHECK(refused("words", "x").find("\"words\"") != std::string::npos);
  CHECK(refused("words", Json::array({1})).find("\"words\"") != std::string::npos);
  CHECK(refused("words", Json::array({json::binary(nul)})).find("\"words\"") != std::string::npos);
  CHECK(refused("words", Json(std::vector<std::string>(10'001, "x"))).find("\"words\"") != std::string::npos);
  CHECK(refused("environment", Json::array({"A"})) == "a request with a bad variable");
  CHECK(refused("environment", Json::array({"=x"})) == "a request with a bad variable");
  for (const Json& port : {Json(0), Json(65536), Json(-1), Json("1"), Json(1.5), Json(uint64_t{1} << 40)}) {
    CAPTURE(port.dump());
    CHECK(refused("ports", Json::array({port})) == "key \"ports\" is not a list of ports");
  }
  CHECK(refused("ports", Json(std::vector<int>(1001, 1))) == "key \"ports\" is not a list of ports");
  CHECK(refused("enter", 1).find("\"enter\"") != std::string::npos);
  CHECK(refused("ready", "sun") == "a request with a readiness of an unknown kind");
  CHECK(refused("ready_words", Json::array()) == "a request with half a readiness");
  CHECK(refused("timeout", -1).find("\"timeout\"") != std::string::npos);
  CHECK(refused("line", uint64_t{1} << 33).find("\"line\"") != std::string::npos);
  CHECK(refused("directory", std::string(5000, 'x')).find("\"directory\"") != std::string::npos);
  // What it is about must be there.
  const auto lacks = [](const char* kind, Json words, Json ports) {
    Json wire = to_wire(full());
    wire["kind"] = kind;
    wire["words"] = std::move(words);
    wire["ports"] = std::move(ports);
    auto read = request_from_wire(wire);
    return read.ok() ? "accepted" : read.error().message();
  };
  CHECK(lacks("exec", Json::array(), Json::array()) == "a request that lacks what it is about");
  CHECK(lacks("cp", Json::array({"get"}), Json::array()) == "a request that lacks what it is about");
  CHECK(lacks("port", Json::array(), Json::array()) == "a request that lacks what it is about");
  CHECK(lacks("endpoint", Json::array(), Json::array({1, 2})) == "a request that lacks what it is about");
  CHECK(lacks("port", Json::array(), Json::array({1})) == "accepted");
  const auto reply = [](const char* key, Json value) {
    Json wire = to_wire(Reply{});
    wire[key] = std::move(value);
    auto read = reply_from_wire(wire);
    return read.ok() ? "accepted" : read.error().message();
  };
  CHECK(reply("status", 256).find("\"status\"") != std::string::npos);
  CHECK(reply("status", -1).find("\"status\"") != std::string::npos);
  CHECK(reply("out", 1).find("\"out\"") != std::string::npos);
  CHECK(reply("holds", "x").find("\"holds\"") != std::string::npos);
  CHECK(reply("error", Json::array()).find("\"error\"") != std::string::npos);
}
