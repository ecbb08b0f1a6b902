/* sync/discovery.h - from rules to images: which tags the sources have, which of them are wanted and
 * where, and what their targets have already. Images are given out while others are still being
 * found. Thread: the loop's. ready and failed run from the ready queue. */
#ifndef DRAY_SYNC_DISCOVERY_H
#define DRAY_SYNC_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "sync/batch.h"
#include "sync/lock.h"
#include "sync/mirror.h"
#include "sync/shard.h"
#include "sync/target_repo.h"

struct discovery;

/* Borrowed, for the life of the discovery. */
struct discovery_spec {
  struct transfer *transfer;
  const struct mirror *mirror;
  struct target_repos *targets;
  const struct batch_terms *terms;
  const struct shard *shard; /* NULL: all */
  const struct lock *locked; /* NULL: images as they are now. Else those that it has, and as it has
                                 them; sources are not listed then */
  void (*ready)(void *arg);  /* discovery_next() may have more to give */
  /* The images of source can't be known, or none can be brought to target: either of its
   * repositories can't be listed. */
  void (*failed)(void *arg, const struct mirror_source *source, const struct oci_ref *target,
                 const struct err *err);
  void *arg;
};

struct discovery *discovery_new(const struct discovery_spec *spec);
void discovery_free(struct discovery *discovery); /* not while it is at work; NULL is fine */

/* A batch_next_fn: one image with all its targets, at most IMAGE_TARGETS_MAX at a time. */
enum batch_feed discovery_next(void *discovery, struct batch_image *image);

/* No more images; BATCH_END follows once nothing is under way. */
void discovery_cancel(struct discovery *discovery);

/* Of an image of the mirror: is it in this part? */
bool discovery_has(const struct discovery *discovery, const struct oci_repo *source);

#endif
