/* cmd/progress.h - how far it is: a line every 10 s, or bars on a terminal. */
#ifndef DRAY_CMD_PROGRESS_H
#define DRAY_CMD_PROGRESS_H

#include <stdint.h>

#include "engine/dray.h"
#include "flags.h"
#include "log.h"

struct progress {
  enum progress_kind kind; /* never PROGRESS_AUTO */
  bool several;            /* there may be more than one image */
  int64_t since_ms;        /* when the rate was last taken, on the monotonic clock */
  uint64_t since_bytes;    /* what had been moved then */
  uint64_t rate;           /* bytes per second, for the bars */
};

/* wanted is narrowed to what log's stderr can show. */
void progress_init(struct progress *progress, enum progress_kind wanted, const struct log *log,
                   bool several);

/* event is a DRAY_EVENT_TICK. */
void progress_tick(struct progress *progress, struct log *log, const struct dray_event *event);

#endif
