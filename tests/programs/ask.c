// Speaks to a place of a test as the program `testctr` does, and as it never would.
//   ask NAME WORD...      the words to the abstract socket NAME; whether an answer came is the exit status
//   ask NAME --garbage    bytes that are no words
//   ask NAME --flood N WORD...   N times at once, without waiting for an answer
#define _GNU_SOURCE
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int reach(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(name);
  if (length >= sizeof address.sun_path) exit(9);
  memcpy(address.sun_path + 1, name, length);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) == 0) return fd;
  close(fd);
  return -1;
}

static void say(int fd, char **words) {
  for (; *words != NULL; ++words) {
    if (send(fd, *words, strlen(*words) + 1, MSG_NOSIGNAL) < 0) return;
  }
  shutdown(fd, SHUT_WR);
}

int main(int argc, char **argv) {
  if (argc < 3) return 9;
  if (strcmp(argv[2], "--flood") == 0 && argc > 4) {
    for (long i = atol(argv[3]); i > 0; --i) {
      int fd = reach(argv[1]);
      if (fd < 0) continue;
      say(fd, argv + 4);
      close(fd);
    }
    return 0;
  }
  int fd = reach(argv[1]);
  if (fd < 0) {
    perror(argv[1]);
    return 8;
  }
  if (strcmp(argv[2], "--garbage") == 0) {
    char bytes[70000];
    for (size_t i = 0; i < sizeof bytes; ++i) bytes[i] = (char)(i * 7919 >> 3);
    for (int i = 0; i < 2000; ++i) {
      if (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) < 0) break;
    }
    shutdown(fd, SHUT_WR);
  } else {
    say(fd, argv + 2);
  }
  char answer[4096];
  ssize_t got, all = 0;
  while ((got = read(fd, answer, sizeof answer)) > 0) {
    all += got;
    fwrite(answer, 1, (size_t)got, stdout);
  }
  return all > 0 ? 0 : 7;
}
