#include "net/gate.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/bucket.h"
#include "net/limit.h"
#include "net/pace.h"
#include "net/retry.h"

#define FIRST_WINDOW 8    /* places of a kind, before the host has shown what it bears */
#define NEVER UINT64_MAX  /* not by time alone */
#define PROVING_MS 1000   /* an answer that takes longer than this is no refusal */
#define HOLD_FIRST_MS 100 /* where the server does not say for how long … */
#define HOLD_LONGEST_MS 30000
#define SAME_MS 1000 /* two ends nearer than this are one */
#define APART_MS 250 /* by which clients part that were told the same time */

struct kind {
  struct limit limit;
  int requests, streams; /* inside */
  int asking;            /* requests that have no answer yet */
  uint64_t asked_ms;     /* when the last of them went */
  struct list waiting;   /* for a turn and a place … */
  struct list placed;    /* … for a turn only: they go first */
  uint64_t held_until;   /* in loop_now()'s time */
  uint64_t told_until;   /* as far as it was the server that said so */
  bool proving;          /* it was held, and nothing has been answered since */
  int refused;           /* round trips of 429s, or of refused connections, in a row */
  struct pace pace;
  struct bucket bucket; /* by pace */
  int64_t quota;        /* requests that there may be until quota_until; -1: any number */
  uint64_t quota_until; /* 0: not known */
};

struct gate {
  struct loop *loop;
  int max;
  uint64_t deadline_ms;
  int inside, streams; /* of all kinds; streams count in both */
  uint64_t arrivals;
  struct kind kinds[GATE_KINDS];
  struct bucket bucket;
  struct ready ready; /* gives turns */
  struct timer timer; /* when the next turn may be due */
  void (*changed)(void *arg);
  void *changed_arg;
};

static uint64_t now_ms(const struct gate *gate) { return loop_now(gate->loop); }

static void wake(struct gate *gate) { loop_ready(gate->loop, &gate->ready); }

static bool is_shut(const struct gate *gate, const struct kind *kind) {
  uint64_t last = gate->deadline_ms ? gate->deadline_ms
                                    : now_ms(gate) + (uint64_t)RETRY_AFTER_MAX_MS + APART_MS;
  return kind->told_until > now_ms(gate) && kind->told_until > last;
}

static bool out_of_quota(struct kind *kind, uint64_t now) {
  if (kind->quota_until && now >= kind->quota_until)
    kind->quota = -1;
  if (kind->quota < 0)
    return false;
  /* With none left, and no time known, one finds out. */
  return kind->asking >= (kind->quota ? kind->quota : 1);
}

/* When the next turn of the kind is due, as far as it depends on time. */
static uint64_t due(struct gate *gate, struct kind *kind, uint64_t now) {
  if (kind->held_until > now)
    return kind->held_until;
  if (kind->proving && kind->asking && kind->asked_ms + PROVING_MS > now)
    return kind->asked_ms + PROVING_MS;
  if (out_of_quota(kind, now))
    return NEVER;
  bucket_set_rate(&kind->bucket, pace_rate(&kind->pace, now), now);
  uint64_t host = bucket_due(&gate->bucket, now), own = bucket_due(&kind->bucket, now);
  return own > host ? own : host;
}

static bool has_place(const struct gate *gate, const struct kind *kind) {
  if (gate->inside >= gate->max)
    return false;
  /* Streams may last for hours: one request at least goes beside them. */
  return kind->requests + kind->streams < limit_window(&kind->limit) || !kind->requests;
}

/* Whose turn it is within a kind, as far as places go. */
static struct gate_wait *first_of(const struct gate *gate, const struct kind *kind) {
  if (!list_empty(&kind->placed))
    return list_entry(kind->placed.next, struct gate_wait, node);
  if (!list_empty(&kind->waiting) && has_place(gate, kind))
    return list_entry(kind->waiting.next, struct gate_wait, node);
  return NULL;
}

/* The one that has waited longest of those whose turn is due. */
static struct gate_wait *next(struct gate *gate) {
  uint64_t now = now_ms(gate);
  struct gate_wait *oldest = NULL;
  for (int k = 0; k < GATE_KINDS; k++) {
    struct gate_wait *wait = first_of(gate, &gate->kinds[k]);
    if (wait && (!oldest || wait->number < oldest->number) &&
        due(gate, &gate->kinds[k], now) <= now)
      oldest = wait;
  }
  return oldest;
}

static void give_turn(struct gate *gate, struct gate_wait *wait) {
  struct kind *kind = &gate->kinds[wait->kind];
  uint64_t now = now_ms(gate);
  list_remove(&wait->node);
  if (wait->wants_place) {
    wait->wants_place = false;
    wait->placed = true;
    kind->requests++;
    gate->inside++;
  }
  wait->asking = true;
  kind->asking++;
  kind->asked_ms = now;
  bucket_take(&gate->bucket, now);
  bucket_take(&kind->bucket, now);
  loop_ready(gate->loop, &wait->ready);
}

