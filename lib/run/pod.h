// The places of one test: the host, the containers that its lines are carried out in, those that run
// services. It makes them, keeps what services write, finds out when they are ready, and does what `testctr`
// asks.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "interpret/pattern.h"
#include "plan/plan.h"
#include "run/engine.h"
#include "run/forward.h"
#include "run/guardian.h"
#include "run/place.h"
#include "run/prepare.h"
#include "run/scope.h"
#include "run/stamper.h"
#include "run/user_terminal.h"

namespace testctr::run {

/// What all tests of a run have in common.
struct Machine {
  Provisions& provisions;
  std::string program;  ///< our own binary's path
  uint64_t memory = 0;  ///< what `default_memory` said
  std::shared_ptr<sandbox::Copies> copies;
  Engine& engine;
  const std::function<int(const std::string&)>& follow;  ///< as in `Options`
  UserTerminal* terminal = nullptr;                      ///< as there
  int learn = -1;                                        ///< as there
};

struct Member {
  plan::Container what;
  std::unique_ptr<Place> place;  ///< null once it has been stopped
  std::set<uint32_t> told;       ///< steps that it knows
  const image::RootFilesystem* root = nullptr;
  bool started = false;  ///< its service runs, as far as we know
  bool ready = false;
  std::optional<int> status;  ///< of its service, once that has ended
  bool finished = false;      ///< it has come to its end with the test, and says nothing more
  std::optional<Error> gone;  ///< why the container is no longer there
  std::string log;            ///< what its service wrote last
  size_t searched = 0;        ///< bytes of it that have been looked at for a line
  bool probing = false;
  uint64_t next_probe_ns = 0;
  size_t unanswered = 0;              ///< of what it asked for
  std::map<uint16_t, Forward> ports;  ///< that the host can reach
  PlaceEnding ending;
};

/// The answer to what was not done. @param misuse it is the test's own mistake
Reply refusal(std::string error, std::string hint = {}, bool misuse = false);

class Pod {
 public:
  /// @param test as in `PlaceRequest`
  Pod(const plan::Job& job, const Scope& scope, const Provision& provision, const Machine& machine,
      Stamper& stamper, std::string test)
      : job_(job),
        scope_(scope),
        provision_(provision),
        machine_(machine),
        stamper_(stamper),
        test_(std::move(test)) {}

  /// Starts what the manifest says runs beside the test. They are not ready yet.
  Status start_services();
  /// Whether all of those are ready; an error when one of them never will be.
  Result<bool> services_ready();
  /// The place of that name, made when it is not there and can be. @param order its first order, where it is
  /// new and the only one: it has it already when this returns
  Result<Member*> enter(const std::string& name, const Order* order);

  /// What a place asked for. The answer goes to it by and by. Errors: the test may not ask for that; it is
  /// over then.
  Status take_request(Member& from, uint64_t id, const Request& request);
  void take_answer(Member& from, uint64_t id, const Reply& reply);
  void take_log(Member& from, std::string_view text);
  void take_service_end(Member& from, int status);
  /// A container is gone, and why.
  void take_end(Member& from, const Error& error);
  /// Looks at what has to be looked at from time to time.
  void turn(uint64_t now_ns);
  /// When that is to be next.
  [[nodiscard]] uint64_t next_turn_ns() const;

  [[nodiscard]] std::list<Member>& members() { return members_; }
  /// What services wrote last, where a test that failed is told of.
  void tell_logs();
  /// What services ended by themselves, and not well, which a test that passes has not noticed.
  void tell_ended();
  /// The end of everything; how each place ended is in its member. @param by_force places that have not come
  /// to their end are killed; services always are
  void finish(bool by_force);

 private:
  /// Somebody who waits for a container.
  struct Waiter {
    Member* target = nullptr;
    bool ready = false;  ///< for its readiness, not only its start
    uint64_t deadline_ns = 0;
    int64_t patience_ns = 0;
    std::function<void(const Reply&)> take;
  };

  Result<Member*> start(plan::Container what, const Order* order);
  Status make_guardian();
  Status keep_namespaces();
  Result<sandbox::Spec> spec_for(const plan::Container& what, const Provision& provision);
  Result<Assignment> assignment_for(const plan::Container& what, const Provision& provision) const;
  Member* find(const std::string& name);
  void start_as_asked(const Request& request, std::function<void(const Reply&)> answer);
  void forward(Member& target, const Request& request, std::function<void(const Reply&)> answer);
  void publish(Member& target, const Request& request, std::function<void(const Reply&)> answer);
  void stop(Member& target, bool remove, std::function<void(const Reply&)> answer);
  void end_member(Member& target);
  void become_ready(Member& member);
  void probe(Member& member, uint64_t now_ns);
  void settle(Member& member);

  const plan::Job& job_;
  const Scope& scope_;
  const Provision& provision_;
  const Machine& machine_;
  Stamper& stamper_;
  std::string test_;
  std::unique_ptr<Guardian> guardian_;
  Fd user_, network_;  ///< the namespaces of the first container, which all others are in, or below
  std::list<Member> members_;
  std::list<Waiter> waiters_;
  std::map<uint64_t, std::function<void(const Reply&)>> asked_;
  uint64_t next_id_ = 1;
  std::optional<Error> service_failure_;
  size_t services_waited_for_ = 0;
};

}  // namespace testctr::run
