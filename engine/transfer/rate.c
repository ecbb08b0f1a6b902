#include "transfer/rate.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#define TURN_MS 20              /* between two fillings, while anyone waits */
#define BURST_MS 100            /* what an idle bucket holds at most */
#define PIECE ((uint64_t)16384) /* what curl hands over at once */
#define GRANTS_A_TURN 64        /* at high rates they are larger instead */

struct rate {
  struct loop *loop;
  double per_ms, bytes; /* bytes may be below 0: a debt */
  uint64_t filled_ms;
  uint64_t had; /* by who had the last turn: where newcomers begin */
  struct list waiting;
  struct timer timer;
};

static void fill(struct rate *rate) {
  uint64_t now = loop_now(rate->loop);
  rate->bytes += rate->per_ms * (double)(now - rate->filled_ms);
  rate->filled_ms = now;
  if (rate->bytes > rate->per_ms * BURST_MS)
    rate->bytes = rate->per_ms * BURST_MS;
}

/* Who waits and has had the fewest bytes; of several, who came first. */
static struct rate_wait *next(struct rate *rate) {
  struct rate_wait *found = NULL;
  list_each(node, &rate->waiting) {
    struct rate_wait *wait = list_entry(node, struct rate_wait, node);
    if (!found || wait->had < found->had)
      found = wait;
  }
  return found;
}

static void grant(struct rate *rate, struct rate_wait *wait) {
  uint64_t bytes = (uint64_t)(rate->per_ms * TURN_MS / GRANTS_A_TURN);
  if (bytes < wait->piece)
    bytes = wait->piece;
  rate->had = wait->had;
  rate->bytes -= (double)bytes;
  wait->had += bytes;
  wait->granted += bytes;
}

static void on_turn(struct timer *timer) {
  struct rate *rate = list_entry(timer, struct rate, timer);
  struct rate_wait *wait;
  fill(rate);
  while (rate->bytes > 0 && (wait = next(rate)))
    grant(rate, wait);
  list_each_safe(node, &rate->waiting) {
    wait = list_entry(node, struct rate_wait, node);
    if (!wait->granted)
      continue;
    list_remove(node);
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

void rate_wait_init(struct rate_wait *wait, struct rate *rate, uint64_t piece,
                    void (*wake)(struct rate_wait *)) {
  *wait = (struct rate_wait){.rate = rate, .piece = piece ? piece : PIECE, .wake = wake};
  list_init(&wait->node);
}

bool rate_ready(struct rate_wait *wait) {
  struct rate *rate = wait->rate;
  if (!rate || wait->granted)
    return true;
  if (!list_empty(&wait->node))
    return false;
  if (wait->had < rate->had) /* what it did not take while it was away is gone */
    wait->had = rate->had;
  list_push(&rate->waiting, &wait->node);
  if (list_empty(&rate->timer.node))
    timer_start(rate->loop, &rate->timer, TURN_MS);
  return false;
}

void rate_charge(struct rate_wait *wait, size_t len) {
  if (!wait->rate)
    return;
  uint64_t granted = len < wait->granted ? len : wait->granted, more = len - granted;
  wait->granted -= granted;
  wait->had += more;
  wait->rate->bytes -= (double)more;
}

void rate_leave(struct rate_wait *wait) {
  list_remove(&wait->node);
  if (!wait->granted)
    return;
  wait->rate->bytes += (double)wait->granted;
  wait->had -= wait->granted;
  wait->granted = 0;
}
