#include "base/map.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

struct slot {
  char *key; /* NULL: free */
  void *value;
  uint64_t hash;
};

/* Open addressing, linear probing, at most three quarters full. */
struct map {
  struct slot *slots;
  size_t size; /* a power of two, or 0 */
  size_t count;
  uint64_t secret[2];
};

static uint64_t rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }

static void sip_round(uint64_t v[4]) {
  v[0] += v[1];
  v[1] = rotate(v[1], 13) ^ v[0];
  v[0] = rotate(v[0], 32);
  v[2] += v[3];
  v[3] = rotate(v[3], 16) ^ v[2];
  v[0] += v[3];
  v[3] = rotate(v[3], 21) ^ v[0];
  v[2] += v[1];
  v[1] = rotate(v[1], 17) ^ v[2];
  v[2] = rotate(v[2], 32);
}

/* SipHash-1-3: nobody who doesn't know the secret can make keys collide. */
static uint64_t hash_of(const struct map *map, const char *key) {
  uint64_t v[4] = {map->secret[0] ^ 0x736f6d6570736575, map->secret[1] ^ 0x646f72616e646f6d,
                   map->secret[0] ^ 0x6c7967656e657261, map->secret[1] ^ 0x7465646279746573};
  size_t len = strlen(key);
  for (size_t at = 0; at <= len; at += 8) {
    uint64_t word = 0;
    size_t left = len - at;
    memcpy(&word, key + at, left < 8 ? left : 8);
    if (left < 8)
      word |= (uint64_t)len << 56;
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
  }
  v[2] ^= 0xff;
  for (int i = 0; i < 3; i++)
    sip_round(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void) {
  struct map *map = mem_zalloc(sizeof *map);
  if (getrandom(map->secret, sizeof map->secret, 0) != (ssize_t)sizeof map->secret) {
    fputs("dray: the system gives no random numbers\n", stderr);
    abort();
  }
  return map;
}

void map_free(struct map *map, void (*free_value)(void *)) {
  if (!map)
    return;
  for (size_t i = 0; i < map->size; i++) {
    if (map->slots[i].key && free_value)
      free_value(map->slots[i].value);
    free(map->slots[i].key);
  }
  free(map->slots);
  free(map);
}

/* The key's slot, or the free one where it belongs. */
static struct slot *find(const struct map *map, const char *key, uint64_t hash) {
  size_t i = hash & (map->size - 1);
  while (map->slots[i].key && (map->slots[i].hash != hash || strcmp(map->slots[i].key, key) != 0))
    i = (i + 1) & (map->size - 1);
  return &map->slots[i];
}

void *map_get(const struct map *map, const char *key) {
  if (map->count == 0)
    return NULL;
  return find(map, key, hash_of(map, key))->value;
}

static void grow(struct map *map) {
  struct map larger = *map;
  larger.size = map->size ? map->size * 2 : 16;
  larger.slots = mem_zalloc(larger.size * sizeof *larger.slots);
  for (size_t i = 0; i < map->size; i++)
    if (map->slots[i].key)
      *find(&larger, map->slots[i].key, map->slots[i].hash) = map->slots[i];
  free(map->slots);
  *map = larger;
}

void *map_put(struct map *map, const char *key, void *value) {
  if (map->count >= map->size / 4 * 3)
    grow(map);
  uint64_t hash = hash_of(map, key);
  struct slot *slot = find(map, key, hash);
  void *old = slot->value;
  if (!slot->key) {
    slot->key = mem_strdup(key);
    slot->hash = hash;
    map->count++;
  }
  slot->value = value;
  return old;
}

void *map_remove(struct map *map, const char *key) {
  if (map->count == 0)
    return NULL;
  struct slot *slot = find(map, key, hash_of(map, key));
  if (!slot->key)
    return NULL;
  void *value = slot->value;
  free(slot->key);
  map->count--;
  /* Closes the gap: what stands behind it and belongs before it moves up. */
  size_t mask = map->size - 1, gap = (size_t)(slot - map->slots);
  for (size_t i = (gap + 1) & mask; map->slots[i].key; i = (i + 1) & mask) {
    size_t home = map->slots[i].hash & mask;
    if (((i - home) & mask) >= ((i - gap) & mask)) {
      map->slots[gap] = map->slots[i];
      gap = i;
    }
  }
  map->slots[gap] = (struct slot){0};
  return value;
}

size_t map_count(const struct map *map) { return map->count; }

int map_next(const struct map *map, size_t *cursor, const char **key, void **value) {
  while (*cursor < map->size) {
    const struct slot *slot = &map->slots[(*cursor)++];
    if (!slot->key)
      continue;
    if (key)
      *key = slot->key;
    if (value)
      *value = slot->value;
    return 1;
  }
  return 0;
}
