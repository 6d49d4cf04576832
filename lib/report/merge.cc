#include "report/merge.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::report {
namespace {

constexpr size_t most_running = 10'000;
constexpr uint64_t most_tests = 100'000'000;
constexpr int64_t most_shift = longest_time;

/// Calls `take` for each line of a file from its beginning. @return how many lines there were
Result<uint64_t> each_line_of(const Fd& fd, const std::string& name,
                              const std::function<Status(EventLine)>& take) {
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) return Error::system("lseek", text::printable(name));
  Fd again = TRY(sys::duplicate(fd.get()));
  LineReader lines(std::move(again), longest_event_line);
  const auto located = [&](Error error) {
    return std::move(error).in(fmt::format("{}:{}", text::printable(name), lines.line()));
  };
  while (true) {
    Result<std::optional<std::string>> line = lines.next();
    if (!line.ok()) return located(std::move(line).error());
    if (!line.value()) return lines.line();
    Result<EventLine> read = read_event_line(*line.value());
    if (!read.ok()) return located(std::move(read).error());
    Status taken = take(std::move(read).value());
    if (!taken.ok()) return located(std::move(taken).error());
  }
}

std::string counted(size_t number, std::string_view what) {
  return fmt::format("{} test{} {}", number, number == 1 ? "" : "s", what);
}

}  // namespace

Status Course::take(const EventLine& line) {
  if (const auto* start = std::get_if<RunStart>(&line)) {
    if (began_) return Error::usage("a second run begins here").hint("give each run in a file of its own");
    began_ = true;
    start_ = *start;
    return {};
  }
  if (!began_)
    return Error::usage("this is no event file: it does not begin with run_started")
        .hint("`run --report json=FILE` writes them");
  if (std::holds_alternative<UnknownLine>(line)) return {};
  if (ended_) return Error::usage("an event stands behind run_ended");
  if (const auto* run = std::get_if<EndedRun>(&line)) return end(*run);
  return event(std::get<Event>(line));
}

Status Course::started(const Event& event) {
  const auto [found, is_new] = tests_.try_emplace(event.script);
  Test& test = found->second;
  if (!is_new && (test.running || test.ended))
    return Error::usage(fmt::format("script {} begins although it has begun before", event.script));
  if (event.attempt != (is_new ? 0 : test.attempt + 1))
    return Error::usage(
        fmt::format("attempt {} of script {} begins out of order", event.attempt, event.script));
  if (!is_new && event.text != test.name)
    return Error::usage(fmt::format("script {} has another name than in its attempt before", event.script));
  test.name = event.text;
  test.attempt = event.attempt;
  test.running = true;
  if (++running_ > most_running)
    return Error::usage(fmt::format("more than {} tests run at the same time", most_running));
  return {};
}

Status Course::event(const Event& event) {
  if (event.script >= start_.scripts)
    return Error::usage(fmt::format("script {} is none of the {} of this run", event.script, start_.scripts));
  time_ns_ = std::max(time_ns_, event.time_ns);
  if (event.kind == Event::Kind::script_started) return started(event);
  const auto found = tests_.find(event.script);
  if (found == tests_.end() || !found->second.running)
    return Error::usage(fmt::format("script {} has an event although it does not run", event.script));
  Test& test = found->second;
  if (event.attempt != test.attempt)
    return Error::usage(fmt::format("script {} has an event of attempt {} in attempt {}", event.script,
                                    event.attempt, test.attempt));
  if (event.kind != Event::Kind::script_ended) return {};
  test.running = false;
  --running_;
  test.ended = event.last;
  if (event.last) ++outcomes_[static_cast<size_t>(event.outcome)];
  return {};
}

Status Course::end(const EndedRun& run) {
  const auto of = [&](Outcome outcome) { return outcomes_[static_cast<size_t>(outcome)]; };
  uint64_t all = 0;
  for (const uint64_t count : outcomes_) all += count;
  if (all != start_.scripts)
    return Error::usage(fmt::format("the run ends with {} of its {} tests ended: lines of it are missing",
                                    all, start_.scripts));
  const uint64_t passed = of(Outcome::pass) + of(Outcome::xfail);
  const uint64_t failed = of(Outcome::fail) + of(Outcome::xpass);
  const uint64_t flaky = of(Outcome::flaky);
  flaky_fails_ = flaky > 0 && run.passed == passed;
  const bool holds =
      (flaky_fails_ ? run.failed == failed + flaky : run.passed == passed + flaky && run.failed == failed) &&
      run.errors == of(Outcome::error) && run.skipped == of(Outcome::skip) &&
      run.not_run == of(Outcome::not_run) && run.flaky == flaky && run.xfail == of(Outcome::xfail) &&
      run.xpass == of(Outcome::xpass);
  if (!holds)
    return Error::usage("what run_ended counts is not what the events before it say: the file was changed");
  ended_ = run;
  return {};
}

