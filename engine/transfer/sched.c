#include "transfer/sched.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

enum { SIZES = 65, LOOK_AT_MOST = 64 };
#define SMALL_BYTES ((uint64_t)4 * 1024 * 1024) /* of small blobs in memory at once */
#define SMALL_LEAST ((uint64_t)16 * 1024)       /* what even an empty one counts for */

struct sched {
  struct loop *loop;
  int jobs, jobs_used;
  uint64_t small_bytes;
  struct list small;
  struct list hurried;        /* streams, and then … */
  struct list streams[SIZES]; /* … by the number of bits of their size */
  struct ready pump;
};

static int bits(uint64_t size) {
  int n = 0;
  for (; size; size >>= 1)
    n++;
  return n;
}

static uint64_t weight(const struct sched_grant *grant) {
  return grant->size > SMALL_LEAST ? grant->size : SMALL_LEAST;
}

static void give(struct sched *sched, struct sched_grant *grant) {
  list_remove(&grant->node);
  grant->held = true;
  if (grant->small) {
    sched->small_bytes += weight(grant);
  } else {
    sched->jobs_used++;
    for (int i = 0; i < grant->gate_count; i++)
      gate_enter_stream(grant->gates[i], grant->kinds[i]);
  }
  loop_ready(sched->loop, &grant->ready);
}

static bool has_places(const struct sched_grant *grant) {
  for (int i = 0; i < grant->gate_count; i++) {
    struct gate_places places = {{0}};
    for (int j = 0; j < grant->gate_count; j++)
      places.of[grant->kinds[j]] += grant->gates[j] == grant->gates[i];
    if (!gate_has_room(grant->gates[i], &places))
      return false;
  }
  return true;
}

/* Returns whether it is worth looking on. */
static bool give_some(struct sched *sched, struct list *streams, int *looked) {
  list_each_safe(node, streams) {
    if (sched->jobs_used == sched->jobs || (*looked)++ == LOOK_AT_MOST)
      return false;
    struct sched_grant *grant = list_entry(node, struct sched_grant, node);
    if (!has_places(grant))
      continue;
    give(sched, grant);
    *looked = 0;
  }
  return true;
}

static void give_streams(struct sched *sched) {
  int looked = 0;
  bool more = give_some(sched, &sched->hurried, &looked);
  for (int size = SIZES - 1; more && size >= 0; size--)
    more = give_some(sched, &sched->streams[size], &looked);
}

static void pump(struct ready *ready) {
  struct sched *sched = list_entry(ready, struct sched, pump);
  while (!list_empty(&sched->small)) {
    struct sched_grant *grant = list_entry(sched->small.next, struct sched_grant, node);
    if (sched->small_bytes && sched->small_bytes + weight(grant) > SMALL_BYTES)
      break;
    give(sched, grant);
  }
  give_streams(sched);
}

static void gate_changed(void *arg) {
  struct sched *sched = arg;
  loop_ready(sched->loop, &sched->pump);
}

struct sched *sched_new(struct loop *loop, int jobs) {
  struct sched *sched = mem_zalloc(sizeof *sched);
  sched->loop = loop;
  sched->jobs = jobs;
  list_init(&sched->small);
  list_init(&sched->hurried);
  for (int i = 0; i < SIZES; i++)
    list_init(&sched->streams[i]);
  ready_init(&sched->pump, pump);
  return sched;
}

void sched_free(struct sched *sched) {
  if (!sched)
    return;
  assert(!sched->jobs_used && !sched->small_bytes);
  ready_cancel(&sched->pump);
  free(sched);
}

static void on_granted(struct ready *ready) {
  struct sched_grant *grant = list_entry(ready, struct sched_grant, ready);
  grant->granted(grant);
}

void sched_grant_init(struct sched_grant *grant, uint64_t size, bool small,
                      void (*granted)(struct sched_grant *)) {
  *grant = (struct sched_grant){.size = size, .small = small, .granted = granted};
  list_init(&grant->node);
  ready_init(&grant->ready, on_granted);
}

void sched_grant_add(struct sched *sched, struct sched_grant *grant, struct gate *gate,
                     enum gate_kind kind) {
  assert(grant->gate_count < SCHED_GATES);
  grant->kinds[grant->gate_count] = kind;
  grant->gates[grant->gate_count++] = gate;
  gate_watch(gate, gate_changed, sched);
}

void sched_grant_drop(struct sched *sched, struct sched_grant *grant, struct gate *gate,
                      enum gate_kind kind) {
  for (int i = 0; i < grant->gate_count; i++) {
    if (grant->gates[i] != gate || grant->kinds[i] != kind)
      continue;
    grant->gate_count--;
    grant->gates[i] = grant->gates[grant->gate_count];
    grant->kinds[i] = grant->kinds[grant->gate_count];
    if (grant->held)
      gate_leave_stream(gate, kind);
    loop_ready(sched->loop, &sched->pump);
    return;
  }
}

void sched_ask(struct sched *sched, struct sched_grant *grant) {
  assert(!grant->held && list_empty(&grant->node));
  if (grant->small)
    list_insert_before(grant->hurry ? sched->small.next : &sched->small, &grant->node);
  else
    list_push(grant->hurry ? &sched->hurried : &sched->streams[bits(grant->size)], &grant->node);
  loop_ready(sched->loop, &sched->pump);
}

void sched_hurry(struct sched *sched, struct sched_grant *grant) {
  if (grant->hurry)
    return;
  grant->hurry = true;
  if (list_empty(&grant->node))
    return;
  list_remove(&grant->node);
  sched_ask(sched, grant);
}

void sched_release(struct sched *sched, struct sched_grant *grant) {
  ready_cancel(&grant->ready);
  list_remove(&grant->node);
  if (!grant->held)
    return;
  grant->held = false;
  if (grant->small) {
    sched->small_bytes -= weight(grant);
  } else {
    sched->jobs_used--;
    for (int i = 0; i < grant->gate_count; i++)
      gate_leave_stream(grant->gates[i], grant->kinds[i]);
  }
  loop_ready(sched->loop, &sched->pump);
}
