// exec and wait of cmd/go's script tests and of testscript, and what becomes of background commands.
#include <sys/wait.h>

#include <algorithm>
#include <csignal>

#include "base/text.h"
#include "interpret/go_family.h"

namespace testctr::interpret::go_family {
namespace {

constexpr uint64_t grace_ns = 5'000'000'000;

/// The words of a program that was started, without its folder.
std::string program_of(const script::Command& command) {
  std::string line;
  if (command.name != "exec") line = command.name;
  for (const script::Word& word : command.arguments) {
    if (!line.empty()) line += ' ';
    for (const script::Fragment& fragment : word) line += fragment.text;
  }
  const size_t slash = line.substr(0, line.find(' ')).rfind('/');
  return slash == std::string::npos ? line : line.substr(slash + 1);
}

/// "[background] sleep 10: exit status 0" and its output. @param out, err take that, too
Status tell_end(Session& session, Background& background, OutputBuffer& out, OutputBuffer& err) {
  Job& job = *background.job;
  session.note(fmt::format("[background] {}: {}", program_of(*background.command),
                           go_status(describe_status(*job.status))));
  session.tell_output("stdout", job.output);
  session.tell_output("stderr", job.error);
  CHECK_OK(out.append(TRY(job.output.view())));
  return err.append(TRY(job.error.view()));
}

Answer judge_status(const Background& background) {
  const bool well = WIFEXITED(*background.job->status) && WEXITSTATUS(*background.job->status) == 0;
  const script::Want want = background.command->want;
  if (well && want == script::Want::failure) return fatal("unexpected command success");
  if (!well && want == script::Want::success) {
    Answer answer = fatal("unexpected command failure", background.hint);
    answer.failure.actual = go_status(describe_status(*background.job->status));
    return answer;
  }
  return Answer::done();
}

void forget(Session& session, std::list<Background>::iterator at) {
  session.children->forget(at->job);
  session.background.erase(at);
}

/// Waits for one. @return done when it has ended
Answer wait_for_end(Session& session, Background& background) {
  const Pause pause = session.children->wait_for(*background.job, deadline_of(session));
  if (pause == Pause::over) return Answer::done();
  return settle(session, script::Want::success,
                judge_pause(session, pause, background.job, background.shown));
}

Answer wait_one(Session& session, const std::string& name) {
  const auto at = std::find_if(session.background.begin(), session.background.end(),
                               [&](const Background& one) { return one.command->background_name == name; });
  if (name.empty() || at == session.background.end())
    return fatal(fmt::format("unknown background process {}", text::quoted(name)));
  Answer waited = wait_for_end(session, *at);
  if (waited.kind != Answer::Kind::done) return waited;
  session.out = std::move(at->job->output);
  session.err = std::move(at->job->error);
  session.tell_output("stdout", session.out);
  session.tell_output("stderr", session.err);
  Answer answer = judge_status(*at);
  forget(session, at);
  return answer;
}

Answer wait_all(Session& session) {
  OutputBuffer out(session.setting.work), err(session.setting.work);
  while (!session.background.empty()) {
    Background& background = session.background.front();
    Answer waited = wait_for_end(session, background);
    if (waited.kind != Answer::Kind::done) return waited;
    if (Status told = tell_end(session, background, out, err); !told.ok())
      return fatal(told.error().message());
    Answer answer = judge_status(background);
    if (answer.kind != Answer::Kind::done) return answer;
    forget(session, session.background.begin());
  }
  session.out = std::move(out);
  session.err = std::move(err);
  return Answer::done();
}

}  // namespace

std::string go_status(std::string described) {
  if (const size_t name = described.find(" (SIG"); name != std::string::npos)
    described.erase(name, described.find(')', name) + 1 - name);
  constexpr std::string_view dumped = ", core dumped";
  if (described.ends_with(dumped))
    described.replace(described.size() - dumped.size(), dumped.size(), " (core dumped)");
  return described;
}

Answer settle(Session& session, script::Want want, Answer answer) {
  switch (answer.kind) {
    case Answer::Kind::done:
      return want == script::Want::failure ? fatal("unexpected command success") : Answer::done();
    case Answer::Kind::misuse:
      if (answer.late) {
        answer.failure.hint = answer.failure.reason + "; " + answer.failure.hint;
        answer.failure.reason = "test timed out while running command";
        return answer;
      }
      if (answer.final) return answer;
      if (is_cmdgo(session)) {
        answer.failure.reason = "unexpected error starting command: " + answer.failure.reason;
        return answer;
      }
      [[fallthrough]];
    case Answer::Kind::failed:
      session.note(fmt::format("[{}]", go_status(answer.failure.reason)));
      if (want != script::Want::success) return Answer::done();
      answer.kind = Answer::Kind::misuse;
      answer.failure.reason = "unexpected command failure";
      return answer;
    default:
      return answer;
  }
}

Answer run_exec(Session& session, const Arguments& arguments) {
  if (arguments.empty()) return fatal("usage: exec program [args...] [&]");
  const std::string& name = session.command->background_name;
  if (!name.empty() &&
      std::any_of(session.background.begin(), session.background.end(),
                  [&](const Background& one) { return one.command->background_name == name; }))
    return fatal(fmt::format("duplicate background process name {}", text::quoted(name)));
  // A program that does not start has printed nothing, either.
  session.out.clear();
  session.err.clear();
  return settle(session, session.command->want,
                run_program(session, arguments.front(), {arguments.begin() + 1, arguments.end()}));
}

Answer run_named(Session& session, const std::string& name, const Arguments& arguments) {
  Arguments words{name};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return go_family::run_exec(session, words);
}

Answer run_wait(Session& session, const Arguments& arguments) {
  const bool cmdgo = is_cmdgo(session);
  if (cmdgo) {
    if (auto refused = unless_alone(session, "wait")) return *std::move(refused);
  }
  if (arguments.size() > (cmdgo ? 0 : 1)) return fatal(cmdgo ? "usage: wait" : "usage: wait [name]");
  if (auto refused = unless_alone(session, "wait")) return *std::move(refused);
  return arguments.empty() ? wait_all(session) : wait_one(session, arguments.front());
}

/// cmd/go: what still runs is an error unless `?` stands before it, what has ended is judged. testscript at
/// its newest stops it and looks no further.
bool end_background(Session& session, bool judged) {
  const bool cmdgo = is_cmdgo(session);
  std::vector<const Background*> running;
  for (const Background& background : session.background)
    if (!background.job->status) running.push_back(&background);
  session.children->stop_jobs(grace_ns, cmdgo ? SIGQUIT : SIGINT);
  if (!judged || !cmdgo) return true;
  for (const Background& background : session.background) {
    const bool ran = std::find(running.begin(), running.end(), &background) != running.end();
    Answer answer = Answer::done();
    if (!ran) {
      answer = judge_status(background);
    } else if (background.command->want != script::Want::either) {
      answer = fatal("unexpected background command remaining at test end",
                     "`wait` waits for it; `? exec ... &` says that it may go on");
    }
    if (judge(session, *background.command, background.shown, std::move(answer)) != Verdict::go_on)
      return false;
  }
  return true;
}

/// Both end what runs in the background before they say that the script is skipped; testscript, too, then
/// looks at how it ended.
Answer run_skip(Session& session, const Arguments& arguments) {
  if (arguments.size() > 1) return fatal("usage: skip [msg]");
  if (auto refused = unless_alone(session, "skip")) return *std::move(refused);
  if (is_cmdgo(session)) {
    if (!end_background(session, true)) return Answer::judged_already();
  } else {
    session.children->stop_jobs(grace_ns, SIGINT);
    Answer waited = wait_all(session);
    if (waited.kind != Answer::Kind::done) return waited;
  }
  Answer answer;
  answer.kind = Answer::Kind::skip;
  answer.text = arguments.empty() ? "" : arguments.front();
  return answer;
}

Answer run_stop(Session& session, const Arguments& arguments) {
  if (auto refused = unless_alone(session, "stop")) return *std::move(refused);
  if (arguments.size() > 1) return fatal("usage: stop [msg]");
  session.note(arguments.empty() ? "stop" : "stop: " + arguments.front());
  Answer answer;
  answer.kind = Answer::Kind::stop;
  answer.text = arguments.empty() ? "" : arguments.front();
  return answer;
}

}  // namespace testctr::interpret::go_family