static void turn_away(struct gate *gate, struct list *waiting, uint64_t until) {
  struct list *node;
  while ((node = list_pop(waiting))) {
    struct gate_wait *wait = list_entry(node, struct gate_wait, node);
    wait->refused_ms = (int64_t)(until - now_ms(gate));
    loop_ready(gate->loop, &wait->ready);
  }
}

/* For those who wait, and for streams, which wait elsewhere. */
static void set_timer(struct gate *gate) {
  uint64_t now = now_ms(gate), soonest = NEVER;
  for (int k = 0; k < GATE_KINDS; k++) {
    struct kind *kind = &gate->kinds[k];
    uint64_t at = kind->held_until > now ? kind->held_until
                  : first_of(gate, kind) ? due(gate, kind, now)
                                         : NEVER;
    if (at < soonest)
      soonest = at;
  }
  if (soonest == NEVER)
    timer_stop(&gate->timer);
  else
    timer_start(gate->loop, &gate->timer, soonest > now ? soonest - now : 0);
}

static void give_turns(struct ready *ready) {
  struct gate *gate = list_entry(ready, struct gate, ready);
  struct gate_wait *wait;
  for (int k = 0; k < GATE_KINDS; k++) {
    struct kind *kind = &gate->kinds[k];
    if (is_shut(gate, kind)) {
      turn_away(gate, &kind->placed, kind->told_until);
      turn_away(gate, &kind->waiting, kind->told_until);
    }
  }
  while ((wait = next(gate)))
    give_turn(gate, wait);
  set_timer(gate);
  if (gate->changed && gate->inside < gate->max)
    gate->changed(gate->changed_arg);
}

static void on_time(struct timer *timer) { wake(list_entry(timer, struct gate, timer)); }

struct gate *gate_new(struct loop *loop, int max) {
  assert(max >= 2);
  struct gate *gate = mem_zalloc(sizeof *gate);
  gate->loop = loop;
  gate->max = max;
  for (int k = 0; k < GATE_KINDS; k++) {
    struct kind *kind = &gate->kinds[k];
    limit_init(&kind->limit, FIRST_WINDOW, max);
    list_init(&kind->waiting);
    list_init(&kind->placed);
    kind->quota = -1;
  }
  ready_init(&gate->ready, give_turns);
  timer_init(&gate->timer, on_time);
  return gate;
}

void gate_free(struct gate *gate) {
  if (!gate)
    return;
  assert(!gate->inside);
  for (int k = 0; k < GATE_KINDS; k++)
    assert(list_empty(&gate->kinds[k].waiting) && list_empty(&gate->kinds[k].placed));
  ready_cancel(&gate->ready);
  timer_stop(&gate->timer);
  free(gate);
}

void gate_set_deadline(struct gate *gate, uint64_t deadline_ms) {
  gate->deadline_ms = deadline_ms;
  wake(gate);
}

void gate_set_rate(struct gate *gate, double rate) {
  bucket_set_rate(&gate->bucket, rate, now_ms(gate));
  wake(gate);
}

/* -- requests -- */

static void on_entered(struct ready *ready) {
  struct gate_wait *wait = list_entry(ready, struct gate_wait, ready);
  wait->entered(wait);
}

void gate_wait_init(struct gate_wait *wait, void (*entered)(struct gate_wait *)) {
  *wait = (struct gate_wait){.entered = entered};
  ready_init(&wait->ready, on_entered);
  list_init(&wait->node);
}

void gate_enter(struct gate *gate, struct gate_wait *wait, enum gate_kind kind, bool in_stream) {
  assert(list_empty(&wait->node) && (!wait->placed || (wait->gate == gate && wait->kind == kind)));
  gate_answered(wait);
  wait->gate = gate;
  wait->kind = kind;
  wait->number = gate->arrivals++;
  wait->refused_ms = 0;
  wait->wants_place = !in_stream && !wait->placed;
  list_push(wait->wants_place ? &gate->kinds[kind].waiting : &gate->kinds[kind].placed,
            &wait->node);
  wake(gate);
}

void gate_answered(struct gate_wait *wait) {
  if (!wait->asking)
    return;
  struct kind *kind = &wait->gate->kinds[wait->kind];
  wait->asking = false;
  kind->asking--;
  if (kind->quota > 0)
    kind->quota--;
  wake(wait->gate);
}

void gate_leave(struct gate_wait *wait) {
  ready_cancel(&wait->ready);
  list_remove(&wait->node);
  gate_answered(wait);
  if (!wait->placed)
    return;
  wait->placed = false;
  wait->gate->kinds[wait->kind].requests--;
  wait->gate->inside--;
  wake(wait->gate);
}

/* -- streams -- */

