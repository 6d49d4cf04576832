// What a script's `testctr` command asks of the program outside, and the answer: plain values that cross the
// channel. Nobody outside does what a request says because it says so: lib/run looks whether the test may.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace testctr {

struct Request {
  enum class Kind : uint8_t { start, stop, exec, port, endpoint, logs, wait, cp, rm, is_running, is_ready };
  Kind kind = Kind::is_running;
  std::string name;                                ///< of the container
  std::string image;                               ///< start
  std::vector<std::string> words;                  ///< start: its command; exec: the command; cp: from, to
  std::map<std::string, std::string> environment;  ///< start
  std::vector<uint16_t> ports;                     ///< start: what the host can reach; port, endpoint: which
  bool enter = false;                              ///< start: lines are to be carried out in it
  bool async = false;                              ///< start: not waited for
  std::string ready;                               ///< start: "file", "port", "exec", "log" or empty
  std::vector<std::string> ready_words;            ///< what for
  int64_t timeout_ns = 0;                          ///< wait; 0: the usual
  std::string place;                               ///< who asks: its name
  uint32_t line = 0;                               ///< of the script's line; 0: a program inside asks
  std::string directory;                           ///< exec: the working directory, where it lies below $WORK
  std::string data;                                ///< cp, of a container that is to write a file: its bytes
  bool operator==(const Request&) const = default;
};

struct Reply {
  int status = 0;  ///< exec: the exit status, 128+N for a signal
  std::string out, err;
  bool holds = false;   ///< is_running, is_ready
  bool misuse = false;  ///< the error is the test's own: no `!` is content with it
  /// Why it could not be done, and what to do; empty: it was done.
  std::string error, hint;
  bool operator==(const Reply&) const = default;
};

Json to_wire(const Request& request);
Json to_wire(const Reply& reply);
/// The reverse, for hostile input: bounded, and names and numbers are what such things can be.
Result<Request> request_from_wire(const Json& wire);
Result<Reply> reply_from_wire(const Json& wire);

/// Reads the words behind `testctr` as the script has them ("start", "postgres:16", "db", "--cmd", ...).
/// `enter` and `leave` are none. Errors (usage): an unknown subcommand or option, a missing or a superfluous
/// word.
Result<Request> parse_request(const std::vector<std::string>& words);
/// What `cp FROM TO` means where it is asked: the request that brings a file out of a container (`get`) or
/// into one
/// (`put`, whose `data` are still to be set), and the file on the asker's side.
struct Copy {
  Request request;
  std::string local;
  bool get = false;
};
/// Errors (usage): not exactly one of the two is NAME:PATH with an absolute path.
Result<Copy> parse_copy(const Request& cp);
/// The subcommands with their arguments, for usage messages.
extern const char* const testctr_usage;

}  // namespace testctr
