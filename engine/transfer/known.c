#include "transfer/known.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/map.h"
#include "base/mem.h"

enum { DIGEST_BYTES = 32, SIZE_FIRST = 64, YOUNG_MAX = 24 * 1024 };

struct slot {
  unsigned char digest[DIGEST_BYTES];
  uint32_t owner; /* 0: free */
  uint32_t value;
};

/* Open addressing, linear probing, at most three quarters full. */
struct table {
  struct slot *slots;
  size_t size; /* a power of two */
  size_t count;
};

/* What is put or asked for goes to young. When that is full it is the old one, and what was old is
 * forgotten. */
struct known {
  struct table young, old;
  size_t young_max;
  uint64_t secret[2];
  struct map *owners; /* "HOST/PATH" → its repo's address in repos */
  struct oci_repo **repos;
  uint32_t repo_count;
};

static struct table table_new(void) {
  return (struct table){.slots = mem_zalloc(SIZE_FIRST * sizeof(struct slot)), .size = SIZE_FIRST};
}

struct known *known_new(void) {
  struct known *known = mem_zalloc(sizeof *known);
  if (getrandom(known->secret, sizeof known->secret, 0) != (ssize_t)sizeof known->secret) {
    fputs("dray: the system gives no random numbers\n", stderr);
    abort();
  }
  known->owners = map_new();
  known_clear(known);
  return known;
}

void known_free(struct known *known) {
  if (!known)
    return;
  for (uint32_t i = 0; i < known->repo_count; i++) {
    free(known->repos[i]->host);
    free(known->repos[i]->path);
    free(known->repos[i]);
  }
  free(known->repos);
  free(known->young.slots);
  free(known->old.slots);
  map_free(known->owners, NULL);
  free(known);
}

void known_clear(struct known *known) {
  free(known->young.slots);
  free(known->old.slots);
  known->young = table_new();
  known->old = table_new();
  known->young_max = YOUNG_MAX;
}

uint32_t known_owner(struct known *known, const char *host, const char *path) {
  char *name = mem_printf("%s/%s", host, path);
  uintptr_t owner = (uintptr_t)map_get(known->owners, name);
  if (!owner) {
    struct oci_repo *repo = mem_alloc(sizeof *repo);
    *repo = (struct oci_repo){.host = mem_strdup(host), .path = mem_strdup(path)};
    known->repos =
        mem_realloc(known->repos, (size_t)known->repo_count + 1, sizeof(struct oci_repo *));
    known->repos[known->repo_count++] = repo;
    owner = known->repo_count;
    map_put(known->owners, name, (void *)owner);
  }
  free(name);
  return (uint32_t)owner;
}

const struct oci_repo *known_repo(const struct known *known, uint32_t owner) {
  assert(owner >= 1 && owner <= known->repo_count);
  return known->repos[owner - 1];
}

static unsigned nibble(char hex) {
  return (unsigned)(hex <= '9' ? hex - '0' : hex - 'a' + 10); /* it has been parsed */
}

static struct slot slot_of(uint32_t owner, const struct oci_digest *digest) {
  struct slot slot = {.owner = owner};
  const char *hex = oci_digest_hex(digest);
  for (size_t i = 0; i < DIGEST_BYTES; i++)
    slot.digest[i] = (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
  return slot;
}

static uint64_t hash_of(const struct known *known, const struct slot *slot) {
  uint64_t words[DIGEST_BYTES / 8], hash = known->secret[0] ^ slot->owner;
  memcpy(words, slot->digest, sizeof words);
  for (size_t i = 0; i < DIGEST_BYTES / 8; i++) {
    hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15;
    hash = (hash ^ hash >> 32) + known->secret[1];
  }
  hash *= 0xd6e8feb86659fd93;
  return hash ^ hash >> 32;
}

/* Where it is, or would go. */
static struct slot *find(const struct known *known, const struct table *table,
                         const struct slot *wanted) {
  for (uint64_t at = hash_of(known, wanted);; at++) {
    struct slot *slot = &table->slots[at & (table->size - 1)];
    bool same = slot->owner == wanted->owner &&
                memcmp(slot->digest, wanted->digest, sizeof slot->digest) == 0;
    if (!slot->owner || same)
      return slot;
  }
}

static void grow(const struct known *known, struct table *table) {
  struct table old = *table;
  table->size *= 2;
  table->slots = mem_zalloc(table->size * sizeof *table->slots);
  for (size_t i = 0; i < old.size; i++)
    if (old.slots[i].owner)
      *find(known, table, &old.slots[i]) = old.slots[i];
  free(old.slots);
}

static void insert(const struct known *known, struct table *table, const struct slot *slot) {
  struct slot *at = find(known, table, slot);
  if (!at->owner && ++table->count > table->size / 4 * 3) {
    grow(known, table);
    at = find(known, table, slot);
  }
  *at = *slot;
}

static void forget_old(struct known *known) {
  struct table gone = known->old;
  known->old = known->young;
  known->young = table_new();
  for (size_t i = 0; i < gone.size; i++)
    if (gone.slots[i].value & KNOWN_KEPT && !find(known, &known->old, &gone.slots[i])->owner)
      insert(known, &known->young, &gone.slots[i]);
  known->young_max = YOUNG_MAX + known->young.count; /* so that they alone never fill it */
  free(gone.slots);
}

static void put(struct known *known, const struct slot *slot) {
  if (known->young.count >= known->young_max)
    forget_old(known);
  insert(known, &known->young, slot);
}

uint32_t known_get(struct known *known, uint32_t owner, const struct oci_digest *digest) {
  struct slot wanted = slot_of(owner, digest);
  const struct slot *young = find(known, &known->young, &wanted);
  if (young->owner)
    return young->value;
  wanted.value = find(known, &known->old, &wanted)->value;
  if (wanted.value)
    put(known, &wanted);
  return wanted.value;
}

void known_put(struct known *known, uint32_t owner, const struct oci_digest *digest,
               uint32_t value) {
  struct slot slot = slot_of(owner, digest);
  assert(owner);
  slot.value = value;
  put(known, &slot);
}
