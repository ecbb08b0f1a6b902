/* transfer/blob_source.h - reads one blob of a repository into a pipe, hashing it once on the way.
 *   GET → stream → (lost? GET again by Range, from the first byte not yet received) → digest right?
 * Thread: the loop's. done runs from the ready queue.
 * Source: OCI distribution-spec v1.1, "Pulling blobs"; RFC 9110, section 14 (ranges). */
#ifndef DRAY_TRANSFER_BLOB_SOURCE_H
#define DRAY_TRANSFER_BLOB_SOURCE_H

#include <stdbool.h>

#include "base/err.h"
#include "oci/manifest.h"
#include "transfer/pipe.h"
#include "transfer/transfer.h"

struct blob_source;

/* Borrowed, for the life of the source. */
struct blob_source_spec {
  struct transfer *transfer;
  const struct oci_repo *repo;
  const struct oci_descriptor *desc;
  bool small; /* a request: kept whole in the pipe, never paused */
  /* Once for each blob_source_start(): err NULL: the blob is whole, right and released.
   * Errors: ERR_DIGEST (bytes or size are not what the descriptor says), those of oci_answer(). */
  void (*done)(void *arg, const struct err *err);
  /* Instead of done: the digest is wrong, but what an earlier run said went into it. That is
   * forgotten now: begin again at offset 0, and at the target too. */
  void (*misled)(void *arg);
  void *arg;
};

struct blob_source *blob_source_new(const struct blob_source_spec *spec);
void blob_source_free(struct blob_source *source); /* not while running */
struct pipe *blob_source_pipe(struct blob_source *source);

/* Begins, or begins again, so that the pipe continues at offset; a run under way is given up
 * without a done of its own. The hash returns to a checkpoint at or before offset, and what lies
 * between the two is read and hashed once more: at most a 256th of the blob, or 256 KiB;
 * in the latest 64 MiB 1 MiB. */
void blob_source_start(struct blob_source *source, uint64_t offset);
/* What an earlier run knew: the digest's state at hasher->bytes. Before the first start. */
void blob_source_seed(struct blob_source *source, const struct oci_hasher *hasher);
/* The latest state of the digest that is known at or before offset; valid until the next call. */
const struct oci_hasher *blob_source_checkpoint(const struct blob_source *source, uint64_t offset);

/* A run under way ends with ERR_CANCELED; returns whether there was one. */
bool blob_source_cancel(struct blob_source *source);

#endif
