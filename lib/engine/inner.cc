#include "engine/inner.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstring>

#include "base/sys.h"
#include "base/text.h"
#include "engine/courier.h"
#include "engine/lane.h"
#include "image/tree.h"
#include "run/inside.h"
#include "sandbox/confine.h"
#include "sandbox/confined.h"
#include "sandbox/ids.h"

namespace testctr::engine {
namespace {

constexpr size_t largest_setup = size_t{4} << 20;

Result<std::vector<std::string>> strings(const Json& object, const char* key) {
  std::vector<std::string> all;
  if (const Json* list = json::find(object, key, Json::value_t::array); list != nullptr)
    for (const Json& one : *list) all.push_back(json::bytes_of(one));
  return all;
}

/// The first process.
class First {
 public:
  int run() {
    sandbox::reset_signals();
    ::signal(SIGPIPE, SIG_IGN);
    ::umask(022);
    auto status = live();
    if (status.ok()) return status.value();
    say(status.error());
    return setup_failed;
  }

 private:
  static void say(const Error& error) {
    (void)sys::write_full(STDERR_FILENO, error.message() + "\n" + error.hint());
  }

  Result<int> live() {
    setup_ = TRY(read_setup());
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return Error::system("prctl", "PR_SET_DUMPABLE");
    CHECK_OK(prepare());
    auto [ours, theirs] = TRY(sys::socket_pair(SOCK_STREAM));
    const pid_t child = ::fork();
    if (child < 0) return Error::system("fork", "");
    if (child == 0) {
      ours.reset();
      be_resident(theirs.get());
    }
    theirs.reset();
    const bool heard = TRY(carry(ours.get()));
    ours.reset();
    int status = 0;
    if (heard) {
      while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
      }
    }
    give_back();
    if (!heard) return 1;
    (void)sys::write_full(STDERR_FILENO, encode(usage()));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  static Result<InnerSetup> read_setup() {
    std::array<uint8_t, 4> head{};
    if (TRY(sys::read_full(STDIN_FILENO, head.data(), head.size())) != head.size())
      return Error::usage("this command is called in a container by the program outside, and by nobody else");
    const size_t size =
        size_t{head[0]} | size_t{head[1]} << 8 | size_t{head[2]} << 16 | size_t{head[3]} << 24;
    if (size > largest_setup) return Error::infrastructure("the setup of the container is too large");
    std::string bytes(size, '\0');
    if (TRY(sys::read_full(STDIN_FILENO, bytes.data(), size)) != size)
      return Error::infrastructure("the setup of the container was cut off");
    return decode_setup(bytes);
  }

  // What root alone can do, before anything of the test runs.
  Status prepare() {
    for (const InnerSetup::Seen& seen : setup_.seen) {
      const auto st = TRY(sys::stat_at(AT_FDCWD, seen.path, 0));
      if (!st || st->st_dev != seen.device || st->st_ino != seen.inode) {
        return Error::infrastructure(fmt::format("{} is not what it is outside: the engine sees other files "
                                                 "than this program",
                                                 seen.path))
            .hint(
                "mounts, --bin and tests in several places need an engine that runs on this machine, beside "
                "this program and not around it");
      }
    }
    if (!TRY(sys::stat_at(AT_FDCWD, "/tmp")))
      if (::mkdir("/tmp", 0777) != 0 || ::chmod("/tmp", 01777) != 0) return Error::system("mkdir", "/tmp");
    if (setup_.working_dir.starts_with('/'))
      (void)sys::make_dirs(setup_.working_dir, 0755).ok();  // where it cannot be, it shows when it is entered
    if (!setup_.work.empty()) CHECK_OK(prepare_work());
    return add_names();
  }

  Status prepare_work() const {
    CHECK_OK(sys::make_dirs(setup_.work, 0755));
    const sandbox::Account account = TRY(own_account());
    if (account.uid == 0) return {};
    // Nobody comes past the folder above it on the host.
    if (setup_.shared_work) {
      (void)::chmod(setup_.work.c_str(), 0777);
    } else if (::chown(setup_.work.c_str(), account.uid, account.gid) != 0) {
      return Error::system("chown", setup_.work);
    }
    return {};
  }

