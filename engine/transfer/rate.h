/* transfer/rate.h - one bandwidth for all transfers together: a bucket of bytes that fills
 * steadily. Who wants to move bytes waits for a turn, and is then granted some; the next turn is
 * that of who has had the fewest, so that all get the same. Thread: the loop's. */
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
  struct rate *rate;
  uint64_t piece;                   /* bytes that one turn is worth at least */
  uint64_t had;                     /* bytes granted so far, or as if it had always been here */
  uint64_t granted;                 /* of these, not moved yet */
  void (*wake)(struct rate_wait *); /* its turn has come; called from a timer only */
};
/* rate NULL: no limit. piece: bytes that are moved without a pause in between; 0: any. */
void rate_wait_init(struct rate_wait *wait, struct rate *rate, uint64_t piece,
                    void (*wake)(struct rate_wait *));

/* Whether bytes may be moved now; if not, wait is woken when it is its turn. */
bool rate_ready(struct rate_wait *wait);
void rate_charge(struct rate_wait *wait, size_t len); /* len bytes were moved, granted or not */
/* Waits no more, and gives back what it was granted and has not moved. Again: nothing happens. */
void rate_leave(struct rate_wait *wait);

#endif
