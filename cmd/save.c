#include "save.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Only a file of its own kind is replaced. */
static bool is_special(const char *path) {
  struct stat stat_;
  return stat(path, &stat_) == 0 && !S_ISREG(stat_.st_mode);
}

int save_check(const char *path) {
  char copy[PATH_MAX];
  struct stat stat_;
  if (stat(path, &stat_) == 0 && S_ISDIR(stat_.st_mode))
    return EISDIR;
  if (is_special(path))
    return access(path, W_OK) == 0 ? 0 : errno;
  if (strlen(path) >= sizeof copy)
    return ENAMETOOLONG;
  snprintf(copy, sizeof copy, "%s", path);
  return access(dirname(copy), W_OK | X_OK) == 0 ? 0 : errno;
}

static int write_all(int fd, const char *data, size_t len) {
  while (len > 0) {
    ssize_t n = write(fd, data, len);
    if (n < 0 && errno != EINTR)
      return errno;
    if (n > 0) {
      data += n;
      len -= (size_t)n;
    }
  }
  return 0;
}

static int write_to(const char *path, int flags, const char *data, size_t len) {
  int fd = open(path, flags | O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0)
    return errno;
  int error = write_all(fd, data, len);
  if (close(fd) != 0 && !error)
    error = errno;
  return error;
}

int save_file(const char *path, const char *data, size_t len) {
  char beside[PATH_MAX];
  if (is_special(path))
    return write_to(path, 0, data, len);
  if (snprintf(beside, sizeof beside, "%s.%ld.tmp", path, (long)getpid()) >= (int)sizeof beside)
    return ENAMETOOLONG;
  int error = write_to(beside, O_TRUNC, data, len);
  if (!error && rename(beside, path) != 0)
    error = errno;
  if (error)
    unlink(beside);
  return error;
}

int save_append(const char *path, const char *data, size_t len) {
  return write_to(path, O_APPEND, data, len);
}

uint64_t save_size(const char *path) {
  struct stat stat_;
  return stat(path, &stat_) == 0 && stat_.st_size > 0 ? (uint64_t)stat_.st_size : 0;
}
