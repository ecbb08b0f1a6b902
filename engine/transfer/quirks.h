/* transfer/quirks.h - in which way a blob is uploaded to a host: what is known of it, what it asked
 * for, what it has refused so far, and how much is under way to it. Pure. Source: OCI distribution-spec v1.1, "Pushing blobs", and
 * how registries bend it (oci/profile.h). */
#ifndef DRAY_TRANSFER_QUIRKS_H
#define DRAY_TRANSFER_QUIRKS_H

#include <stdbool.h>
#include <stdint.h>

#include "oci/profile.h"

enum upload_kind {
  UPLOAD_WHOLE, /* PUT ?digest= with the blob as its body */
  UPLOAD_PATCH, /* one PATCH without a range, then PUT */
  UPLOAD_CHUNKS /* PATCHes with Content-Range, then PUT */
};

struct upload_way {
  enum upload_kind kind;
  uint64_t chunk; /* bytes, with UPLOAD_CHUNKS */
};

/* Learnt from answers; zeroed: nothing yet. */
struct quirks {
  bool no_whole, no_patch, no_range;
  uint64_t body_max; /* no larger request bodies; 0: none known */
  unsigned blobs;    /* under way, or soon */
  uint64_t bytes;    /* of those */
};

void quirks_join(struct quirks *quirks, uint64_t size);
void quirks_leave(struct quirks *quirks, uint64_t size);

/* How many bytes of a blob may be under way without a trace, where so many jobs go on at once: when
 * the process is killed they are lost, and of all blobs together that should be 32 MiB at most. But
 * at least 2 MiB, since each trace has its price. */
uint64_t quirks_share(const struct quirks *quirks, int jobs);

/* What an upload is to be chosen for. */
struct upload_terms {
  const struct oci_profile *profile;
  int64_t chunk_option; /* --chunk-size; 0: auto */
  uint64_t chunk_min;   /* OCI-Chunk-Min-Length; 0: none */
  uint64_t size;        /* of the blob */
  uint64_t share;       /* quirks_share(): not more in one PUT, of which nothing is kept … */
  bool by_share;        /* … nor in a PATCH, of which the registry keeps all or nothing */
  bool begun;           /* the registry has a part of it: only the rest is to be sent */
};

struct upload_way quirks_choose(const struct quirks *quirks, const struct upload_terms *terms);

/* A body of that many bytes, sent in that way, was answered with status (404 405 413 416 501; any
 * other: false). Learns from it, unless another blob's answer has taught as much already. True:
 * there is another way, which quirks_choose() says by now. */
bool quirks_refused(struct quirks *quirks, const struct upload_terms *terms, struct upload_way way,
                    uint64_t body, int status);

#endif
