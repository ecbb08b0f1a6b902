/* oci/index_select.h - which children of an index are for the platforms that are wanted, and the
 * index that has only those. Pure.
 * An entry that is an index itself counts by its own platform, and is not searched.
 * Sources: OCI image-spec, image-index.md; BuildKit, attestation-storage.md. */
#ifndef DRAY_OCI_INDEX_SELECT_H
#define DRAY_OCI_INDEX_SELECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "oci/manifest.h"
#include "oci/platform.h"

/* bytes are what index was parsed from. kept[index->count]: the entries that fit a wanted platform,
 * and the attestations of these. *first: the first of those that fit.
 * Errors: ERR_NOT_FOUND (a platform has no entry; those that are there are named),
 * ERR_PROTOCOL; words fit for the end of "image X: …". */
int oci_index_select(const char *bytes, size_t len, const struct oci_manifest *index,
                     const struct oci_platforms *wanted, bool *kept, size_t *first,
                     struct err *err);

/* The same index with only the kept entries: every other byte is as it was. *out is the caller's.
 * Errors: ERR_UNSUPPORTED (its list can't be found in the bytes). */
int oci_index_cut(const char *bytes, size_t len, const bool *kept, char **out, size_t *out_len,
                  struct err *err);

#endif
