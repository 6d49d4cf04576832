#include "run/pod.h"

#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"
#include "run/host_place.h"

namespace testctr::run {
namespace {

constexpr uint64_t probe_pause_ns = 50'000'000;
constexpr size_t log_kept = size_t{256} << 10;
constexpr size_t log_shown = size_t{8} << 10;
constexpr size_t most_members = 64;
constexpr const char* inside_programs = "/testctr/bin";  // `testctr` is there
constexpr const char* inside_control = "/tmp/.testctr-shell";

/// The last whole lines of a text.
std::string_view end_of(std::string_view text, size_t size) {
  if (text.size() <= size) return text;
  text.remove_prefix(text.size() - size);
  const size_t line = text.find('\n');
  return line == std::string_view::npos ? text : text.substr(line + 1);
}

std::string describe(int status) {
  return status > 128 ? fmt::format("was killed by signal {}", status - 128)
                      : fmt::format("ended with exit status {}", status);
}

std::vector<std::string> words_of(const image::Healthcheck& check) {
  if (check.test.front() == "CMD-SHELL") return {"/bin/sh", "-c", check.test.at(1)};
  return {check.test.begin() + 1, check.test.end()};
}

std::string with_log(std::string words, const std::string& log) {
  if (log.empty()) return words + "; it wrote nothing";
  return fmt::format("{}; it wrote last:\n{}", words,
                     text::printable(text::trim(end_of(log, 2048)), /*keep_layout=*/true));
}

std::string describe(const plan::Readiness& ready) {
  switch (ready.kind) {
    case plan::Readiness::Kind::exec:
      return fmt::format("`{}` to succeed", text::printable(text::join(ready.words, " ")));
    case plan::Readiness::Kind::port:
      return fmt::format("the port {}", ready.port);
    case plan::Readiness::Kind::file:
      return fmt::format("the file {}", text::quoted(ready.text));
    case plan::Readiness::Kind::log:
      return fmt::format("a line that matches {}", text::quoted(ready.text));
    default:
      return "its program to run";
  }
}

/// A folder that holds this program as `testctr`.
Status make_client(const std::string& folder, const std::string& program) {
  CHECK_OK(sys::make_dirs(folder, 0755));
  const std::string link = folder + "/testctr";
  if (::symlink(program.c_str(), link.c_str()) != 0 && errno != EEXIST) return Error::system("symlink", link);
  return {};
}

}  // namespace

Member* Pod::find(const std::string& name) {
  for (Member& member : members_) {
    if (member.what.name == name) return &member;
  }
  return nullptr;
}

// ---- making places

Status Pod::make_guardian() {
  if (guardian_ || !scope_.several()) return {};
  guardian_ = TRY(Guardian::start(scope_.host() ? host_body() : HostBody(), job_.tree));
  return {};
}

// They are there for as long as somebody holds them, whatever becomes of that container.
Status Pod::keep_namespaces() {
  if (network_.valid()) return {};
  for (Member& member : members_) {
    if (!member.place || member.what.name == plan::host_place) continue;
    auto namespaces = member.place->namespaces();
    if (!namespaces.ok()) continue;  // one that never came up: its own affair
    if (namespaces.value().user >= 0) user_ = TRY(sys::duplicate(namespaces.value().user));
    network_ = TRY(sys::duplicate(namespaces.value().network));
    break;
  }
  return {};
}

Result<sandbox::Spec> Pod::spec_for(const plan::Container& what, const Provision& provision) {
  sandbox::Spec spec = make_spec(job_, provision, machine_.program, machine_.memory);
  spec.copies = machine_.copies;
  spec.learn = machine_.learn;
  if (machine_.follow) spec.follow = machine_.follow(job_.pinned(what.image));
  if (!scope_.several()) {
    hand_in(job_, spec);
    return spec;
  }
  if (script::is_container_name(what.name)) spec.hostname = what.name;
  spec.names.assign(scope_.names().begin(), scope_.names().end());
  if (what.service) {
    spec.tree.clear();
  } else {
    spec.binds.push_back({guardian_->work(), inside_work, /*read_only=*/false, /*ours=*/true});
    hand_in(job_, spec);  // behind it: a mount may lie in $WORK
  }
  if (spec.network == sandbox::Network::host || !machine_.engine.joins()) return spec;
  CHECK_OK(keep_namespaces());
  if (!network_.valid()) return spec;
  spec.join_user = user_.get();
  spec.join_network = network_.get();
  return spec;
}

Result<Assignment> Pod::assignment_for(const plan::Container& what, const Provision& provision) const {
  Assignment assignment = make_assignment(job_, provision);
  if (!what.service) hand_in(job_, assignment);
  assignment.place = what.name;
  for (const auto& [name, value] : what.environment) assignment.environment[name] = value;
  if (machine_.terminal != nullptr && !what.service) {
    assignment.shell = machine_.terminal->wish();
    assignment.shell.spare = spare_shell(provision);
  }
  if (!scope_.several()) return assignment;
  assignment.control = inside_control;  // others write below $WORK, too
  if (scope_.clients()) {
    // Behind the image's own: what it calls so is what it means.
    std::string& path = assignment.environment["PATH"];
    if (path.find(inside_programs) == std::string::npos)
      path += std::string(path.empty() ? "" : ":") + inside_programs;
  }
  if (scope_.clients() && job_.network != plan::Network::host)
    assignment.socket =
        fmt::format("@testctr-{}", script::is_container_name(what.name) ? what.name : "testctr");
  if (!what.service) return assignment;
  ServiceAssignment service;
  const image::Config& config = provision.root->config;
  service.words = what.command;
  if (service.words.empty()) service.words = config.command;
  if (!config.entrypoint.empty() && what.command.empty())
    service.words.insert(service.words.begin(), config.entrypoint.begin(), config.entrypoint.end());
  if (service.words.empty()) {
    return Error::usage(
               fmt::format("the image {} of {} names no program to run", text::quoted(what.image), what.name))
        .hint("--cmd WORD... (in a manifest `command:`) names one");
  }
  service.directory = config.working_dir;
  assignment.work = "/tmp";  // a service has no part in $WORK
  assignment.tree.clear();
  for (const char* name : {"WORK", "TREE", "TMPDIR"}) assignment.environment.erase(name);
  service.environment = assignment.environment;
  assignment.service = std::move(service);
  return assignment;
}

Result<Member*> Pod::start(plan::Container what, const Order* order) {
  if (members_.size() >= most_members)
    return Error::usage(fmt::format("a test has at most {} places", most_members));
  CHECK_OK(make_guardian());
  Member member;
  member.what = std::move(what);
  const std::string& name = member.what.name;
  if (name == plan::host_place) {
    if (!guardian_ || guardian_->channel() < 0) return Error::internal("a host section that nobody foresaw");
    if (scope_.clients()) CHECK_OK(make_client(client_folder(guardian_->work()), machine_.program));
    Assignment assignment = host_assignment(job_, guardian_->work(), scope_.clients());
    if (machine_.terminal != nullptr) assignment.shell = machine_.terminal->wish();
    member.place = TRY(start_host_place(*guardian_, assignment));
    if (order != nullptr) CHECK_OK(member.place->order(*order));
  } else {
    Provision provision = provision_;
    provision.root = TRY(machine_.provisions.root(job_, job_.pinned(member.what.image)));
    member.root = provision.root;
    const sandbox::Spec spec = TRY_IN(spec_for(member.what, provision), text::printable(name));
    const Assignment assignment = TRY(assignment_for(member.what, provision));
    const PlaceRequest request{
        job_, member.what, job_.pinned(member.what.image), *member.root, spec, assignment, order, test_};
    member.place = TRY_IN(machine_.engine.start(request), text::printable(name));
  }
  if (!member.what.service) member.started = member.ready = true;
  members_.push_back(std::move(member));
  return &members_.back();
}

Result<Member*> Pod::enter(const std::string& name, const Order* order) {
  if (Member* known = find(name); known != nullptr) {
    if (known->gone) return *known->gone;
    if (!known->place)
      return Error::usage(fmt::format("the container {} has been stopped", text::quoted(name)));
    if (order != nullptr) CHECK_OK(known->place->order(*order));
    return known;
  }
  plan::Container what;
  what.name = name;
  if (name == plan::default_place) {
    what.image = job_.image;
  } else if (name != plan::host_place) {
    bool declared = false;
    for (const plan::Container& container : job_.containers) {
      if (container.name != name) continue;
      what = container;
      declared = true;
    }
    if (!declared) what.image = scope_.image_of(name);
  }
  if (what.image.empty() && name != plan::host_place)
    return Error::usage(fmt::format("nothing says what image {} is made from", text::quoted(name)));
  return start(std::move(what), order);
}

Status Pod::start_services() {
  for (const plan::Container& container : job_.containers) {
    if (!container.service) continue;
    Member* member =
        TRY_IN(start(container, nullptr), fmt::format("starting the service {}", container.name));
    ++services_waited_for_;
    Waiter waiter;
    waiter.target = member;
    waiter.ready = true;
    waiter.patience_ns = container.ready.timeout_ns;
    waiter.deadline_ns = sys::monotonic_ns() + static_cast<uint64_t>(container.ready.timeout_ns);
    waiter.take = [this](const Reply& reply) {
      --services_waited_for_;
      if (!reply.error.empty() && !service_failure_) {
        service_failure_ = Error::infrastructure(reply.error);
        if (!reply.hint.empty()) service_failure_ = Error::infrastructure(reply.error).hint(reply.hint);
      }
    };
    waiters_.push_back(std::move(waiter));
  }
  return {};
}

Result<bool> Pod::services_ready() {
  if (service_failure_) return *service_failure_;
  return services_waited_for_ == 0;
}

// ---- what they say

void Pod::take_log(Member& from, std::string_view text) {
  from.log += text;
  if (from.log.size() > 2 * log_kept) {
    const size_t cut = from.log.size() - log_kept;
    from.log.erase(0, cut);
    from.searched -= std::min(from.searched, cut);
  }
  if (from.ready || from.what.ready.kind != plan::Readiness::Kind::log) return;
  auto pattern = interpret::Pattern::compile(from.what.ready.text);
  if (!pattern.ok()) return;
  // Whole lines, each once.
  const size_t end = from.log.rfind('\n');
  if (end == std::string::npos || end < from.searched) return;
  const std::string lines =
      text::to_utf8(std::string_view(from.log).substr(from.searched, end + 1 - from.searched));
  from.searched = end + 1;
  if (pattern.value().find(lines)) become_ready(from);
}

void Pod::take_service_end(Member& from, int status) {
  from.status = status;
  settle(from);
}

void Pod::take_end(Member& from, const Error& error) {
  from.gone = error;
  end_member(from);
  settle(from);
}

void Pod::take_answer(Member&, uint64_t id, const Reply& reply) {
  auto waiting = asked_.find(id);
  if (waiting == asked_.end()) return;
  auto take = std::move(waiting->second);
  asked_.erase(waiting);
  take(reply);
}

void Pod::become_ready(Member& member) {
  member.started = member.ready = true;
  settle(member);
}

// Answers those whose wait for it is over.
void Pod::settle(Member& member) {
  std::list<Waiter> over;
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    const bool done = it->target == &member && (member.gone || member.status || !member.place ||
                                                (it->ready ? member.ready : member.started));
    auto next = std::next(it);
    if (done) over.splice(over.end(), waiters_, it);
    it = next;
  }
  for (Waiter& waiter : over) {
    const std::string& name = member.what.name;
    const bool well = waiter.ready ? member.ready : member.started;
    // One that did its work and ended well has been ready enough for who only wanted it started.
    if (well && !member.gone && member.place && (!member.status || !waiter.ready)) {
      waiter.take(Reply{});
    } else if (member.status) {
      waiter.take(refusal(
          with_log(fmt::format("{}: its program {} before it was ready", name, describe(*member.status)),
                   member.log)));
    } else if (member.gone) {
      waiter.take(refusal(with_log(fmt::format("{}: {}", name, member.gone->message()), member.log),
                          member.gone->hint()));
    } else {
      waiter.take(refusal(fmt::format("{} was stopped before it was ready", name)));
    }
  }
}

