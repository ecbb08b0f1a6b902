/* oci/referrers.h - what refers to a manifest: signatures, SBOMs, attestations. Pure.
 * A registry lists it by its API; where that is missing, clients keep an index under a tag that is
 * made from the manifest's digest. cosign also has tags of its own.
 * Sources: OCI distribution-spec v1.1, "Listing Referrers", "Referrers Tag Schema"; cosign's
 * signature specification. */
#ifndef DRAY_OCI_REFERRERS_H
#define DRAY_OCI_REFERRERS_H

#include <stddef.h>

#include "base/err.h"
#include "oci/digest.h"
#include "oci/ref.h"

enum { OCI_REFERRERS_MAX = 1000 }; /* of one manifest */

struct oci_referrer {
  struct oci_digest digest;
  char *descriptor; /* JSON, as it was listed */
};

/* A plain value; zeroed: none. */
struct oci_referrers {
  struct oci_referrer *items; /* each digest once */
  size_t count;
};

/* Adds what a page of the API, or the index under the tag, lists; blobs are left out.
 * Errors: those of oci_manifest_parse(); ERR_UNSUPPORTED (no index), ERR_TOO_LARGE (there are more
 * than OCI_REFERRERS_MAX). */
int oci_referrers_parse(const char *bytes, size_t len, struct oci_referrers *referrers,
                        struct err *err);
/* -1: it is there already. */
int oci_referrers_add(struct oci_referrers *referrers, const struct oci_referrer *referrer);
void oci_referrers_free(struct oci_referrers *referrers);

/* The index under the tag (bytes NULL: there is none yet) with those added that it lacks, and every
 * other byte as it was; the caller's. *out NULL: it has them all.
 * Errors: those of oci_referrers_parse(); ERR_UNSUPPORTED (it can't be changed); ERR_TOO_LARGE (it
 * would be larger than a manifest may be). */
int oci_referrers_merge(const char *bytes, size_t len, const struct oci_referrers *add, char **out,
                        size_t *out_len, struct err *err);

char *oci_path_referrers(const struct oci_repo *repo, const struct oci_digest *digest);

/* "sha256-HEX" (64 letters of it at most) with the suffix; the caller's. */
char *oci_referrers_tag(const struct oci_digest *digest, const char *suffix);
/* What is behind "sha256-HEX" of a tag ("", ".sig"); NULL: it is no such tag. */
const char *oci_referrers_suffix(const char *tag);

/* ".sig", ".att", ".sbom"; NULL at the end. */
extern const char *const oci_cosign_suffixes[];

#endif
