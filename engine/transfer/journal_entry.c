#include "transfer/journal_entry.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/url.h"

/* The stored form: the checksum, acked, chunk_min and the length of the digest's state (numbers
 * most significant byte first), the digest's state, the location and its NUL. */
enum { SEAL = 32, NUMBERS = SEAL, STATE = NUMBERS + 8 + 8 + 2 };

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
  return digest && text_starts(digest + 1, oci_digest_algorithm_name(entry->hasher.algorithm)) &&
         entry->hasher.bytes <= entry->acked && entry->acked <= INT64_MAX &&
         entry->chunk_min <= INT64_MAX && strlen(entry->location) <= JOURNAL_LOCATION_MAX &&
         is_location(entry->location);
}

int journal_entry_store(const char *key, const struct journal_entry *entry, void **out,
                        size_t *len) {
  *out = NULL;
  if (!is_sound(key, entry))
    return -1;
  unsigned char state[OCI_HASHER_STORED];
  size_t state_len = oci_hasher_store(&entry->hasher, state), rest = strlen(entry->location) + 1;
  unsigned char *bytes = mem_alloc(STATE + state_len + rest);
  put(bytes + NUMBERS, entry->acked, 8);
  put(bytes + NUMBERS + 8, entry->chunk_min, 8);
  put(bytes + NUMBERS + 16, state_len, 2);
  memcpy(bytes + STATE, state, state_len);
  memcpy(bytes + STATE + state_len, entry->location, rest);
  *len = STATE + state_len + rest;
  seal(key, bytes, *len, (char *)bytes);
  *out = bytes;
  return 0;
}

int journal_entry_load(const char *key, const void *stored, size_t len,
                       struct journal_entry *entry) {
  const unsigned char *bytes = stored;
  char wanted[SEAL];
  if (len <= STATE || bytes[len - 1] != '\0')
    return -1;
  seal(key, bytes, len, wanted);
  size_t state_len = get(bytes + NUMBERS + 16, 2);
  if (memcmp(bytes, wanted, SEAL) != 0 || state_len > len - STATE - 1)
    return -1;
  *entry = (struct journal_entry){.location = (const char *)bytes + STATE + state_len,
                                  .acked = get(bytes + NUMBERS, 8),
                                  .chunk_min = get(bytes + NUMBERS + 8, 8)};
  return oci_hasher_load(&entry->hasher, bytes + STATE, state_len) == 0 &&
                 strlen(entry->location) + 1 == len - STATE - state_len && is_sound(key, entry)
             ? 0
             : -1;
}
