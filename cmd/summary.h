/* cmd/summary.h - the text summary of an image and of all of them. Pure. */
#ifndef DRAY_CMD_SUMMARY_H
#define DRAY_CMD_SUMMARY_H

#include <stddef.h>

#include "engine/dray.h"

enum { SUMMARY_ROOM = 2048 }; /* longer ones are cut */

/* "copied SRC -> DST". No newline at the end, here and below. */
void summary_head(char dst[SUMMARY_ROOM], const struct dray_image *image);
/* "64.3 MiB in 5 blobs (2 resumed, 1 mounted, 2 existing), 1.2 s", and what the source's digest is
 * where the target's is another; "" for a failed one. */
void summary_figures(char dst[SUMMARY_ROOM], const struct dray_image *image);
/* Both with the digest between them: all of an image in one line. */
void summary_line(char dst[SUMMARY_ROOM], const struct dray_image *image);
/* "3 images: 2 copied, 1 failed; 64.3 MiB, 1.2 s" */
void summary_totals(char dst[SUMMARY_ROOM], const struct dray_totals *totals);

#endif
