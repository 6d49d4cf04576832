// The loop over the cases of a document, with what it knows between them.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/sys.h"
#include "interpret/case_telling.h"
#include "interpret/case_verdict.h"
#include "interpret/cram_verdict.h"
#include "interpret/debugger.h"
#include "interpret/detached_cases.h"
#include "interpret/document_crossing.h"
#include "interpret/document_place.h"
#include "interpret/documents.h"
#include "interpret/judge.h"
#include "interpret/session.h"
#include "interpret/shell.h"
#include "interpret/terminal_session.h"

namespace testctr::interpret {

inline constexpr uint64_t look_interval_ns = 5'000'000;
inline constexpr std::string_view fail_fast_words = "fail_fast:";
inline constexpr const char* overflow_hint = "--max-output SIZE allows more";

class DocumentRun : public OpenDocument, private Debugged {
 public:
  DocumentRun(const std::vector<script::Document>& parts, size_t main, Session& session,
              const DocumentSetting& how)
      : parts_(parts), main_(main), session_(session), how_(how) {}

  Result<Continuation> go_on(Continuation from) override;
  bool end() override;

  [[nodiscard]] bool over() const override { return over_; }

 private:
  Status begin();
  void set_deadline();
  Status enter(bool fresh);

  /// A container may have made a link of a folder in the $WORK that it shares with the host: what the host's
  /// cases name without a folder would be elsewhere.
  Status stays_below();
  Result<Continuation> run();

  /// What the next case needs goes along; the rest stays and waits.
  Result<Continuation> leave_for(std::string target);

  const script::Document& document() const { return parts_[main_]; }

  // ---- where it stands still

  [[nodiscard]] Stop stop_at(Stop::Why why, size_t part, uint32_t line) const;
  /// The time that it takes is nobody's.
  Debugger::Go ask(const Stop& at);
  Standpoint stands() override { return standpoint(); }
  [[nodiscard]] bool is_unknown(const std::string&) const override { return false; }
  [[nodiscard]] std::vector<std::string> first_words() const override { return {}; }

  std::string carry_out_typed(const std::string& line) override;

  /// For who asks at the prompt.
  void remember(CaseEnd& end);

  /// A case, with the user's say before and behind it.
  Status carry_out_watched(size_t part, const script::Case& test, size_t number);
  Status stand_behind(Debugger& debugger, size_t part, const script::Case& test, size_t number);

  /// The user wants nothing more of it.
  Status leave_it();

  // ---- a case

  Status carry_out_case(size_t part, const script::Case& test, size_t number);
  void begin_case(size_t part, const script::Case& test);

  [[nodiscard]] bool out_of_time() const { return sys::monotonic_ns() >= total_deadline_ns_; }

  std::string file_of(size_t part) const { return part == main_ ? "" : parts_[part].name; }

  /// `wait:`. @return why not, or nothing
  std::string wait_for(const script::Wait& wait);
  Result<CaseOrder> order_for(const script::Document& from, const script::Case& test,
                              const script::CaseConfig& config);

  /// What a case that has ended means for it and for those after it.
  Status conclude(size_t part, const script::Case& test, const script::CaseConfig& config, CaseEnd& end,
                  uint64_t started);
  [[nodiscard]] std::string overflow_text() const;

  /// What a shell that has ended means for the cases after this one.
  void conclude_shell(const script::Case& test, const CaseEnd& end);

  /// Tells what a case has printed. @return it, as long as `end` lives
  Result<CaseOutput> output_of(size_t part, const script::CaseConfig& config, CaseEnd& end);
  void tell_whole(size_t part, std::string_view text);
  Status judge_ended(size_t part, const script::Case& test, const script::CaseConfig& config,
                     const CaseEnd& end, const CaseOutput& output, uint64_t started);

  /// Cram's verdict is one over the whole document.
  Status put_off(size_t part, const script::Case& test, const CaseEnd& end, const CaseOutput& output,
                 CaseVerdict verdict, uint64_t started);
  void tell_cram();
  Result<std::optional<script::Variables>> variables_for(const script::Case& test,
                                                         const script::CaseConfig& config);
  void skip_document(size_t part, const script::Case& test, int code, uint64_t started);

  /// The cases that follow are not run.
  void stop(Outcome as, std::string why);

  // ---- telling

  void tell_failure(size_t part, const script::Case& test, uint32_t line, Failure failure,
                    std::string shown = "");

  /// Where the shell stands, as far as it can be asked; else where it began.
  Standpoint standpoint();
  Status fail_case(size_t part, const script::Case& test, Outcome outcome, const std::string& reason,
                   const std::string& hint, uint64_t started);
  void tell_end(size_t part, const script::Case& test, Outcome outcome, std::string reason,
                std::optional<int> code, uint64_t started, std::string values = "");

  // ---- the end

  void finish_detached();
  void judge_detached(Beside& beside);
  Result<Continuation> finish();

  /// Ends what is the document's, and names what its cases have left behind.
  void close();

  /// What lives in the place and is not of this document.
  std::set<pid_t> others(const std::vector<pid_t>& own) const;
  void kill_all_but(std::set<pid_t> spared);

  const std::vector<script::Document>& parts_;
  size_t main_;
  Session& session_;
  const DocumentSetting& how_;
  script::Command command_;  ///< stands for the case in what the session tells
  DocumentPlace place_;
  std::map<std::string, std::string> environment_;  ///< of the shell, when it began
  std::unique_ptr<Shell> shell_;
  std::optional<DocumentCrossing> crossing_;  ///< where others carry out cases or steps, too
  std::set<pid_t> before_;                    ///< processes of the place that are older than the document
  Continuation at_;
  size_t at_part_ = 0;  ///< that the last case belongs to
  bool over_ = false;
  std::optional<CramVerdicts> cram_;  ///< where verdicts are Cram's
  std::list<Beside> detached_;
  script::Variables captures_, assignments_;
  uint64_t total_deadline_ns_ = 0;
  int64_t total_ns_ = 0;
  bool failed_ = false, stopped_ = false, unfinished_ = false, cancelled_ = false;
  bool shell_ended_ = false;  ///< within the case that is told of
  Outcome stopped_as_ = Outcome::not_run;
  std::string stopped_why_;
};

}  // namespace testctr::interpret
