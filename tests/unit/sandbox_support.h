// Containers for the sandbox's own tests: a root directory with busybox in it, and a body that runs one shell
// command.
#pragma once

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/sanitizer.h"
#include "base/sys.h"
#include "sandbox/container.h"
#include "sandbox/shifted.h"

namespace testctr::sandbox::tests {

/// A directory that goes when this goes.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    const char* base = std::getenv("TMPDIR");
    path_ = std::string(base != nullptr ? base : "/tmp") + "/sandbox-test-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    if (!path_.empty()) (void)sys::remove_tree(path_);
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Runs a command on the host, for preparations. @return whether it succeeded.
inline bool host(const std::string& command) { return std::system(command.c_str()) == 0; }

/// Root on an old kernel: host directories cannot come in with their owners changed.
inline bool without_id_mapping() { return geteuid() == 0 && !id_mapping_available(); }

inline bool have_busybox() { return access("/bin/busybox", X_OK) == 0; }

/// A layer with /bin/busybox, /bin/sh and an /etc/passwd.
inline std::string busybox_layer(const TemporaryDirectory& where) {
  std::string layer = where / "layer";
  host("mkdir -p " + layer + "/bin " + layer + "/etc && cp /bin/busybox " + layer +
       "/bin/ && for a in sh cat ls id mount touch mkdir rm rmdir chown stat echo test ps sleep kill "
       "readlink grep"
       " hostname umount unshare chroot mknod mkfifo; do ln -sf busybox " +
       layer +
       "/bin/$a; done && printf 'root:x:0:0:root:/root:/bin/sh\\nalice:x:1234:1234::/home/alice:/bin/sh\\n' "
       "> " +
       layer + "/etc/passwd");
  return layer;
}

/// A container to be: with busybox in its root. Where there is no busybox, only its folder is made.
struct BusyboxFixture {
  TemporaryDirectory dir;
  Spec spec;
  BusyboxFixture() {
    chmod(dir.path().c_str(), 0755);
    if (!have_busybox()) return;
    spec.root.layers = {busybox_layer(dir)};
    spec.program = std::move(sys::self_path()).value();
  }
};

struct Outcome {
  std::string output;  ///< what the command wrote, or the set-up error
  int status = -1;     ///< of the command
  Ending ending;
};

/// Runs `sh -c command` inside as the interpreter would: a child of the body, its output through a pipe, sent
/// over the channel.
inline int run_shell(Inside& in, const std::string& command) {
  auto [reader, writer] = std::move(sys::pipe()).value();
  pid_t pid = fork();
  if (pid == 0) {
    dup2(writer.get(), 1);
    dup2(writer.get(), 2);
    setenv("PATH", "/bin", 1);
    execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  writer.reset();
  std::string output = std::move(sys::read_all(reader.get(), 1 << 20)).value();
  int status = 0;
  waitpid(pid, &status, 0);
  for (const std::string& note : in.notes()) (void)note;
  (void)sys::write_full(in.channel(), output);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

inline Outcome run(const Spec& spec, const Body& body) {
  Outcome outcome;
  auto container = Container::start(spec, body);
  if (!container.ok()) {
    outcome.output = container.error().full();
    outcome.ending.setup_error = container.error();
    return outcome;
  }
  outcome.output = std::move(sys::read_all(container.value().channel(), 1 << 20)).value();
  outcome.ending = std::move(container.value().finish()).value();
  outcome.status = outcome.ending.exit_status;
  if (outcome.ending.setup_error) outcome.output = outcome.ending.setup_error->full();
  return outcome;
}

inline Outcome run(const Spec& spec, const std::string& command) {
  return run(spec, [&](Inside& in) { return run_shell(in, command); });
}

}  // namespace testctr::sandbox::tests
