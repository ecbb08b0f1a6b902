#include "transfer/rate.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#define TURN_MS 20            /* between two fillings, while anyone waits */
#define BURST_MS 100          /* what an idle bucket holds at most */
#define CHUNK ((double)16384) /* bytes that one wake-up is worth: what curl hands over at once */

struct rate {
  struct loop *loop;
  double per_ms, bytes; /* bytes may be below 0: a debt */
  uint64_t filled_ms;
  struct list waiting;
  struct timer timer;
};

static void fill(struct rate *rate) {
  uint64_t now = loop_now(rate->loop);
  rate->bytes += rate->per_ms * (double)(now - rate->filled_ms);
  rate->filled_ms = now;
  double most = rate->per_ms * BURST_MS > CHUNK ? rate->per_ms * BURST_MS : CHUNK;
  if (rate->bytes > most)
    rate->bytes = most;
}

static void on_turn(struct timer *timer) {
  struct rate *rate = list_entry(timer, struct rate, timer);
  struct list *node;
  fill(rate);
  for (double left = rate->bytes; left > 0 && (node = list_pop(&rate->waiting)); left -= CHUNK) {
    struct rate_wait *wait = list_entry(node, struct rate_wait, node);
    wait->wake(wait);
  }
  if (!list_empty(&rate->waiting))
    timer_start(rate->loop, &rate->timer, TURN_MS);
}

struct rate *rate_new(struct loop *loop, int64_t bytes_per_second) {
  assert(bytes_per_second > 0);
  struct rate *rate = mem_zalloc(sizeof *rate);
  rate->loop = loop;
  rate->per_ms = (double)bytes_per_second / 1000;
  rate->filled_ms = loop_now(loop);
  list_init(&rate->waiting);
  timer_init(&rate->timer, on_turn);
  return rate;
}

void rate_free(struct rate *rate) {
  if (!rate)
    return;
  assert(list_empty(&rate->waiting));
  timer_stop(&rate->timer);
  free(rate);
}

void rate_wait_init(struct rate_wait *wait, void (*wake)(struct rate_wait *)) {
  list_init(&wait->node);
  wait->wake = wake;
}

bool rate_ready(struct rate *rate, struct rate_wait *wait) {
  if (!rate)
    return true;
  fill(rate);
  if (rate->bytes > 0)
    return true;
  if (list_empty(&wait->node))
    list_push(&rate->waiting, &wait->node);
  if (list_empty(&rate->timer.node))
    timer_start(rate->loop, &rate->timer, TURN_MS);
  return false;
}

void rate_charge(struct rate *rate, size_t len) {
  if (!rate)
    return;
  fill(rate);
  rate->bytes -= (double)len;
}

void rate_leave(struct rate_wait *wait) { list_remove(&wait->node); }
