#include "transfer/known.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/map.h"
#include "base/mem.h"

enum { DIGEST_BYTES = 32, SIZE_FIRST = 64 };

struct slot {
  unsigned char digest[DIGEST_BYTES];
  uint32_t owner; /* 0: free */
  uint32_t value;
};

/* Open addressing, linear probing, at most three quarters full. */
struct known {
  struct slot *slots;
  size_t size; /* a power of two */
  size_t count;
  uint64_t secret[2];
  struct map *owners; /* "HOST/PATH" → its repo's address in repos */
  struct oci_repo **repos;
  uint32_t repo_count;
};

struct known *known_new(void) {
  struct known *known = mem_zalloc(sizeof *known);
  if (getrandom(known->secret, sizeof known->secret, 0) != (ssize_t)sizeof known->secret) {
    fputs("dray: the system gives no random numbers\n", stderr);
    abort();
  }
  known->size = SIZE_FIRST;
  known->slots = mem_zalloc(known->size * sizeof *known->slots);
  known->owners = map_new();
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
  free(known->slots);
  map_free(known->owners, NULL);
  free(known);
}

void known_clear(struct known *known) {
  free(known->slots);
  known->size = SIZE_FIRST;
  known->count = 0;
  known->slots = mem_zalloc(known->size * sizeof *known->slots);
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
static struct slot *find(const struct known *known, const struct slot *wanted) {
  for (uint64_t at = hash_of(known, wanted);; at++) {
    struct slot *slot = &known->slots[at & (known->size - 1)];
    bool same = slot->owner == wanted->owner &&
                memcmp(slot->digest, wanted->digest, sizeof slot->digest) == 0;
    if (!slot->owner || same)
      return slot;
  }
}

static void grow(struct known *known) {
  struct slot *old = known->slots;
  size_t old_size = known->size;
  known->size *= 2;
  known->slots = mem_zalloc(known->size * sizeof *known->slots);
  for (size_t i = 0; i < old_size; i++)
    if (old[i].owner)
      *find(known, &old[i]) = old[i];
  free(old);
}

uint32_t known_get(const struct known *known, uint32_t owner, const struct oci_digest *digest) {
  struct slot wanted = slot_of(owner, digest);
  return find(known, &wanted)->value;
}

void known_put(struct known *known, uint32_t owner, const struct oci_digest *digest,
               uint32_t value) {
  struct slot wanted = slot_of(owner, digest);
  struct slot *slot = find(known, &wanted);
  assert(owner);
  if (!slot->owner && ++known->count > known->size / 4 * 3) {
    grow(known);
    slot = find(known, &wanted);
  }
  wanted.value = value;
  *slot = wanted;
}
