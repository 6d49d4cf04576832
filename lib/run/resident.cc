#include "run/resident.h"

#include <sys/stat.h>

#include <deque>

#include "base/digest.h"
#include "base/sys.h"
#include "interpret/documents.h"
#include "interpret/interpreter.h"
#include "interpret/terminal_session.h"
#include "run/artifacts.h"
#include "run/assignment.h"
#include "run/channel.h"
#include "run/channel_sink.h"
#include "run/client_socket.h"
#include "run/errands.h"
#include "script/script.h"

namespace testctr::run {
namespace {

Json error_frame(const Error& error) {
  return Json{{"t", "error"},
              {"fault", exit_code(error.fault())},
              {"message", json::binary(error.message())},
              {"hint", json::binary(error.hint())}};
}

/// What is carried out, as it is kept between orders.
struct Step {
  std::optional<script::Script> script;
  std::vector<script::Document> parts;
  DocumentAssignment document;
};

class Resident : private interpret::Console {
 public:
  Resident(int channel, const Surroundings& surroundings)
      : channel_(channel), sink_(channel_), surroundings_(surroundings) {}

  int run() {
    Status served = serve();
    if (!sink_.status().ok() || !sent_.ok()) return 1;
    if (served.ok()) return 0;
    // However it ended.
    if (alone_) (void)bring_out(Outcome::error);
    Error error = served.error();
    if (error.number() == ENOSPC) error = std::move(error).hint(scratch_hint);
    (void)channel_.send(error_frame(error));
    return 1;
  }

 private:
  struct Frame {
    std::string type;
    uint64_t id = 0;
    Json body;
  };

  // ---- the channel

  /// A frame with what belongs to it.
  Result<Frame> whole(const Json& header) {
    Frame frame;
    frame.type = TRY(json::get_string(header, "t"));
    frame.id = static_cast<uint64_t>(TRY(json::get_int(header, "id", 0)));
    if (frame.type == "finish" || frame.type == "tty" || frame.type == "window" || frame.type == "line") {
      frame.body = header;
      return frame;
    }
    const std::string bytes =
        TRY(channel_.receive_data(static_cast<size_t>(TRY(json::get_int(header, "size")))));
    frame.body = TRY(json::from_cbor(bytes));
    return frame;
  }

  /// Takes what has come: answers at once, the rest in its turn.
  void hear() {
    while (heard_.ok()) {
      auto header = channel_.receive_now();
      if (!header.ok()) {
        heard_ = std::move(header).error();
        return;
      }
      if (!header.value()) return;
      auto frame = whole(*header.value());
      if (!frame.ok()) {
        heard_ = std::move(frame).error();
        return;
      }
      if (frame.value().type == "reply") {
        take_reply(frame.value());
      } else if (frame.value().type == "tty" || frame.value().type == "window") {
        if (Status taken = take_typed(frame.value()); !taken.ok()) heard_ = std::move(taken);
      } else if (frame.value().type == "line" && flag(frame.value().body, "stop")) {
        if (obeys_) interpreter_->children().hurry();
      } else if (frame.value().type == "line") {
        line_ = std::move(frame).value().body;
      } else if (frame.value().type == "do") {
        auto request = request_from_wire(frame.value().body);
        if (request.ok()) errands_->take(frame.value().id, request.value());
      } else {
        orders_.push_back(std::move(frame).value());
      }
    }
  }

  // What comes when the shell has ended already is nobody's.
  Status take_typed(const Frame& frame) {
    if (frame.type == "window") {
      const interpret::WindowSize window = TRY(window_from_wire(frame.body));
      if (shell_) shell_->resize(window);
      return {};
    }
    const std::string bytes = TRY(json::get_string(frame.body, "d"));
    if (shell_) shell_->feed(bytes);
    if (shell_ && flag(frame.body, "end")) shell_->end_input();
    return {};
  }

  void take_reply(const Frame& frame) {
    auto waiting = asked_.find(frame.id);
    if (waiting == asked_.end()) return;
    auto reply = reply_from_wire(frame.body);
    Reply failed;
    if (!reply.ok()) failed.error = reply.error().message();
    auto take = std::move(waiting->second);
    asked_.erase(waiting);
    take(reply.ok() ? reply.value() : failed);
  }

