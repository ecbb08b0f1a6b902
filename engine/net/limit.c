#include "net/limit.h"

#define LEAST 2 /* a stream from a host to itself needs two */

void limit_init(struct limit *limit, int first, int max) {
  limit->max = max;
  limit->window = first < max ? first : max;
  limit->threshold = max;
  limit->cut_ms = 0;
}

void limit_good(struct limit *limit) {
  limit->window += limit->window < limit->threshold ? 1 : 1 / limit->window;
  if (limit->window > limit->max)
    limit->window = limit->max;
}

void limit_bad(struct limit *limit, uint64_t started_ms, uint64_t now_ms) {
  if (limit->cut_ms && started_ms <= limit->cut_ms)
    return;
  limit->cut_ms = now_ms;
  limit->window = limit->window / 2 < LEAST ? LEAST : limit->window / 2;
  limit->threshold = limit->window;
}

int limit_window(const struct limit *limit) { return (int)limit->window; }
