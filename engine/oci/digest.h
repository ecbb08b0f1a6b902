/* oci/digest.h - content digests, and hashing as bytes pass by.
 * Source: OCI image-spec, descriptor.md, "Digests". Thread: any; a hasher is one's own. */
#ifndef DRAY_OCI_DIGEST_H
#define DRAY_OCI_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum oci_algorithm { OCI_SHA256 = 1, OCI_SHA512 };

/* A plain value. algorithm 0: no digest. */
struct oci_digest {
  enum oci_algorithm algorithm;
  char text[7 + 128 + 1]; /* "sha256:" and lower-case hex */
};

/* Errors: ERR_UNSUPPORTED (a well-formed digest of an algorithm that is neither sha256 nor sha512),
 * ERR_PROTOCOL (no digest; upper-case hex is none). len bytes of text are read. */
int oci_digest_parse(const char *text, size_t len, struct oci_digest *digest, struct err *err);

static inline bool oci_digest_is_set(const struct oci_digest *digest) {
  return digest->algorithm != 0;
}
bool oci_digest_equal(const struct oci_digest *a, const struct oci_digest *b); /* both set, same */
const char *oci_digest_hex(const struct oci_digest *digest);         /* behind the colon */
const char *oci_digest_algorithm_name(enum oci_algorithm algorithm); /* "sha256" */

/* Digest of bytes in memory. */
void oci_digest_of(enum oci_algorithm algorithm, const void *data, size_t len,
                   struct oci_digest *digest);

/* The state of a digest under way. It may be copied by assignment: a copy is a checkpoint that the
 * hash can return to. */
struct oci_hasher {
  _Alignas(8) unsigned char state[256];
  enum oci_algorithm algorithm;
  uint64_t bytes; /* hashed so far */
};

void oci_hasher_init(struct oci_hasher *hasher, enum oci_algorithm algorithm);
void oci_hasher_update(struct oci_hasher *hasher, const void *data, size_t len);
/* Leaves hasher as it was (it works on a copy). */
void oci_hasher_digest(const struct oci_hasher *hasher, struct oci_digest *digest);

/* The state in a portable, versioned form (journal), and back. _load: -1 where it is not ours, of
 * another version, or inconsistent. At most OCI_HASHER_STORED bytes. */
#define OCI_HASHER_STORED 256
size_t oci_hasher_store(const struct oci_hasher *hasher, unsigned char out[OCI_HASHER_STORED]);
int oci_hasher_load(struct oci_hasher *hasher, const unsigned char *data, size_t len);

#endif
