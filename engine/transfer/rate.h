/* transfer/rate.h - one bandwidth for all transfers together: a bucket of bytes that fills
 * steadily. Who finds it empty waits in line, a chunk a turn, so that all get the same. Thread: the
 * loop's. */
#ifndef DRAY_TRANSFER_RATE_H
#define DRAY_TRANSFER_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "net/loop.h"

struct rate;

/* bytes_per_second above 0. */
struct rate *rate_new(struct loop *loop, int64_t bytes_per_second);
void rate_free(struct rate *rate); /* NULL is fine; nobody may be waiting */

/* A plain member of whoever moves bytes. */
struct rate_wait {
  struct list node;
  void (*wake)(struct rate_wait *); /* its turn has come; may be called from a timer only */
};
void rate_wait_init(struct rate_wait *wait, void (*wake)(struct rate_wait *));

/* Whether bytes may be moved now; if not, wait is woken when it is its turn. rate NULL: always. */
bool rate_ready(struct rate *rate, struct rate_wait *wait);
/* They were: len bytes, whatever there is in the bucket; a debt makes others wait. */
void rate_charge(struct rate *rate, size_t len);
void rate_leave(struct rate_wait *wait); /* waits no more; not waiting: nothing happens */

#endif
