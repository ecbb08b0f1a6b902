/* transfer/upload.h - brings one blob to one repository, from a pipe:
 *   HEAD? → mount? → ready … go → (an earlier run's session?) → open → stream → commit
 *   lost? pause → ask the session what it holds → go on from there, or open another
 *   lost at the commit? HEAD: it may be there
 * Ways that the registry refuses are left for others, for the whole host (transfer/quirks.h).
 * Thread: the loop's. ready, need and done run from the ready queue.
 * Source: OCI distribution-spec v1.1, "Pushing blobs", "Mounting a blob from another repository". */
#ifndef DRAY_TRANSFER_UPLOAD_H
#define DRAY_TRANSFER_UPLOAD_H

#include <stdbool.h>

#include "base/err.h"
#include "oci/manifest.h"
#include "transfer/pipe.h"
#include "transfer/transfer.h"

struct upload;

/* Borrowed, for the life of the upload. */
struct upload_spec {
  struct transfer *transfer;
  const struct oci_repo *repo;
  const struct oci_descriptor *desc;
  const struct oci_repo *mount_from; /* a repository of the same host; NULL: do not try */
  bool check;                        /* the blob may be there: HEAD first */
  bool small;                        /* a request: sent once all of it is in the pipe */
  void (*ready)(void *arg);          /* bytes are needed: give places, then call upload_go() */
  /* The pipe must give bytes from there on: the first time, and when it does not hold them. */
  void (*need)(void *arg, uint64_t offset);
  /* What an earlier run knew of the digest; before the first need. */
  void (*seed)(void *arg, const struct oci_hasher *hasher);
  /* The latest state of the digest at or before offset; NULL: none is known. */
  const struct oci_hasher *(*checkpoint)(void *arg, uint64_t offset);
  /* Exactly once. Errors: those of oci_answer(), ERR_CANCELED. All that could be
   * tried has been. */
  void (*done)(void *arg, enum blob_outcome outcome, const struct err *err);
  void *arg;
};

struct upload *upload_start(const struct upload_spec *spec);
void upload_free(struct upload *upload); /* after done only */

/* After ready: reads pipe from offset 0 on. The upload detaches itself before done. */
void upload_go(struct upload *upload, struct pipe *pipe);

/* Goes on with another pipe, from where that begins. */
void upload_move(struct upload *upload, struct pipe *pipe);
/* The pipe has begun (again) before offset: reads from there on. */
void upload_await(struct upload *upload, uint64_t offset);
uint64_t upload_offset(const struct upload *upload); /* of the next byte that it reads */

/* done follows with ERR_CANCELED. An open session is given up at the registry first, unless a later
 * run can go on with it (it is in the journal, and keep is true). */
void upload_cancel(struct upload *upload, bool keep);

/* What was sent so far is worth nothing: another session, from offset 0. */
void upload_restart(struct upload *upload);

uint64_t upload_resumed_at(const struct upload *upload); /* by an earlier run's session; else 0 */

uint64_t upload_sent(const struct upload *upload); /* bytes of this blob handed to the target */

#endif
