/* transfer/blob_table.h - each blob once by target repository: the first who wants it copies it,
 * the others wait for that copy. A copy that fails is the failure of the one who led it; the next
 * in line leads then. Wants of one blob for several repositories that are started together share
 * one copy, which reads the source once. At most 256 copies are at work at once, so that memory
 * does not grow with what is planned. Thread: the loop's. */
#ifndef DRAY_TRANSFER_BLOB_TABLE_H
#define DRAY_TRANSFER_BLOB_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "transfer/blob_copy.h"

enum { BLOB_WANTS_MAX = 16 };

struct blob_table;

struct blob_table *blob_table_new(struct transfer *transfer);
void blob_table_free(struct blob_table *table); /* nobody may be waiting */

/* A plain member of whoever wants a blob. What it points to lives until done. */
struct blob_want {
  struct list node;
  struct ready ready;
  const struct oci_repo *src;
  const struct oci_descriptor *desc;
  struct blob_target target;
  struct blob_entry *entry; /* NULL: nothing is under way */
  enum blob_outcome outcome;
  bool resumed;    /* where an earlier run had stopped */
  uint64_t sent;   /* bytes that this one's copy handed to the target */
  struct err *err; /* NULL: none. Wants are many, and failures few */
  /* Exactly once; err NULL: it is there. */
  void (*done)(struct blob_want *, const struct err *err);
};

/* All of one blob of one source, each for another repository; at most BLOB_WANTS_MAX. */
void blob_wants_start(struct blob_table *table, struct blob_want *const *wants, size_t count);
void blob_want_cancel(struct blob_want *want); /* done follows with ERR_CANCELED */

#endif