  void send(const Json& header, const Json& body) {
    const std::string bytes = json::to_cbor(body);
    Json whole = header;
    whole["size"] = bytes.size();
    if (sent_.ok()) sent_ = channel_.send_with_data(whole, bytes);
  }

  /// Asks the program outside; `take` hears the answer.
  void ask(const Request& request, std::function<void(const Reply&)> take) {
    const uint64_t id = next_id_++;
    asked_[id] = std::move(take);
    send(Json{{"t", "request"}, {"id", id}}, to_wire(request));
  }

  Result<Reply> ask_and_wait(const Request& request) {
    std::optional<Reply> answer;
    ask(request, [&answer](const Reply& reply) { answer = reply; });
    const auto over = [&] { return answer || !heard_.ok() || !sent_.ok(); };
    const interpret::Pause pause = interpreter_->children().wait_while(over, UINT64_MAX);
    if (answer) return *std::move(answer);
    for (auto& [id, take] : asked_) take = [](const Reply&) {};
    if (pause == interpret::Pause::cancelled) return Error::system("poll", "", ECANCELED);
    if (pause == interpret::Pause::overflow)
      return Error::usage("a command in the background wrote more than it may")
          .hint("--max-output SIZE allows more");
    return Error::infrastructure("the program outside is gone");
  }

  // ---- the user's shell

  void say(const Json& frame) {
    if (sent_.ok()) sent_ = channel_.send(frame);
  }

  /// Opens it, once, and waits until it has ended.
  void open_shell(const interpret::Standpoint& at) {
    if (std::exchange(shell_asked_, true)) return;
    const std::string why = shell(at);
    if (!why.empty()) say(Json{{"t", "shell"}, {"state", "refused"}, {"text", json::binary(why)}});
  }

  std::string shell(const interpret::Standpoint& at) override {
    const ShellWish& wish = assignment_.shell;
    auto begun = interpret::TerminalSession::begin(
        at, {wish.terminal, wish.window, wish.term, wish.spare}, interpreter_->children(),
        [this](std::string_view bytes, size_t taken) {
          say(Json{{"t", "tty"}, {"d", json::binary(bytes)}, {"taken", taken}});
        });
    if (!begun.ok()) return begun.error().message();
    shell_ = std::move(begun).value();
    say(Json{{"t", "shell"},
             {"state", "open"},
             {"terminal", shell_->on_terminal()},
             {"text", json::binary(shell_->lack())}});
    (void)shell_->wait([this] { return !heard_.ok() || !sent_.ok(); });
    shell_.reset();
    say(Json{{"t", "shell"}, {"state", "ended"}});
    return "";
  }

  // ---- the user's prompt

  bool open() override {
    say(Json{{"t", "shell"}, {"state", "prompt"}});
    return sent_.ok() && heard_.ok();
  }

  std::optional<std::string> ask(const std::string& prompt) override {
    line_.reset();
    obeys_ = false;
    interpreter_->children().hurry_no_more();
    say(Json{{"t", "shell"}, {"state", "asks"}, {"text", json::binary(prompt)}});
    (void)interpreter_->children().wait_while([this] { return line_ || !heard_.ok() || !sent_.ok(); },
                                              UINT64_MAX);
    if (!line_ || flag(*line_, "end")) return std::nullopt;
    auto text = json::get_string(*line_, "d");
    obeys_ = true;
    return text.ok() ? std::optional(std::move(text).value()) : std::nullopt;
  }

  void print(std::string_view text) override {
    constexpr size_t piece = size_t{64} << 10;
    while (!text.empty()) {
      size_t size = std::min(text.size(), piece);
      // Not within a character.
      if (const size_t end = text.substr(0, size).rfind('\n'); size < text.size() && end != std::string::npos)
        size = end + 1;
      say(Json{{"t", "tty"}, {"d", json::binary(text.substr(0, size))}, {"taken", 0}});
      text.remove_prefix(size);
    }
  }

  void close(bool stepping) override {
    obeys_ = false;
    say(Json{{"t", "shell"}, {"state", "closed"}, {"stepping", stepping}});
  }

  // ---- its life

