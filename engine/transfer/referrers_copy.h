/* transfer/referrers_copy.h - brings what refers to an image after it: to the image itself, to an
 * index's children, and to what was brought for them in turn.
 *   the source's tags: which of cosign's are there?
 *   each manifest: what refers to it at the source? → nothing: done. Else what does each target
 *   list? → copy what is missing → targets without the API: into the index under the fallback tag
 * The tags of cosign (sha256-HEX.sig, .att, .sbom) are looked for one by one only where the source's
 * can't be listed, and then for the image and its children alone.
 * Bounded: 16 manifests and 16 copies at work at once, 8 levels, 1000 referrers of a manifest, 20000
 * manifests. Thread: the loop's. done runs from the ready queue.
 * Source: OCI distribution-spec v1.1, "Listing Referrers"; cosign's signature specification. */
#ifndef DRAY_TRANSFER_REFERRERS_COPY_H
#define DRAY_TRANSFER_REFERRERS_COPY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "transfer/image_copy.h"

struct referrers_copy;

/* Borrowed, for the life of the copy. */
struct referrers_copy_spec {
  struct transfer *transfer;
  const struct oci_repo *src;
  const struct oci_repo *targets[IMAGE_TARGETS_MAX]; /* where the image is by now */
  size_t target_count;                               /* 1..IMAGE_TARGETS_MAX */
  enum if_exists if_exists;                          /* of cosign's tags that point elsewhere */
  uint64_t order;
  const struct manifest_body *root; /* parsed NULL: not at hand */
  const struct oci_repo *readable;  /* what is not at hand is read there */
  bool push;                        /* that is a target */
  void (*done)(void *arg);          /* exactly once */
  void *arg;
};

struct referrers_result {
  bool changed; /* something was written */
  struct manifest_counts counts;
  const struct err *err; /* NULL: all that refers to the image is there */
};

struct referrers_copy *referrers_copy_start(const struct referrers_copy_spec *spec);
void referrers_copy_cancel(struct referrers_copy *copy); /* done follows; ERR_CANCELED */
void referrers_copy_free(struct referrers_copy *copy);   /* after done only */
/* After done; valid until referrers_copy_free(). */
struct referrers_result referrers_copy_result(const struct referrers_copy *copy, size_t target);

#endif
