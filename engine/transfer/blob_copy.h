/* transfer/blob_copy.h - copy one blob from a repository to another.
 *   upload: HEAD? mount? → places → source ║ upload → done
 * Thread: the loop's. done runs from the ready queue. */
#ifndef DRAY_TRANSFER_BLOB_COPY_H
#define DRAY_TRANSFER_BLOB_COPY_H

#include <stdbool.h>

#include "base/err.h"
#include "oci/manifest.h"
#include "transfer/transfer.h"

struct blob_copy;

/* Borrowed, for the life of the copy. */
struct blob_copy_spec {
  struct transfer *transfer;
  const struct oci_repo *src, *dst;
  const struct oci_repo *mount_from; /* NULL: do not try a mount */
  const struct oci_descriptor *desc;
  bool check; /* the blob may be there already */
};

struct blob_copy_result {
  enum blob_outcome outcome;
  uint64_t sent;         /* bytes handed to the target, repeats included */
  const struct err *err; /* NULL on success; valid until blob_copy_free() */
};

/* Exactly once; blob_copy_free() may be called from here. */
typedef void blob_copy_done_fn(void *arg, struct blob_copy *copy,
                               const struct blob_copy_result *result);

struct blob_copy *blob_copy_start(const struct blob_copy_spec *spec, blob_copy_done_fn *done,
                                  void *arg);
void blob_copy_cancel(struct blob_copy *copy); /* done follows with ERR_CANCELED */
void blob_copy_free(struct blob_copy *copy);   /* after done only */

#endif
