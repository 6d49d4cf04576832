// exec, sleep, wait: commands that take time.
#include <algorithm>
#include <csignal>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/commands.h"
#include "interpret/judge.h"
#include "interpret/lookup.h"
#include "interpret/program_terminal.h"
#include "interpret/rules.h"

namespace testctr::interpret {
namespace {

/// People write shell commands after `exec`; a failure says where the language differs.
std::string shell_hint(const script::Command& command, const Arguments& arguments) {
  for (const std::string& word : arguments) {
    for (std::string_view sign : {"|", ">", ">>", "<", "&&", "||", ";", "2>&1", "2>", "&>"}) {
      if (word == sign) {
        return fmt::format(
            "`{}` is an ordinary argument here: use exec sh -c '...' for a shell's command line", sign);
      }
    }
  }
  for (const script::Word& word : command.arguments) {
    if (std::any_of(word.begin(), word.end(), [](const script::Fragment& f) {
          return !f.quoted && f.text.find('"') != std::string::npos;
        })) {
      return "double quotes are ordinary bytes here: quote words with single quotes";
    }
  }
  return {};
}

/// Kills all processes of the script.
void kill_everything(Session& session) { session.children->kill_all(); }

void take_output(Session& session, Job& job) {
  session.out = std::move(job.output);
  session.err = std::move(job.error);
  session.tell_output("stdout", session.out);
  session.tell_output("stderr", session.err);
}

/// An attempt of `retry` that is not over in time: what runs beside it goes on.
Answer attempt_late(Session& session, Job* job, std::string_view what) {
  if (job != nullptr) {
    session.children->kill_tree(*job);
    take_output(session, *job);
  }
  Answer answer = Answer::failed(fmt::format("{} had not ended by then and was killed", what),
                                 "an end in time", "still running");
  answer.late = true;
  return answer;
}

Answer too_late(Session& session, Job* job, std::string_view what) {
  if (session.attempt_until) return attempt_late(session, job, what);
  std::string below;
  if (job != nullptr && !job->status) {
    const auto tree = descendants(job->pid);
    if (tree && !tree->empty()) below = ", with " + named(*tree);
  }
  kill_everything(session);
  if (job != nullptr) take_output(session, *job);
  const bool own = session.limit_ns.has_value();
  std::string limit = text::format_duration(own ? *session.limit_ns : session.setting.case_timeout_ns);
  Answer answer =
      Answer::misuse(fmt::format("{} took longer than the limit of {} and was killed{}", what, limit, below),
                     own ? "that is the limit of its `timeout`" : "--case-timeout DURATION allows more");
  answer.late = answer.final = true;
  answer.failure.expected = fmt::format("an end within {}", limit);
  answer.failure.actual = "still running";
  return answer;
}

Answer too_much(Session& session, Job* foreground) {
  // It may be a background command that overflowed; it is found by asking all.
  std::string reason = "a command wrote too much";
  auto blame = [&](const Job& job, std::string_view name) {
    if (job.trouble)
      reason = fmt::format("the output of {} could not be kept: {}", name, job.trouble->message());
    if (!job.trouble && !job.overflow.empty()) {
      reason = fmt::format("{} wrote more than {} to {} and was killed", name,
                           text::human_size(session.setting.max_output), job.overflow);
    }
  };
  for (const Background& background : session.background) {
    if (background.job != nullptr) blame(*background.job, background.shown);
  }
  if (foreground != nullptr) blame(*foreground, "the command");
  kill_everything(session);
  if (foreground != nullptr) take_output(session, *foreground);
  Answer answer = Answer::misuse(std::move(reason), "--max-output SIZE allows more; or write to a file");
  answer.final = true;
  return answer;
}

Answer directory_failed(const Session& session, const Error& error) {
  const std::string shown = session.masked(session.directory);
  if (error.number() == EXDEV)
    return Answer::misuse("the working directory " + Session::describe(shown, error));
  return Answer::misuse(
      Error::usage(fmt::format("the working directory {} is gone", shown)).hint("cd to one that exists"));
}

Answer start_failed(const Session& session, const StartError& error, const std::string& path,
                    const std::string& hint) {
  switch (error.step) {
    case StartError::Step::directory:
      return directory_failed(session, Error::system("chdir", "", error.number));
    case StartError::Step::execute: {
      Answer answer = Answer::misuse(explain_start(path, session.directory, error.number));
      if (answer.failure.hint.empty()) answer.failure.hint = hint;
      return answer;
    }
    case StartError::Step::clone:
    case StartError::Step::descriptors:
      break;
  }
  Error cause =
      Error::system(error.step == StartError::Step::clone ? "clone" : "dup2", "a new process", error.number);
  return Answer::misuse(cause.message(),
                        error.number == EAGAIN ? "too many processes: --pids N allows more" : "");
}

/// The judgement of a job that is complete.
Answer answer_of(int status, std::string hint) {
  std::string described = describe_status(status);
  Answer answer = status == 0 ? Answer::done("unexpected success", "a failure", described)
                              : Answer::failed(described, "exit status 0", described);
  if (status != 0) answer.failure.hint = std::move(hint);
  if (WIFEXITED(status)) answer.code = WEXITSTATUS(status);
  return answer;
}

/// What a program reads: what `stdin` and `ttyin` have set for it.
struct Reads {
  Fd file;
  std::unique_ptr<ProgramTerminal> terminal;
};

Result<Reads> take_input(Session& session, Program& program) {
  if (session.command->background && !session.input.typed.empty())
    return Error::usage("ttyin is not supported by background commands");
  NextInput next = std::exchange(session.input, {});
  Reads reads;
  if (next.file.valid()) {
    reads.file = TRY(above_standard(std::move(next.file)));
    program.input = reads.file.get();
  }
  if (next.typed.empty()) return reads;
  auto terminal = ProgramTerminal::open(std::move(next.typed), *session.children);
  if (!terminal.ok()) return std::move(terminal).error().in("a terminal for the program");
  reads.terminal = std::move(terminal).value();
  program.beside = reads.terminal->theirs();
  if (next.typed_is_stdin) program.input = program.beside;
  return reads;
}

}  // namespace

std::optional<Answer> refuse_taken_name(const Session& session) {
  const std::string& name = session.command->background_name;
  if (name.empty()) return std::nullopt;
  for (const Background& other : session.background) {
    if (other.name() != name) continue;
    return Answer::misuse(
        fmt::format("{} runs in the background already (line {})", text::quoted(name), other.command->line),
        fmt::format("`wait {}` frees the name", name));
  }
  return std::nullopt;
}

std::list<Background>::iterator find_background(Session& session, std::string_view name) {
  return std::find_if(session.background.begin(), session.background.end(),
                      [&](const Background& one) { return !name.empty() && one.name() == name; });
}

Answer answer_of(const Background& background) {
  const int status = *background.job->status;
  const bool wanted = background.signal != 0 && WIFSIGNALED(status) && WTERMSIG(status) == background.signal;
  if (wanted && background.command->want == script::Want::success) return Answer::done();
  return answer_of(status, background.hint);
}

uint64_t deadline_of(const Session& session) {
  const int64_t limit = session.limit_ns.value_or(session.setting.case_timeout_ns);
  const uint64_t deadline = sys::monotonic_ns() + static_cast<uint64_t>(limit);
  return std::min(deadline, session.attempt_until.value_or(UINT64_MAX));
}

Answer judge_pause(Session& session, Pause pause, Job* job, std::string_view what) {
  switch (pause) {
    case Pause::late:
      return too_late(session, job, what);
    case Pause::overflow:
      return too_much(session, job);
    case Pause::over:
    case Pause::cancelled:
      break;
  }
  if (!session.children->interrupted()) {
    kill_everything(session);
  } else if (job != nullptr) {
    session.children->stop_tree(*job);
    take_output(session, *job);
  }
  Answer answer;
  answer.kind = Answer::Kind::cancelled;
  return answer;
}

Answer run_program(Session& session, const std::string& name, const Arguments& arguments) {
  if (auto taken = refuse_taken_name(session)) return *std::move(taken);
  std::string hint = shell_hint(*session.command, arguments);
  auto found = find_program(name, session.variables.get("PATH").value_or(""), session.directory);
  if (!found.ok()) {
    Answer answer = Answer::misuse(found.error());
    if (answer.failure.hint.empty()) answer.failure.hint = hint;
    return answer;
  }
  Program program;
  program.path = std::move(found).value();
  program.arguments = {session.rules->whole_names ? program.path : name};
  program.arguments.insert(program.arguments.end(), arguments.begin(), arguments.end());
  program.environment = session.variables.list();
  if (session.rules->hidden_pwd) program.environment.push_back("PWD=" + session.directory);
  program.directory = session.directory;
  Fd held;
  if (session.setting.guarded) {
    auto directory = session.open(session.directory, O_PATH | O_DIRECTORY);
    if (!directory.ok()) return directory_failed(session, directory.error());
    held = std::move(directory).value();
    program.directory = fmt::format("/proc/self/fd/{}", held.get());
  }
  std::string path = program.path;
  auto reads = take_input(session, program);
  if (!reads.ok()) return Answer::misuse(reads.error());
  ProgramTerminal* terminal = reads.value().terminal.get();
  auto launched = session.children->launch(std::move(program));
  if (!launched.ok()) return Answer::misuse(launched.error());
  Job* job = launched.value().job;
  if (job == nullptr) return start_failed(session, launched.value().error, path, hint);
  if (session.command->background) {
    session.background.push_back(
        {session.command, quoted_words(session.command->name, arguments), std::move(hint), job});
    if (session.command->name == "exec") {
      Arguments words{name};
      words.insert(words.end(), arguments.begin(), arguments.end());
      session.background.back().shown = quoted_words("exec", words);
    }
    session.out.clear();
    session.err.clear();
    Answer answer;
    answer.kind = Answer::Kind::deferred;
    return answer;
  }
  const uint64_t limit = deadline_of(session);
  const Pause pause =
      terminal != nullptr ? terminal->wait_for(*job, limit) : session.children->wait_for(*job, limit);
  if (terminal != nullptr) {
    session.tty = terminal->take_printed();
    session.tell_output("ttyout", session.tty);
  }
  if (pause != Pause::over) {
    Answer answer = judge_pause(session, pause, job, name);
    session.children->forget(job);
    return answer;
  }
  take_output(session, *job);
  if (job->held_open) {
    session.note(
        "[a process that it left behind still holds its output; what that writes from now on is not kept]");
  }
  int status = *job->status;
  session.set_status(status);
  session.children->forget(job);
  return answer_of(status, std::move(hint));
}

Answer run_exec(Session& session, const Arguments& arguments) {
  return run_program(session, arguments.front(), Arguments(arguments.begin() + 1, arguments.end()));
}

Answer run_sleep(Session& session, const Arguments& arguments) {
  auto duration = text::parse_duration(arguments.front());
  if (!duration) {
    return Answer::misuse(fmt::format("{} is not a duration", text::quoted(arguments.front())),
                          "a number with a unit: 300ms, 1.5s, 2m");
  }
  uint64_t now = sys::monotonic_ns();
  uint64_t end = now + static_cast<uint64_t>(*duration);
  if (session.command->background) {
    if (auto taken = refuse_taken_name(session)) return *std::move(taken);
    session.background.push_back({session.command, quoted_words("sleep", arguments), {}, nullptr, end});
    session.out.clear();
    session.err.clear();
    Answer answer;
    answer.kind = Answer::Kind::deferred;
    return answer;
  }
  uint64_t limit = deadline_of(session);
  Pause pause = session.children->wait_until(std::min(end, limit));
  if (pause == Pause::late && end <= limit) return Answer::done();
  return judge_pause(session, pause, nullptr, "sleep");
}

namespace {

/// Waits for one command of the background and judges it; it is then no longer there. @param failed is set
/// when it was not as its line wants it
/// @return nothing when it has ended; else what ends the waiting
std::optional<Answer> wait_for(Session& session, std::list<Background>::iterator at, uint64_t limit,
                               OutputBuffer& out, OutputBuffer& err, bool& failed) {
  Background& background = *at;
  if (background.job == nullptr) {
    const Pause pause = session.children->wait_until(std::min(background.deadline_ns, limit));
    if (pause != Pause::late || background.deadline_ns > limit)
      return judge_pause(session, pause, nullptr, background.shown);
    session.background.erase(at);
    return std::nullopt;
  }
  Job& job = *background.job;
  const Pause pause = session.children->wait_for(job, limit);
  if (pause == Pause::late) {
    (void)judge_background(session, background, too_late(session, &job, background.shown));
    return Answer::judged_already();
  }
  // What was waited for is not what was typed, and goes on.
  if (pause == Pause::cancelled) return judge_pause(session, pause, nullptr, background.shown);
  if (pause != Pause::over) return judge_pause(session, pause, &job, background.shown);
  session.note("[background] " + background.shown);
  session.tell_output("stdout", job.output);
  session.tell_output("stderr", job.error);
  for (auto [from, to] : {std::pair{&job.output, &out}, std::pair{&job.error, &err}}) {
    auto text = from->view();
    const Status kept = text.ok() ? to->append(text.value()) : Status(text.error());
    if (!kept.ok()) return Answer::misuse(kept.error());
  }
  session.set_status(*job.status);
  failed = !judge_background(session, background, answer_of(background)) || failed;
  session.children->forget(background.job);
  session.background.erase(at);
  return std::nullopt;
}

}  // namespace

Answer run_wait(Session& session, const Arguments& arguments) {
  const uint64_t limit = deadline_of(session);
  OutputBuffer out(session.setting.work), err(session.setting.work);
  bool failed = false;
  std::optional<Answer> ended;
  if (!arguments.empty()) {
    const auto at = find_background(session, arguments.front());
    if (at == session.background.end())
      return Answer::misuse(
          fmt::format("nothing in the background is called {}", text::quoted(arguments.front())),
          "`exec PROGRAM &NAME&` gives it a name; `wait` alone waits for all");
    ended = wait_for(session, at, limit, out, err, failed);
  } else {
    while (!ended && !session.background.empty())
      ended = wait_for(session, session.background.begin(), limit, out, err, failed);
  }
  if (ended) return *std::move(ended);
  session.out = std::move(out);
  session.err = std::move(err);
  Answer answer;
  if (failed) answer.kind = Answer::Kind::judged;
  return answer;
}

}  // namespace testctr::interpret
