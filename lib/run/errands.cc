#include "run/errands.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <charconv>
#include <csignal>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/lookup.h"
#include "interpret/open_plain.h"
#include "interpret/port.h"
#include "interpret/session.h"
#include "interpret/spawn.h"

namespace testctr::run {
namespace {

constexpr uint64_t stop_grace_ns = 10'000'000'000;
constexpr uint64_t probe_limit_ns = 5'000'000'000;
constexpr size_t file_limit = size_t{64} << 20;

std::vector<std::string> as_list(const std::map<std::string, std::string>& environment) {
  std::vector<std::string> list;
  for (const auto& [name, value] : environment) list.push_back(name + "=" + value);
  return list;
}

std::string value_of(const std::map<std::string, std::string>& environment, const std::string& name) {
  auto it = environment.find(name);
  return it == environment.end() ? "" : it->second;
}

bool is_directory(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

Result<interpret::Program> program_for(const std::vector<std::string>& words, const std::string& directory,
                                       const std::map<std::string, std::string>& environment) {
  if (words.empty()) return Error::usage("no program is named");
  interpret::Program program;
  program.directory = directory;
  program.environment = as_list(environment);
  program.arguments = words;
  program.path = TRY(interpret::find_program(words.front(), value_of(environment, "PATH"), directory));
  return program;
}

Error start_error(const interpret::StartError& error, const std::string& path, const std::string& directory) {
  if (error.step == interpret::StartError::Step::execute)
    return interpret::explain_start(path, directory, error.number);
  return Error::system("clone", path, error.number);
}

Status write_file(const std::string& path, std::string_view bytes, mode_t mode) {
  Fd file = TRY(interpret::open_plain(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY, mode));
  struct stat st {};
  if (::fstat(file.get(), &st) != 0 || !S_ISREG(st.st_mode)) return Error::usage("not a regular file");
  return sys::write_full(file.get(), bytes);
}

Result<Reply> read_file(const std::string& path) {
  Fd file = TRY(interpret::open_plain(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat st {};
  if (::fstat(file.get(), &st) != 0 || !S_ISREG(st.st_mode)) return Error::usage("not a regular file");
  Reply reply;
  reply.out = TRY(sys::read_all(file.get(), file_limit));
  reply.err = fmt::format("{:o}", st.st_mode & 0777);
  return reply;
}

}  // namespace

Errands::~Errands() {
  if (log_.valid()) children_.unlisten(log_.get());
}

Status Errands::start_service(const ServiceAssignment& service) {
  auto [reader, writer] = TRY(sys::pipe());
  Fd out = TRY(interpret::above_standard(std::move(writer)));
  Fd in = TRY(interpret::above_standard(std::move(reader)));
  if (::fcntl(in.get(), F_SETFL, O_NONBLOCK) < 0) return Error::system("fcntl", "O_NONBLOCK");
  const std::string directory = is_directory(service.directory) ? service.directory : "/";
  interpret::Program program = TRY(program_for(service.words, directory, service.environment));
  program.output = program.error = out.get();
  const std::string path = program.path;
  auto launched = TRY(children_.launch_into(std::move(program)));
  if (launched.job == nullptr) return start_error(launched.error, path, directory);
  service_ = launched.job;
  log_ = std::move(in);
  children_.listen(log_.get(), [this] { read_log(); });
  return {};
}

void Errands::read_log() {
  std::array<char, 32768> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  const ssize_t n = ::read(log_.get(), chunk.data(), chunk.size());
  if (n > 0) return telling_.log({chunk.data(), static_cast<size_t>(n)});
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  children_.unlisten(log_.get());
  log_.reset();
}

void Errands::take(uint64_t id, const Request& request) {
  switch (request.kind) {
    case Request::Kind::exec:
      return run(id, request, /*probe=*/false);
    case Request::Kind::is_ready:
      return probe(id, request);
    case Request::Kind::stop:
      return stop(id);
    case Request::Kind::cp:
      return copy(id, request);
    default:
      return refuse(id, Error::internal("a request that is not for a container"));
  }
}

void Errands::refuse(uint64_t id, const Error& error) {
  Reply reply;
  reply.error = error.message();
  reply.hint = error.hint();
  reply.misuse = error.fault() == Fault::usage;
  telling_.answer(id, reply);
}

Result<interpret::Job*> Errands::launch(const std::vector<std::string>& words, const std::string& directory) {
  interpret::Program program = TRY(program_for(words, directory, setting_.environment));
  const std::string path = program.path;
  auto launched = TRY(children_.launch(std::move(program)));
  if (launched.job == nullptr) return start_error(launched.error, path, directory);
  return launched.job;
}

void Errands::run(uint64_t id, const Request& request, bool probe) {
  std::string directory = interpret::replace_token(request.directory, work_token, setting_.work);
  if (directory.empty() || !is_directory(directory))
    directory = is_directory(setting_.work) ? setting_.work : "/";
  const auto& words = probe ? request.ready_words : request.words;
  auto job = launch(words, directory);
  if (!job.ok() && probe) return telling_.answer(id, Reply{});
  if (!job.ok()) return refuse(id, job.error());
  const uint64_t limit = probe ? probe_limit_ns : static_cast<uint64_t>(setting_.case_timeout_ns);
  const uint64_t deadline = limit == 0 ? UINT64_MAX : sys::monotonic_ns() + limit;
  running_.push_back({id, job.value(), deadline, probe});
}

void Errands::probe(uint64_t id, const Request& request) {
  Reply reply;
  if (request.ready == "exec") return run(id, request, /*probe=*/true);
  if (request.ready == "port") {
    unsigned port = 0;
    const std::string& word = request.ready_words.front();
    std::from_chars(word.data(), word.data() + word.size(), port);
    reply.holds = interpret::port_is_open(static_cast<uint16_t>(port));
  } else if (request.ready == "file") {
    const std::string& path = request.ready_words.front();
    reply.holds = ::faccessat(AT_FDCWD, (path.starts_with('/') ? path : setting_.work + "/" + path).c_str(),
                              F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  } else {
    reply.holds = service_ != nullptr && !service_->status;
  }
  telling_.answer(id, reply);
}

void Errands::stop(uint64_t id) {
  if (service_ == nullptr || service_->status) return telling_.answer(id, Reply{});
  stoppers_.push_back(id);
  if (kill_at_ns_ == 0) kill_at_ns_ = sys::monotonic_ns() + stop_grace_ns;
  (void)::kill(-service_->pid, SIGTERM);
}

void Errands::copy(uint64_t id, const Request& request) {
  const std::string& path = request.words[1];
  if (!path.starts_with('/'))
    return refuse(id, Error::usage(fmt::format("{} is not an absolute path", text::quoted(path))));
  if (request.words[0] == "get") {
    auto read = read_file(path);
    if (!read.ok())
      return refuse(id, std::move(read).error().in(text::printable(path)).as(Fault::infrastructure));
    return telling_.answer(id, read.value());
  }
  unsigned mode = 0644;
  if (!request.ready.empty()) mode = 0755;
  Status written = write_file(path, request.data, mode);
  if (!written.ok())
    return refuse(id, std::move(written).error().in(text::printable(path)).as(Fault::infrastructure));
  telling_.answer(id, Reply{});
}

void Errands::end(Running& running) {
  Reply reply;
  interpret::Job& job = *running.job;
  if (running.probe) {
    reply.holds = job.status && *job.status == 0;
  } else if (running.late) {
    reply.error = fmt::format("the command's time limit of {} was reached",
                              text::format_duration(setting_.case_timeout_ns));
    reply.hint = "--case-timeout DURATION allows more";
    reply.misuse = true;
  } else if (!job.overflow.empty() || job.trouble) {
    reply.error = "its output could not be kept whole";
    reply.hint = "--max-output SIZE allows more";
    reply.misuse = true;
  } else {
    reply.status = interpret::status_number(*job.status);
    for (auto [from, to] : {std::pair{&job.output, &reply.out}, std::pair{&job.error, &reply.err}}) {
      if (auto text = from->view(); text.ok()) *to = text.value();
    }
  }
  telling_.answer(running.id, reply);
  children_.forget(&job);
}

void Errands::turn() {
  const uint64_t now = sys::monotonic_ns();
  for (auto it = running_.begin(); it != running_.end();) {
    interpret::Job& job = *it->job;
    const bool unreadable = !job.overflow.empty() || job.trouble;
    if (!job.complete() && !unreadable && now < it->deadline_ns) {
      ++it;
      continue;
    }
    it->late = !job.complete() && !unreadable;
    if (!job.complete()) (void)::kill(-job.pid, SIGKILL);
    end(*it);
    it = running_.erase(it);
  }
  if (service_ == nullptr) return;
  if (!service_->status) {
    if (kill_at_ns_ != 0 && now >= kill_at_ns_) (void)::kill(-service_->pid, SIGKILL);
    return;
  }
  while (log_.valid()) {
    // What it wrote last is told before its end; others may keep the pipe open.
    std::array<char, 4096> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
    const ssize_t n = ::read(log_.get(), chunk.data(), chunk.size());
    if (n <= 0) break;
    telling_.log({chunk.data(), static_cast<size_t>(n)});
  }
  telling_.service_ended(interpret::status_number(*service_->status));
  for (uint64_t id : std::exchange(stoppers_, {})) telling_.answer(id, Reply{});
  children_.forget(std::exchange(service_, nullptr));
}

}  // namespace testctr::run
