/* transfer/blob_table.h - each blob once by target registry: the first who wants it copies it.
 * Others who want it in the same repository wait for that copy; if it fails, that is the failure of
 * the one who led it, and the next in line leads. Others who want it in another repository of the
 * same host wait until a manifest that refers to it has been put where it went (ECR mounts from
 * nowhere else), and mount it from there; a registry that declines gets the bytes, and is waited for
 * no more. A leader that fails frees those who wait for it.
 *
 * Nobody waits for a manifest but those whose image comes later in the plan than that manifest's: an
 * image with a smaller or the same number copies the blob itself, also where others, later ones, in
 * its repository were waiting. So whoever waits does so for a smaller number, the smallest waits for
 * nobody, and no circle can come about. A copy itself waits for nobody: only for its places.
 *
 * Wants of one blob for several repositories that are started together share one copy, which reads
 * the source once. At most 256 copies are at work at once, so that memory does not grow with what is
 * planned. Thread: the loop's. */
#ifndef DRAY_TRANSFER_BLOB_TABLE_H
#define DRAY_TRANSFER_BLOB_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "transfer/blob_copy.h"
#include "transfer/known.h"

enum { BLOB_WANTS_MAX = 16 };

struct blob_table;

struct blob_table *blob_table_new(struct transfer *transfer, struct known *known);
void blob_table_free(struct blob_table *table); /* nobody may be waiting */

/* A plain member of whoever wants a blob. What it points to lives until done. */
struct blob_want {
  struct list node;
  struct ready ready;
  struct blob_table *table;
  const struct oci_repo *src;
  const struct oci_descriptor *desc;
  struct blob_target target;
  uint64_t order;           /* its image's place in the plan */
  struct blob_entry *entry; /* NULL: nothing is under way */
  struct blob_entry *led;   /* until blob_want_end() */
  enum blob_outcome outcome;
  bool canceled;
  bool resumed;    /* where an earlier run had stopped */
  uint64_t sent;   /* bytes that this one's copy handed to the target */
  struct err *err; /* NULL: none. Wants are many, and failures few */
  /* Exactly once; err NULL: it is there. */
  void (*done)(struct blob_want *, const struct err *err);
};

/* All of one blob of one source, each for another repository; at most BLOB_WANTS_MAX. */
void blob_wants_start(struct blob_table *table, struct blob_want *const *wants, size_t count);
void blob_want_cancel(struct blob_want *want); /* done follows with ERR_CANCELED */
/* After done: its manifest has been put (or it won't be). Again: nothing happens. */
void blob_want_end(struct blob_want *want, bool put);

#endif
