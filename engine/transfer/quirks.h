/* transfer/quirks.h - in which way a blob is uploaded to a host: what is known of it, what it asked
 * for, what it has refused so far. Pure. Source: OCI distribution-spec v1.1, "Pushing blobs", and
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
};

/* What an upload is to be chosen for. */
struct upload_terms {
  const struct oci_profile *profile;
  int64_t chunk_option; /* --chunk-size; 0: auto */
  uint64_t chunk_min;   /* OCI-Chunk-Min-Length; 0: none */
  uint64_t size;        /* of the blob */
};

struct upload_way quirks_choose(const struct quirks *quirks, const struct upload_terms *terms);

/* A body of that many bytes, sent in that way, was answered with status (404 405 413 416 501; any
 * other: false). Learns from it, unless another blob's answer has taught as much already. True:
 * there is another way, which quirks_choose() says by now. */
bool quirks_refused(struct quirks *quirks, const struct upload_terms *terms, struct upload_way way,
                    uint64_t body, int status);

#endif
