// `record`: commands that are typed in a container become a script or a document.
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/output_file.h"
#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "create.h"
#include "image_access.h"
#include "open_store.h"
#include "plan/make_plan.h"
#include "recorded_script.h"
#include "report/collector.h"
#include "run/run.h"
#include "run_request.h"
#include "run_setup.h"
#include "scratch.h"
#include "stop_signals.h"
#include "typed_shell.h"

namespace testctr::cmd {
namespace {

constexpr Option own_options[] = {
    {.names = "-o,--output",
     .value = "FILE",
     .help = "where it goes; its extension says whether it is a script or a document"},
    {.names = "--force", .help = "replace FILE when it is there"}};
// What is written is in our own dialect, and the name of its file says its format.
constexpr auto options =
    without(with_place_options(own_options), {"-j,--jobs", "--dialect", "--command", "--cond", "--short",
                                              "--strict-env", "--layer", "--format", "--compat"});

/// What is run where, for a text that we make up.
class Place {
 public:
  /// @param as the file that the text is to become
  static Result<std::unique_ptr<Place>> make(const Arguments& arguments, const std::string& image,
                                             const std::string& as, const StopSignals& signals) {
    auto place = std::unique_ptr<Place>(new Place(arguments, image, as, TRY(Scratch::make()), signals));
    place->images_ = TRY(ImageAccess::from(arguments, {.pull = true}, &signals));
    return place;
  }

  /// @param terminal null: nobody types
  Status run(const std::string& name, const std::string& source, EventSink& events,
             run::UserTerminal* terminal) {
    const plan::Plan plan = TRY(plan_of_text(arguments_, image_, scratch_.path(), name, source, as_));
    if (terminal != nullptr) {
      const plan::Job& job = plan.jobs.front();
      const bool script = job.format == plan::Format::script;
      terminal->set_breaks({{script ? job.name : job.parts[job.main_part].name,
                             job.format == plan::Format::markdown ? 2U : 1U}});
    }
    engine::Chosen chosen = TRY(engine::choose(TRY(engine_of(arguments_)), plan));
    run::Options how;
    how.engine = chosen.engine();
    how.store = store_options(arguments_);
    how.access = images_->access();
    how.stop_fd = signals_.descriptor();
    how.terminal = terminal;
    if (TRY(run::run_plan(plan, events, how)).interrupted) return Error::infrastructure("interrupted");
    return {};
  }

 private:
  Place(const Arguments& arguments, const std::string& image, const std::string& as, Scratch scratch,
        const StopSignals& signals)
      : arguments_(arguments), image_(image), as_(as), scratch_(std::move(scratch)), signals_(signals) {}

  const Arguments& arguments_;
  std::string image_, as_;
  Scratch scratch_;
  const StopSignals& signals_;
  std::unique_ptr<ImageAccess> images_;
};

enum class Kind : uint8_t { script, markdown, cram };

Result<Kind> kind_of(const std::string& output) {
  switch (plan::format_of(output).value_or(plan::Format::script)) {
    case plan::Format::markdown:
      return Kind::markdown;
    case plan::Format::cram:
      return Kind::cram;
    case plan::Format::script:
      break;
  }
  if (plan::format_of(output)) return Kind::script;
  return Error::usage(fmt::format("-o: {} has no extension that says what it is to be", text::quoted(output)))
      .hint(".txt: a script; .md: a Scrut Markdown document; .t: a Cram document");
}

/// The commands that the user types, which are carried out as he types them.
class Session {
 public:
  Session(bool script, std::string output) : script_(script), output_(std::move(output)) {}

  run::UserTerminal::Manner manner() {
    return {"$ ",
            "> ",
            [this](const std::string& line, bool& more) { return take(line, more); },
            [this] { return rest(); },
            [this](std::string_view text) { return shown(text); },
            [this] {
              runs_ = false;
              return over_;
            },
            [this](bool at_prompt, bool begun) { interrupted(at_prompt, begun); }};
  }
  /// No more is carried out. @return what is to be recorded
  std::vector<std::string> end(bool killed) {
    if (killed && runs_) leave_out("it was not over");
    return commands_;
  }

