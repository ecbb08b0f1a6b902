/* net/gate.h - admission to one host: how many requests and streams may be under way.
 * A stream is a transfer of a large body, which holds its place for long: one place is always left
 * to requests, and waiting requests go before streams. Thread: the loop's. */
#ifndef DRAY_NET_GATE_H
#define DRAY_NET_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "net/loop.h"

struct gate;

/* max: the most places that the window may grow to, at least 2. */
struct gate *gate_new(struct loop *loop, int max);
void gate_free(struct gate *gate); /* nobody may be inside or waiting */

/* Who waits for a place; a plain member. entered runs from the ready queue: it is inside then. */
struct gate_wait {
  struct ready ready;
  struct list node;
  struct gate *gate;
  bool inside;
  void (*entered)(struct gate_wait *);
};
void gate_wait_init(struct gate_wait *wait, void (*entered)(struct gate_wait *));

void gate_enter(struct gate *gate, struct gate_wait *wait); /* in order of arrival */
void gate_leave(struct gate_wait *wait); /* gives the place, or the waiting, up; else nothing */

/* For streams: a place at once, or none. Given back by gate_leave_stream(). */
bool gate_has_room_for_stream(const struct gate *gate, int places);
void gate_enter_stream(struct gate *gate);
void gate_leave_stream(struct gate *gate);

/* changed runs from the ready queue whenever a stream may find room that it did not find before. */
void gate_watch(struct gate *gate, void (*changed)(void *arg), void *arg);

/* How the host bears it: opens or narrows the window. */
void gate_good(struct gate *gate);
void gate_bad(struct gate *gate, uint64_t started_ms);
void gate_hold(struct gate *gate, int64_t ms); /* nobody enters for so long (Retry-After) */

int gate_window(const struct gate *gate);

#endif
