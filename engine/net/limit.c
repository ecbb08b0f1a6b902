#include "net/limit.h"

#define LEAST 1

void limit_init(struct limit *limit, int first, int max) {
  limit->max = max;
  limit->window = first < max ? first : max;
  limit->threshold = max;
  limit->cut_ms = 0;
}

void limit_good(struct limit *limit, int used) {
  if (2 * used < limit_window(limit))
    return;
  limit->window += limit->window < limit->threshold ? 1 : 1 / limit->window;
  if (limit->window > limit->max)
    limit->window = limit->max;
}

bool limit_bad(struct limit *limit, uint64_t started_ms, uint64_t now_ms) {
  if (limit->cut_ms && started_ms <= limit->cut_ms)
    return false;
  limit->cut_ms = now_ms;
  limit->window = limit->window / 2 < LEAST ? LEAST : limit->window / 2;
  limit->threshold = limit->window;
  return true;
}

int limit_window(const struct limit *limit) { return (int)limit->window; }
