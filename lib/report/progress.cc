#include "report/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <csignal>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::report {
namespace {

constexpr int64_t second = 1'000'000'000;
// A terminal is not made to draw more often, however short the tests are.
constexpr uint64_t draw_interval_ns = 50'000'000;

// What a signal handler may touch.
std::atomic<bool> stop_asked{false};

extern "C" void on_stop(int) { stop_asked.store(true); }

// While the line stands there Ctrl-Z waits until it has been taken away: what the shell then says would be
// written over it.
void hold_stops(bool hold) {
  struct sigaction now {
  }, action{};
  action.sa_handler = hold ? on_stop : SIG_DFL;
  ::sigemptyset(&action.sa_mask);
  if (::sigaction(SIGTSTP, nullptr, &now) == 0 && now.sa_handler != SIG_IGN)
    (void)::sigaction(SIGTSTP, &action, nullptr);
}

/// "14s", "3m05s": whole seconds, which is what can be read while it changes.
std::string whole_seconds(int64_t ns) {
  const int64_t s = ns / second;
  return s < 60 ? fmt::format("{}s", s) : fmt::format("{}m{:02}s", s / 60, s % 60);
}

/// The end of a name, which tells tests of one folder apart, in at most so many columns.
std::string end_within(const std::string& name, size_t columns) {
  constexpr std::string_view cut = "...";
  if (text::columns_at_most(name) <= columns || columns <= cut.size())
    return text::within_columns(name, columns);
  size_t from = 0;
  while (from < name.size() &&
         text::columns_at_most(std::string_view(name).substr(from)) + cut.size() > columns) {
    ++from;
    while (from < name.size() && (static_cast<unsigned char>(name[from]) & 0xc0) == 0x80) ++from;
  }
  return std::string(cut) + name.substr(from);
}

}  // namespace

int64_t hung_after(int64_t limit_ns) { return std::max(limit_ns / 10 * 9, limit_ns - 30 * second); }

Progress::Progress(Writer& live, ProgressOptions options, std::function<void(const std::string&)> say)
    : live_(live), options_(std::move(options)), say_(std::move(say)) {}

uint64_t Progress::now() const { return options_.now ? options_.now() : sys::monotonic_ns(); }

int64_t Progress::limit_of(uint32_t index) const {
  return index < options_.limits.size() ? options_.limits[index] : 0;
}

void Progress::started(uint32_t index, const std::string& name) {
  running_[index] = {text::printable(name), now(), false, false};
  draw(/*at_once=*/false);
}

void Progress::ended(uint32_t index, bool bad) {
  running_.erase(index);
  ++ended_;
  if (bad) ++bad_;
}

void Progress::tick() {
  if (stop_asked.exchange(false)) {
    wipe();
    (void)::raise(SIGTSTP);
    return show();
  }
  if (options_.told && !options_.live) tell();
  draw(/*at_once=*/false);
}

void Progress::show() { draw(/*at_once=*/true); }

void Progress::tell() {
  for (auto& [index, running] : running_) {
    const auto lasted = static_cast<int64_t>(now() - running.since_ns);
    if (options_.slow_ns > 0 && lasted >= options_.slow_ns && !running.slow_told) {
      running.slow_told = true;
      say_(fmt::format("still running: {} ({})", running.name, whole_seconds(lasted)));
    }
    const int64_t limit = limit_of(index);
    // A short limit ends the test at once, and that is told anyway.
    if (limit >= std::max(options_.slow_ns, second) && lasted >= hung_after(limit) && !running.hung_told) {
      running.hung_told = true;
      say_(fmt::format("close to its time limit: {} ({} of {})", running.name, whole_seconds(lasted),
                       text::format_duration(limit)));
    }
  }
}

/// A running test in at most so many columns: its time stays whole, its name is cut.
std::string Progress::shown(uint32_t index, const Running& running, size_t columns) const {
  const auto lasted = static_cast<int64_t>(now() - running.since_ns);
  const int64_t limit = limit_of(index);
  std::string behind;
  if (limit > 0 && lasted >= hung_after(limit)) {
    behind = fmt::format(" hung? {} of {}", whole_seconds(lasted), text::format_duration(limit));
  } else if (lasted >= second) {
    const bool slow = options_.slow_ns > 0 && lasted >= options_.slow_ns;
    behind = fmt::format(" {}{}", slow ? "slow " : "", whole_seconds(lasted));
  }
  if (behind.size() + 6 > columns) return text::within_columns(running.name + behind, columns);
  return end_within(running.name, columns - behind.size()) + behind;
}

std::string Progress::line(size_t columns) const {
  std::string line = fmt::format("[{}/{}", ended_, scripts_);
  line += bad_ == 0 ? "] " : fmt::format(", {} failed] ", bad_);
  // Who has run longest stands first: that is what people wait for.
  std::vector<std::pair<uint64_t, uint32_t>> order;
  for (const auto& [index, running] : running_) order.emplace_back(running.since_ns, index);
  std::sort(order.begin(), order.end());
  // A test whose name would be cut to nothing is counted instead, but for the first.
  constexpr size_t least = 16;
  size_t used = text::columns_at_most(line);
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t others = order.size() - i - 1;
    const std::string rest = others == 0 ? "" : fmt::format(", {} more", others);
    const size_t room = columns > used + rest.size() ? columns - used - rest.size() : 0;
    const std::string between = i == 0 ? "" : ", ";
    const Running& running = running_.at(order[i].second);
    const std::string one =
        room > between.size() ? shown(order[i].second, running, room - between.size()) : "";
    const bool fits =
        room > between.size() && (i == 0 || room >= least + between.size() || one.starts_with(running.name));
    if (!fits) {
      line += i == 0 ? "" : fmt::format(", {} more", others + 1);
      break;
    }
    line += between + one;
    used += between.size() + text::columns_at_most(one);
  }
  return text::within_columns(line, columns);
}

size_t Progress::columns_now() const {
  // The last column stays free: some terminals go on to the next line when it is written.
  return std::max<size_t>(options_.columns ? options_.columns() : 80, 2) - 1;
}

std::string_view Progress::erasing(size_t columns) const {
  // Not below the line without need: tmux keeps what is erased so when nothing stands above it.
  return drawn_.empty() || drawn_columns_ == columns ? "\r\x1b[K" : "\r\x1b[J";
}

void Progress::draw(bool at_once) {
  if (!options_.live) return;
  if (running_.empty()) return wipe();
  const uint64_t time = now();
  const size_t columns = columns_now();
  const bool recently = drawn_ns_ != 0 && time - drawn_ns_ < draw_interval_ns;
  if (recently && !at_once && columns == drawn_columns_) return;
  std::string now_shown = line(columns);
  if (now_shown == drawn_ && columns == drawn_columns_) return;
  // The cursor waits at the line's beginning. A terminal that has become narrower has then broken the line
  // below the cursor, where it can be taken away.
  if (drawn_.empty()) hold_stops(true);
  live_.write(fmt::format("{}{}\r", erasing(columns), now_shown));
  drawn_ = std::move(now_shown);
  drawn_columns_ = columns;
  drawn_ns_ = time;
}

void Progress::wipe() {
  if (drawn_.empty()) return;
  live_.write(erasing(columns_now()));
  drawn_.clear();
  hold_stops(false);
}

}  // namespace testctr::report