 private:
  std::optional<std::string> take(const std::string& line, bool& more) {
    runs_ = stopped_ = false;
    left_ = 0;
    const bool first = begun_lines_.empty();
    const std::string_view trimmed = text::trim(line);
    if (first && (trimmed == "exit" || trimmed == "logout")) return std::nullopt;
    if (first && (trimmed.empty() || trimmed.starts_with('#'))) return "";
    if (line.find_first_of(std::string_view("\0\r", 2)) != std::string::npos) {
      complain("a command with a NUL or a carriage return cannot be recorded");
      begun_lines_.clear();
      return "";
    }
    begun_lines_ += first ? line : "\n" + line;
    more = is_unfinished(begun_lines_);
    return more ? "" : send(std::exchange(begun_lines_, ""));
  }

  std::optional<std::string> rest() {
    if (begun_lines_.empty()) return std::nullopt;
    return send(std::exchange(begun_lines_, ""));
  }

  std::string send(const std::string& whole) {
    // What stands at the ends of several lines may belong to them.
    const std::string typed(whole.find('\n') == std::string::npos ? text::trim(whole) : whole);
    commands_.push_back(typed);
    last_ = typed;
    runs_ = true;
    if (!script_) return " " + typed;
    const TypedCommand command = typed_command(typed);
    if (const auto lost = lost_effect(command)) complain(*lost);
    return (command.program ? " ? " : " ") + command.line;
  }

  void interrupted(bool at_prompt, bool begun) {
    if (!at_prompt) {
      if (!runs_) return;
      stopped_ = true;
      return leave_out("it was stopped");
    }
    const bool empty = !begun && begun_lines_.empty();
    begun_lines_.clear();
    left_ += empty ? 1 : 0;
    over_ = left_ > 1;
    if (!over_ && empty)
      complain(fmt::format("Ctrl-C once more, or `exit`, ends this and writes {}", output_));
  }

  void leave_out(const std::string& why) {
    complain(fmt::format("{}: left out: {}", shown_command(commands_.back()), why));
    commands_.pop_back();
    runs_ = false;
  }

  /// What the debugger says of lines is not the command's.
  std::string shown(std::string_view text) {
    // The first says where it stands.
    if (!std::exchange(begun_, true)) return "";
    constexpr std::string_view shell_ended = "the document's shell has ended\n";
    if (text.ends_with(shell_ended) && (text.size() == shell_ended.size() || text.starts_with('['))) {
      text.remove_suffix(shell_ended.size());
      over_ = ::isatty(STDIN_FILENO) == 1;
      if (!std::exchange(shell_ended_, true))
        complain(fmt::format("{}: the document's shell has ended with this; what comes after it is {}",
                             shown_command(last_), over_ ? "not carried out" : "run only for the document"));
    }
    if (stopped_) return "";
    std::string rest;
    const std::string whole(text);
    for (std::string_view line : text::lines(whole)) {
      if (line == "[it held]\n" || line == "[exit status 0]\n") continue;
      if (line == "[it did not hold; that counts for nothing]\n") continue;
      if (line.starts_with("[exit status 127]")) line = "[exit status 127]\n";
      // A place in a script that nobody has written.
      if (script_ && line.starts_with("line 1: ")) line.remove_prefix(8);
      rest += line;
    }
    return rest;
  }