Result<Merge::File> Merge::read_file(const std::string& path) {
  File file;
  file.name = path;
  auto opened = sys::open(path, O_RDONLY);
  if (!opened.ok()) return std::move(opened).error().as(Fault::usage).in("reading events");
  file.fd = std::move(opened).value();
  struct stat found {};
  if (::fstat(file.fd.get(), &found) != 0) return Error::system("fstat", text::printable(path));
  if (!S_ISREG(found.st_mode))
    return Error::usage(
        fmt::format("{} is not a file: events are read twice, to check them before they are told",
                    text::printable(path)));
  file.lines =
      TRY(each_line_of(file.fd, path, [&](const EventLine& line) { return file.course.take(line); }));
  if (!file.course.began())
    return Error::infrastructure(fmt::format(
        "{} is cut off before its first line: nothing of its run is known", text::printable(path)));
  return file;
}

Result<Merge> Merge::read(const std::vector<std::string>& paths) {
  Merge merge;
  for (const std::string& path : paths) merge.files_.push_back(TRY(read_file(path)));
  CHECK_OK(merge.check_shards());
  CHECK_OK(merge.check_names());
  merge.find_missing();
  return merge;
}

Status Merge::check_shards() {
  uint64_t tests = 0;
  for (const File& file : files_) tests += file.course.start().scripts;
  if (tests > most_tests) return Error::usage(fmt::format("these are more than {} tests", most_tests));
  const File& first = files_.front();
  const RunStart& of_first = first.course.start();
  std::map<uint32_t, const File*> seen;
  for (const File& file : files_) {
    const RunStart& start = file.course.start();
    const std::string both =
        fmt::format("{} and {}", text::printable(first.name), text::printable(file.name));
    if (files_.size() > 1 && (start.shards == 0 || of_first.shards == 0))
      return Error::usage(fmt::format("{} are not shards of one run: {} is a whole run", both,
                                      text::printable(start.shards == 0 ? file.name : first.name)))
          .hint("`run --shard 1/2` makes the first of two shards");
    if (start.shards != of_first.shards)
      return Error::usage(
          fmt::format("{} are not of one run: of {} shards and of {}", both, of_first.shards, start.shards));
    if (start.selection != of_first.selection || start.selected != of_first.selected)
      return Error::usage(fmt::format("{} are not of one run: other tests were selected ({} and {})", both,
                                      of_first.selected, start.selected));
    const auto [other, is_new] = seen.emplace(start.shard, &file);
    if (!is_new)
      return Error::usage(fmt::format("shard {} of {} is there twice: {} and {}", start.shard, start.shards,
                                      text::printable(other->second->name), text::printable(file.name)));
  }
  std::sort(files_.begin(), files_.end(),
            [](const File& a, const File& b) { return a.course.start().shard < b.course.start().shard; });
  return {};
}

Status Merge::check_names() const {
  if (files_.size() == 1) return {};
  std::map<std::string_view, const File*> known;
  for (const File& file : files_) {
    const std::vector<std::string>& setups = file.course.start().setups;
    for (const auto& [index, test] : file.course.tests()) {
      if (std::find(setups.begin(), setups.end(), test.name) != setups.end()) continue;
      const auto [other, is_new] = known.emplace(test.name, &file);
      if (!is_new && other->second != &file)
        return Error::usage(fmt::format("test {} is in two shards: {} and {}", text::quoted(test.name),
                                        text::printable(other->second->name), text::printable(file.name)));
    }
  }
  return {};
}

void Merge::find_missing() {
  size_t tests = 0;
  bool whole = true;
  for (const File& file : files_) {
    tests += file.course.start().scripts - file.course.start().setups.size();
    if (file.course.ended()) continue;
    whole = false;
    const auto& begun = file.course.tests();
    const auto open =
        std::count_if(begun.begin(), begun.end(), [](const auto& each) { return !each.second.ended; });
    missing_.push_back(fmt::format("{} is cut off after line {}: {}, {}", text::printable(file.name),
                                   file.lines, counted(static_cast<size_t>(open), "had not ended"),
                                   counted(file.course.start().scripts - begun.size(), "had not begun")));
  }
  const RunStart& start = files_.front().course.start();
  std::vector<bool> there(start.shards + 1);
  for (const File& file : files_) there[file.course.start().shard] = true;
  constexpr size_t most_named = 20;
  size_t absent = 0;
  for (uint32_t shard = 1; shard <= start.shards; ++shard) {
    if (there[shard] || ++absent > most_named) continue;
    missing_.push_back(
        fmt::format("shard {} of {} is missing: no file of it was given", shard, start.shards));
  }
  if (absent > most_named) missing_.push_back(fmt::format("{} more shards are missing", absent - most_named));
  if (start.shards != 0 && whole && absent == 0 && tests != start.selected)
    missing_.push_back(fmt::format("the shards are not all of the run: {}, {} were selected",
                                   counted(tests, "in them"), start.selected));
}

