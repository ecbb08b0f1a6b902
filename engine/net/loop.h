/* net/loop.h - the event loop: a libuv loop, timers that need no closing, and the ready queue.
 * Everything in engine/ runs on the thread that is in loop_run(). No globals: several loops may
 * live in one process, each in its own thread. */
#ifndef DRAY_NET_LOOP_H
#define DRAY_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

struct loop;
struct uv_loop_s;

/* Errors: ERR_IO (no descriptors left). */
int loop_new(struct loop **loop, struct err *err);
void loop_free(struct loop *loop); /* everything started on it must have ended; NULL is fine */

void loop_run(struct loop *loop); /* until loop_stop(), called from within */
void loop_stop(struct loop *loop);

uint64_t loop_now(const struct loop *loop); /* ms, monotonic, as of this turn of the loop */
/* Makes loop_now() the time that it is: after a while outside of loop_run(). */
void loop_refresh(struct loop *loop);
int64_t loop_wall(void);                      /* ms since 1970 */
uint64_t loop_random(struct loop *loop);      /* jitter; not for secrets */
struct uv_loop_s *loop_uv(struct loop *loop); /* for net/ only */

/* The ready queue: what a completion calls instead of acting at once. fn runs once for each time
 * that it was queued, after the callbacks of curl and libuv have returned, in order of queueing. */
struct ready {
  struct list node;
  void (*fn)(struct ready *);
};
void ready_init(struct ready *ready, void (*fn)(struct ready *));
void loop_ready(struct loop *loop, struct ready *ready); /* queued already: nothing happens */
void ready_cancel(struct ready *ready);                  /* not queued: nothing happens */

/* Timers: plain members of whoever waits. Fired once each start, from the loop. */
struct timer {
  struct list node;
  uint64_t due; /* in loop_now()'s time */
  void (*fn)(struct timer *);
};
void timer_init(struct timer *timer, void (*fn)(struct timer *));
void timer_start(struct loop *loop, struct timer *timer, uint64_t ms); /* again: moved */
void timer_stop(struct timer *timer); /* not running: nothing happens */

/* SIGINT and SIGTERM are given to fn from now on (once a signal), until fn is NULL.
 * Errors: ERR_IO. */
int loop_signals(struct loop *loop, void (*fn)(void *arg, int signal), void *arg, struct err *err);

#endif