bool gate_has_room(struct gate *gate, const struct gate_places *places) {
  int all = 0;
  for (int k = 0; k < GATE_KINDS; k++) {
    const struct kind *kind = &gate->kinds[k];
    int count = places->of[k], window = limit_window(&kind->limit);
    if (!count)
      continue;
    if (is_shut(gate, kind))
      return true;
    if (kind->held_until > now_ms(gate))
      return false;
    /* One goes in any case, else none might. */
    if (kind->streams &&
        (kind->requests + kind->streams + count > window || kind->streams + count >= window))
      return false;
    all += count;
  }
  if (gate->inside == 0)
    return true;
  return gate->inside + all <= gate->max && (!gate->streams || gate->streams + all < gate->max) &&
         !next(gate);
}

void gate_enter_stream(struct gate *gate, enum gate_kind kind) {
  gate->kinds[kind].streams++;
  gate->streams++;
  gate->inside++;
}

void gate_leave_stream(struct gate *gate, enum gate_kind kind) {
  assert(gate->kinds[kind].streams > 0);
  gate->kinds[kind].streams--;
  gate->streams--;
  gate->inside--;
  wake(gate);
}

void gate_watch(struct gate *gate, void (*changed)(void *arg), void *arg) {
  gate->changed = changed;
  gate->changed_arg = arg;
}

/* -- what the host says -- */

void gate_good(struct gate *gate, enum gate_kind which) {
  struct kind *kind = &gate->kinds[which];
  limit_good(&kind->limit, kind->requests + kind->streams);
  pace_good(&kind->pace);
  kind->refused = 0;
  kind->proving = false;
  wake(gate);
}

void gate_bad(struct gate *gate, enum gate_kind kind, uint64_t started_ms) {
  limit_bad(&gate->kinds[kind].limit, started_ms, now_ms(gate));
}

static int64_t chance(struct gate *gate, int64_t below) {
  return (int64_t)(loop_random(gate->loop) % (uint64_t)below);
}

static void hold(struct gate *gate, struct kind *kind, int64_t ms) {
  uint64_t until = now_ms(gate) + (uint64_t)ms;
  if (until <= kind->held_until)
    return;
  kind->held_until = until;
  kind->proving = true;
  wake(gate);
}

bool gate_hold(struct gate *gate, enum gate_kind which, int64_t ms) {
  bool longer = false;
  uint64_t until = now_ms(gate) + (uint64_t)ms;
  for (int k = 0; k < GATE_KINDS; k++) {
    struct kind *kind = &gate->kinds[k];
    if (which != GATE_HOST && k != (int)which)
      continue;
    hold(gate, kind, ms);
    longer = longer || until > kind->told_until + SAME_MS;
    if (until > kind->told_until)
      kind->told_until = until;
  }
  return longer;
}

/* How long to leave the host alone of our own accord: twice as long each time. */
static int64_t own_hold(struct gate *gate, struct kind *kind) {
  int64_t ms = HOLD_FIRST_MS;
  for (int i = 0; i < kind->refused && ms < HOLD_LONGEST_MS; i++)
    ms *= 2;
  if (ms > HOLD_LONGEST_MS)
    ms = HOLD_LONGEST_MS;
  kind->refused++;
  return ms / 2 + chance(gate, ms / 2 + 1);
}

bool gate_limited(struct gate *gate, enum gate_kind which, uint64_t started_ms, int64_t after_ms) {
  struct kind *kind = &gate->kinds[which];
  if (limit_bad(&kind->limit, started_ms, now_ms(gate))) {
    hold(gate, kind, own_hold(gate, kind));
    if (after_ms != 0) /* "at once" is not what a limit by rate answers */
      pace_refused(&kind->pace, now_ms(gate));
  }
  return after_ms > 0 && gate_hold(gate, which, after_ms + chance(gate, APART_MS));
}

void gate_unreachable(struct gate *gate, enum gate_kind which, uint64_t started_ms) {
  for (int k = 0; k < GATE_KINDS; k++) {
    struct kind *kind = &gate->kinds[k];
    if ((which == GATE_HOST || k == (int)which) &&
        limit_bad(&kind->limit, started_ms, now_ms(gate)))
      hold(gate, kind, own_hold(gate, kind));
  }
}

bool gate_quota(struct gate *gate, enum gate_kind which, int64_t left, int64_t reset_ms) {
  struct kind *kind = &gate->kinds[which];
  kind->quota = left;
  kind->quota_until = reset_ms > 0 ? now_ms(gate) + (uint64_t)reset_ms : 0;
  wake(gate);
  return left == 0 && reset_ms > 0 && gate_hold(gate, which, reset_ms);
}

int64_t gate_held_ms(const struct gate *gate, enum gate_kind kind) {
  uint64_t until = gate->kinds[kind].held_until;
  return until > now_ms(gate) ? (int64_t)(until - now_ms(gate)) : 0;
}

bool gate_is_shut(const struct gate *gate, enum gate_kind kind) {
  return is_shut(gate, &gate->kinds[kind]);
}

int gate_window(const struct gate *gate, enum gate_kind kind) {
  return limit_window(&gate->kinds[kind].limit);
}
