/* transfer/sched.h - which blob goes next. A stream gets all its places (a job's, one at the
 * source, one at each target) at once or none, largest first; small blobs go in order, bounded by
 * the bytes that they hold in memory. Those that others wait for go before the rest. Thread: the loop's. */
#ifndef DRAY_TRANSFER_SCHED_H
#define DRAY_TRANSFER_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "net/gate.h"
#include "net/loop.h"

enum { SCHED_GATES = 17 }; /* a source and 16 targets */

struct sched;

struct sched *sched_new(struct loop *loop, int jobs);
void sched_free(struct sched *sched); /* nothing may be asked or held */

/* A plain member of the job. granted runs from the ready queue. */
struct sched_grant {
  struct list node;
  struct ready ready;
  uint64_t size; /* bytes of the blob */
  bool small;    /* no job's place, no places at gates: its requests enter those by themselves */
  bool hurry;    /* others wait for it */
  bool held;
  int gate_count;
  struct gate *gates[SCHED_GATES];   /* one may stand there twice … */
  enum gate_kind kinds[SCHED_GATES]; /* … for this */
  void (*granted)(struct sched_grant *);
};
void sched_grant_init(struct sched_grant *grant, uint64_t size, bool small,
                      void (*granted)(struct sched_grant *));
void sched_grant_add(struct sched *sched, struct sched_grant *grant, struct gate *gate,
                     enum gate_kind kind);
/* A place that is not needed any more, or not by this job: held or not. */
void sched_grant_drop(struct sched *sched, struct sched_grant *grant, struct gate *gate,
                      enum gate_kind kind);

void sched_ask(struct sched *sched, struct sched_grant *grant);
void sched_hurry(struct sched *sched,
                 struct sched_grant *grant); /* asked for already, or not yet */
void sched_release(struct sched *sched, struct sched_grant *grant); /* or gives up; else nothing */

#endif
