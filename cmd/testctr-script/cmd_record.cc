// `record`: commands that are typed in a container become a script or a document.
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
  static Result<std::unique_ptr<Place>> make(const Arguments& arguments, const std::string& image,
                                             const StopSignals& signals) {
    auto place = std::unique_ptr<Place>(new Place(arguments, image, TRY(Scratch::make()), signals));
    place->images_ = TRY(ImageAccess::from(arguments, {.pull = true}, &signals));
    return place;
  }

  /// @param terminal null: nobody types
  Status run(const std::string& name, const std::string& source, EventSink& events,
             run::UserTerminal* terminal) {
    const plan::Plan plan =
        TRY(plan_of_text(TRY(request_of(arguments_)), image_, scratch_.path(), name, source));
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
  Place(const Arguments& arguments, const std::string& image, Scratch scratch, const StopSignals& signals)
      : arguments_(arguments), image_(image), scratch_(std::move(scratch)), signals_(signals) {}

  const Arguments& arguments_;
  std::string image_;
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
  explicit Session(bool script) : script_(script) {}

  run::UserTerminal::Manner manner() {
    return {"$ ", [this](const std::string& line) { return take(line); },
            [this](std::string_view text) { return shown(text); }};
  }
  [[nodiscard]] const std::vector<std::string>& commands() const { return commands_; }

 private:
  std::optional<std::string> take(const std::string& line) {
    const std::string typed(text::trim(line));
    if (typed == "exit" || typed == "logout") return std::nullopt;
    if (typed.empty() || typed.starts_with('#')) return "";
    const bool usable =
        std::none_of(typed.begin(), typed.end(), [](char c) { return c == '\0' || c == '\r'; });
    if (!usable) {
      complain("a command with a NUL or a carriage return cannot be recorded");
      return "";
    }
    commands_.push_back(typed);
    if (!script_) return " " + typed;
    const TypedCommand command = typed_command(typed);
    return (command.program ? " ? " : " ") + command.line;
  }

  /// What the debugger says of lines is not the command's.
  std::string shown(std::string_view text) {
    // The first says where it stands.
    if (!std::exchange(begun_, true)) return "";
    std::string rest;
    const std::string whole(text);
    for (std::string_view line : text::lines(whole))
      if (line != "[it held]\n" && line != "[exit status 0]\n") rest += line;
    return rest;
  }

  bool script_, begun_ = false;
  std::vector<std::string> commands_;
};

Result<std::string> made_of(const Arguments& arguments, Place& place, Kind kind, const std::string& name,
                            const std::vector<std::string>& commands) {
  const std::string& image = arguments.positionals().front();
  if (kind != Kind::script) return create_document(arguments, image, commands, "", name, kind == Kind::cram);
  const RunScript run = [&](const std::string& source) -> Result<LineObserver> {
    LineObserver observer;
    CHECK_OK(place.run("recorded.txt", source, observer, nullptr));
    return observer;
  };
  RecordedScript recorded = TRY(record_script(commands, run));
  for (const std::string& note : recorded.notes) complain(note);
  return std::move(recorded.source);
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
  const StopSignals signals = TRY(StopSignals::install());
  const auto place = TRY(Place::make(arguments, arguments.positionals().front(), signals));
  Session session(kind == Kind::script);
  run::UserTerminal terminal(run::ShellAt::prompt, [](const std::string& said) { complain(said); });
  terminal.set_manner(session.manner());
  complain(fmt::format("each command becomes a part of {}; `exit` writes it", *output));
  LineObserver events;
  const std::string name = output->substr(output->rfind('/') + 1);
  const std::string source =
      kind == Kind::script ? "stop\n"
      : kind == Kind::markdown
          ? "```scrut\n$ true\n```\n"
          : std::string(TRY(request_of(arguments)).documents.reading.indent, ' ') + "$ true\n";
  const Status typed = place->run(name, source, events, &terminal);
  if (signals.received() != 0) return 128 + signals.received();
  CHECK_OK(typed);
  if (!terminal.was_open()) return Error::infrastructure(events.ended().text);
  if (session.commands().empty()) return Error::usage("record: no command was typed, and nothing is written");
  auto making = made_of(arguments, *place, kind, name, session.commands());
  if (signals.received() != 0) return 128 + signals.received();
  const std::string made = TRY(std::move(making));
  CHECK_OK(sys::write_full(TRY(file.begin()), made));
  CHECK_OK(file.finish());
  complain(fmt::format("{}: {} command{}", *output, session.commands().size(),
                       session.commands().size() == 1 ? "" : "s"));
  return exit_passed;
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
     .text = "Each line that is typed is carried out at once in a fresh container of the image. When `exit` "
             "or the end of input comes, all are run "
             "again in another one, and written with\nwhat they print and how they end; a script is then run "
             "until it holds: what is different each "
             "time is left out, and told. In a script `cd DIR` and\n`export NAME=VALUE` are the script's "
             "own, and every other command a program "
             "or a shell's `-c`; in a document all share one shell.\n",
     .run = run_record});

}  // namespace
}  // namespace testctr::cmd
