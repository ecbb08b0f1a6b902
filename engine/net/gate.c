#include "net/gate.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/limit.h"

#define FIRST_WINDOW 8 /* places, before the host has shown what it bears */

struct gate {
  struct loop *loop;
  struct limit limit;
  int requests, streams; /* inside */
  struct list waiting;
  struct ready ready; /* lets waiters in */
  struct timer hold;
  bool held;
  void (*changed)(void *arg);
  void *changed_arg;
};

static void admit(struct ready *ready) {
  struct gate *gate = list_entry(ready, struct gate, ready);
  struct list *node;
  while (!gate->held && gate->requests + gate->streams < limit_window(&gate->limit) &&
         (node = list_pop(&gate->waiting))) {
    struct gate_wait *wait = list_entry(node, struct gate_wait, node);
    wait->inside = true;
    gate->requests++;
    loop_ready(gate->loop, &wait->ready);
  }
  if (gate->changed && list_empty(&gate->waiting))
    gate->changed(gate->changed_arg);
}

static void hold_over(struct timer *timer) {
  struct gate *gate = list_entry(timer, struct gate, hold);
  gate->held = false;
  loop_ready(gate->loop, &gate->ready);
}

struct gate *gate_new(struct loop *loop, int max) {
  assert(max >= 2);
  struct gate *gate = mem_zalloc(sizeof *gate);
  gate->loop = loop;
  limit_init(&gate->limit, FIRST_WINDOW, max);
  list_init(&gate->waiting);
  ready_init(&gate->ready, admit);
  timer_init(&gate->hold, hold_over);
  return gate;
}

void gate_free(struct gate *gate) {
  if (!gate)
    return;
  assert(!gate->requests && !gate->streams && list_empty(&gate->waiting));
  ready_cancel(&gate->ready);
  timer_stop(&gate->hold);
  free(gate);
}

static void on_entered(struct ready *ready) {
  struct gate_wait *wait = list_entry(ready, struct gate_wait, ready);
  wait->entered(wait);
}

void gate_wait_init(struct gate_wait *wait, void (*entered)(struct gate_wait *)) {
  ready_init(&wait->ready, on_entered);
  list_init(&wait->node);
  wait->gate = NULL;
  wait->inside = false;
  wait->entered = entered;
}

void gate_enter(struct gate *gate, struct gate_wait *wait) {
  assert(!wait->inside && list_empty(&wait->node));
  wait->gate = gate;
  list_push(&gate->waiting, &wait->node);
  loop_ready(gate->loop, &gate->ready);
}

void gate_leave(struct gate_wait *wait) {
  ready_cancel(&wait->ready);
  list_remove(&wait->node);
  if (!wait->inside)
    return;
  wait->inside = false;
  wait->gate->requests--;
  loop_ready(wait->gate->loop, &wait->gate->ready);
}

bool gate_has_room_for_stream(const struct gate *gate, int places) {
  return !gate->held && list_empty(&gate->waiting) &&
         gate->requests + gate->streams + places <= limit_window(&gate->limit) &&
         /* One place is for requests, but where the window is down to what one stream needs, that
          * stream must still be able to go on. */
         (gate->streams + places < limit_window(&gate->limit) || gate->streams == 0);
}

void gate_enter_stream(struct gate *gate) { gate->streams++; }

void gate_leave_stream(struct gate *gate) {
  assert(gate->streams > 0);
  gate->streams--;
  loop_ready(gate->loop, &gate->ready);
}

void gate_watch(struct gate *gate, void (*changed)(void *arg), void *arg) {
  gate->changed = changed;
  gate->changed_arg = arg;
}

void gate_good(struct gate *gate) {
  limit_good(&gate->limit);
  loop_ready(gate->loop, &gate->ready);
}

void gate_bad(struct gate *gate, uint64_t started_ms) {
  limit_bad(&gate->limit, started_ms, loop_now(gate->loop));
}

void gate_hold(struct gate *gate, int64_t ms) {
  if (gate->held && gate->hold.due >= loop_now(gate->loop) + (uint64_t)ms)
    return;
  gate->held = true;
  timer_start(gate->loop, &gate->hold, (uint64_t)ms);
}

int gate_window(const struct gate *gate) { return limit_window(&gate->limit); }
