/* net/work.h - run a function beside the loop, on a thread of libuv's pool: for disks.
 * Thread: the loop's, but for the function itself. done runs from the ready queue. */
#ifndef DRAY_NET_WORK_H
#define DRAY_NET_WORK_H

#include "net/loop.h"

struct work;

/* fn(arg) runs at once on another thread; what arg leads to is its alone until done(arg), called
 * exactly once, after which the work is gone. The log is the loop's: fn leaves it alone. */
struct work *work_start(struct loop *loop, void (*fn)(void *arg), void (*done)(void *arg),
                        void *arg);

/* Waits until fn has returned, without a turn of the loop: done is not called any more, the work is
 * gone, and arg is the caller's. */
void work_wait(struct work *work);

#endif