  Status serve() {
    Json start = TRY(channel_.receive());
    if (TRY(json::get_string(start, "t")) != "start")
      return Error::internal("expected the start on the channel");
    if (TRY(json::get_int(start, "v")) != protocol_version)
      return Error::internal("the channel speaks another version");
    assignment_ = TRY(assignment_from_wire(TRY(whole(start)).body));
    CHECK_OK(channel_.send(Json{{"t", "hello"}, {"v", protocol_version}}));
    for (const std::string& note : surroundings_.notes) {
      Event event;
      event.kind = Event::Kind::log;
      event.text = note;
      sink_.take(event);
    }
    CHECK_OK(sys::make_dirs(assignment_.work + "/.tmp", 0755));
    make_setting();
    interpreter_ = TRY(interpret::Interpreter::create(setting_, sink_));
    interpret::Children& children = interpreter_->children();
    errands_.emplace(
        children, setting_,
        Errands::Telling{[this](uint64_t id, const Reply& reply) {
                           send(Json{{"t", "answer"}, {"id", id}}, to_wire(reply));
                         },
                         [this](std::string_view text) {
                           if (sent_.ok())
                             sent_ = channel_.send(Json{{"t", "log"}, {"d", json::binary(text)}});
                         },
                         [this](int status) {
                           if (sent_.ok()) sent_ = channel_.send(Json{{"t", "service"}, {"status", status}});
                         }});
    children.listen(channel_.descriptor(), [this] { hear(); });
    children.at_each_turn([this] { errands_->turn(); });
    if (!assignment_.socket.empty())
      clients_ = TRY(ClientSocket::listen(assignment_.socket, children, [this](Request request, auto take) {
        request.place = assignment_.place;
        ask(request, std::move(take));
      }));
    if (assignment_.service) CHECK_OK(errands_->start_service(*assignment_.service));
    return take_orders();
  }

  Status take_orders() {
    hear();
    for (;;) {
      const auto over = [&] { return !orders_.empty() || !heard_.ok() || !sent_.ok(); };
      if (!over()) (void)interpreter_->children().wait_while(over, UINT64_MAX);
      CHECK_OK(sent_);
      if (orders_.empty()) {
        if (!heard_.ok()) return heard_;
        continue;  // something in the background went over its bound: that is judged at the end
      }
      const Frame frame = std::move(orders_.front());
      orders_.pop_front();
      if (frame.type == "finish")
        return finish(TRY(outcome_from_string(TRY(json::get_string(frame.body, "outcome")))),
                      flag(frame.body, "artifacts"));
      if (frame.type != "go") return Error::internal("an unknown frame from outside");
      if (TRY(carry_out(TRY(order_from_wire(frame.body))))) return {};
    }
  }

  /// @return whether that was all
  Result<bool> carry_out(Order order) {
    const uint32_t index = order.from.step;
    alone_ = order.last;
    if (order.fresh) {
      CHECK_OK(channel_.send(Json{{"t", "took"}, {"digest", Digest::of(order.source).str()}}));
      steps_[index] = TRY(read(order));
    }
    auto known = steps_.find(index);
    if (known == steps_.end()) return Error::internal("an order about an unknown step");
    known->second.document.setting.alone = order.last;
    known->second.document.setting.definitions = std::move(order.definitions);
    interpreter_->step(order.stepping);
    Continuation result = TRY(carry_out(known->second, std::move(order.from)));
    const bool elsewhere = !result.done && result.target != setting_.name;
    const bool all = order.last && !elsewhere;
    if (all) {
      result.outcome = interpreter_->finish(result.done ? result.outcome : Outcome::pass);
      CHECK_OK(bring_out(result.outcome));
      result.done = true;
      result.target.clear();
      result.state = {};  // nobody goes on from here
    }
    send(Json{{"t", "done"}}, to_wire(result));
    CHECK_OK(sent_);
    return all;
  }

  static Result<Step> read(const Order& order) {
    Step step;
    if (!order.document) {
      step.script = TRY(script::parse(order.name, order.source, order.language));
      return step;
    }
    step.document = *order.document;
    for (const plan::DocumentPart& part : order.document->parts)
      step.parts.push_back(TRY(
          script::read_document(order.document->dialect, part.name, part.source, order.document->reading)));
    return step;
  }

