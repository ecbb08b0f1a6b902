/* transfer/journal_entry.h - what is remembered of an unfinished blob, and its stored form. Pure.
 */
#ifndef DRAY_TRANSFER_JOURNAL_ENTRY_H
#define DRAY_TRANSFER_JOURNAL_ENTRY_H

#include <stddef.h>
#include <stdint.h>

#include "oci/digest.h"
#include "oci/ref.h"

enum { JOURNAL_HASHERS = 3 };

struct journal_entry {
  const char *location; /* of the upload session; a secret (queries hold signatures) */
  uint64_t acked;       /* bytes of the blob that the registry has confirmed */
  uint64_t chunk_min;   /* the registry's wish for a PATCH, in bytes; 0: none */
  /* States of the digest, at ever more bytes: the first at acked or before it; behind that up to
   * two (algorithm 0: none), since the registry may hold more than it has confirmed. */
  struct oci_hasher hasher[JOURNAL_HASHERS];
};

/* The last of the states at or before offset; NULL: there is none. */
const struct oci_hasher *journal_entry_hasher(const struct journal_entry *entry, uint64_t offset);

/* What an entry is found by: "HOST/PATH@DIGEST". The caller's. */
char *journal_key(const struct oci_repo *target, const struct oci_digest *digest);

#define JOURNAL_LOCATION_MAX 8192 /* bytes; those of the known registries have some hundred */

/* Makes the stored form of key's entry; it carries a checksum. *bytes is the caller's.
 * -1, and *bytes is NULL: _load() would not have it. */
int journal_entry_store(const char *key, const struct journal_entry *entry, void **bytes,
                        size_t *len);

/* The way back; entry->location points into bytes. -1: these are no bytes that _store() made for
 * that key, the location is too long or no http(s) URL, or the numbers contradict each other or the
 * key's digest. */
int journal_entry_load(const char *key, const void *bytes, size_t len, struct journal_entry *entry);

#endif
