/* transfer/referrer_list.h - what refers to one manifest in one repository.
 *   the API, page by page → there is none: the index under the fallback tag
 * That a repository's registry lacks the API is remembered in transfer->no_referrers. At most 100
 * pages and OCI_REFERRERS_MAX referrers. Thread: the loop's. done runs from the ready queue.
 * Source: OCI distribution-spec v1.1, "Listing Referrers". */
#ifndef DRAY_TRANSFER_REFERRER_LIST_H
#define DRAY_TRANSFER_REFERRER_LIST_H

#include <stdbool.h>

#include "base/err.h"
#include "oci/referrers.h"
#include "transfer/transfer.h"

struct referrer_list;

struct referrer_list_result {
  bool api;                    /* by it; else by the tag */
  struct oci_referrers *found; /* whoever empties it owns what was in it */
  const char *index;           /* what is under the tag; NULL: nothing, or it was not asked for */
  size_t len;
  const struct err *err; /* NULL: listed. Those of oci_answer() and oci_referrers_parse();
                            ERR_TOO_LARGE, ERR_CANCELED */
};

/* Borrowed, for the life of the list. */
struct referrer_list_spec {
  struct transfer *transfer;
  const struct oci_repo *repo;
  const struct oci_digest *digest;
  bool push;   /* the scope of a target */
  bool no_tag; /* there is no fallback tag: it is not asked for */
  /* Exactly once; the list is gone when it returns. */
  void (*done)(void *arg, const struct referrer_list_result *result);
  void *arg;
};

struct referrer_list *referrer_list_start(const struct referrer_list_spec *spec);
void referrer_list_cancel(struct referrer_list *list); /* done follows with ERR_CANCELED */

#endif
