/* cmd/save.h - whole files. All return 0 or an errno. */
#ifndef DRAY_CMD_SAVE_H
#define DRAY_CMD_SAVE_H

#include <stddef.h>
#include <stdint.h>

/* Whether save_file() can do it, as far as can be told before. */
int save_check(const char *path);

/* A reader sees the file that was there, or all of the new one. What is no regular file (a terminal, a
 * pipe) is written to as it is. */
int save_file(const char *path, const char *data, size_t len);

/* At the end of what is there. */
int save_append(const char *path, const char *data, size_t len);

uint64_t save_size(const char *path); /* bytes; 0 where there is none */

#endif
