/* transfer/owner.h - a name for whoever has an entry of the journal: a process, told apart from all
 * others, also of other containers, boots and machines, so that one can see whether it still lives.
 * Thread: any. Source: Linux, proc(5). */
#ifndef DRAY_TRANSFER_OWNER_H
#define DRAY_TRANSFER_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#define OWNER_TEXT 128

/* A new name for this process, unlike all that it made before. */
void owner_new(char name[OWNER_TEXT]);

/* False: whoever made that name (any text) has ended, or it is none. A process of another boot
 * counts as ended: it ran on another machine, or before. One that can't be looked at from here,
 * such as another container's, counts as ended when it hasn't been heard of for 10 minutes: heard_s
 * ago was the last time. self is a name of the caller's. */
bool owner_lives(const char *name, const char *self, int64_t heard_s);

#endif
