/* transfer/tag_list.h - lists the tags of one repository, page by page.
 * Thread: the loop's. page and done run from the ready queue.
 * Source: OCI distribution-spec v1.1, "Listing tags". */
#ifndef DRAY_TRANSFER_TAG_LIST_H
#define DRAY_TRANSFER_TAG_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "oci/ref.h"
#include "transfer/transfer.h"

struct tag_list;

/* Borrowed, for the life of the list. */
struct tag_list_spec {
  struct transfer *transfer;
  const struct oci_repo *repo;
  bool push; /* the scope of a target: one token serves the listing and the copies */
  /* count tags, one behind the other, each ended by a NUL; valid during the call. */
  void (*page)(void *arg, const char *tags, size_t count);
  /* Exactly once; the list is gone when it returns. err NULL: all have been told of. Else not all
   * have: those of oci_answer() (ERR_NOT_FOUND: there is no such repository), ERR_PROTOCOL (no list
   * of tags), ERR_TOO_LARGE (it does not end: 10,000 pages, or 64 MiB), ERR_CANCELED. */
  void (*done)(void *arg, const struct err *err);
  void *arg;
};

struct tag_list *tag_list_start(const struct tag_list_spec *spec);
void tag_list_cancel(struct tag_list *list); /* done follows with ERR_CANCELED */

#endif
