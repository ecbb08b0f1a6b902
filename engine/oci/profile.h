/* oci/profile.h - what is known of registries by their host's name: the one table of deviations
 * that can't be learnt from an answer in time. Each row has its source. Pure. */
#ifndef DRAY_OCI_PROFILE_H
#define DRAY_OCI_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

struct oci_profile {
  uint64_t whole_max;  /* blobs up to this many bytes go in one whole-blob PUT */
  uint64_t chunk_size; /* larger ones in PATCHes of this size; 0: never chunked (whole-blob PUT) */
  uint64_t chunk_min;  /* no chunk but the last may be smaller */
  uint64_t chunk_max;  /* none may be larger; 0: no limit known */
  bool tags_cheap;     /* tags/list may be asked for (false: public.ecr.aws has none) */
};

/* host as in struct oci_repo. Never NULL: the default row fits any registry. */
const struct oci_profile *oci_profile(const char *host);

#endif
