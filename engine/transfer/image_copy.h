/* transfer/image_copy.h - copy one image to one target, digest unchanged.
 *   what does the target have? → what is at the source? → same: done. Else the tree below it → done
 * Thread: the loop's. planned and done run from the ready queue.
 * Source: OCI distribution-spec v1.1, "Pull", "Push". */
#ifndef DRAY_TRANSFER_IMAGE_COPY_H
#define DRAY_TRANSFER_IMAGE_COPY_H

#include <stdbool.h>

#include "base/err.h"
#include "oci/ref.h"
#include "transfer/manifest_tree.h"
#include "transfer/transfer.h"

struct image_copy;

struct image_result {
  bool unchanged;                /* the target had it already */
  struct oci_digest digest;      /* unset while unknown */
  const char *media_type;        /* "" while unknown; valid until image_copy_free() */
  struct manifest_counts counts; /* pulls: with the root's */
  uint64_t ms;
  const struct err *err; /* NULL: copied, unchanged, or (dry run) planned */
};

/* Borrowed, for the life of the copy. */
struct image_copy_spec {
  struct transfer *transfer;
  const struct oci_ref *src; /* OCI_REGISTRY, with a tag or a digest */
  const struct oci_ref *dst; /* likewise; with a digest it must be the source's */
  void (*planned)(void *arg, const struct image_result *result);
  void (*done)(void *arg, const struct image_result *result); /* exactly once */
  void *arg;
};

struct image_copy *image_copy_start(const struct image_copy_spec *spec);
void image_copy_cancel(struct image_copy *copy); /* done follows with ERR_CANCELED */
void image_copy_free(struct image_copy *copy);   /* after done only; may be called from it */

#endif