  [[nodiscard]] Result<sandbox::Account> own_account() const {
    constexpr size_t largest = size_t{16} << 20;
    auto passwd = sys::read_file("/etc/passwd", largest), group = sys::read_file("/etc/group", largest);
    return sandbox::resolve_user(setup_.user, passwd.ok() ? passwd.value() : "",
                                 group.ok() ? group.value() : "");
  }

  Status add_names() const {
    if (setup_.names.empty()) return {};
    constexpr size_t largest = size_t{1} << 20;
    auto known = sys::read_file("/etc/hosts", largest);
    std::string added;
    for (const std::string& name : setup_.names) {
      const std::string line = fmt::format("127.0.0.1\t{}\n", name);
      if (!known.ok() || known.value().find(line) == std::string::npos) added += line;
    }
    if (added.empty()) return {};
    if (known.ok() && !known.value().empty() && known.value().back() != '\n') added = "\n" + added;
    const Fd file = TRY(sys::open("/etc/hosts", O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0644));
    return sys::write_full(file.get(), added);
  }

  [[noreturn]] void be_resident(int channel) const {
    Fd telling(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
    sandbox::ConfinedSpec spec;
    spec.channel = channel;
    spec.user = setup_.user;
    const bool own = setup_.seccomp == "default" || setup_.seccomp == "unconfined";
    spec.seccomp = own ? setup_.seccomp : "profile";
    if (!own) spec.profile = setup_.seccomp;
    spec.dies_with_parent = true;
    spec.notes = setup_.notes;
    spec.keep_open = {telling.get()};
    const int told = telling.get();
    spec.failed = [told](const Error& error) {
      (void)sys::write_full(told, error.message() + "\n" + error.hint());
      ::_exit(setup_failed);
    };
    sandbox::run_confined(spec, run::carry_out_inside);
  }

  // @return whether it came to the end of who carries lines out; else the outside is gone, or wants us to end
  static Result<bool> carry(int channel) {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
    const Fd told(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!told.valid()) return Error::system("signalfd", "");
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, channel}) CHECK_OK(do_not_block(fd));
    Lane in(STDIN_FILENO, channel), out(channel, STDOUT_FILENO);
    for (;;) {
      CHECK_OK(out.move());
      CHECK_OK(in.move());
      if (out.ended() && (!out.writes() || out.broken())) return true;
      if (in.ended() || out.broken()) return false;
      const auto events = [](bool reads, bool writes) {
        return static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0));
      };
      std::array<pollfd, 4> polled{pollfd{told.get(), POLLIN, 0},
                                   pollfd{STDIN_FILENO, events(in.reads(), false), 0},
                                   pollfd{STDOUT_FILENO, events(false, out.writes()), 0},
                                   pollfd{channel, events(out.reads(), in.writes()), 0}};
      for (pollfd& one : polled) {
        // A reader of our output that is gone is told without being asked for.
        if (one.events == 0 && one.fd != STDOUT_FILENO) one.fd = -1;
      }
      if (::poll(polled.data(), polled.size(), -1) > 0 && polled[0].revents != 0) return false;
    }
  }

  // The container's own control group: of version 2, or those of version 1 that are seen beside each other.
  static InnerUsage usage() {
    const auto text = [](const char* path) {
      auto content = sys::read_file(std::string("/sys/fs/cgroup/") + path, size_t{64} << 10);
      return content.ok() ? content.value() : std::string();
    };
    const auto number = [](std::string_view content) {
      uint64_t value = 0;
      content = text::trim(content);
      std::from_chars(content.data(), content.data() + content.size(), value);
      return value;
    };
    const auto after = [&](const std::string& content, std::string_view key) -> uint64_t {
      for (std::string_view line : text::lines(content)) {
        if (line.starts_with(key) && line.substr(key.size()).starts_with(' '))
          return number(line.substr(key.size() + 1));
      }
      return 0;
    };
    InnerUsage usage;
    usage.out_of_memory = after(text("memory.events"), "oom_kill") != 0 ||
                          after(text("memory/memory.oom_control"), "oom_kill") != 0;
    usage.pids_refused =
        after(text("pids.events"), "max") != 0 || after(text("pids/pids.events"), "max") != 0;
    usage.peak_memory =
        std::max(number(text("memory.peak")), number(text("memory/memory.max_usage_in_bytes")));
    usage.cpu_ns =
        std::max(after(text("cpu.stat"), "usage_usec") * 1000, number(text("cpuacct/cpuacct.usage")));
    return usage;
  }

  // The host's user is to be able to remove what is his.
  void give_back() const {
    if (!setup_.shared_work) return;
    ::kill(-1, SIGKILL);
    auto root = sys::open(setup_.work, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!root.ok()) return;
    const uid_t owner = setup_.work_owner;
    (void)image::walk_tree(root.value().get(), {}, [owner](const image::TreeEntry& entry) -> Status {
      if (entry.st.st_uid != owner)
        (void)!::fchownat(entry.parent, entry.name.c_str(), owner, static_cast<gid_t>(-1),
                          AT_SYMLINK_NOFOLLOW);
      return {};
    }).ok();
  }

  InnerSetup setup_;
};

}  // namespace