// ---- time

void Pod::probe(Member& member, uint64_t now_ns) {
  const bool health = member.what.ready.kind == plan::Readiness::Kind::health;
  Request request;
  request.kind = Request::Kind::is_ready;
  plan::Readiness ready = member.what.ready;
  if (health) {
    ready.kind = plan::Readiness::Kind::started;
    const image::Config& config = member.root->config;
    if (config.healthcheck) {
      ready.kind = plan::Readiness::Kind::exec;
      ready.words = words_of(*config.healthcheck);
    } else if (!config.exposed_ports.empty()) {
      ready.kind = plan::Readiness::Kind::port;
      ready.port = static_cast<uint16_t>(std::strtoul(config.exposed_ports.front().c_str(), nullptr, 10));
    }
  }
  if (!member.started || ready.kind == plan::Readiness::Kind::log) {
    // First of all its program must run; a line of its output is seen as it comes.
    if (member.started) return;
  } else if (ready.kind == plan::Readiness::Kind::exec) {
    request.ready = "exec";
    request.ready_words = ready.words;
  } else if (ready.kind == plan::Readiness::Kind::port) {
    request.ready = "port";
    request.ready_words = {fmt::format("{}", ready.port)};
  } else if (ready.kind == plan::Readiness::Kind::file) {
    request.ready = "file";
    request.ready_words = {ready.text};
  }
  const bool only_started = !member.started;
  const uint64_t id = next_id_++;
  member.probing = true;
  Member* target = &member;
  const bool enough = ready.kind == plan::Readiness::Kind::started;
  asked_[id] = [this, target, only_started, enough](const Reply& reply) {
    target->probing = false;
    if (!reply.holds) return;
    if (only_started && !enough) {
      target->started = true;
      target->next_probe_ns = 0;
      return settle(*target);
    }
    become_ready(*target);
  };
  member.next_probe_ns = now_ns + probe_pause_ns;
  (void)member.place->ask(id, request);
}

