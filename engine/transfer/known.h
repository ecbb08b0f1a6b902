/* transfer/known.h - what this run knows to be at targets: small numbers by repository (or host) and
 * digest. A nightly mirror has millions of them, so those that were neither put nor asked for longest
 * ago are forgotten: about the last 24,576 to 49,152 are kept, in 3 MiB at most. What is forgotten
 * costs a request, or a blob's bytes once more, never a wrong answer.
 * Hashing is keyed at random, since digests come from servers. Thread: one at a time. */
#ifndef DRAY_TRANSFER_KNOWN_H
#define DRAY_TRANSFER_KNOWN_H

#include <stdint.h>

#include "oci/digest.h"
#include "oci/ref.h"

struct known;

/* What is put for a repository: bits. For a host: the number of a repository. */
enum { KNOWN_BLOB = 1, KNOWN_MANIFEST = 2 };
#define KNOWN_KEPT ((uint32_t)1 << 31) /* a value with this bit is never forgotten */

struct known *known_new(void);
void known_free(struct known *known);  /* NULL is fine */
void known_clear(struct known *known); /* all but the owners */

/* The number of a repository, above 0, always the same; of a host where path is "". */
uint32_t known_owner(struct known *known, const char *host, const char *path);
const struct oci_repo *known_repo(const struct known *known, uint32_t owner); /* for the run */

/* 0: nothing has been put there, or it is forgotten. Of a sha512 the first half counts. */
uint32_t known_get(struct known *known, uint32_t owner, const struct oci_digest *digest);
void known_put(struct known *known, uint32_t owner, const struct oci_digest *digest,
               uint32_t value);

#endif
