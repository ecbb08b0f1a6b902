/* base/map.h - a hash map from strings to pointers. Keys are copied, values are the caller's.
 * Hashing is keyed at random per map, since keys come from servers. Thread: one at a time. */
#ifndef DRAY_BASE_MAP_H
#define DRAY_BASE_MAP_H

#include <stddef.h>

struct map;

struct map *map_new(void);
void map_free(struct map *map, void (*free_value)(void *)); /* free_value may be NULL; map too */

void *map_get(const struct map *map, const char *key);        /* NULL: not there */
void *map_put(struct map *map, const char *key, void *value); /* returns the old value or NULL */
void *map_remove(struct map *map, const char *key);           /* returns the value or NULL */
size_t map_count(const struct map *map);

/* Iteration: `for (size_t i = 0; map_next(map, &i, &key, &value);)`. Order is arbitrary; the map
 * must not be changed meanwhile. Returns 0 at the end. key, value may be NULL. */
int map_next(const struct map *map, size_t *cursor, const char **key, void **value);

#endif
