/* sync/prune.h - deletes the tags that targets have and no rule chooses any more, one repository
 * after the other. What is not certain to be unwanted stays.
 *   repository → signatures? look at what stays → tag: DELETE it (not allowed? look at what stays →
 *   HEAD it → DELETE its digest, unless something that stays uses that) → next
 * Thread: the loop's. All functions of the specification run from the ready queue.
 * Source: OCI distribution-spec v1.1, "Deleting tags", "Deleting manifests". */
#ifndef DRAY_SYNC_PRUNE_H
#define DRAY_SYNC_PRUNE_H

#include <stdbool.h>

#include "base/err.h"
#include "sync/target_repo.h"
#include "transfer/transfer.h"

struct prune;

/* Borrowed, for the life of the prune. */
struct prune_spec {
  struct transfer *transfer;
  struct target_repos *targets; /* listed, with what is to stay marked */
  bool only_say;   /* delete nothing: due is called for each repository with such tags */
  int percent_max; /* of a repository's tags, where more than 10 are to go */
  void (*due)(void *arg, const struct target_repo *repo, const char *const *tags, size_t count);
  /* digest is unset where it was not needed. */
  void (*deleted)(void *arg, const struct target_repo *repo, const char *tag,
                  const struct oci_digest *digest);
  void (*failed)(void *arg, const struct target_repo *repo, const char *tag, const struct err *err);
  void (*done)(void *arg); /* exactly once */
  void *arg;
};

struct prune *prune_start(const struct prune_spec *spec);
void prune_cancel(struct prune *prune); /* nothing more is deleted; done follows */
void prune_free(struct prune *prune);   /* after done; may be called from it. NULL is fine */

#endif
