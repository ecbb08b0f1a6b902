/* transfer/journal_file.h - the journal's file: an SQLite table from keys to bytes, where each row
 * has an owner. Synchronous. A handle is one connection; several of one process, and of others, may
 * be open on one file.
 * Errors of all: ERR_TIMEOUT (locked for longer than wait_ms), ERR_PROTOCOL (it is ours and
 * damaged, or of another version: journal_file_put_aside()), ERR_IO (no room, no permission …).
 * Messages name the file. Thread: any, one at a time. Source: sqlite.org, "Write-Ahead Logging",
 * "Defense Against The Dark Arts", "How To Corrupt An SQLite Database File". */
#ifndef DRAY_TRANSFER_JOURNAL_FILE_H
#define DRAY_TRANSFER_JOURNAL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

struct journal_file;

/* Times are seconds since 1970. Rows that were last written longer ago than this are dropped. */
#define JOURNAL_KEPT_S ((int64_t)7 * 24 * 3600)

/* *file is NULL where there is no such file, or nothing was ever in it, and create is false.
 * create: it is made, 0600, with the folders to it (0700). owner (copied) is whose rows are one's
 * own: owner_new(). Further errors: ERR_CONFIG (it is somebody else's file, and was left alone). */
int journal_file_open(const char *path, const char *owner, bool create, int wait_ms,
                      struct journal_file **file, struct err *err);
/* NULL is fine. The last one to close a file leaves it alone, without SQLite's files beside it. */
void journal_file_close(struct journal_file *file);

/* Where there is no file: could one be made? Further errors: ERR_CONFIG (path is none of a file).
 */
int journal_file_may_be_made(const char *path, struct err *err);

/* Renames it to PATH.bad, with what SQLite has beside it. No handle of this process may be open. */
int journal_file_put_aside(const char *path, struct err *err);

/* Calls found for each row, and drops those that are too old. */
int journal_file_list(struct journal_file *file, int64_t now_s,
                      void (*found)(void *arg, const char *key), void *arg, struct err *err);

/* Makes key's row one's own. *bytes, the caller's, is NULL where there is no such row, or its owner
 * lives. */
int journal_file_claim(struct journal_file *file, const char *key, int64_t now_s, void **bytes,
                       size_t *len, struct err *err);

struct journal_row {
  struct list node;
  char *key;
  void *bytes; /* NULL: the row is to go */
  size_t len;
};
void journal_row_free(struct journal_row *row);

/* Writes rows, a list of struct journal_row, as one's own, all or none; where another owner of a
 * row lives, it is left as it is. release: then gives back all that is one's own. */
int journal_file_write(struct journal_file *file, const struct list *rows, int64_t now_s,
                       bool release, struct err *err);

/* "SQLite/3.40.1": what is inside; the caller's. */
char *journal_file_library(void);

#endif