RunStart Merge::start() const {
  const RunStart& first = files_.front().course.start();
  RunStart start;
  start.selection = first.selection;
  start.selected = first.selected;
  start.seed = first.seed;
  start.parallel = 0;
  start.unix_ns = first.unix_ns;
  for (const File& file : files_) {
    const RunStart& one = file.course.start();
    start.scripts += file.course.ended() ? one.scripts : file.course.tests().size();
    start.setups.insert(start.setups.end(), one.setups.begin(), one.setups.end());
    start.parallel += one.parallel;
    start.unix_ns = std::min(start.unix_ns, one.unix_ns);
    if (one.seed != first.seed) start.seed.reset();
  }
  start.scripts += missing_.size();
  return start;
}

bool Merge::flaky_fails() const {
  return std::any_of(files_.begin(), files_.end(),
                     [](const File& file) { return file.course.flaky_fails(); });
}

/// How much later than the first shard this one began; nothing when one does not say.
int64_t Merge::shift_of(const File& file) const {
  const uint64_t first = start().unix_ns;
  return first == 0 ? 0 : std::min(static_cast<int64_t>(file.course.start().unix_ns - first), most_shift);
}

Status Merge::play_file(File& file, uint32_t base, EventSink& sink) const {
  // Checked again as it is told: the reports rely on the order.
  Course course;
  const int64_t shift = shift_of(file);
  CHECK_OK(each_line_of(file.fd, file.name, [&](EventLine line) -> Status {
    CHECK_OK(course.take(line));
    auto* event = std::get_if<Event>(&line);
    if (event == nullptr) return {};
    event->script += base;
    event->time_ns += shift;
    sink.take(*event);
    return {};
  }));
  if (course.start().scripts != file.course.start().scripts ||
      course.tests().size() != file.course.tests().size())
    return Error::infrastructure(fmt::format("{} changed while it was read", text::printable(file.name)));
  for (const auto& [index, test] : course.tests()) {
    if (test.ended) continue;
    Event event;
    event.script = base + index;
    event.attempt = test.attempt;
    event.time_ns = course.time_ns() + shift;
    if (!test.running) {
      event.kind = Event::Kind::script_started;
      event.text = test.name;
      ++event.attempt;
      sink.take(event);
    }
    event.kind = Event::Kind::script_ended;
    event.outcome = Outcome::not_run;
    event.text = fmt::format("the events of {} are cut off here", text::printable(file.name));
    sink.take(event);
  }
  return {};
}

Result<RunEnding> Merge::play(EventSink& sink) {
  RunEnding ending;
  uint32_t base = 0;
  for (File& file : files_) {
    CHECK_OK(play_file(file, base, sink));
    base += static_cast<uint32_t>(file.course.start().scripts);
    const auto& ended = file.course.ended();
    const int64_t duration = ended ? ended->ending.duration_ns : file.course.time_ns();
    ending.duration_ns = std::max(ending.duration_ns, duration + shift_of(file));
    if (!ended) continue;
    if (ending.signal == 0) ending.signal = ended->ending.signal;
    ending.timed_out = ending.timed_out || ended->ending.timed_out;
    ending.failed_fast = ending.failed_fast || ended->ending.failed_fast;
    ending.incomplete = ending.incomplete || ended->ending.incomplete;
    // Each shard has looked through the same folders.
    ending.not_tests = std::max(ending.not_tests, ended->ending.not_tests);
  }
  for (const std::string& what : missing_) {
    Event event;
    event.script = base++;
    event.kind = Event::Kind::script_started;
    const size_t colon = std::min(what.find(": "), what.size());
    event.text = what.substr(0, colon);
    sink.take(event);
    event.kind = Event::Kind::script_ended;
    event.outcome = Outcome::error;
    event.text = what.substr(std::min(colon + 2, what.size()));
    event.detail = to_string(Fault::infrastructure);
    sink.take(event);
  }
  ending.incomplete = ending.incomplete || !missing_.empty();
  return ending;
}

}  // namespace testctr::report
