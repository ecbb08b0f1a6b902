/* sync/lock.h - the lock file: which digest each mirrored image has. Pure.
 *
 * A text that is read in reviews and merged line by line:
 *   # dray lock 1: TARGET SOURCE DIGEST
 *   ghcr.io/me/pause:3.9 registry.k8s.io/pause:3.9 sha256:…
 * An image a line, sorted by bytes as `LC_ALL=C sort` does; DIGEST is what SOURCE had, before platforms
 * were chosen. The first line says which format it is; of the others blank ones, and those that begin
 * with #, are skipped and not kept. */
#ifndef DRAY_SYNC_LOCK_H
#define DRAY_SYNC_LOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "oci/ref.h"

#define LOCK_FILE_MAX ((size_t)64 * 1024 * 1024) /* bytes */

struct lock;

/* Belongs to its lock, until that image is put again. */
struct lock_entry {
  const char *target, *source; /* as oci_ref_format() has them */
  const char *digest;
};

struct lock *lock_new(void);
void lock_free(struct lock *lock); /* NULL is fine */

/* name is for messages. Lines need not be sorted, and may end with CR LF. An empty text is an empty
 * lock.
 * Errors: ERR_CONFIG, "NAME:LINE: what": another file or format, a line that has not three parts, a
 * bad reference or digest, a target twice. */
int lock_parse(const char *name, const char *text, size_t len, struct lock **lock, struct err *err);

/* Takes the place of the line that target has. */
void lock_put(struct lock *lock, const struct oci_ref *target, const struct oci_ref *source,
              const struct oci_digest *digest);

/* A line of another lock, where target has none yet. */
void lock_keep(struct lock *lock, const struct lock_entry *line);

const struct lock_entry *lock_find(const struct lock *lock,
                                   const struct oci_ref *target); /* or NULL */
size_t lock_count(const struct lock *lock);

/* As map_next(): `for (size_t i = 0; (entry = lock_next(lock, &i));)`, in any order. */
const struct lock_entry *lock_next(const struct lock *lock, size_t *cursor);

char *lock_format(const struct lock *lock); /* the file; the caller's */

#endif
