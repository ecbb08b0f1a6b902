/* engine/results.h - what becomes of images, as events and in the totals.
 * Thread: whoever is in a dray_… call. */
#ifndef DRAY_RESULTS_H
#define DRAY_RESULTS_H

#include "engine.h"
#include "sync/batch.h"

/* Both as in struct batch_spec, but for arg. With fail_fast, the first failure stops the run. */
void results_planned(struct dray *dray, const struct batch_image *image, size_t target,
                     const struct image_result *result);
void results_ended(struct dray *dray, const struct batch_image *image, size_t target,
                   const struct image_result *result);

/* Of what never became an image: a repository that could not be listed, a tag that could not be
 * deleted. err gets both names in front. */
void results_failed(struct dray *dray, const char *source, const char *target,
                    const struct err *err);
void results_deleted(struct dray *dray, const char *source, const char *target, const char *digest);

#endif
