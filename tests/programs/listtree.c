// Lists a tree as a process in it sees it: one line for each entry, sorted by its bytes, with the name (bytes outside printable ASCII as \xNN),
// type, mode, owner, group, the first name with the same inode, the target of a link, size and a sum of the content, and all extended
// attributes. Usage: listtree DIR
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

struct seen {
  dev_t dev;
  ino_t ino;
  char *path;
};
static struct seen *seen;
static size_t seen_count;

static void shown(const char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)bytes[i];
    if (c > ' ' && c < 0x7f && c != '\\')
      putchar(c);
    else
      printf("\\x%02x", c);
  }
}

static const char *first_name(const struct stat *st, const char *path) {
  for (size_t i = 0; i < seen_count; i++)
    if (seen[i].dev == st->st_dev && seen[i].ino == st->st_ino) return seen[i].path;
  seen = realloc(seen, (seen_count + 1) * sizeof *seen);
  if (!seen) exit(3);
  seen[seen_count++] = (struct seen){st->st_dev, st->st_ino, strdup(path)};
  return path;
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void attributes(const char *path) {
  static char names[65536], value[65536];
  ssize_t size = llistxattr(path, names, sizeof names);
  if (size < 0) {
    printf(" xattr:%s", strerrorname_np(errno));
    return;
  }
  char *list[256];
  size_t count = 0;
  for (char *p = names; p < names + size && count < 256; p += strlen(p) + 1) list[count++] = p;
  qsort(list, count, sizeof *list, by_bytes);
  for (size_t i = 0; i < count; i++) {
    ssize_t n = lgetxattr(path, list[i], value, sizeof value);
    putchar(' ');
    shown(list[i], strlen(list[i]));
    putchar('=');
    if (n < 0)
      printf("%s", strerrorname_np(errno));
    else
      shown(value, (size_t)n);
  }
}

static void content(const char *path) {
  int fd = open(path, O_RDONLY | O_NOFOLLOW);
  if (fd < 0) {
    printf(" content:%s", strerrorname_np(errno));
    return;
  }
  unsigned char buffer[4096];
  uint64_t sum = 0xcbf29ce484222325u, size = 0;
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0; size += (uint64_t)n)
    for (ssize_t i = 0; i < n; i++) sum = (sum ^ buffer[i]) * 0x100000001b3u;
  printf(" %llu:%016llx", (unsigned long long)size, (unsigned long long)sum);
  close(fd);
}

static void list(const char *path, const char *name) {
  struct stat st;
  shown(name, strlen(name));
  if (lstat(path, &st) != 0) {
    printf(" %s\n", strerrorname_np(errno));
    return;
  }
  printf(" %o %u:%u ", st.st_mode, st.st_uid, st.st_gid);
  const char *first = S_ISDIR(st.st_mode) ? name : first_name(&st, name);
  shown(first, strlen(first));
  if (S_ISLNK(st.st_mode)) {
    char target[4096];
    ssize_t n = readlink(path, target, sizeof target);
    printf(" -> ");
    shown(target, n > 0 ? (size_t)n : 0);
  }
  if (S_ISREG(st.st_mode)) content(path);
  attributes(path);
  putchar('\n');
  if (!S_ISDIR(st.st_mode)) return;
  DIR *dir = opendir(path);
  if (!dir) {
    printf("  opendir:%s\n", strerrorname_np(errno));
    return;
  }
  char **names = NULL;
  size_t count = 0;
  for (struct dirent *e; (e = readdir(dir));) {
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
    names = realloc(names, (count + 1) * sizeof *names);
    if (!names) exit(3);
    names[count++] = strdup(e->d_name);
  }
  closedir(dir);
  if (count) qsort(names, count, sizeof *names, by_bytes);
  for (size_t i = 0; i < count; i++) {
    char *full, *relative;
    if (asprintf(&full, "%s/%s", path, names[i]) < 0 || asprintf(&relative, "%s/%s", name, names[i]) < 0) exit(3);
    list(full, relative);
    free(full);
    free(relative);
    free(names[i]);
  }
  free(names);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  list(argv[1], ".");
  return fflush(stdout) == 0 ? 0 : 3;
}
