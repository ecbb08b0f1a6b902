/* base/file.h - reading and writing small files whole. Blocking; for before or after the loop runs.
 * Thread: any. */
#ifndef DRAY_BASE_FILE_H
#define DRAY_BASE_FILE_H

#include <stddef.h>

#include "base/err.h"

/* Reads at most max bytes of path ("-" is not special). *data is the caller's, terminated by a NUL
 * beyond *len (len may be NULL).
 * Errors: ERR_NOT_FOUND (no such file, or a folder on the way is none), ERR_TOO_LARGE, ERR_IO
 * (everything else, a folder too). Messages name the path. */
int file_read(const char *path, size_t max, char **data, size_t *len, struct err *err);

/* Reads an open stream (such as standard input) to its end in the same way; name is for
 * messages. */
int file_read_fd(int fd, const char *name, size_t max, char **data, size_t *len, struct err *err);

/* Writes path anew, as a whole or not at all, after a crash too: beside it, then in its place. A file
 * that is there keeps its mode, and its owner where we may give files away; a new one has that of
 * mode; of a symbolic link it is what the link leads to that is replaced. Errors: ERR_IO, with the
 * path. */
int file_write(const char *path, const void *data, size_t len, unsigned mode, struct err *err);

/* The same for secrets: its mode is 0600, whatever it was, and folders that are missing on the way
 * are made (0700). */
int file_write_secret(const char *path, const void *data, size_t len, struct err *err);

#endif