  Result<Continuation> carry_out(const Step& step, Continuation from) {
    if (step.script) return interpreter_->carry_out(*step.script, std::move(from));
    return interpreter_->carry_out(step.parts, step.document.main, std::move(from), step.document.setting);
  }

  Status finish(Outcome so_far, bool artifacts) {
    const Outcome outcome = interpreter_->finish(so_far);
    if (artifacts) CHECK_OK(bring_out(outcome));
    return channel_.send(Json{{"t", "finished"}, {"outcome", std::string(to_string(outcome))}});
  }

  /// Sends the files that the user wants to have, once.
  Status bring_out(Outcome outcome) {
    if (std::exchange(brought_out_, true) || !sink_.status().ok()) return {};
    const bool failed = outcome == Outcome::fail || outcome == Outcome::error;
    if (assignment_.keeps_failed && !failed) assignment_.artifacts.back().clear();
    return send_artifacts(
        assignment_.artifacts, assignment_.work, [this](const Json& frame) { return channel_.send(frame); },
        [this](std::string text) {
          Event event;
          event.kind = Event::Kind::log;
          event.text = std::move(text);
          sink_.take(event);
        });
  }

  static bool flag(const Json& frame, const char* key) {
    const Json* found = json::find(frame, key, Json::value_t::boolean);
    return found != nullptr && found->get<bool>();
  }

  void make_setting() {
    setting_.name = assignment_.place;
    setting_.work = assignment_.work;
    setting_.control = assignment_.control;
    setting_.tree = assignment_.tree;
    setting_.programs = assignment_.programs;
    const plan::ScriptOptions& scripts = assignment_.scripts;
    setting_.programs.insert(setting_.programs.end(), scripts.commands.begin(), scripts.commands.end());
    setting_.conditions = scripts.conditions;
    setting_.short_run = scripts.short_run;
    setting_.verbose = scripts.verbose;
    setting_.strict_env = scripts.strict_env;
    setting_.environment = assignment_.environment;
    if (!surroundings_.home.empty()) setting_.environment.emplace("HOME", surroundings_.home);
    setting_.case_timeout_ns = assignment_.case_timeout_ns;
    setting_.max_output = assignment_.max_output;
    setting_.network = assignment_.network;
    setting_.guarded = assignment_.guarded;
    setting_.update = assignment_.update;
    setting_.at_line = surroundings_.at_line;
    setting_.take_denials = surroundings_.take_denials;
    const auto opens = [this](const interpret::Standpoint& at) { open_shell(at); };
    if (assignment_.shell.at == ShellAt::failure) setting_.at_failure = opens;
    if (assignment_.shell.at == ShellAt::begin) setting_.at_begin = opens;
    if (assignment_.shell.at == ShellAt::line) setting_.at_break = opens;
    if (assignment_.shell.at == ShellAt::prompt) setting_.console = this;
    setting_.breaks = assignment_.shell.breaks;
    setting_.ask = [this](const Request& request) { return ask_and_wait(request); };
  }

  InnerChannel channel_;
  ChannelSink sink_;
  const Surroundings& surroundings_;
  Assignment assignment_;
  interpret::Setting setting_;
  std::map<uint32_t, Step> steps_;
  Status heard_, sent_;
  bool alone_ = false;  ///< nobody else has a part in the test
  bool brought_out_ = false;
  std::deque<Frame> orders_;
  std::map<uint64_t, std::function<void(const Reply&)>> asked_;
  uint64_t next_id_ = 1;
  std::unique_ptr<interpret::Interpreter> interpreter_;
  std::unique_ptr<interpret::TerminalSession> shell_;  ///< while it is open
  bool shell_asked_ = false;
  bool obeys_ = false;        ///< what the prompt was told last is carried out
  std::optional<Json> line_;  ///< what came when the prompt had asked
  // Behind what they borrow.
  std::optional<Errands> errands_;
  std::unique_ptr<ClientSocket> clients_;
};

}  // namespace

void tell_failure(int channel, const Error& error) { (void)InnerChannel(channel).send(error_frame(error)); }

int reside(int channel, const Surroundings& surroundings) { return Resident(channel, surroundings).run(); }

}  // namespace testctr::run
