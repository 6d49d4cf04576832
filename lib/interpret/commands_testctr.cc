// The `testctr` command: containers beside the one that the script is in, and the ways into them and back.
#include "base/text.h"
#include "interpret/commands.h"

namespace testctr::interpret {
namespace {

Answer unanswered(const Error& error) {
  Answer answer = Answer::misuse(error);
  if (error.number() == ECANCELED) answer.kind = Answer::Kind::cancelled;
  return answer;
}

Result<Reply> ask(Session& session, Request request) {
  if (!session.setting.ask)
    return Error::usage("there is nobody outside who could start containers")
        .hint("run it by `testctr-script run`");
  request.place = session.setting.name;
  request.line = session.command != nullptr ? session.command->line : 0;
  return session.setting.ask(request);
}

Answer answer_of(Session& session, const Request& request, Reply reply) {
  if (!reply.error.empty()) {
    Answer answer = reply.misuse ? Answer::misuse(reply.error, reply.hint) : Answer::failed(reply.error);
    answer.failure.hint = reply.hint;
    return answer;
  }
  const bool prints = request.kind != Request::Kind::start && request.kind != Request::Kind::stop &&
                      request.kind != Request::Kind::rm && request.kind != Request::Kind::wait &&
                      request.kind != Request::Kind::cp;
  if (prints) {
    session.out.clear();
    session.err.clear();
    for (auto [text, buffer] : {std::pair{&reply.out, &session.out}, std::pair{&reply.err, &session.err}}) {
      if (Status kept = buffer->append(*text); !kept.ok()) return Answer::misuse(kept.error());
    }
    session.tell_output("stdout", session.out);
    session.tell_output("stderr", session.err);
  }
  if (request.kind != Request::Kind::exec) return Answer::done();
  session.status = reply.status;
  session.signalled = false;
  const std::string described = fmt::format("exit status {}", reply.status);
  Answer answer = reply.status == 0 ? Answer::done("unexpected success", "a failure", described)
                                    : Answer::failed(described, "exit status 0", described);
  answer.code = reply.status;
  return answer;
}

Answer enter(Session& session, const Arguments& arguments) {
  if (arguments.size() != 2)
    return Answer::misuse("testctr enter takes the name of a container", testctr_usage);
  Request request;
  request.name = arguments[1];
  const Result<Reply> reply = ask(session, request);
  if (!reply.ok()) return unanswered(reply.error());
  if (!reply.value().error.empty()) return Answer::misuse(reply.value().error, reply.value().hint);
  if (!reply.value().holds)
    return Answer::misuse(fmt::format("no container is called {}", text::quoted(request.name)),
                          "`testctr start IMAGE NAME` starts one");
  session.goes_to = request.name;
  return Answer::done();
}

Answer copy(Session& session, const Request& request) {
  Result<Copy> parsed = parse_copy(request);
  if (!parsed.ok()) return Answer::misuse(parsed.error());
  Copy& copy = parsed.value();
  if (!copy.get) {
    auto content = session.load(copy.local);
    if (!content.ok()) return Answer::failed(content.error());
    auto text = content.value().view();
    if (!text.ok()) return Answer::misuse(text.error());
    copy.request.data = text.value();
  }
  Result<Reply> reply = ask(session, copy.request);
  if (!reply.ok()) return unanswered(reply.error());
  if (!reply.value().error.empty() || !copy.get)
    return answer_of(session, copy.request, std::move(reply).value());
  const bool executable = reply.value().err.find_first_of("1357") != std::string::npos;
  Status written = write_script_file(session, copy.local, executable ? 0777 : 0666, reply.value().out);
  return written.ok() ? Answer::done() : Answer::failed(written.error());
}

}  // namespace

Result<bool> container_is(Session& session, Request::Kind kind, std::string name) {
  Request request;
  request.kind = kind;
  request.name = std::move(name);
  const Reply reply = TRY(ask(session, std::move(request)));
  if (!reply.error.empty()) return Error::usage(reply.error);
  return reply.holds;
}

Answer run_testctr(Session& session, const Arguments& arguments) {
  if (arguments.front() == "enter") return enter(session, arguments);
  if (arguments.front() == "leave") {
    if (arguments.size() != 1) return Answer::misuse("testctr leave takes no words");
    if (session.entered.empty())
      return Answer::misuse("there is nothing to leave: this place was not entered by a command",
                            "a section ends where the next begins");
    session.leaves = true;
    return Answer::done();
  }
  Result<Request> request = parse_request(arguments);
  if (!request.ok()) return Answer::misuse(request.error());
  if (request.value().kind == Request::Kind::cp) return copy(session, request.value());
  if (request.value().kind == Request::Kind::exec) {
    request.value().directory = replace_path(session.directory, session.setting.work, work_token);
  }
  Result<Reply> reply = ask(session, request.value());
  if (!reply.ok()) return unanswered(reply.error());
  Answer answer = answer_of(session, request.value(), std::move(reply).value());
  if (answer.kind == Answer::Kind::done && request.value().enter) session.goes_to = request.value().name;
  return answer;
}

}  // namespace testctr::interpret