  bool script_;
  std::string output_;
  bool begun_ = false, over_ = false;
  bool shell_ended_ = false;
  std::string last_;         ///< that was sent
  bool runs_ = false;        ///< the last command may not have ended
  bool stopped_ = false;     ///< and was stopped: what is said of it now is not its own
  int left_ = 0;             ///< how often he interrupted at the empty prompt, one after the other
  std::string begun_lines_;  ///< of a command that goes on
  std::vector<std::string> commands_;
};

Result<CreatedDocument> made_of(const Arguments& arguments, Place& place, Kind kind,
                                const std::string& output, const std::vector<std::string>& commands) {
  if (kind != Kind::script)
    return record_document(arguments, arguments.positionals().front(), commands, output, kind == Kind::cram);
  const RunScript run = [&](const std::string& source) -> Result<LineObserver> {
    LineObserver observer;
    CHECK_OK(place.run("recorded.txt", source, observer, nullptr));
    return observer;
  };
  RecordedScript recorded = TRY(record_script(commands, run));
  return CreatedDocument{std::move(recorded.source), std::move(recorded.notes), recorded.commands};
}

Result<int> run_record(const Arguments& arguments) {
  const std::optional<std::string> output = arguments.value("--output");
  if (!output)
    return Error::usage("record: where does it go?")
        .hint("-o t.txt for a script, -o t.md or -o t.t for a document");
  const Kind kind = TRY(kind_of(*output));
  const auto found = TRY(sys::stat_at(AT_FDCWD, *output, 0));
  if (found && S_ISREG(found->st_mode) && !arguments.flag("--force"))
    return Error::usage(fmt::format("--output: {} is there already", text::quoted(*output)))
        .hint("--force replaces it");
  sys::OutputFile file = TRY_IN(sys::OutputFile::create(*output), "--output");
  StopSignals signals = TRY(StopSignals::install(/*hangup=*/true));
  const auto place = TRY(Place::make(arguments, arguments.positionals().front(), *output, signals));
  Session session(kind == Kind::script, *output);
  run::UserTerminal terminal(run::ShellAt::prompt, [](const std::string& said) { complain(said); });
  terminal.set_manner(session.manner());
  complain(fmt::format("each command becomes a part of {}; `exit` writes it", *output));
  LineObserver events;
  const std::string name = output->substr(output->rfind('/') + 1);
  const std::string source = kind == Kind::script ? "stop\n"
                             : kind == Kind::markdown
                                 ? "```scrut\n$ true\n```\n"
                                 : std::string(TRY(cram_indent(arguments)), ' ') + "$ true\n";
  const Status typed = place->run(name, source, events, &terminal);
  const int signal = signals.received();
  if (!terminal.was_open() && signal != 0) return 128 + signal;
  const std::vector<std::string> commands = session.end(signal != 0);
  if (signal == 0) {
    // What has been typed is not lost with its container.
    if (!typed.ok() && commands.empty()) return typed.error();
    if (!typed.ok()) complain(typed.error().full());
    if (!terminal.was_open()) return Error::infrastructure(events.ended().text);
  }
  if (commands.empty() && signal != 0) return 128 + signal;
  if (commands.empty()) return Error::usage("record: no command was typed, and nothing is written");
  if (signal != 0) {
    complain(fmt::format("what was typed so far is written to {}", *output));
    CHECK_OK(signals.renew());
  }
  auto making = made_of(arguments, *place, kind, *output, commands);
  if (signals.received() != 0) return 128 + signals.received();
  const CreatedDocument made = TRY(std::move(making));
  for (const std::string& note : made.notes) complain(note);
  if (made.commands == 0)
    return Error::usage("record: no command was left to be recorded, and nothing is written");
  CHECK_OK(sys::write_full(TRY(file.begin()), made.source));
  CHECK_OK(file.finish());
  complain(fmt::format("{}: {} command{}", *output, made.commands, made.commands == 1 ? "" : "s"));
  return signal != 0 ? 128 + signal : exit_passed;
}

const Registration record(
    {.name = "record",
     .rank = 125,
     .summary = "make a script or a document from commands that are typed in a container",
     .synopsis = "IMAGE -o FILE",
     .examples = "testctr-script record debian:12 -o tests/tour.txt\n"
                 "printf 'echo hello\\nls /nowhere\\n' | testctr-script record builtin -o tests/ls.md\n",
     .options = options,
     .min_positionals = 1,
     .max_positionals = 1,
     .text =
         "Each command that is typed is carried out at once in a fresh container of the image. When `exit` "
         "or the end of input comes, all are run "
         "again in another one, and written with\nwhat they print and how they end; what came of it is "
         "then run until it holds: what is different each time is not compared, and told. "
         "A command that is not finished in its line goes on in the next one.\n"
         "Ctrl-C stops a command, which is then left out; so is one that does not end in its time or prints "
         "too much. A second Ctrl-C in a row at the prompt, SIGTERM and SIGHUP write what was typed so far.\n"
         "In a script `cd DIR` and `export NAME=VALUE` are the script's own, and every other command a "
         "program or a shell's `-c`; in a document all share one shell.\n",
     .run = run_record});

}  // namespace
}  // namespace testctr::cmd
