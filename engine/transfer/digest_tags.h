/* transfer/digest_tags.h - which tags of a repository are made from a digest: the fallback of the
 * referrers API, and cosign's. A repository is listed once, by whoever asks first; the others wait.
 * Where it can't be listed, that stays unknown.
 * Thread: the loop's. known runs from the ready queue. */
#ifndef DRAY_TRANSFER_DIGEST_TAGS_H
#define DRAY_TRANSFER_DIGEST_TAGS_H

#include <stdbool.h>

#include "base/list.h"
#include "transfer/transfer.h"

struct digest_tags;

struct digest_tags *digest_tags_new(struct transfer *transfer);
void digest_tags_free(struct digest_tags *all);   /* nobody may be waiting; NULL is fine */
void digest_tags_forget(struct digest_tags *all); /* likewise: what is asked next is listed anew */

/* A plain member of whoever waits. */
struct digest_tags_wait {
  struct list node;
  struct ready ready;
  struct digest_tags *all;
  struct repo_tags *repo;
  void (*known)(struct digest_tags_wait *wait); /* exactly once */
};

void digest_tags_ask(struct digest_tags *all, const struct oci_repo *repo,
                     struct digest_tags_wait *wait);
void digest_tags_cancel(struct digest_tags_wait *wait); /* known follows */

enum digest_tag { DIGEST_TAG_THERE, DIGEST_TAG_MISSING, DIGEST_TAG_UNKNOWN };

/* What is known of a tag, once it is known. */
enum digest_tag digest_tags_find(const struct digest_tags *all, const struct oci_repo *repo,
                                 const char *tag);

#endif
