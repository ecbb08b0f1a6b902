/* transfer/blob_copy.h - copy one blob from a repository to one or more others, reading it once.
 *   each upload: HEAD? mount? ┐
 *                             ┴→ places → source ║ uploads → done
 * The uploads read one pipe: the slowest sets the pace. One that holds the others up for
 * BLOB_HOLD_MS (it does not say whether it needs bytes, or takes none while another has none left),
 * or that needs bytes which the pipe does not hold any more, goes on by itself: with places and a
 * read of the source of its own, whose hash begins where the other's was. Each ends by itself; a
 * source that fails, or a wrong digest, is the end of all that read it.
 * Thread: the loop's. target_done and done run from the ready queue. */
#ifndef DRAY_TRANSFER_BLOB_COPY_H
#define DRAY_TRANSFER_BLOB_COPY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "oci/manifest.h"
#include "transfer/transfer.h"

enum { BLOB_HOLD_MS = 20000 };

struct blob_copy;

struct blob_target {
  const struct oci_repo *repo;
  const struct oci_repo *mount_from; /* NULL: do not try a mount */
  bool check;                        /* the blob may be there already */
};

struct blob_copy_result {
  enum blob_outcome outcome;
  uint64_t sent;         /* bytes handed to the target, repeats included */
  bool resumed;          /* where an earlier run had stopped */
  const struct err *err; /* NULL on success; valid during the call */
};

/* Borrowed, for the life of the copy, except that targets is copied. */
struct blob_copy_spec {
  struct transfer *transfer;
  const struct oci_repo *src;
  const struct oci_descriptor *desc;
  const struct blob_target *targets;
  size_t target_count; /* 1..16 */
  bool hurry;          /* others wait for it */
  /* Exactly once for each target. */
  void (*target_done)(void *arg, size_t target, const struct blob_copy_result *result);
  void (*done)(
      void *arg); /* exactly once, when all have ended; blob_copy_free() is allowed in it */
  void *arg;
};

struct blob_copy *blob_copy_start(const struct blob_copy_spec *spec);
/* target_done follows with ERR_CANCELED, the others go on. Again: nothing is waited for any more,
 * when everything is being stopped. */
void blob_copy_cancel(struct blob_copy *copy, size_t target);
void blob_copy_hurry(struct blob_copy *copy); /* others wait for it now */
void blob_copy_free(struct blob_copy *copy);  /* after done only */

#endif