void Pod::turn(uint64_t now_ns) {
  std::list<Waiter> late;
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    Member& target = *it->target;
    if (target.place && !target.probing && !target.status && now_ns >= target.next_probe_ns && !target.ready)
      probe(target, now_ns);
    auto next = std::next(it);
    if (now_ns >= it->deadline_ns) late.splice(late.end(), waiters_, it);
    it = next;
  }
  for (Waiter& waiter : late) {
    const Member& target = *waiter.target;
    waiter.take(
        refusal(with_log(fmt::format("{} was not ready within {}: it was waited for {}", target.what.name,
                                     text::format_duration(waiter.patience_ns), describe(target.what.ready)),
                         target.log),
                "`testctr wait NAME DURATION`, `--timeout DURATION` or, in a manifest, `ready: {timeout:}` "
                "allows more"));
  }
}

uint64_t Pod::next_turn_ns() const {
  uint64_t next = UINT64_MAX;
  for (const Waiter& waiter : waiters_) {
    next = std::min(next, waiter.deadline_ns);
    if (waiter.target->place && !waiter.target->probing && !waiter.target->ready)
      next = std::min(next, std::max<uint64_t>(waiter.target->next_probe_ns, 1));
  }
  return next;
}

// ---- the end

void Pod::tell_logs() {
  for (const Member& member : members_) {
    if (!member.what.service) continue;
    std::string words = fmt::format("the service {}", member.what.name);
    if (member.status) words += " " + describe(*member.status);
    if (member.log.empty()) {
      stamper_.log(words + " wrote nothing");
      continue;
    }
    stamper_.log(
        fmt::format("{} wrote last:\n{}", words,
                    text::printable(text::trim(end_of(member.log, log_shown)), /*keep_layout=*/true)));
  }
}

void Pod::tell_ended() {
  for (const Member& member : members_) {
    if (!member.what.service || !member.place || !member.status || *member.status == 0) continue;
    stamper_.log(
        fmt::format("the service {} {} while the test ran", member.what.name, describe(*member.status)));
  }
}

void Pod::end_member(Member& target) {
  if (!target.place) return;
  target.ports.clear();
  // What it said of itself says more than how its process ended, which is a matter of who was faster.
  const bool reported = target.place->reported();
  target.place->kill();
  target.ending = target.place->finish();
  if (target.gone && target.ending.error && (!reported || target.ending.limit_struck))
    target.gone = target.ending.error;
  target.place.reset();
}

void Pod::finish(bool by_force) {
  for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
    member->ports.clear();
    if (member->place && (member->what.service || (by_force && !member->place->ended())))
      member->place->kill();
  }
  for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
    if (!member->place) continue;
    member->ending = member->place->finish();
    member->place.reset();
  }
  if (!guardian_) return;
  Status gone = guardian_->finish();
  if (!gone.ok()) stamper_.log(gone.error().message());
  guardian_.reset();
}

}  // namespace testctr::run
