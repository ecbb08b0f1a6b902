/* base/arena.h - memory that lives as long as one job and is freed at once.
 * Thread: one at a time. */
#ifndef DRAY_BASE_ARENA_H
#define DRAY_BASE_ARENA_H

#include <stddef.h>

struct arena {
  struct arena_block *blocks; /* newest first */
};

void arena_init(struct arena *arena);
void arena_free(struct arena *arena);                      /* usable again afterwards */
void *arena_alloc(struct arena *arena, size_t size);       /* zeroed, aligned for any type */
char *arena_strdup(struct arena *arena, const char *text); /* NULL gives NULL */
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
size_t arena_size(const struct arena *arena); /* bytes held */

#endif
