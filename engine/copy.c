/* dray_copy(): from what was asked to image copies, and their results to events. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "dray.h"
#include "engine.h"
#include "oci/ref.h"
#include "transfer/image_copy.h"

enum { IMAGES_AT_ONCE = 32 };

/* What is copied together: one source, and as many of its targets as one copy takes. */
struct image {
  struct ready ready; /* frees the copy, once its done has returned */
  struct run *run;
  struct oci_ref src;
  char *source; /* as people write it */
  size_t count;
  struct oci_ref dst[IMAGE_TARGETS_MAX];
  char *target[IMAGE_TARGETS_MAX];
  struct image_target targets[IMAGE_TARGETS_MAX];
  struct image_copy *copy;
};

struct run {
  struct dray *dray;
  struct image **images;
  size_t count, started, ended;
};

/* -- what was asked -- */

static int check_ref(const struct oci_ref *ref, const char *text, struct err *err) {
  if (ref->transport == OCI_REGISTRY)
    return 0;
  return err_set(err, ERR_USAGE, "%s: only images in registries can be copied so far", text);
}

static int parse_source(struct image *image, const char *source, struct err *err) {
  struct oci_ref *src = &image->src;
  if (oci_ref_parse(source, src, err) < 0 || check_ref(src, source, err) < 0)
    return -1;
  if (!src->tag && !oci_digest_is_set(&src->digest))
    src->tag = mem_strdup("latest");
  image->source = oci_ref_format(src);
  return 0;
}

static int parse_target(struct image *image, const char *target, struct err *err) {
  const struct oci_ref *src = &image->src;
  struct oci_ref *dst = &image->dst[image->count];
  if (oci_ref_parse(target, dst, err) < 0 || check_ref(dst, target, err) < 0)
    return -1;
  if (strcmp(dst->repo.host, "docker.io") == 0 && text_starts(dst->repo.path, "library/"))
    return err_set(err, ERR_USAGE,
                   "target %s: that is docker.io/%s, where only Docker publishes; write the "
                   "registry's host in front, as in HOST/%s",
                   target, dst->repo.path, target);
  if (!dst->tag && !oci_digest_is_set(&dst->digest)) {
    dst->tag = mem_strdup(src->tag);
    if (!src->tag)
      dst->digest = src->digest;
  }
  image->target[image->count] = oci_ref_format(dst);
  image->targets[image->count++] = (struct image_target){.ref = dst};
  return 0;
}

static struct image *add_image(struct run *run) {
  struct image *image = mem_zalloc(sizeof *image);
  run->images = mem_realloc(run->images, run->count + 1, sizeof(struct image *));
  run->images[run->count++] = image;
  image->run = run;
  return image;
}

static int parse_copy(struct run *run, const struct dray_copy *copy, struct err *err) {
  struct image *image = NULL;
  for (const char *const *target = copy->targets; *target; target++) {
    if (!image || image->count == IMAGE_TARGETS_MAX) {
      image = add_image(run);
      if (parse_source(image, copy->source, err) < 0)
        return -1;
    }
    if (parse_target(image, *target, err) < 0)
      return -1;
  }
  return 0;
}

static int parse_all(struct run *run, const struct dray_copy *copies, size_t count,
                     struct err *err) {
  for (size_t i = 0; i < count; i++)
    if (parse_copy(run, &copies[i], err) < 0)
      return -1;
  return 0;
}

static void free_all(struct run *run) {
  for (size_t i = 0; i < run->count; i++) {
    struct image *image = run->images[i];
    for (size_t t = 0; t < IMAGE_TARGETS_MAX; t++) {
      oci_ref_free(&image->dst[t]);
      free(image->target[t]);
    }
    oci_ref_free(&image->src);
    free(image->source);
    free(image);
  }
  free(run->images);
}

/* -- what came of it -- */

static void on_planned(void *arg, size_t target, const struct image_result *result) {
  struct image *image = arg;
  engine_emit(image->run->dray,
              &(struct dray_event){.kind = DRAY_EVENT_PLAN,
                                   .u.plan = {.source = image->source,
                                              .target = image->target[target],
                                              .digest = result->digest.text,
                                              .manifests = result->counts.manifests,
                                              .blobs = result->counts.blobs,
                                              .bytes = result->counts.total_bytes}});
}

