/* transfer/referrer_tag.h - makes a repository whose registry lacks the referrers API list what refers
 * to a manifest: in the index under the fallback tag.
 *   get → add what it lacks → put → look: changed by another meanwhile? once more
 * Thread: the loop's. done runs from the ready queue.
 * Source: OCI distribution-spec v1.1, "Pushing Manifests with Subject". */
#ifndef DRAY_TRANSFER_REFERRER_TAG_H
#define DRAY_TRANSFER_REFERRER_TAG_H

#include "base/err.h"
#include "oci/referrers.h"
#include "transfer/transfer.h"

struct referrer_tag;

/* Borrowed, for the life of the job. */
struct referrer_tag_spec {
  struct transfer *transfer;
  const struct oci_repo *repo;
  const struct oci_digest *digest;       /* of what is referred to */
  const struct oci_referrers *referrers; /* that are to be listed; they are there */
  /* Exactly once; the job is gone when it returns. Errors: those of oci_answer() and
   * oci_referrers_merge(); ERR_CANCELED. */
  void (*done)(void *arg, const struct err *err);
  void *arg;
};

struct referrer_tag *referrer_tag_start(const struct referrer_tag_spec *spec);
void referrer_tag_cancel(struct referrer_tag *job); /* done follows with ERR_CANCELED */

#endif
