#include "results.h"

#include <stdlib.h>

void results_planned(struct dray *dray, const struct batch_image *image, size_t target,
                     const struct image_result *result) {
  char *source = oci_ref_format(&image->src), *name = oci_ref_format(&image->dst[target]);
  engine_emit(dray, &(struct dray_event){.kind = DRAY_EVENT_PLAN,
                                         .u.plan = {.source = source,
                                                    .target = name,
                                                    .digest = result->digest.text,
                                                    .manifests = result->counts.manifests,
                                                    .blobs = result->counts.blobs,
                                                    .bytes = result->counts.total_bytes}});
  free(name);
  free(source);
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
  totals->deleted += image->status == DRAY_DELETED;
  totals->planned += image->status == DRAY_PLANNED;
  totals->bytes += image->bytes;
  totals->planned_bytes += image->planned_bytes;
  totals->pulls += image->pulls;
}

/* err: NULL, or why it failed. */
static void tell(struct dray *dray, const struct dray_image *image, const struct err *why) {
  struct dray_image told = *image;
  struct err err;
  struct dray_error error;
  if (why) {
    err = *why;
    err_prefix(&err, "%s -> %s", image->source, image->target);
    error = engine_error(&err);
    told.error = &error;
  }
  count(&dray->totals, &told);
  engine_emit(dray, &(struct dray_event){.kind = DRAY_EVENT_IMAGE, .u.image = &told});
  if (why && dray->options.fail_fast)
    engine_stop(dray, "stopped, since another image failed (--fail-fast); what is done stays");
}

void results_ended(struct dray *dray, const struct batch_image *image, size_t target,
                   const struct image_result *result) {
  char *source = oci_ref_format(&image->src), *name = oci_ref_format(&image->dst[target]);
  struct dray_image told = {.source = source,
                            .target = name,
                            .digest = result->digest.text,
                            .source_digest = result->source_digest.text,
                            .media_type = result->media_type,
                            .status = status_of(dray, result),
                            .bytes = result->counts.sent_bytes,
                            .seconds = (double)result->ms / 1000,
                            .transferred = result->counts.transferred,
                            .mounted = result->counts.mounted,
                            .existing = result->counts.existing,
                            .resumed = result->counts.resumed};
  if (told.status == DRAY_PLANNED) {
    told.planned_bytes = result->counts.missing_bytes;
    told.pulls = result->counts.pulls;
  }
  tell(dray, &told, result->err);
  free(name);
  free(source);
}

void results_failed(struct dray *dray, const char *source, const char *target,
                    const struct err *err) {
  struct dray_image told = {.source = source,
                            .target = target,
                            .digest = "",
                            .source_digest = "",
                            .media_type = "",
                            .status = DRAY_IMAGE_FAILED};
  tell(dray, &told, err);
}

void results_deleted(struct dray *dray, const char *source, const char *target,
                     const char *digest) {
  struct dray_image told = {.source = source,
                            .target = target,
                            .digest = digest,
                            .source_digest = "",
                            .media_type = "",
                            .status = DRAY_DELETED};
  tell(dray, &told, NULL);
}
