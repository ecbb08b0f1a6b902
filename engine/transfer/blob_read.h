/* transfer/blob_read.h - reads every byte of one blob, for its digest alone.
 *   places → GET, as in blob_source → done
 * Thread: the loop's. done runs from the ready queue. */
#ifndef DRAY_TRANSFER_BLOB_READ_H
#define DRAY_TRANSFER_BLOB_READ_H

#include "base/err.h"
#include "oci/manifest.h"
#include "transfer/transfer.h"

struct blob_read;

/* Borrowed until done. */
struct blob_read_spec {
  struct transfer *transfer;
  const struct oci_repo *repo;
  const struct oci_descriptor *desc;
  /* Exactly once; the job is gone when it returns. err NULL: the bytes are those of the digest.
   * Errors: those of blob_source, ERR_CANCELED. */
  void (*done)(void *arg, const struct err *err);
  void *arg;
};

struct blob_read *blob_read_start(const struct blob_read_spec *spec);
void blob_read_cancel(struct blob_read *job);

#endif
