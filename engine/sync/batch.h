/* sync/batch.h - image copies: at most so many at once, begun in the order in which they are given.
 * Thread: the loop's. All functions are called from the ready queue. */
#ifndef DRAY_SYNC_BATCH_H
#define DRAY_SYNC_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "oci/ref.h"
#include "sync/mirror.h"
#include "transfer/image_copy.h"

struct batch;

/* Filled by whoever feeds the batch; the references are the batch's then. */
struct batch_image {
  const struct mirror_rule *rule; /* NULL: none; borrowed */
  struct oci_ref src;
  struct oci_ref dst[IMAGE_TARGETS_MAX];
  struct image_target targets[IMAGE_TARGETS_MAX]; /* but for ref, which is the batch's */
  size_t target_count;
  bool locked; /* src has a tag and a digest that it had once: does it still? */
};

/* How images are copied, where their rules do not say it. */
struct batch_terms {
  const struct oci_platforms *platforms; /* where there are any, they win over the rules' */
  bool sparse;
  bool referrers, no_referrers; /* neither: as the rules have it */
  enum if_exists if_exists;
};

/* Are the referrers of a rule's images wanted? rule may be NULL. */
bool batch_wants_referrers(const struct batch_terms *terms, const struct mirror_rule *rule);

enum batch_feed {
  BATCH_IMAGE, /* here is one */
  BATCH_LATER, /* none for now: batch_wake() will tell */
  BATCH_END    /* there will be no more */
};
typedef enum batch_feed batch_next_fn(void *arg, struct batch_image *image);

/* Borrowed, for the life of the batch. */
struct batch_spec {
  struct transfer *transfer;
  const struct batch_terms *terms;
  batch_next_fn *next;
  void *feed;
  void (*planned)(void *arg, const struct batch_image *image, size_t target,
                  const struct image_result *result);
  /* Exactly once for each target of each image that was given. */
  void (*ended)(void *arg, const struct batch_image *image, size_t target,
                const struct image_result *result);
  void (*over)(void *arg); /* once: the feed is at its end, and so are all images */
  void *arg;
};

struct batch *batch_new(const struct batch_spec *spec); /* it begins with the first batch_wake() */
void batch_free(struct batch *batch);                   /* after over, or before it began */
void batch_wake(struct batch *batch);

/* Images under way end with ERR_CANCELED; those that are still given are begun and canceled, so that
 * they are told of, too. */
void batch_cancel(struct batch *batch);

#endif
