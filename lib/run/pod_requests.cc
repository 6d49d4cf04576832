// What a test asks of the program outside by `testctr`.
#include "base/sys.h"
#include "base/text.h"
#include "run/pod.h"

namespace testctr::run {

Reply refusal(std::string error, std::string hint, bool misuse) {
  Reply reply;
  reply.error = std::move(error);
  reply.hint = std::move(hint);
  reply.misuse = misuse;
  return reply;
}

namespace {

constexpr int64_t default_patience_ns = 60'000'000'000;
constexpr size_t most_unanswered = 1000;  // of one place: those who wait are kept in memory

Reply refusal_for(const Error& error) {
  return refusal(error.message(), error.hint(), error.fault() == Fault::usage);
}

plan::Readiness readiness_of(const Request& request) {
  plan::Readiness ready;
  if (request.timeout_ns > 0) ready.timeout_ns = request.timeout_ns;
  if (request.ready == "exec") {
    ready.kind = plan::Readiness::Kind::exec;
    ready.words = request.ready_words;
  } else if (request.ready == "port") {
    ready.kind = plan::Readiness::Kind::port;
    ready.port = static_cast<uint16_t>(std::strtoul(request.ready_words.front().c_str(), nullptr, 10));
  } else if (request.ready == "file" || request.ready == "log") {
    ready.kind = request.ready == "file" ? plan::Readiness::Kind::file : plan::Readiness::Kind::log;
    ready.text = request.ready_words.front();
  }
  return ready;
}

Reply printed(std::string text) {
  Reply reply;
  reply.out = std::move(text);
  return reply;
}

}  // namespace

Status Pod::take_request(Member& from, uint64_t id, const Request& request) {
  Member* asker = &from;
  if (++from.unanswered > most_unanswered) {
    return Error::infrastructure(
        fmt::format("{} waits for the answers to {} requests at once and asks for more",
                    text::printable(from.what.name), most_unanswered));
  }
  const auto answer = [asker, id](const Reply& reply) {
    --asker->unanswered;
    if (asker->place) (void)asker->place->reply(id, reply);
  };
  Request asked = request;
  asked.place = from.what.name;
  if (asked.kind == Request::Kind::start) {
    CHECK_OK(scope_.allow(asked));
    start_as_asked(asked, answer);
    return {};
  }
  Member* target = asked.name == plan::host_place ? nullptr : find(asked.name);
  if (asked.kind == Request::Kind::is_running || asked.kind == Request::Kind::is_ready) {
    Reply reply;
    const bool runs = target != nullptr && target->place && !target->status;
    reply.holds = runs && (asked.kind == Request::Kind::is_running || target->ready);
    // Where it must have been ready once, it is asked for now.
    if (runs && asked.kind == Request::Kind::is_ready && !target->ready) {
      Waiter waiter;
      waiter.target = target;
      waiter.ready = true;
      waiter.deadline_ns = sys::monotonic_ns() + 1'000'000'000;
      waiter.patience_ns = 1'000'000'000;
      waiter.take = [answer, target](const Reply&) {
        Reply now;
        now.holds = target->ready;
        answer(now);
      };
      waiters_.push_back(std::move(waiter));
      return {};
    }
    answer(reply);
    return {};
  }
  if (target == nullptr) {
    answer(refusal(fmt::format("no container is called {}", text::quoted(asked.name)),
                   "`testctr start IMAGE NAME` starts one", true));
    return {};
  }
  switch (asked.kind) {
    case Request::Kind::stop:
    case Request::Kind::rm:
      stop(*target, asked.kind == Request::Kind::rm, answer);
      break;
    case Request::Kind::exec:
    case Request::Kind::cp:
      forward(*target, asked, answer);
      break;
    case Request::Kind::port:
    case Request::Kind::endpoint:
      publish(*target, asked, answer);
      break;
    case Request::Kind::logs:
      answer(printed(target->log));
      break;
    case Request::Kind::wait: {
      Waiter waiter;
      waiter.target = target;
      waiter.ready = true;
      waiter.patience_ns = asked.timeout_ns > 0   ? asked.timeout_ns
                           : target->what.service ? target->what.ready.timeout_ns
                                                  : default_patience_ns;
      waiter.deadline_ns = sys::monotonic_ns() + static_cast<uint64_t>(waiter.patience_ns);
      waiter.take = answer;
      waiters_.push_back(std::move(waiter));
      settle(*target);
      break;
    }
    default:
      answer(refusal_for(Error::internal("a request that nobody answers")));
  }
  return {};
}

void Pod::start_as_asked(const Request& request, std::function<void(const Reply&)> answer) {
  if (find(request.name) != nullptr) {
    return answer(refusal(fmt::format("a container called {} exists already", text::quoted(request.name)),
                          fmt::format("`testctr rm {}` takes it away", request.name), true));
  }
  plan::Container what;
  what.name = request.name;
  what.image = request.image;
  what.environment = request.environment;
  what.command = request.words;
  what.service = !request.enter || !request.words.empty();
  what.ready = readiness_of(request);
  if (what.ready.kind == plan::Readiness::Kind::log) {
    auto pattern = interpret::Pattern::compile(what.ready.text);
    if (!pattern.ok()) return answer(refusal_for(pattern.error()));
  }
  auto started = start(std::move(what), nullptr);
  if (!started.ok()) return answer(refusal_for(std::move(started).error().as(Fault::usage)));
  Member& member = *started.value();
  if (job_.network != plan::Network::host) {
    for (uint16_t port : request.ports) {
      // A container that did not come up says so itself.
      auto up = member.place->namespaces();
      if (Status kept = keep_namespaces(); up.ok() && !kept.ok()) up = kept.error();
      auto forward =
          up.ok() ? Forward::start({user_.get(), network_.get()}, port) : Result<Forward>(up.error());
      if (!forward.ok()) {
        take_end(member, forward.error());
        return answer(refusal(member.gone->message(), member.gone->hint()));
      }
      member.ports.emplace(port, std::move(forward).value());
    }
  }
  if (request.async || !member.what.service) return answer(Reply{});
  Waiter waiter;
  waiter.target = &member;
  waiter.ready = !request.ready.empty();
  waiter.patience_ns = member.what.ready.timeout_ns;
  waiter.deadline_ns = sys::monotonic_ns() + static_cast<uint64_t>(waiter.patience_ns);
  waiter.take = std::move(answer);
  waiters_.push_back(std::move(waiter));
}

void Pod::forward(Member& target, const Request& request, std::function<void(const Reply&)> answer) {
  if (!target.place) {
    return answer(refusal(fmt::format("the container {} is not running{}", text::quoted(target.what.name),
                                      target.gone ? ": " + target.gone->message() : ""),
                          "", true));
  }
  const uint64_t id = next_id_++;
  asked_[id] = std::move(answer);
  (void)target.place->ask(id, request);
}

void Pod::publish(Member& target, const Request& request, std::function<void(const Reply&)> answer) {
  const uint16_t port = request.ports.front();
  const bool outside = request.place == plan::host_place && job_.network != plan::Network::host;
  uint16_t reached = port;
  if (outside) {
    auto known = target.ports.find(port);
    if (known == target.ports.end()) {
      return answer(
          refusal(fmt::format("the port {} of {} cannot be reached from the host", port, target.what.name),
                  fmt::format("start it with `-p {}`", port), true));
    }
    reached = known->second.host_port();
  }
  if (request.kind == Request::Kind::port) return answer(printed(fmt::format("{}\n", reached)));
  answer(printed(fmt::format("127.0.0.1:{}\n", reached)));
}

void Pod::stop(Member& target, bool remove, std::function<void(const Reply&)> answer) {
  Member* which = &target;
  const auto gone = [this, which, remove, answer](const Reply&) {
    end_member(*which);
    settle(*which);
    if (remove) which->what.name = "\n" + which->what.name;  // its name is free; who waits for it keeps it
    answer(Reply{});
  };
  if (!target.place || !target.what.service || target.status) return gone(Reply{});
  Request request;
  request.kind = Request::Kind::stop;
  const uint64_t id = next_id_++;
  asked_[id] = gone;
  (void)target.place->ask(id, request);
}

}  // namespace testctr::run
