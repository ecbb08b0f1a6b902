/* net/gate.h - admission to one host: which request may go, and when.
 * Registries limit kinds of action separately, so each kind has a window of its own, a hold, a pace
 * and a quota; all of them share the host's connections and its rate. A stream is a transfer of a
 * large body, which holds its place for long: one connection of the host is left to requests, and
 * requests that wait go before streams. Thread: the loop's. */
#ifndef DRAY_NET_GATE_H
#define DRAY_NET_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "net/loop.h"

enum gate_kind {
  GATE_LOOK, /* HEAD of anything: Docker Hub, for one, does not meter it */
  GATE_MANIFEST_READ,
  GATE_MANIFEST_WRITE,
  GATE_BLOB_READ,
  GATE_BLOB_WRITE,
  GATE_LIST, /* of tags, of referrers */
  GATE_KINDS,
  GATE_HOST = GATE_KINDS /* all of them */
};

struct gate;

struct gate *gate_new(struct loop *loop, int max); /* max: the most connections, at least 2 */
void gate_free(struct gate *gate);                 /* nobody may be inside or waiting */

/* Holds that last beyond deadline_ms (in loop_now()'s time) are not waited for; 0, as at first: those
 * that last beyond RETRY_AFTER_MAX_MS. */
void gate_set_deadline(struct gate *gate, uint64_t deadline_ms);

/* At most so many requests a second, of all kinds together; 0: no limit. */
void gate_set_rate(struct gate *gate, double rate);

/* Who waits for a turn; a plain member. entered runs from the ready queue: then it may send one
 * request, unless refused_ms tells that nobody of its kind may for so long. */
struct gate_wait {
  struct ready ready;
  struct list node;
  struct gate *gate;
  enum gate_kind kind;
  uint64_t number;  /* of arrival */
  bool placed;      /* it has a place of its own */
  bool wants_place; /* together with its turn */
  bool asking;      /* its request has not been answered yet */
  int64_t refused_ms;
  void (*entered)(struct gate_wait *);
};
void gate_wait_init(struct gate_wait *wait, void (*entered)(struct gate_wait *));

/* Waits for a turn, and for a place unless it still has one or is within a stream's. In order of
 * arrival within a kind. */
void gate_enter(struct gate *gate, struct gate_wait *wait, enum gate_kind kind, bool in_stream);
void gate_answered(struct gate_wait *wait); /* or lost: the next turn needs another gate_enter() */
void gate_leave(struct gate_wait *wait);    /* gives the place, or the waiting, up; else nothing */

/* For streams: places at once, or none; so many of each kind. Where its kind is held for longer
 * than is waited for there is room, so that it learns why it gets no further. A stream that needs
 * more places than there are goes when it is alone. */
struct gate_places {
  int of[GATE_KINDS];
};
bool gate_has_room(struct gate *gate, const struct gate_places *places);
void gate_enter_stream(struct gate *gate, enum gate_kind kind);
void gate_leave_stream(struct gate *gate, enum gate_kind kind);

/* changed runs from the ready queue whenever a stream may find room that it did not find before. */
void gate_watch(struct gate *gate, void (*changed)(void *arg), void *arg);

/* How the host bears it. good: a request was answered, which opens the window. bad: one was turned
 * away or lost, which narrows it. */
void gate_good(struct gate *gate, enum gate_kind kind);
void gate_bad(struct gate *gate, enum gate_kind kind, uint64_t started_ms);

/* The server said that nobody of that kind (GATE_HOST: nobody) should ask for so long. After any hold
 * one has a turn, and when that is answered all. Returns whether this is longer than was known. */
bool gate_hold(struct gate *gate, enum gate_kind kind, int64_t ms);

/* A request was answered 429: bad, and a hold of after_ms (what the server asked for; -1: nothing),
 * but at least of 100 ms doubling to 30 s with each such answer in a row; repeated, it teaches the
 * rate that the host bears. Returns as gate_hold(). */
bool gate_limited(struct gate *gate, enum gate_kind kind, uint64_t started_ms, int64_t after_ms);

/* A connection was refused, for that kind or (GATE_HOST) for all: bad, and a hold as after a 429.
 */
void gate_unreachable(struct gate *gate, enum gate_kind kind, uint64_t started_ms);

/* An answer told how many more requests of that kind there may be (left) until reset_ms from now
 * (-1: not told): no more are sent, and at 0 none until then. Returns as gate_hold(). */
bool gate_quota(struct gate *gate, enum gate_kind kind, int64_t left, int64_t reset_ms);

int64_t gate_held_ms(const struct gate *gate, enum gate_kind kind); /* for how long; 0: it isn't */
bool gate_is_shut(const struct gate *gate,
                  enum gate_kind kind); /* by the server, for longer than is
                                                                    waited for */
int gate_window(const struct gate *gate, enum gate_kind kind);

#endif
