/* transfer/manifest_push.h - one manifest at one repository: is it there, and putting it there.
 *   HEAD; PUT → a part unknown? pause → look for each part → PUT
 * A plain member of the job. Thread: the loop's. done runs from the ready queue.
 * Source: OCI distribution-spec v1.1, "Pushing Manifests". */
#ifndef DRAY_TRANSFER_MANIFEST_PUSH_H
#define DRAY_TRANSFER_MANIFEST_PUSH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "net/call.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "transfer/transfer.h"

/* A manifest as it was received. */
struct manifest_body {
  struct oci_digest digest;
  char *bytes; /* NULL: not here */
  size_t len;
  struct oci_manifest *parsed;
  bool *kept; /* by its items: those that are copied; NULL: all */
};

enum push_state {
  PUSH_IDLE,
  PUSH_CHECK,
  PUSH_PUT,
  PUSH_PAUSE, /* the registry does not know a part yet that it has just been given */
  PUSH_LOOK   /* which one? */
};

struct manifest_push {
  struct ready ready;
  struct timer pause;
  enum push_state state;
  bool canceled;
  struct transfer *transfer;
  const struct oci_repo *repo;
  const struct manifest_body *body;
  const char *name; /* it is put as */
  struct call *call;
  int attempts;                         /* PUTs that failed for an unknown part */
  size_t looking_at;                    /* item */
  const struct oci_descriptor *unknown; /* the first that is not there by its own HEAD */
  /* Once for each _check and _put. there: it is. err: that it could not be put, or ERR_CANCELED. */
  void (*done)(struct manifest_push *push, bool there, const struct err *err);
};

/* Borrowed, for the life of the push: transfer, repo, body. */
void manifest_push_init(struct manifest_push *push, struct transfer *transfer,
                        const struct oci_repo *repo, const struct manifest_body *body,
                        void (*done)(struct manifest_push *push, bool there,
                                     const struct err *err));
/* Whatever is answered but "it is there" means that it has to be brought. */
void manifest_push_check(struct manifest_push *push);
/* name: a tag, or its digest. Errors: those of oci_answer(), ERR_DIGEST (stored as another). */
void manifest_push_put(struct manifest_push *push, const char *name);
void manifest_push_cancel(struct manifest_push *push); /* nothing under way: nothing happens */

#endif
