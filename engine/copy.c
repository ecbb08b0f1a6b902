/* dray_copy(): what was asked, and nothing else: no repository is listed. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "dray.h"
#include "engine.h"
#include "oci/ref.h"
#include "results.h"
#include "sync/batch.h"

struct run {
  struct dray *dray;
  struct batch *batch;
  const struct dray_copy *copies; /* the next one, … */
  size_t left;
  const char *const *target; /* … and its next target; NULL: the first */
};

/* -- what was asked -- */

static int check_ref(const struct oci_ref *ref, const char *text, struct err *err) {
  if (ref->transport == OCI_REGISTRY)
    return 0;
  return err_set(err, ERR_USAGE, "%s: only images in registries can be copied so far", text);
}

static int parse_source(struct oci_ref *src, const char *source, struct err *err) {
  if (oci_ref_parse(source, src, err) < 0 || check_ref(src, source, err) < 0)
    return -1;
  if (!src->tag && !oci_digest_is_set(&src->digest))
    src->tag = mem_strdup("latest");
  return 0;
}

/* derived: the target gets another digest than the source has. */
static int parse_target(const struct oci_ref *src, struct oci_ref *dst, const char *target,
                        bool derived, struct err *err) {
  if (oci_ref_parse(target, dst, err) < 0 || check_ref(dst, target, err) < 0)
    return -1;
  if (strcmp(dst->repo.host, "docker.io") == 0 && text_starts(dst->repo.path, "library/"))
    return err_set(err, ERR_USAGE,
                   "target %s: that is docker.io/%s, where only Docker publishes; write the "
                   "registry's host in front, as in HOST/%s",
                   target, dst->repo.path, target);
  if (!dst->tag && !oci_digest_is_set(&dst->digest)) {
    if (!src->tag && derived)
      return err_set(err, ERR_USAGE,
                     "target %s: it needs a tag, since with only some platforms the digest will be "
                     "another one than the source's",
                     target);
    dst->tag = mem_strdup(src->tag);
    if (!src->tag)
      dst->digest = src->digest;
  }
  return 0;
}

static bool is_derived(const struct dray *dray) {
  return dray->platforms.count && !dray->options.sparse;
}

static int check_copy(const struct dray *dray, const struct dray_copy *copy, struct err *err) {
  struct oci_ref src = {0};
  int rc = parse_source(&src, copy->source, err);
  for (const char *const *target = copy->targets; rc == 0 && *target; target++) {
    struct oci_ref dst = {0};
    rc = parse_target(&src, &dst, *target, is_derived(dray), err);
    oci_ref_free(&dst);
  }
  oci_ref_free(&src);
  return rc;
}

/* All has been checked. */
static enum batch_feed next_image(void *arg, struct batch_image *image) {
  struct run *run = arg;
  while (run->left && run->target && !*run->target) {
    run->copies++;
    run->left--;
    run->target = NULL;
  }
  if (!run->left)
    return BATCH_END;
  if (!run->target)
    run->target = run->copies->targets;
  parse_source(&image->src, run->copies->source, NULL);
  for (; *run->target && image->target_count < IMAGE_TARGETS_MAX; run->target++)
    parse_target(&image->src, &image->dst[image->target_count++], *run->target, false, NULL);
  run->dray->known_images += image->target_count;
  return image->target_count ? BATCH_IMAGE : next_image(arg, image);
}

/* -- the run -- */

static void on_planned(void *arg, const struct batch_image *image, size_t target,
                       const struct image_result *result) {
  results_planned(((struct run *)arg)->dray, image, target, result);
}

static void on_ended(void *arg, const struct batch_image *image, size_t target,
                     const struct image_result *result) {
  results_ended(((struct run *)arg)->dray, image, target, result);
}

static void on_over(void *arg) { loop_stop(((struct run *)arg)->dray->loop); }

static void cancel(void *arg) { batch_cancel(((struct run *)arg)->batch); }

enum dray_status dray_copy(struct dray *dray, const struct dray_copy *copies, size_t count) {
  struct run run = {.dray = dray, .copies = copies, .left = count};
  int rc = 0;
  engine_begin(dray);
  for (size_t i = 0; rc == 0 && i < count; i++)
    rc = check_copy(dray, &copies[i], &dray->err);
  if (rc < 0)
    return engine_end(dray, DRAY_USAGE);
  engine_emit(dray, &(struct dray_event){.kind = DRAY_EVENT_START});
  run.batch = batch_new(&(struct batch_spec){.transfer = &dray->transfer,
                                             .terms = &dray->terms,
                                             .next = next_image,
                                             .feed = &run,
                                             .planned = on_planned,
                                             .ended = on_ended,
                                             .over = on_over,
                                             .arg = &run});
  batch_wake(run.batch);
  engine_run(dray, cancel, &run);
  batch_free(run.batch);
  engine_emit(dray, &(struct dray_event){.kind = DRAY_EVENT_END, .u.end = dray->totals});
  return engine_end(dray, dray->totals.failed ? DRAY_FAILED : DRAY_OK);
}
