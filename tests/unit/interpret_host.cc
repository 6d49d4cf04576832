// The child process, and the pipe by which it tells what happened.
#include "interpret_host.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/sys.h"

namespace testctr::interpret {
namespace {

class Collector : public EventSink {
 public:
  void take(const Event& event) override { list.push_back(to_wire(event)); }
  Json list = Json::array();
};

Json carry_out_here(const std::string& source, const std::string& work,
                    const std::function<void(Setting&)>& change) {
  Collector collector;
  Setting setting;
  setting.work = work;
  setting.environment = {
      {"WORK", work}, {"PATH", "/usr/bin:/bin"}, {"LANG", "C.UTF-8"}, {"HOME", work}, {"TMPDIR", work}};
  if (change) change(setting);
  auto script = script::parse("t.txt", source);
  auto end =
      script.ok() ? carry_out(script.value(), {}, setting, collector) : Result<Continuation>(script.error());
  Json told{{"events", collector.list}};
  if (end.ok()) {
    told["end"] = to_wire(end.value());
  } else {
    told["error"] =
        json::binary(end.error().message() + (end.error().hint().empty() ? "" : " | " + end.error().hint()));
  }
  return told;
}

}  // namespace

std::vector<uint32_t> HostRun::lines() const {
  std::vector<uint32_t> found;
  for (const Event& event : events) {
    if (event.kind == Event::Kind::failure) found.push_back(event.line);
  }
  return found;
}

std::string HostRun::reasons() const {
  std::string found = error;
  for (const Event& event : events) {
    if (event.kind == Event::Kind::failure) found += (found.empty() ? "" : "\n") + event.failure.reason;
  }
  return found;
}

Failure HostRun::failure() const {
  for (const Event& event : events) {
    if (event.kind == Event::Kind::failure) return event.failure;
  }
  return {};
}

std::string HostRun::texts(Event::Kind kind) const {
  std::string found;
  for (const Event& event : events) {
    if (event.kind == kind) found += event.text + "\n";
  }
  return found;
}

ScratchDirectory::ScratchDirectory() {
  char name[] = "/tmp/testctr-unit-XXXXXX";
  if (::mkdtemp(name) != nullptr) path = name;
}

ScratchDirectory::~ScratchDirectory() {
  if (!path.empty()) (void)sys::remove_tree(path);
}

HostRun run_on_host(const std::string& source, const std::function<void(Setting&)>& change) {
  ScratchDirectory work;
  HostRun run;
  auto pipe = sys::pipe();
  if (work.path.empty() || !pipe.ok()) return run;
  auto [read_end, write_end] = std::move(pipe).value();
  pid_t pid = ::fork();
  if (pid == 0) {
    read_end.reset();
    std::string told = json::to_cbor(carry_out_here(source, work.path, change));
    bool sent = sys::write_full(write_end.get(), told).ok();
    ::_exit(sent ? 0 : 9);
  }
  write_end.reset();
  auto told = sys::read_all(read_end.get(), size_t{512} << 20);
  ::waitpid(pid, &run.status, 0);
  auto json = told.ok() ? json::from_cbor(told.value()) : Result<Json>(told.error());
  if (!json.ok()) {
    run.error = "the child told nothing: " + json.error().message();
    return run;
  }
  for (const Json& wire : json.value()["events"]) {
    auto event = event_from_wire(wire);
    if (event.ok()) run.events.push_back(std::move(event).value());
  }
  if (json.value().contains("error")) run.error = json::bytes_of(json.value()["error"]);
  if (json.value().contains("end")) {
    auto end = continuation_from_wire(json.value()["end"]);
    if (end.ok()) run.end = std::move(end).value();
    if (!end.ok()) run.error = end.error().message();
  }
  return run;
}

}  // namespace testctr::interpret
