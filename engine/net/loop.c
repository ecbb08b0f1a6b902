#include "net/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

#include "base/mem.h"

enum { SIGNALS = 2 };

struct loop {
  uv_loop_t uv;
  uv_prepare_t before_poll;
  uv_check_t after_poll;
  uv_timer_t alarm; /* due when the first of timers is … */
  uv_idle_t soon;   /* … or in the next turn, where it is due already */
  uv_signal_t signals[SIGNALS];
  struct list ready;
  struct list timers; /* by due, soonest first */
  uint64_t random;
  void (*on_signal)(void *arg, int signal);
  void *on_signal_arg;
};

static void drain(struct loop *loop) {
  struct list *node;
  while ((node = list_pop(&loop->ready))) {
    struct ready *ready = list_entry(node, struct ready, node);
    ready->fn(ready);
  }
}

static void alarm_set(struct loop *loop);

/* What the callbacks start is for a later turn, due or not: sockets must get theirs. */
static void fire_due(struct loop *loop) {
  uint64_t now = uv_now(&loop->uv);
  struct list due, *node;
  list_init(&due);
  while (!list_empty(&loop->timers) &&
         list_entry(loop->timers.next, struct timer, node)->due <= now)
    list_push(&due, list_pop(&loop->timers));
  while ((node = list_pop(&due))) {
    struct timer *timer = list_entry(node, struct timer, node);
    timer->fn(timer);
  }
  alarm_set(loop);
}

static void on_alarm(uv_timer_t *alarm) { fire_due(alarm->data); }

static void on_soon(uv_idle_t *soon) {
  uv_idle_stop(soon);
  fire_due(soon->data);
}

/* libuv would fire a timer of 0 again and again within one turn. */
static void alarm_set(struct loop *loop) {
  uv_timer_stop(&loop->alarm);
  if (list_empty(&loop->timers))
    return;
  uint64_t now = uv_now(&loop->uv);
  uint64_t due = list_entry(loop->timers.next, struct timer, node)->due;
  if (due > now)
    uv_timer_start(&loop->alarm, on_alarm, due - now, 0);
  else
    uv_idle_start(&loop->soon, on_soon);
}

/* Before the poll: what timers and closings left. After it: what sockets brought, so that a
 * completion acts in the turn in which it came. */
static void on_prepare(uv_prepare_t *handle) { drain(handle->data); }
static void on_check(uv_check_t *handle) { drain(handle->data); }

static void on_signal(uv_signal_t *handle, int signal) {
  struct loop *loop = handle->data;
  if (loop->on_signal)
    loop->on_signal(loop->on_signal_arg, signal);
}

int loop_new(struct loop **out, struct err *err) {
  struct loop *loop = mem_zalloc(sizeof *loop);
  int rc = uv_loop_init(&loop->uv);
  if (rc < 0) {
    free(loop);
    return err_set(err, ERR_IO, "cannot make an event loop: %s", uv_strerror(rc));
  }
  list_init(&loop->ready);
  list_init(&loop->timers);
  uv_prepare_init(&loop->uv, &loop->before_poll);
  uv_check_init(&loop->uv, &loop->after_poll);
  uv_timer_init(&loop->uv, &loop->alarm);
  uv_idle_init(&loop->uv, &loop->soon);
  loop->before_poll.data = loop->after_poll.data = loop->alarm.data = loop->soon.data = loop;
  uv_prepare_start(&loop->before_poll, on_prepare);
  uv_check_start(&loop->after_poll, on_check);
  for (int i = 0; i < SIGNALS && rc == 0; i++) {
    rc = uv_signal_init(&loop->uv, &loop->signals[i]);
    loop->signals[i].data = loop;
  }
  if (rc < 0) {
    loop_free(loop);
    return err_set(err, ERR_IO, "cannot watch signals: %s", uv_strerror(rc));
  }
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  loop->random = ((uint64_t)now.tv_nsec << 20) ^ (uint64_t)now.tv_sec ^ (uint64_t)(uintptr_t)loop;
  *out = loop;
  return 0;
}

static void close_handle(uv_handle_t *handle, void *arg) {
  (void)arg;
  if (!uv_is_closing(handle))
    uv_close(handle, NULL);
}

void loop_free(struct loop *loop) {
  if (!loop)
    return;
  uv_walk(&loop->uv, close_handle, NULL);
  uv_run(&loop->uv, UV_RUN_DEFAULT);
  uv_loop_close(&loop->uv);
  free(loop);
}

void loop_run(struct loop *loop) {
  uv_update_time(&loop->uv);
  uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop) { uv_stop(&loop->uv); }

void loop_refresh(struct loop *loop) { uv_update_time(&loop->uv); }

uint64_t loop_now(const struct loop *loop) { return uv_now(&loop->uv); }

int64_t loop_wall(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t loop_random(struct loop *loop) { /* splitmix64 */
  uint64_t z = (loop->random += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

struct uv_loop_s *loop_uv(struct loop *loop) {
  return &loop->uv;
}

void ready_init(struct ready *ready, void (*fn)(struct ready *)) {
  list_init(&ready->node);
  ready->fn = fn;
}

void loop_ready(struct loop *loop, struct ready *ready) {
  if (list_empty(&ready->node))
    list_push(&loop->ready, &ready->node);
}

void ready_cancel(struct ready *ready) { list_remove(&ready->node); }

void timer_init(struct timer *timer, void (*fn)(struct timer *)) {
  list_init(&timer->node);
  timer->due = 0;
  timer->fn = fn;
}

void timer_start(struct loop *loop, struct timer *timer, uint64_t ms) {
  list_remove(&timer->node);
  timer->due = uv_now(&loop->uv) + ms;
  /* From the end: most are started later than those that run. */
  struct list *after = loop->timers.prev;
  while (after != &loop->timers && list_entry(after, struct timer, node)->due > timer->due)
    after = after->prev;
  list_insert_before(after->next, &timer->node);
  if (loop->timers.next == &timer->node)
    alarm_set(loop);
}

void timer_stop(struct timer *timer) { list_remove(&timer->node); }

int loop_signals(struct loop *loop, void (*fn)(void *arg, int signal), void *arg, struct err *err) {
  static const int numbers[SIGNALS] = {SIGINT, SIGTERM};
  loop->on_signal = fn;
  loop->on_signal_arg = arg;
  for (int i = 0; i < SIGNALS; i++) {
    int rc = fn ? uv_signal_start(&loop->signals[i], on_signal, numbers[i])
                : uv_signal_stop(&loop->signals[i]);
    if (rc < 0)
      return err_set(err, ERR_IO, "cannot watch signals: %s", uv_strerror(rc));
  }
  return 0;
}
