/* cmd/waterfall.h - when which blob was on its way, as a picture (SVG): the largest ones. */
#ifndef DRAY_CMD_WATERFALL_H
#define DRAY_CMD_WATERFALL_H

#include <stdio.h>

#include "engine/dray.h"

enum { WATERFALL_BARS = 200 };

struct waterfall {
  struct waterfall_bar {
    double began, seconds;
    uint64_t size;
    bool resumed;
    char digest[20], from[64], to[64]; /* longer ones are cut */
  } bars[WATERFALL_BARS];
  size_t count;
  uint64_t left_out; /* blobs that were smaller than these */
};

/* event is a DRAY_EVENT_BLOB; only one that was sent has a bar. */
void waterfall_add(struct waterfall *waterfall, const struct dray_event *event);
/* Nothing where there is no bar. seconds: how long all of it took. */
void waterfall_write(const struct waterfall *waterfall, FILE *file, double seconds);

#endif
