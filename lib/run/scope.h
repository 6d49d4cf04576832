// What a test may ask for while it runs, from what its files say: the program outside does nothing for a
// container that the user did not write down.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "interpret/request.h"
#include "interpret/state.h"
#include "plan/plan.h"
#include "script/document.h"
#include "script/script.h"

namespace testctr::run {

class Scope {
 public:
  /// @param job is borrowed. Its steps parse.
  static Result<Scope> of(const plan::Job& job);

  /// Whether lines may be carried out in more than one place, or containers are started: a single place needs
  /// none of what holds several together.
  [[nodiscard]] bool several() const { return several_; }
  /// Whether some lines are carried out on the host.
  [[nodiscard]] bool host() const { return host_; }
  /// Whether programs inside may want to speak to the test.
  [[nodiscard]] bool clients() const { return clients_; }
  /// How many lines put a command off until the test's end: as many may run then in each place at most.
  [[nodiscard]] size_t deferred() const { return deferred_; }
  /// The names of containers that are known before the test runs.
  [[nodiscard]] const std::set<std::string>& names() const { return names_; }
  /// The image that a section gives to a place of that name; empty: none does.
  [[nodiscard]] std::string image_of(const std::string& place) const;
  /// The place that a step begins in.
  [[nodiscard]] std::string first_place(uint32_t step) const;
  [[nodiscard]] const plan::Step& step(uint32_t index) const;
  /// The commands of the cases of a step that is a document, from one position to another.
  [[nodiscard]] std::vector<std::string> expressions(uint32_t step, uint32_t from, uint32_t to) const;
  [[nodiscard]] size_t steps() const { return 1 + job_->further.size(); }

  /// The user has had a place carry this line out: the variables that it names may have changed.
  void note_typed(const std::string& line) {
    const bool sets = line.find("env ") != std::string::npos || line.find("capture ") != std::string::npos;
    if (sets) typed_ += line + "\n";
  }

  /// Whether a container may be made as this asks. Errors (infrastructure): the image, or a port, stands
  /// nowhere in the test's files.
  [[nodiscard]] Status allow(const Request& start) const;
  /// Judges where a place wants to go on, and mends what only the outside knows.
  /// @param from what it was given to go on from @param place its name
  /// @return an error (infrastructure) when no honest interpreter would have said this
  [[nodiscard]] Result<Continuation> accept(const Continuation& from, Continuation said,
                                            const std::string& place) const;

 private:
  struct Text {
    std::optional<script::Script> script;  ///< none: a document
    struct Case {
      std::string place, expression;
    };
    std::vector<Case> cases;  ///< of a document whose test has more places than one
  };

  Status read_cases(const plan::Step& step, Text& text);

  void note_start(const std::vector<std::optional<std::string>>& words);
  void note_text(const std::string& text);
  [[nodiscard]] static Result<Continuation> accept_document(const Text& text, const Continuation& from,
                                                            Continuation said, const std::string& place);
  [[nodiscard]] Status accept_target(const script::Script& script, const Continuation& from,
                                     Continuation& said, const std::string& place) const;
  [[nodiscard]] Status accept_environment(const script::Script& script, const Continuation& from,
                                          const Continuation& said) const;

  const plan::Job* job_ = nullptr;
  std::vector<Text> texts_;
  bool several_ = false, host_ = false, clients_ = false;
  size_t deferred_ = 0;
  std::set<std::string> names_, images_;
  std::set<uint16_t> ports_;
  std::string typed_;
};

}  // namespace testctr::run