static enum dray_image_status status_of(const struct dray *dray,
                                        const struct image_result *result) {
  if (result->err)
    return DRAY_IMAGE_FAILED;
  if (result->unchanged)
    return DRAY_UNCHANGED;
  if (result->skipped)
    return DRAY_SKIPPED;
  return dray->options.dry_run ? DRAY_PLANNED : DRAY_COPIED;
}

static void count(struct dray_totals *totals, const struct dray_image *image) {
  totals->images++;
  totals->copied += image->status == DRAY_COPIED;
  totals->unchanged += image->status == DRAY_UNCHANGED;
  totals->failed += image->status == DRAY_IMAGE_FAILED;
  totals->skipped += image->status == DRAY_SKIPPED;
  totals->planned += image->status == DRAY_PLANNED;
  totals->bytes += image->bytes;
  totals->planned_bytes += image->planned_bytes;
  totals->pulls += image->pulls;
}

static void on_target_done(void *arg, size_t target, const struct image_result *result) {
  struct image *image = arg;
  struct dray *dray = image->run->dray;
  struct err err = {0};
  struct dray_error error;
  struct dray_image told = {.source = image->source,
                            .target = image->target[target],
                            .digest = result->digest.text,
                            .media_type = result->media_type,
                            .status = status_of(dray, result),
                            .bytes = result->counts.sent_bytes,
                            .seconds = (double)result->ms / 1000,
                            .transferred = result->counts.transferred,
                            .mounted = result->counts.mounted,
                            .existing = result->counts.existing};
  if (dray->options.dry_run && told.status == DRAY_PLANNED) {
    told.planned_bytes = result->counts.missing_bytes;
    told.pulls = result->counts.pulls;
  }
  if (result->err) {
    err = *result->err;
    err_prefix(&err, "%s -> %s", image->source, image->target[target]);
    error = engine_error(&err);
    told.error = &error;
  }
  count(&dray->totals, &told);
  engine_emit(dray, &(struct dray_event){.kind = DRAY_EVENT_IMAGE, .u.image = &told});
}

static void start_more(struct run *run);

static void on_done(void *arg) {
  struct image *image = arg;
  loop_ready(image->run->dray->loop, &image->ready);
}

static void after_done(struct ready *ready) {
  struct image *image = list_entry(ready, struct image, ready);
  struct run *run = image->run;
  image_copy_free(image->copy);
  image->copy = NULL;
  run->ended++;
  start_more(run);
}

/* -- the run -- */

static void start_more(struct run *run) {
  while (run->started < run->count && run->started - run->ended < IMAGES_AT_ONCE) {
    size_t order = run->started++;
    struct image *image = run->images[order];
    ready_init(&image->ready, after_done);
    image->copy = image_copy_start(&(struct image_copy_spec){.transfer = &run->dray->transfer,
                                                             .src = &image->src,
                                                             .targets = image->targets,
                                                             .target_count = image->count,
                                                             .order = order,
                                                             .planned = on_planned,
                                                             .target_done = on_target_done,
                                                             .done = on_done,
                                                             .arg = image});
    if (run->dray->transfer.stopping) /* so that it is told of, too */
      image_copy_cancel(image->copy);
  }
  if (run->ended && run->ended == run->started)
    loop_stop(run->dray->loop);
}

static void cancel(void *arg) {
  struct run *run = arg;
  for (size_t i = 0; i < run->started; i++)
    if (run->images[i]->copy)
      image_copy_cancel(run->images[i]->copy);
}

enum dray_status dray_copy(struct dray *dray, const struct dray_copy *copies, size_t count) {
  struct run run = {.dray = dray};
  engine_begin(dray);
  int rc = parse_all(&run, copies, count, &dray->err);
  if (rc == 0) {
    engine_emit(dray, &(struct dray_event){.kind = DRAY_EVENT_START});
    start_more(&run);
    if (run.started)
      engine_run(dray, cancel, &run);
    engine_emit(dray, &(struct dray_event){.kind = DRAY_EVENT_END, .u.end = dray->totals});
  }
  free_all(&run);
  return engine_end(dray, rc < 0 ? DRAY_USAGE : dray->totals.failed ? DRAY_FAILED : DRAY_OK);
}
