/* transfer/tag_query.h - which digest has a tag now? One HEAD.
 * Thread: the loop's. done runs from the ready queue. */
#ifndef DRAY_TRANSFER_TAG_QUERY_H
#define DRAY_TRANSFER_TAG_QUERY_H

#include "base/err.h"
#include "oci/ref.h"
#include "transfer/transfer.h"

struct tag_query;

/* Borrowed, for the life of the query. */
struct tag_query_spec {
  struct transfer *transfer;
  const struct oci_ref *ref; /* its tag is asked for, whatever digest it has */
  bool push;                 /* the scope of a target */
  /* Exactly once; the query is gone when it returns. Errors: those of oci_answer(), ERR_CANCELED,
   * ERR_PROTOCOL (an answer without a digest). */
  void (*done)(void *arg, const struct oci_digest *digest, const struct err *err);
  void *arg;
};

struct tag_query *tag_query_start(const struct tag_query_spec *spec);
void tag_query_cancel(struct tag_query *query); /* done follows with ERR_CANCELED */

#endif
