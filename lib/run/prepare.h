// From a Job to what the sandbox and the interpreter are told: the image's root file system, the test tree,
// the environment.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "image/changes.h"
#include "image/image.h"
#include "image/layer.h"
#include "image/tree_watch.h"
#include "plan/plan.h"
#include "run/assignment.h"
#include "sandbox/container.h"

namespace testctr::run {

/// The memory limit of a script when none was asked for: half of what the machine has free, divided among the
/// parallel scripts.
/// @return bytes; 0 when the machine does not say.
uint64_t default_memory(unsigned parallel);

/// What one job needs from this machine; the values belong to the Provisions.
struct Provision {
  const image::RootFilesystem* root = nullptr;
  image::TreeWatch* tree = nullptr;  ///< the test tree where it lies; null with a layer or without a tree
  const image::OpenedLayer* layer = nullptr;  ///< `--layer`
  /// Of a document, or of the user, where the image has no shell for it: the embedded image, whose bash then
  /// serves.
  const image::RootFilesystem* spare = nullptr;
};

/// Images, trees and layers, each obtained once however many jobs share it.
class Provisions {
 public:
  /// Makes the folders that artifacts go to, since a test tree that they lie in must not change later; what
  /// fails is an error of the jobs that it concerns. @param jobs all that `provide` will be asked for
  /// `store` and `access` must outlive it.
  Provisions(image::Store& store, const image::Access& access, const std::vector<plan::Job>& jobs);
  /// These change while tests run, too.
  void set_apart(const std::string& path);
  /// The user may want a shell: where an image has none, ours is to be there.
  void want_shells() { shells_ = true; }
  /// Unpacks, reads and checks what is not there yet. May use threads that have ended when it returns.
  Result<Provision> provide(const plan::Job& job);
  /// The root of another image: unpacked, where it was not yet.
  Result<const image::RootFilesystem*> root(const std::string& image);
  /// What a job's container is made from: the image's root, with what was set up in it.
  Result<const image::RootFilesystem*> root(const plan::Job& job, const std::string& image);
  /// What the plan's job `setup` has changed in its image is a layer of those that are set up by it.
  /// @param upper the changes, as Container::changes gives them @return the layer. Errors (infrastructure):
  /// the image is hostfs; as of `layer_of_changes`
  Result<std::shared_ptr<const image::ChangesLayer>> extend(size_t setup, const std::string& image,
                                                            int upper);

 private:
  /// Whether the programs that the job is given can be started in an image: asked once for all that are
  /// alike.
  Status check_programs_in(const plan::Job& job, const std::string& image, const Provision& provision);
  template <class T, class F>
  static Result<T*> once(std::map<std::string, Result<T>>& known, const std::string& key, F make);

  image::Store& store_;
  const image::Access& access_;
  bool shells_ = false;
  std::map<std::string, Status> outputs_;  ///< what is written to meanwhile
  std::map<std::string, Result<image::RootFilesystem>> images_;
  int64_t began_;  ///< seconds since the epoch: nothing that containers write is older
  image::ChangesLayers set_up_;
  std::map<size_t, std::pair<std::string, image::RootFilesystem>> extended_;  ///< by job, with its image
  std::map<std::string, Result<image::TreeWatch>> trees_;
  std::map<std::string, Result<image::OpenedLayer>> layers_;
  std::map<std::string, Result<Unit>> checked_;  ///< programs of the host, in an image
};

/// $WORK in a container.
inline constexpr const char* inside_work = "/work";

/// @param program our own binary's path. @param memory what `default_memory` said.
sandbox::Spec make_spec(const plan::Job& job, const Provision& provision, const std::string& program,
                        uint64_t memory);

/// Where a shell of ours is in a container whose image may have none; empty: nowhere.
std::string spare_shell(const Provision& provision);

/// The environment is the image's Env, over our own LANG, TZ, PATH, with WORK, TMPDIR and TREE, and the job's
/// on top; nothing of the host's.
Assignment make_assignment(const plan::Job& job, const Provision& provision);

/// What of the host a container is given that lines are carried out in: programs, which then stand first on
/// PATH, and mounts; and what is brought out of it.
void hand_in(const plan::Job& job, sandbox::Spec& spec);
void hand_in(const plan::Job& job, Assignment& assignment);

/// The folder on the host in which programs of a test find `testctr`. @param work $WORK there
std::string client_folder(const std::string& work);

/// What the place outside of all containers is told. Its environment has of the caller's only what programs
/// need to find themselves: PATH, HOME, USER, LOGNAME. @param work $WORK there @param clients programs may
/// speak to the test
Assignment host_assignment(const plan::Job& job, const std::string& work, bool clients);

/// A step as a place is to carry it out. @param fresh the place does not know it yet
Order make_order(const plan::Job& job, const plan::Step& step, const Provision& provision, Continuation from,
                 bool fresh);

/// What people are to know before the script's own events: what unpacking could not keep, what the tree
/// leaves out.
std::vector<std::string> notes_of(const Provision& provision);

}  // namespace testctr::run
