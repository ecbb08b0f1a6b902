/* base/file.h - reading small files whole. Blocking; for configuration before the loop runs.
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

#endif
