#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

int file_read(const char *path, size_t max, char **data, size_t *len, struct err *err) {
  *data = NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return err_set(err, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO,
                   "cannot open %s: %s", path, strerror(errno));
  int status = file_read_fd(fd, path, max, data, len, err);
  close(fd);
  return status;
}

int file_read_fd(int fd, const char *name, size_t max, char **data, size_t *len, struct err *err) {
  *data = NULL;
  struct buf buf;
  buf_init(&buf, max);
  char piece[16 * 1024];
  ssize_t got;
  while ((got = read(fd, piece, sizeof piece)) != 0) {
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0 && errno == EAGAIN) { /* a shared standard input may be non-blocking */
      poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
      continue;
    }
    if (got < 0) {
      buf_free(&buf);
      return err_set(err, ERR_IO, "cannot read %s: %s", name, strerror(errno));
    }
    if (buf_add(&buf, piece, (size_t)got) != 0) {
      buf_free(&buf);
      return err_set(err, ERR_TOO_LARGE, "%s has more than %zu bytes", name, max);
    }
  }
  if (len)
    *len = buf.len;
  *data = buf_take(&buf);
  return 0;
}

static int write_all(int fd, const char *data, size_t len) {
  while (len) {
    ssize_t put = write(fd, data, len);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return -1;
    data += put;
    len -= (size_t)put;
  }
  return fsync(fd);
}

/* So that the new name outlives a crash, too; not all file systems can. */
static void sync_folder(const char *path) {
  const char *slash = strrchr(path, '/');
  char *folder = slash ? mem_strndup(path, (size_t)(slash - path) + 1) : mem_strdup(".");
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
  free(folder);
}

/* The file's new content under its name; the descriptor is closed. */
static int put_in_place(int fd, const char *beside, const char *path, const void *data, size_t len,
                        unsigned mode) {
  struct stat before;
  if (stat(path, &before) == 0 && (before.st_uid != geteuid() || before.st_gid != getegid()) &&
      fchown(fd, before.st_uid, before.st_gid) < 0)
    errno = 0; /* it was a courtesy */
  int rc = fchmod(fd, mode) == 0 && write_all(fd, data, len) == 0 ? 0 : -1;
  int why = errno;
  if (close(fd) < 0 && rc == 0) {
    rc = -1;
    why = errno;
  }
  if (rc == 0 && rename(beside, path) < 0) {
    rc = -1;
    why = errno;
  }
  if (rc < 0)
    unlink(beside);
  else
    sync_folder(path);
  errno = why;
  return rc;
}

/* Where path leads to; the caller's. NULL: errno says why, as for a link to nothing. */
static char *real_path(const char *path) {
  struct stat stat;
  char *real = realpath(path, NULL);
  if (!real && errno == ENOENT && lstat(path, &stat) < 0)
    real = mem_strdup(path);
  return real;
}

static int replace(const char *path, const void *data, size_t len, unsigned mode, struct err *err) {
  char *real = real_path(path);
  char *beside = real ? mem_printf("%s.XXXXXX", real) : NULL;
  int fd = beside ? mkostemp(beside, O_CLOEXEC) : -1;
  int rc = fd < 0 ? -1 : put_in_place(fd, beside, real, data, len, mode);
  if (rc < 0)
    err_set(err, ERR_IO, "cannot write %s: %s", path, strerror(errno));
  free(beside);
  free(real);
  return rc < 0 ? -ERR_IO : 0;
}

int file_write(const char *path, const void *data, size_t len, unsigned mode, struct err *err) {
  struct stat before;
  if (stat(path, &before) == 0)
    mode = before.st_mode & 07777;
  return replace(path, data, len, mode, err);
}

/* What can't be made shows when the file is. */
static void make_folders(const char *path) {
  char *folder = mem_strdup(path);
  for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    (void)mkdir(folder, 0700);
    *slash = '/';
  }
  free(folder);
}

int file_write_secret(const char *path, const void *data, size_t len, struct err *err) {
  if (*path)
    make_folders(path);
  return replace(path, data, len, 0600, err);
}
