// What a place does for others while, or after, it carries lines out: its own service, commands that `testctr
// exec` runs in it, looks at whether it is ready, files in and out. Nothing here waits: it goes on with each
// turn of the loop over the place's children.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "interpret/children.h"
#include "interpret/interpreter.h"
#include "interpret/request.h"
#include "run/assignment.h"

namespace testctr::run {

class Errands {
 public:
  struct Telling {
    std::function<void(uint64_t id, const Reply&)> answer;
    std::function<void(std::string_view)> log;
    std::function<void(int status)> service_ended;
  };
  /// All are borrowed.
  Errands(interpret::Children& children, const interpret::Setting& setting, Telling telling)
      : children_(children), setting_(setting), telling_(std::move(telling)) {}
  ~Errands();

  /// Starts the service. Errors (usage): its program is not there or cannot be started.
  Status start_service(const ServiceAssignment& service);
  /// Does what is asked, at once or by and by.
  void take(uint64_t id, const Request& request);
  /// Goes on with what has not ended.
  void turn();

 private:
  struct Running {
    uint64_t id = 0;
    interpret::Job* job = nullptr;
    uint64_t deadline_ns = 0;
    bool probe = false;
    bool late = false;
  };

  Result<interpret::Job*> launch(const std::vector<std::string>& words, const std::string& directory);
  void run(uint64_t id, const Request& request, bool probe);
  void end(Running& running);
  void probe(uint64_t id, const Request& request);
  void stop(uint64_t id);
  void copy(uint64_t id, const Request& request);
  void read_log();
  void refuse(uint64_t id, const Error& error);

  interpret::Children& children_;
  const interpret::Setting& setting_;
  Telling telling_;
  std::list<Running> running_;
  interpret::Job* service_ = nullptr;
  Fd log_;
  std::vector<uint64_t> stoppers_;
  uint64_t kill_at_ns_ = 0;
};

}  // namespace testctr::run
