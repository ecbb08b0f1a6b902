/* transfer/manifest_read.h - one manifest of a repository: is it there, or what is it?
 *   HEAD → (not allowed, or no digest announced? GET) → done;  or GET → checked, parsed → done
 * Thread: the loop's. done runs from the ready queue.
 * Source: OCI distribution-spec v1.1, "Pulling manifests". */
#ifndef DRAY_TRANSFER_MANIFEST_READ_H
#define DRAY_TRANSFER_MANIFEST_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "transfer/transfer.h"

struct manifest_read;

struct manifest_reply {
  struct oci_digest digest; /* of all of it */
  /* Without `look` only. Whoever wants to keep one takes it away and leaves NULL. */
  char *bytes;
  struct oci_manifest *parsed;
  size_t len;
};

/* Borrowed until done. */
struct manifest_read_spec {
  struct transfer *transfer;
  const struct oci_repo *repo;
  const char *reference;     /* a tag or a digest */
  struct oci_digest digest;  /* what it must be; unset: a tag's, whatever it is */
  enum oci_algorithm wanted; /* of the reply's digest; 0: any */
  int64_t size;              /* bytes it must have; -1: any */
  bool look;                 /* only whether it is there, and which one it is */
  /* Exactly once; the job is gone when it returns.
   * Errors: those of oci_answer() (ERR_NOT_FOUND: it is not there), of oci_manifest_check(),
   * ERR_TOO_LARGE, ERR_CANCELED. */
  void (*done)(void *arg, struct manifest_reply *reply, const struct err *err);
  void *arg;
};

struct manifest_read *manifest_read_start(const struct manifest_read_spec *spec);
void manifest_read_cancel(struct manifest_read *job);

#endif
