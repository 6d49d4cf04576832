// The part of the topic `engines` that is about Docker's and Podman's.
#pragma once

namespace testctr::cmd {

#define TESTCTR_TOPIC_ENGINES_BY_API \
  R"(--engine docker, --engine podman
  The container is made by an engine of this machine, by its API on a Unix socket; its own command line
  program is not needed. The socket is the one that its client would take:
    docker  DOCKER_HOST, the current context (DOCKER_CONTEXT, config.json), /var/run/docker.sock,
            docker.sock in XDG_RUNTIME_DIR
    podman  CONTAINER_HOST, the default connection where that is a socket, /run/podman/podman.sock for
            root, podman/podman.sock in XDG_RUNTIME_DIR for others
  tcp:// and ssh:// are not spoken. Where nothing listens: `sudo systemctl start docker`,
  `systemctl --user start podman.socket`.

  Images come from our store, verified, and are loaded into the engine once, as
  localhost/testctr-script:DIGEST. Those of another version of this program are removed when one is
  loaded; all of them by `docker image prune -a --filter label=org.testctr.image`. Containers are called
  testctr-..., have the label org.testctr.owner, and are removed at their end, or by the next run when this
  program was killed.

  What is as in native containers: the script's report, the test tree, --bin, --mount, --artifacts, limits
  of memory, processes, processors and time, the system call filter with its report, services, `testctr`,
  one $WORK for several places.
  What is not: hostfs and dir: images, --ids and --scratch are errors; scratch space has no bound. The
  engine's root runs what is root inside: that of the machine, where it is not an engine of your own. A
  limit of memory, processes or processors that the engine cannot keep is an error where it was asked
  for. Mounts, --bin, services and host sections need an engine that sees this machine's files;
  `-p PORT` one whose containers this program may enter (as root, or an engine of your own). In a test of
  several places, all have one host name. --seccomp FILE stands below the engine's own filter, the default
  one in place of it.
)"

}  // namespace testctr::cmd