std::string encode(const InnerSetup& setup) {
  Json value{{"user", json::binary(setup.user)},
             {"directory", json::binary(setup.working_dir)},
             {"seccomp", json::binary(setup.seccomp)},
             {"names", Json::array()},
             {"work", json::binary(setup.work)},
             {"shared", setup.shared_work},
             {"owner", setup.work_owner},
             {"seen", Json::array()},
             {"notes", Json::array()}};
  for (const std::string& name : setup.names) value["names"].push_back(json::binary(name));
  for (const std::string& note : setup.notes) value["notes"].push_back(json::binary(note));
  for (const InnerSetup::Seen& seen : setup.seen)
    value["seen"].push_back(
        {{"path", json::binary(seen.path)}, {"device", seen.device}, {"inode", seen.inode}});
  const std::string bytes = json::to_cbor(value);
  std::string head;
  for (int i = 0; i < 4; ++i) head += static_cast<char>(bytes.size() >> (8 * i) & 0xff);
  return head + bytes;
}

Result<InnerSetup> decode_setup(std::string_view bytes) {
  const Json value = TRY(json::from_cbor(bytes));
  if (!value.is_object()) return Error::infrastructure("the setup of the container is none");
  InnerSetup setup;
  const auto bytes_in = [&value](const char* key) {
    return value.contains(key) ? json::bytes_of(value.at(key)) : std::string();
  };
  setup.user = bytes_in("user");
  setup.working_dir = bytes_in("directory");
  setup.seccomp = bytes_in("seccomp");
  setup.work = bytes_in("work");
  setup.names = TRY(strings(value, "names"));
  setup.notes = TRY(strings(value, "notes"));
  const Json* shared = json::find(value, "shared", Json::value_t::boolean);
  setup.shared_work = shared != nullptr && shared->get<bool>();
  setup.work_owner = static_cast<uint32_t>(TRY(json::get_int(value, "owner", 0)));
  if (const Json* list = json::find(value, "seen", Json::value_t::array); list != nullptr) {
    for (const Json& one : *list) {
      InnerSetup::Seen seen;
      if (one.is_object() && one.contains("path")) seen.path = json::bytes_of(one.at("path"));
      seen.device = static_cast<uint64_t>(TRY(json::get_int(one, "device")));
      seen.inode = static_cast<uint64_t>(TRY(json::get_int(one, "inode")));
      setup.seen.push_back(std::move(seen));
    }
  }
  return setup;
}

std::string encode(const InnerUsage& usage) {
  return json::dump(Json{{"oom", usage.out_of_memory},
                         {"pids", usage.pids_refused},
                         {"peak", usage.peak_memory},
                         {"cpu", usage.cpu_ns}});
}

std::optional<InnerUsage> decode_usage(std::string_view text) {
  const auto value = json::parse(text);
  if (!value.ok() || !value.value().is_object()) return std::nullopt;
  const auto flag = [&](const char* key) {
    const Json* found = json::find(value.value(), key, Json::value_t::boolean);
    return found != nullptr && found->get<bool>();
  };
  const auto number = [&](const char* key) {
    const auto found = json::get_int(value.value(), key, 0);
    return found.ok() ? static_cast<uint64_t>(std::max<int64_t>(found.value(), 0)) : 0;
  };
  InnerUsage usage;
  usage.out_of_memory = flag("oom");
  usage.pids_refused = flag("pids");
  usage.peak_memory = number("peak");
  usage.cpu_ns = number("cpu");
  return usage;
}

int be_first_process() { return First().run(); }

}  // namespace testctr::engine
