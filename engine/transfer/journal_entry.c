#include "transfer/journal_entry.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/url.h"

/* The stored form: the checksum, acked and chunk_min (numbers most significant byte first), each
 * state of the digest behind its length, an empty one if there are less than JOURNAL_HASHERS, the
 * location and its NUL. */
enum { SEAL = 32, NUMBERS = SEAL, STATES = NUMBERS + 8 + 8, LENGTH = 2 };

char *journal_key(const struct oci_repo *target, const struct oci_digest *digest) {
  return mem_printf("%s/%s@%s", target->host, target->path, digest->text);
}

/* The checksum of what comes behind it, and of the key: half of a SHA-256, in hex. */
static void seal(const char *key, const unsigned char *bytes, size_t len, char out[SEAL]) {
  struct oci_hasher hasher;
  struct oci_digest digest;
  oci_hasher_init(&hasher, OCI_SHA256);
  oci_hasher_update(&hasher, key, strlen(key) + 1);
  oci_hasher_update(&hasher, bytes + SEAL, len - SEAL);
  oci_hasher_digest(&hasher, &digest);
  memcpy(out, oci_digest_hex(&digest), SEAL);
}

static void put(unsigned char *to, uint64_t value, size_t size) {
  for (size_t i = size; i-- > 0; value >>= 8)
    to[i] = (unsigned char)value;
}

static uint64_t get(const unsigned char *from, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++)
    value = value << 8 | from[i];
  return value;
}

static bool is_location(const char *text) {
  for (const char *c = text; *c; c++)
    if (*c <= ' ' || *c > '~')
      return false;
  char *url = text_starts(text, "http") ? url_join(text, text) : NULL;
  free(url);
  return url != NULL;
}

static bool is_sound(const char *key, const struct journal_entry *entry) {
  const char *digest = strrchr(key, '@');
  const struct oci_hasher *first = entry->hasher;
  for (int i = 1; i < JOURNAL_HASHERS && first[i].algorithm; i++)
    if (first[i].algorithm != first->algorithm || first[i].bytes <= first[i - 1].bytes)
      return false;
  return digest && text_starts(digest + 1, oci_digest_algorithm_name(first->algorithm)) &&
         first->bytes <= entry->acked && entry->acked <= INT64_MAX &&
         entry->chunk_min <= INT64_MAX && strlen(entry->location) <= JOURNAL_LOCATION_MAX &&
         is_location(entry->location);
}

const struct oci_hasher *journal_entry_hasher(const struct journal_entry *entry, uint64_t offset) {
  const struct oci_hasher *found = NULL;
  for (int i = 0; i < JOURNAL_HASHERS && entry->hasher[i].algorithm; i++)
    if (entry->hasher[i].bytes <= offset)
      found = &entry->hasher[i];
  return found;
}

static size_t store_states(const struct journal_entry *entry, unsigned char *to) {
  unsigned char *end = to;
  size_t len = 1;
  for (int i = 0; i < JOURNAL_HASHERS && len; i++) {
    len = entry->hasher[i].algorithm ? oci_hasher_store(&entry->hasher[i], end + LENGTH) : 0;
    put(end, len, LENGTH);
    end += LENGTH + len;
  }
  return (size_t)(end - to);
}

/* Returns the bytes that they take, or 0. */
static size_t load_states(struct journal_entry *entry, const unsigned char *from, size_t most) {
  size_t at = 0, len = 1;
  for (int i = 0; i < JOURNAL_HASHERS && len; i++) {
    if (most - at < LENGTH)
      return 0;
    len = get(from + at, LENGTH);
    at += LENGTH;
    if (len > most - at || (len && oci_hasher_load(&entry->hasher[i], from + at, len) < 0))
      return 0;
    at += len;
  }
  return at;
}

int journal_entry_store(const char *key, const struct journal_entry *entry, void **out,
                        size_t *len) {
  *out = NULL;
  if (!is_sound(key, entry))
    return -1;
  unsigned char states[JOURNAL_HASHERS * (LENGTH + OCI_HASHER_STORED)];
  size_t states_len = store_states(entry, states), rest = strlen(entry->location) + 1;
  unsigned char *bytes = mem_alloc(STATES + states_len + rest);
  put(bytes + NUMBERS, entry->acked, 8);
  put(bytes + NUMBERS + 8, entry->chunk_min, 8);
  memcpy(bytes + STATES, states, states_len);
  memcpy(bytes + STATES + states_len, entry->location, rest);
  *len = STATES + states_len + rest;
  seal(key, bytes, *len, (char *)bytes);
  *out = bytes;
  return 0;
}

int journal_entry_load(const char *key, const void *stored, size_t len,
                       struct journal_entry *entry) {
  const unsigned char *bytes = stored;
  char wanted[SEAL];
  if (len <= STATES || bytes[len - 1] != '\0')
    return -1;
  seal(key, bytes, len, wanted);
  if (memcmp(bytes, wanted, SEAL) != 0)
    return -1;
  *entry = (struct journal_entry){.acked = get(bytes + NUMBERS, 8),
                                  .chunk_min = get(bytes + NUMBERS + 8, 8)};
  size_t location = STATES + load_states(entry, bytes + STATES, len - STATES);
  if (location == STATES || location == len || !entry->hasher[0].algorithm)
    return -1;
  entry->location = (const char *)bytes + location;
  return strlen(entry->location) + 1 == len - location && is_sound(key, entry) ? 0 : -1;
}
