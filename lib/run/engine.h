// Who makes the containers of a run: this program itself (native), or another engine. Where it is another,
// lib/engine has it; whatever it is, a container is a Place that speaks the channel's protocol.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "image/image.h"
#include "plan/plan.h"
#include "run/assignment.h"
#include "run/place.h"
#include "sandbox/container.h"

namespace testctr::run {

/// A container as it is wanted. All is borrowed, for the call that is given it.
struct PlaceRequest {
  const plan::Job& job;
  const plan::Container& what;        ///< its name and what it is for
  std::string image;                  ///< by which it was obtained
  const image::RootFilesystem& root;  ///< of that image
  const sandbox::Spec& spec;          ///< all that is in it and bounds it
  const Assignment& assignment;       ///< what it is told
  const Order* order = nullptr;       ///< its first order, where there is one
  std::string test;                   ///< the same for all containers of one test, and of no other
};

class Engine {
 public:
  virtual ~Engine() = default;
  /// For people, and for reports: "native", "docker 20.10.24".
  [[nodiscard]] virtual std::string shown() const = 0;
  /// What a container of it lacks that a native one has, a line each; told before a test's own events.
  [[nodiscard]] virtual std::vector<std::string> lacks() const { return {}; }
  /// Whether it can do what the job asks for. Usage errors: what it cannot, and what can.
  virtual Status check(const plan::Job& job) {
    (void)job;
    return {};
  }
  /// Whether containers of one test are given each other's namespaces (Spec::join_user, join_network).
  [[nodiscard]] virtual bool joins() const { return false; }
  /// Whether a container may be started before there is anything for it to do.
  [[nodiscard]] virtual bool starts_ahead() const { return false; }
  /// Whether what its containers touch can be followed (Spec::follow).
  [[nodiscard]] virtual bool follows() const { return false; }
  /// Brings to where containers are made what the job needs, once it has been obtained: that does not count
  /// as the test's time.
  virtual Status supply(const plan::Job& job) {
    (void)job;
    return {};
  }
  /// Told once before anything is started: where images are, and how they may be got. Both outlive it.
  virtual void prepare(image::Store& store, const image::Access& access) {
    (void)store;
    (void)access;
  }
  /// Starts a container and hands it its assignment, and its first order where there is one. Only what the
  /// request says goes in; everything that comes out is checked.
  virtual Result<std::unique_ptr<Place>> start(const PlaceRequest& request) = 0;
};

/// Containers of our own sandbox.
Engine& native_engine();

}  // namespace testctr::run
