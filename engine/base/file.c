#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

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
