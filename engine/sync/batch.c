#include "sync/batch.h"

#include <assert.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "transfer/tag_query.h"

/* Targets of images at once: enough that a long way to a registry is filled with their requests. */
enum { TARGETS_MAX = 32 };

struct slot {
  struct list node; /* batch->slots */
  struct ready ready;
  struct batch *batch;
  struct batch_image image;
  struct image_copy *copy;
  struct tag_query *query;
};

struct batch {
  struct batch_spec spec;
  struct ready ready;
  struct list slots;
  size_t count; /* targets under way */
  uint64_t order;
  bool fed; /* the feed is at its end */
  bool canceled, over;
};

static void step(struct ready *ready);

struct batch *batch_new(const struct batch_spec *spec) {
  struct batch *batch = mem_zalloc(sizeof *batch);
  batch->spec = *spec;
  list_init(&batch->slots);
  ready_init(&batch->ready, step);
  return batch;
}

static void image_free(struct batch_image *image) {
  oci_ref_free(&image->src);
  for (size_t i = 0; i < image->target_count; i++)
    oci_ref_free(&image->dst[i]);
}

void batch_free(struct batch *batch) {
  if (!batch)
    return;
  assert(list_empty(&batch->slots));
  ready_cancel(&batch->ready);
  free(batch);
}

void batch_wake(struct batch *batch) { loop_ready(batch->spec.transfer->loop, &batch->ready); }

/* -- one image -- */

static void slot_step(struct ready *ready) {
  struct slot *slot = list_entry(ready, struct slot, ready);
  struct batch *batch = slot->batch;
  if (slot->copy || slot->query)
    return;
  list_remove(&slot->node);
  batch->count -= slot->image.target_count;
  image_free(&slot->image);
  free(slot);
  batch_wake(batch);
}

static void on_planned(void *arg, size_t target, const struct image_result *result) {
  struct slot *slot = arg;
  slot->batch->spec.planned(slot->batch->spec.arg, &slot->image, target, result);
}

static void on_target_done(void *arg, size_t target, const struct image_result *result) {
  struct slot *slot = arg;
  slot->batch->spec.ended(slot->batch->spec.arg, &slot->image, target, result);
}

static void on_done(void *arg) {
  struct slot *slot = arg;
  image_copy_free(slot->copy);
  slot->copy = NULL;
  loop_ready(slot->batch->spec.transfer->loop, &slot->ready);
}

static void on_looked(void *arg, const struct oci_digest *digest, const struct err *err) {
  struct slot *slot = arg;
  const struct log *log = slot->batch->spec.transfer->log;
  const struct oci_ref *src = &slot->image.src;
  slot->query = NULL;
  if (!err && !oci_digest_equal(digest, &src->digest))
    log_at(log, LOG_WARN, "%s/%s:%s has moved: it is %s now, and %s is locked", src->repo.host,
           src->repo.path, src->tag, digest->text, src->digest.text);
  else if (err && err->code == ERR_NOT_FOUND)
    log_at(log, LOG_WARN, "%s/%s:%s is gone; %s is locked", src->repo.host, src->repo.path,
           src->tag, src->digest.text);
  else if (err && err->code != ERR_CANCELED)
    log_at(log, LOG_WARN, "%s/%s:%s: cannot tell whether it has moved: %s", src->repo.host,
           src->repo.path, src->tag, err->message);
  loop_ready(slot->batch->spec.transfer->loop, &slot->ready);
}

static void cancel(struct slot *slot) {
  if (slot->copy)
    image_copy_cancel(slot->copy);
  if (slot->query)
    tag_query_cancel(slot->query);
}

static const struct oci_platforms *platforms_of(const struct slot *slot) {
  const struct oci_platforms *given = slot->batch->spec.terms->platforms;
  return given->count || !slot->image.rule ? given : &slot->image.rule->platforms;
}

bool batch_wants_referrers(const struct batch_terms *terms, const struct mirror_rule *rule) {
  return terms->referrers || (!terms->no_referrers && rule && rule->referrers);
}

static void begin(struct slot *slot) {
  struct batch *batch = slot->batch;
  struct batch_image *image = &slot->image;
  const struct batch_terms *terms = batch->spec.terms;
  for (size_t i = 0; i < image->target_count; i++)
    image->targets[i].ref = &image->dst[i];
  ready_init(&slot->ready, slot_step);
  list_push(&batch->slots, &slot->node);
  batch->count += image->target_count;
  slot->copy = image_copy_start(
      &(struct image_copy_spec){.transfer = batch->spec.transfer,
                                .src = &image->src,
                                .targets = image->targets,
                                .target_count = image->target_count,
                                .platforms = platforms_of(slot),
                                .sparse = terms->sparse,
                                .referrers = batch_wants_referrers(terms, image->rule),
                                .if_exists = terms->if_exists,
                                .order = batch->order++,
                                .planned = on_planned,
                                .target_done = on_target_done,
                                .done = on_done,
                                .arg = slot});
  if (image->locked)
    slot->query = tag_query_start(&(struct tag_query_spec){
        .transfer = batch->spec.transfer, .ref = &image->src, .done = on_looked, .arg = slot});
  if (batch->canceled)
    cancel(slot);
}

/* -- all of them -- */

static void step(struct ready *ready) {
  struct batch *batch = list_entry(ready, struct batch, ready);
  while (!batch->fed && batch->count < TARGETS_MAX) {
    struct slot *slot = mem_zalloc(sizeof *slot);
    enum batch_feed feed = batch->spec.next(batch->spec.feed, &slot->image);
    slot->batch = batch;
    if (feed == BATCH_IMAGE) {
      begin(slot);
      continue;
    }
    batch->fed = feed == BATCH_END;
    free(slot);
    break;
  }
  if (!batch->fed || batch->count || batch->over)
    return;
  batch->over = true;
  batch->spec.over(batch->spec.arg);
}

void batch_cancel(struct batch *batch) {
  batch->canceled = true;
  list_each_safe(node, &batch->slots) cancel(list_entry(node, struct slot, node));
}
